zone "signed" {
  name    = "example."
  servers = server.root
  ds      = ["4711 13 2 49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC1234"]
}

query "apex" {
  schedule = schedule.interval
  servers  = server.root
  qname    = "example."
  qtype    = "SOA"
}

query "apex-odd" {
  schedule      = schedule.interval
  servers       = server.root
  qname         = "example."
  qtype         = "NS"
  dnssec        = true
  keep_response = "odd"
}
