site "both" {
}

site "public" {
  url          = "root.example.net"
  five_minutes = "1h"
  open         = ["routes"]
}

site "internal" {
  open = ["values"]
}
