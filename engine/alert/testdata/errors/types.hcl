rule "syntax" {
  on       = "machine"
  severity = "info"
  expr     = "machine.output.exists &&& true"
  summary  = "x"
}

rule "not-bool" {
  on       = "machine"
  severity = "info"
  expr     = "machine.disk.used_percent"
  summary  = "x"
}

rule "overload" {
  on       = "window"
  window   = "1h"
  severity = "info"
  expr     = "window.median_latency > 2 * previous.median_latency"
  summary  = "x"
}

rule "function" {
  on       = "machine"
  severity = "info"
  expr     = "now() > timestamp('2026-01-01T00:00:00Z') && 'é' == 'é' && machine.quarantine.cout > 0"
  summary  = "x"
}

rule "function-only" {
  on       = "machine"
  severity = "info"
  expr     = "machine.output.exists && now() > timestamp('2026-01-01T00:00:00Z')"
  summary  = "x"
}

rule "string" {
  on       = "machine"
  severity = "info"
  expr     = "machine.output.newest_age > '6m'"
  summary  = "x"
}

rule "misspelt-functions" {
  on       = "machine"
  severity = "info"
  expr     = "sets.contain(machine.vantage_points.silent, ['101']) && set.contains([1], [1]) && machine.vantage_points.silent.siz() > 0"
  summary  = "{math.cel(machine.disk.used_percent)} {widnow.name.size()} {'a'.lowerAsci()}"
}
