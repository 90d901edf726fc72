query "extra" {
  schedule = "interval"
  servers  = server.root
  qname    = "."
  qtype    = "SOA"
}
