# What we ask. The metrics read the queries soa and correctness and no others;
# further queries may be added, they live in the lake and in rules.

locals {
  transports = ["udp", "tcp"]   # [ykn]
  families   = ["ipv4", "ipv6"] # [jhb]
}

query "soa" {
  description = "One answer feeds availability, response latency and publication latency. [dzn] [wdo] [zvy] [kzu] [spx]"
  schedule    = schedule.interval
  servers     = server.root

  qname      = "." # [hht]
  qtype      = "SOA"
  transports = local.transports
  families   = local.families

  timeout = "4s"  # [ywz]
  retries = 0     # [xyl] [dks]
  nsid    = true  # [mgj]
  pace    = "2ms" # between two sends: a burst would disturb what it measures

  on_truncation = "keep" # a truncated answer is available all the same
  keep_response = "odd"  # the wire of whatever is not a plain good answer
}

query "correctness" {
  description = "One question to each RSI, drawn anew, over one path drawn anew. [jof]"
  schedule    = schedule.interval
  servers     = server.root

  transports = local.transports # [ogo]
  families   = local.families   # [thb]
  pick       = 1                # one of the four paths, each as likely as the others

  timeout       = "4s" # [twf]
  retries       = 0
  on_truncation = "retry_tcp" # with a timeout of its own [hjw]
  dnssec        = true        # [rhe]
  udp_size      = 1220        # [rja]
  nsid          = true        # [mgj]
  pace          = "2ms"
  keep_response = "always" # answers are judged, and anybody can judge them again [otd]

  choose "positive" {
    weight = 90                      # [yyg]
    root   = ["SOA", "DNSKEY", "NS"] # [njh] [hmc] [xca]
    tld    = ["NS", "DS"]            # of the newest root zone at hand [mow] [max] [kmd]
    except = ["arpa./NS"]            # [unt]
  }

  choose "negative" {
    weight = 10
    qname  = "www.rssac047-test.<letters:10>." # [hkc] [dse]
    qtype  = "A"
  }
}

# The route to every address, once the answers are written and pushed: traces
# must never disturb measurements [vno].
traceroute "path" {
  schedule = schedule.interval
  servers  = server.root
  families = local.families
  after    = [query.soa, query.correctness]

  tool      = "scamper"
  method    = "icmp-paris"
  attempts  = 2
  wait      = "1s"
  gap_limit = 5
  pps       = 100
  limit     = "150s" # of all traces together; jitter, queries, push and traces fit into 5m
}
