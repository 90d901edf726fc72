plan "demo" {
  requires = ">= ${var.port_base}"
}
