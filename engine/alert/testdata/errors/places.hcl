variable "site" {
  type        = string
  default     = "x"
  description = "where it is"
}

rule "variable" {
  on       = "machine"
  severity = "info"
  expr     = "machine.output.exists"
  summary  = "${var.site}: disk {machine.disk.usd_percent}"
}

rule "each" {
  for_each = toset(["a"])
  on       = "machine"
  severity = "info"
  expr     = "machine.output.exists"
  summary  = "${each.key}: {machine.disk.usd_percent}"
}

rule "constant" {
  on       = "machine"
  severity = "info"
  expr     = <<CEL
    machine.output.exists &&
    machine.output.newest_age > duration('3 minutes')
  CEL
  summary  = "{timestamp('now')}"
}

rule "pattern" {
  on       = "window"
  over     = ["rsi"]
  window   = "1h"
  severity = "info"
  expr     = "window.has_data && rsi.matches('é(')"
  summary  = "x"
}

rule "escapes" {
  on       = "machine"
  severity = "info"
  expr     = "\"\\u00e9\" == 'é' && '\u00e9' == \"x\" && machine.disk.usd_percent > 1.0"
  summary  = "\"quoted\": $${machine.uptime} {machine.disk.usd_percent}"
}
