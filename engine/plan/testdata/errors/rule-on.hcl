rule "no-window" {
  on       = "window"
  severity = "warn"
  expr     = "window.sent > 0"
  summary  = "x"
}

rule "no-place" {
  on       = "machine"
  over     = ["rsi"]
  window   = "1h"
  severity = "warning"
  expr     = "machine.disk.used_percent > 80.0"
  summary  = "x"
}

rule "odd-window" {
  on       = "window"
  where    = "collector"
  over     = ["rsi", "familly", "rsi"]
  window   = "7m"
  severity = "warning"
  expr     = "window.sent > 0"
  summary  = "x"
}

rule "run-over" {
  on       = "run"
  over     = ["rsi"]
  severity = "info"
  expr     = "true"
  summary  = "x"
}

rule "both" {
  on       = "machine"
  over     = ["serial"]
  severity = "info"
  expr     = "true"
  summary  = "x"
}
