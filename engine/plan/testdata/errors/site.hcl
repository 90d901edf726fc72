site "both" {
}

site "public" {
  url          = "root.example.net"
  five_minutes = "1h"
  open         = ["routes"]
  links        = { data = "ftp://x.example", help = "https://x.example" }
}

site "internal" {
  open = ["values"]
}
