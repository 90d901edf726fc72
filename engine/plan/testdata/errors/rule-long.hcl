rule "braces" {
  on       = "window"
  over     = "rsi"
  window   = "1h"
  severity = "info"
  expr     = "window.sent > 0"
  summary  = "rsi} is silent"
}

rule "counts" {
  on       = "window"
  queries  = [query.nobody, query.soa, query.soa]
  window   = "0s"
  hold     = "-5m"
  severity = "info"
  expr     = "window.sent > 0"
  summary  = "is silent"
}
