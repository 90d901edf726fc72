zone "small" {
  name    = "example."
  servers = [server.root["a"], server.root["b"]]
}

query "apex" {
  schedule = schedule.interval
  servers  = [server.root["a"], server.root["b"]]
  qname    = "example."
  qtype    = "SOA"
}

objective "fresh" {
  queries     = [query.apex]
  window      = "weak"
  publication = { percentile = 95, at_most = "60m" }
}
