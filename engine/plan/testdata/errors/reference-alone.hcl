locals {
  everything = local
}

query "extra" {
  schedule = schedule
  servers  = server
  qname    = "."
  qtype    = "NS"
}
