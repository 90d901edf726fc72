query "extra" {
  schedule = schedule.interval
  servers  = []
  qname    = "."
  qtype    = "SOA"
}
