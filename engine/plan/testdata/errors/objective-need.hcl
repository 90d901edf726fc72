objective "alone" {
  queries      = [query.soa]
  need         = 8
  availability = 99
}
