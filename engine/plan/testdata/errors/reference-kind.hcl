query "extra" {
  schedule = schedule.interval
  servers  = [query.soa]
  qname    = "."
  qtype    = "SOA"
}
