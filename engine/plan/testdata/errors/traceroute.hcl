traceroute "path" {
  schedule = schedule.interval
  servers  = server.root
  after    = [query.sao]
  method   = "icmp-pairs"
  wait     = "1500ms"
  limit    = "10m"
}
