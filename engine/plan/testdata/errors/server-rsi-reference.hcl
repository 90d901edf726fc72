server "own" {
  rsi  = schedule.interval
  name = "ns1.example."
  ipv4 = "192.0.2.1"
}

server "other" {
  rsi   = each.key
  name  = "ns1.example."
  ipv4  = "192.0.2.1"
  sites = ["fra", "fra", ""]
}

server "long" {
  rsi  = "a-name-of-thirty-three-characters"
  name = "ns1.example."
  ipv4 = "192.0.2.1"
}

query "one" {
  schedule = schedule.interval
  servers  = [server.own["whatever"], server.other]
  qname    = "example."
  qtype    = "NS"
}
