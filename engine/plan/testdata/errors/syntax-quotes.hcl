rule "silent" {
  on       = "window"
  over     = ["rsi"]
  window   = "1h"
  severity = "info"
  expr     = "rsi == "a" && window.answered == 0"
  summary  = "a is silent"
}
