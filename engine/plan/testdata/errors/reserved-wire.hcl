query "soa" {
  schedule          = schedule.interval
  servers           = server.root
  qname             = "."
  qtype             = "SOA"
  transports        = ["udp", "tls"]
  class             = "CH"
  recursion_desired = true
  checking_disabled = true
  authentic_data    = true
  client_subnet     = "192.0.2.0/24"
  edns_options      = { 65001 = "0xabcd" }
  random_case       = false
}

query "correctness" {
  schedule      = schedule.interval
  servers       = server.root
  pick          = 1
  on_truncation = "retry_tcp"
  keep_response = "always"
  transports    = ["udp", "tcp", "tls"]
  edns          = false

  choose "positive" {
    weight = 90
    root   = ["SOA", "DNSKEY", "NS"]
    tld    = ["NS", "DS"]
    except = ["arpa./NS"]
  }

  choose "negative" {
    weight = 10
    qname  = "www.rssac047-test.<letters:10>."
    qtype  = "A"
  }
}
