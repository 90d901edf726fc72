# The plan of a zone's operator: do all of our name servers answer, with what they should,
# how fast, and how soon do they have a new zone? Copy this folder, put your zone, your
# servers and your machines into it, and see what is left to mend:
#
#   cp -r plans/zone my-zone
#   mtric plan check --plan my-zone
#   mtric plan test --plan my-zone
#   mtric demo --plan zone           # with servers of the demo, of which three have a fault
#
#   plan.hcl         this page: the zone, when it is asked, how files are kept
#   servers.hcl      whom it asks: the name servers
#   machines.hcl     who asks: vantage points, and the collector
#   queries.hcl      what it asks, and what the answers should be
#   objectives.hcl   what is good enough
#   rules.hcl        when somebody should be told; rules.test.hcl proves it
#
# docs/first-plan.md has a smaller plan, of one machine and one server.

plan "zone" {
  description = "The servers of a zone, as their operator sees them"
  requires    = ">= 1.0"
}

locals {
  zone = "example."
}

# The servers of it are asked for its serial; objectives.hcl says how soon they must have
# a new one.
zone "own" {
  name    = local.zone
  servers = server.own
}

schedule "interval" {
  every  = "5m"
  jitter = "60s" # so that not all vantage points ask in the same second
}

# What changes seldom is asked seldom, five minutes past the quarter.
schedule "quarter" {
  every  = "15m"
  offset = "5m"
  jitter = "60s"
}

retention "sent" {
  keep = "35d" # on the vantage point after delivery: a month to notice a loss
}
