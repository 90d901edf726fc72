# What a candidate asks: what a vantage point asks, so that the answers are those
# it will get. plans/rssac047/queries.hcl has the reason of each line.

query "soa" {
  schedule      = schedule.interval
  servers       = server.root
  qname         = "." # [hht]
  qtype         = "SOA"
  timeout       = "4s" # [ywz]
  keep_response = "odd"
}

query "correctness" {
  description   = "Answers that something on the way rewrites are incorrect, from all RSIs alike."
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

server "place" {
  for_each = var.places

  rsi  = each.key
  name = each.value.name
  ipv4 = each.value.ipv4
  ipv6 = each.value.ipv6
}

# All in one block: one process of scamper traces all at the same time.
traceroute "path" {
  schedule  = schedule.traces
  servers   = [server.place, server.root]
  after     = [query.soa, query.correctness]
  method    = "icmp-paris"
  attempts  = 2
  wait      = "1s"
  gap_limit = 5
  pps       = 100
  limit     = "150s"
}
