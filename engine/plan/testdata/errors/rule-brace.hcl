rule "braces" {
  on       = "window"
  over     = ["rsi"]
  window   = "1h"
  severity = "info"
  expr     = "window.sent > 0"
  summary  = "rsi} is silent"
}
