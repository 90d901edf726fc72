query "extra" {
  schedule = schedule.interval
  servers  = server.root

  choose = {
    root = ["SOA"]
  }
}
