objective "mine" {
  queries      = [query.soa]
  window       = "week"
  availability = 99
}

rule "misspelt" {
  on       = "window"
  over     = ["rsi"]
  window   = "1h"
  severity = "info"
  expr     = "window.availability < objective.mein.availability"
  summary  = "{rsi}"
}
