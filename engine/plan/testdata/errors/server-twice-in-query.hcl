server "old" {
  rsi  = "b"
  ipv4 = "192.0.2.1"
}

query "extra" {
  schedule = schedule.interval
  servers  = [server.root, server.old]
  qname    = "."
  qtype    = "SOA"
}
