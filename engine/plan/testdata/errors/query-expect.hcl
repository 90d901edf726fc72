query "interpolated" {
  schedule = schedule.interval
  servers  = server.root
  qname    = "example."
  qtype    = "A"
  expect   = "server.rsi == '${local.zone}'"
}

query "empty" {
  schedule = schedule.interval
  servers  = server.root
  qname    = "example."
  qtype    = "A"
  expect   = " "
}

query "soa" {
  schedule = schedule.interval
  servers  = server.root
  qname    = "."
  qtype    = "SOA"
  expect   = "answer.rcode == 'NOERROR'"
}
