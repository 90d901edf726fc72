traceroute "path" {
  schedule = schedule.interval
  servers  = server.root
  limit    = "280s"
}
