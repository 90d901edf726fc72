query "soa" {
  schedule      = schedule.slow
  servers       = server.root
  qname         = "com."
  qtype         = "NS"
  transports    = ["udp"]
  families      = ["ipv4"]
  pick          = 1
  timeout       = "2s"
  retries       = 2
  nsid          = false
  on_truncation = "retry_tcp"
}

schedule "slow" {
  every = "10m"
}
