query "extra" {
  qname = "."
  qtype = "SOA"
}
