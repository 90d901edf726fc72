server "other" {
  rsi  = "z"
  name = "z.example."
  ipv4 = "192.0.2.1"
}

query "soa" {
  schedule = schedule.interval
  servers  = [server.root["a"], server.other]
  qname    = "."
  qtype    = "SOA"
}
