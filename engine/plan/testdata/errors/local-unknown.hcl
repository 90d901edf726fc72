locals {
  paths = { transports = ["udp"] }
}

query "extra" {
  schedule   = schedule.interval
  servers    = server.root
  qname      = "."
  qtype      = "SOA"
  transports = local.paths.transport
  families   = local.pats
}
