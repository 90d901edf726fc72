# Each schedule alone has time enough; at 06:10 two are due on 301 together.

vantage_point "{each.key}" {
  for_each = { 101 = ["africa", "Nairobi"], 301 = ["europe", "Frankfurt"] }

  region = each.value[0]
  metro  = each.value[1]
}

schedule "early" {
  every  = "6h"
  offset = "10m"
}

schedule "often" {
  every  = "15m"
  offset = "10m"
}

query "one" {
  schedule       = schedule.early
  servers        = server.root
  qname          = "."
  qtype          = "SOA"
  pace           = "1s"
  vantage_points = ["301"]
}

query "two" {
  schedule = schedule.often
  servers  = server.root
  qname    = "."
  qtype    = "NS"
  pace     = "1s"
  timeout  = "200s"
  regions  = ["europe"]
}
