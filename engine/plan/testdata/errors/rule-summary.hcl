rule "a" {
  on       = "window"
  over     = ["rsi"]
  window   = "1h"
  severity = "info"
  expr     = "window.sent > 0"
  summary  = "{rsi} over {familly}: {windw.sent} of {1st}"
}

rule "b" {
  on       = "machine"
  severity = "info"
  expr     = "machine.output.exists"
  summary  = "{machine.disk.used_percent"
}
