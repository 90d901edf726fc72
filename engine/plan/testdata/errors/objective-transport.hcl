objective "soa" {
  queries      = [query.soa]
  availability = "99%"
  tls          = { percentile = 50, at_most = "1s" }
}

objective "typed" {
  queries     = [query.sao]
  per         = "servers"
  need        = 0
  window      = "400d"
  publication = { percentile = 101, at_most = "1h" }
}
