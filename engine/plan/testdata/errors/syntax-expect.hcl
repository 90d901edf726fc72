query "answered" {
  schedule = schedule.interval
  servers  = server.root
  qname    = "."
  qtype    = "SOA"
  expect   = answer.rcode == 'NOERROR' # as it should be
}
