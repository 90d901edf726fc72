query "extra" {
  schedule = schedule.interval
  servers  = servers.root
  qname    = "."
  qtype    = SOA
}
