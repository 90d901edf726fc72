# What the demo asks: the same as rssac047, without waiting and without traces.

schedule "interval" {
  every  = "5m" # [wyn]
  jitter = "0s" # nobody else asks these servers
}

query "soa" {
  schedule = schedule.interval
  servers  = server.root
  qname    = "." # [hht]
  qtype    = "SOA"
  timeout  = "4s" # [ywz]
}

query "correctness" {
  schedule      = schedule.interval
  servers       = server.root
  pick          = 1           # [thb] [ogo]
  timeout       = "4s"        # [twf]
  on_truncation = "retry_tcp" # [hjw]
  dnssec        = true        # [rhe]
  udp_size      = 1220        # [rja]
  keep_response = "always"

  choose "positive" {
    weight = 90                      # [yyg]
    root   = ["SOA", "DNSKEY", "NS"] # [njh] [hmc] [xca]
    tld    = ["NS", "DS"]            # [max] [kmd]
    except = ["arpa./NS"]            # [unt]
  }

  choose "negative" {
    weight = 10
    qname  = "www.rssac047-test.<letters:10>." # [hkc] [dse]
    qtype  = "A"
  }
}
