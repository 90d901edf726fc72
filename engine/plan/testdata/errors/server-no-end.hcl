server "other" {
  rsi  = "z"
  ipv4 = "192.0.2.9"

  address {
    ipv4       = "192.0.2.1"
    valid_from = "2026-03-01"
  }
}
