rule "misspelt" {
  on       = "window"
  over     = ["rsi"]
  window   = "1h"
  severity = "info"
  expr     = <<CEL
    window.sent >= 100 &&
    window.availabilty < threshold.rsi_availability &&
    window.outcomes.timeot > 3
  CEL
  summary  = "{rsi}: {window.sent}, {window.snt}, {string(windw.sent) + 'x'}"
}

rule "indented" {
  on       = "run"
  severity = "info"
  expr     = <<-CEL
    run.planned > 0 &&
      rn.answered == 0
  CEL
  summary  = "{run.planned}"
}

rule "object" {
  on       = "machine"
  severity = "info"
  expr     = "machine.disk > 80.0"
  summary  = "full"
}

rule "label" {
  on       = "window"
  window   = "1h"
  severity = "info"
  expr     = "rsi == 'a' && has(window.sent)"
  summary  = "x"
}

rule "previous" {
  on       = "window"
  window   = "1h"
  severity = "info"
  expr     = "window.coverage < previous.coverage && window.lag > previous.lag"
  summary  = "{previous.exclusion}"
}

rule "has" {
  on       = "machine"
  severity = "info"
  expr     = "has(machine.uptime)"
  summary  = "x"
}
