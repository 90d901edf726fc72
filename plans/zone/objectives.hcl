# What is good enough: mtric report --style objectives says whether it was
# (docs/objectives.md). Each family and transport of a server has a value of its own.

objective "server" {
  queries      = [query.apex]
  window       = "28d"
  availability = 99
  udp          = { percentile = 95, at_most = "150ms" }
  tcp          = { percentile = 95, at_most = "300ms" }
  tls          = { percentile = 95, at_most = "450ms" }
  publication  = { percentile = 95, at_most = "15m" } # from the first sight of a new serial
}

objective "content" {
  queries      = [query.absent, query.delegation, query.keys]
  window       = "28d"
  availability = 99
}

# Two of four are enough for resolvers to go on.
objective "service" {
  queries      = [query.apex]
  per          = "group"
  need         = 2
  window       = "28d"
  availability = 100
}
