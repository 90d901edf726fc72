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

schedule "of" {
  for_each = { day = "1d", hour = "1h" }
  every    = each.value
}

query "one" {
  schedule = schedule.of
  servers  = [server.own, server.own["ns1"]]
  qname    = "example."
  qtype    = "NS"
}

query "two" {
  schedule = schedule.of["day"]
  servers  = [server.root, [server.own, server.root]]
  qname    = "example."
  qtype    = "NS"
}

query "three" {
  schedule = schedule.of["day"]
  servers  = [server.own, [query.one, server.root]]
  qname    = "example."
  qtype    = "NS"
}
