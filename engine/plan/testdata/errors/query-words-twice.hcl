query "extra" {
  schedule   = schedule.interval
  servers    = server.root
  qname      = "."
  qtype      = "NS"
  transports = ["udp", "udp"]
}

query "correctness" {
  schedule      = schedule.interval
  servers       = server.root
  pick          = 1
  dnssec        = true
  on_truncation = "retry_tcp"
  keep_response = "always"

  choose "positive" {
    weight = 90
    root   = ["SOA", "DNSKEY", "NS"]
    tld    = ["NS", "DS"]
    except = ["arpa./NS"]
  }

  choose "negative" {
    weight = 10
    qnames = ["www.rssac047-test.<letters:10>.", "mail.rssac047-test.<letters:10>."]
    qtype  = "A"
  }
}
