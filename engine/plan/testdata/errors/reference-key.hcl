server "own" {
  rsi  = "ns1"
  name = "ns1.example."
  ipv4 = "192.0.2.1"
}

server "own" {
  rsi  = "ns2"
  name = "ns2.example."
  ipv4 = "192.0.2.2"
}

query "ns" {
  for_each = { tld = "example.", second = "co.example." }

  schedule = schedule.interval
  servers  = [server.own["ns3"], server.own.ns1]
  qname    = each.value
  qtype    = "NS"
}

query "computed" {
  schedule = schedule.interval
  servers  = server.own["ns${1 + 2}"]
  qname    = "example."
  qtype    = "NS"
}

query "further" {
  schedule = schedule.interval.every
  servers  = server.own[0]
  qname    = "example."
  qtype    = "NS"
}

traceroute "after" {
  schedule = schedule.interval
  servers  = server.own
  after    = [query.ns["tdl"]]
  limit    = "10s"
}
