server "other" {
  rsi  = "z"
  name = "z.example."

  address {
    valid_until = "2026-01-01"
  }

  address {
    ipv4       = "224.0.0.1"
    valid_from = "2026-01-01"
  }
}

server "gap" {
  rsi  = "y"
  name = "y.example."

  address {
    ipv4        = "192.0.2.1"
    valid_until = "2026-01-01"
  }

  address {
    ipv4       = "192.0.2.2"
    valid_from = "2026-02-01"
  }
}
