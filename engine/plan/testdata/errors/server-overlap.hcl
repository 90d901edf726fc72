server "other" {
  rsi  = "z"
  ipv4 = "192.0.2.9"

  address {
    ipv4        = "192.0.2.1"
    valid_until = "2026-03-01"
  }

  address {
    ipv4        = "192.0.2.2"
    valid_from  = "2026-02-01"
    valid_until = "2026-04-01"
  }
}
