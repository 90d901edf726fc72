objective "nothing" {
  queries = [query.soa]
}

objective "alone" {
  queries      = [query.soa]
  per          = "group"
  availability = 100
}

objective "many" {
  queries      = [query.soa]
  per          = "group"
  need         = 99
  availability = 100
}

objective "server" {
  queries      = [query.soa]
  need         = 2
  window       = "4w"
  availability = 101
}

objective "goals" {
  queries     = [query.soa]
  udp         = { percentile = 0, at_most = "500ms" }
  tcp         = { at_most = "500ms" }
  publication = { percentile = 95, at_most = 60 }
}

objective "drawn" {
  queries      = [query.correctness]
  availability = 99
}

objective "unpublished" {
  queries     = [query.soa]
  publication = { percentile = 95, at_most = "60m", of = "zone" }
}
