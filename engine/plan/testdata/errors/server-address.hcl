server "other" {
  for_each = { y = "2001:db8::1", z = "192.0.2.1/24" }
  rsi      = each.key
  ipv4     = each.value
}
