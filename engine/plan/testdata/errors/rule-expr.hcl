rule "interpolated" {
  on       = "window"
  window   = "1h"
  severity = "info"
  expr     = "window.sent > ${var.port_base}"
  summary  = "x"
}

rule "empty" {
  on       = "window"
  window   = "1h"
  severity = "info"
  expr     = <<CEL

  CEL
  summary  = "x"
}
