query "extra" {
  schedule = schedule.intervall
  servers  = server.root
  qname    = "."
  qtype    = "SOA"
}
