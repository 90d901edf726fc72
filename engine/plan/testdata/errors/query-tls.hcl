query "dot" {
  schedule   = schedule.interval
  servers    = server.root
  qname      = "."
  qtype      = "NS"
  transports = ["tls"]
}
