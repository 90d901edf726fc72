query "extra" {
  schedule = schedule.interval
  servers  = servers.root
  qname    = "."
  qtype    = SOA
}

query "first" {
  schedule = interval
  servers  = [root]
  qname    = "."
  qtype    = "SOA"
}
