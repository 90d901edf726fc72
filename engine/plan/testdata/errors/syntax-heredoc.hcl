rule "silent" {
  on       = "window"
  window   = "1h"
  severity = "info"
  summary  = "silent"

  expr = <<CEL
    window.answered == 0
}
