# The same mistake of every iteration is told once.
server "other" {
  rsi = "z"

  dynamic "address" {
    for_each = ["2026-01-01", "2026-01-01", "2026-01-01"]
    content {
      ipv4        = "192.0.2.300"
      valid_until = address.value
    }
  }
}
