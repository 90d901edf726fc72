vantage_point "301" {
  region = "europe"
  metro  = "Frankfurt"
}

query "bound" {
  schedule       = schedule.interval
  servers        = server.root
  qname          = "."
  qtype          = "NS"
  vantage_points = ["302", "03"]
  regions        = ["europa"]
}

query "nobody" {
  schedule       = schedule.interval
  servers        = server.root
  qname          = "."
  qtype          = "NS"
  vantage_points = []
  regions        = []
}

query "soa" {
  schedule       = schedule.interval
  servers        = server.root
  qname          = "."
  qtype          = "SOA"
  vantage_points = ["301"]
}
