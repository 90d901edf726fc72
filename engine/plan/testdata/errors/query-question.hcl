query "extra" {
  schedule   = schedule.interval
  servers    = server.root
  qname      = "www.example"
  qtype      = "soa"
  transports = ["udp", "quic"]
  families   = []
  pick       = 9
}
