# A query with a long timeout, and traces as long as those of the production plan.

traceroute "path" {
  schedule = schedule.interval
  servers  = server.root
  limit    = "150s"
}

query "patient" {
  schedule      = schedule.interval
  servers       = server.root
  qname         = "."
  qtype         = "SOA"
  timeout       = "100s"
  on_truncation = "retry_tcp"
}
