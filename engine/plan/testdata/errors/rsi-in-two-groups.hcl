server "old" {
  rsi  = "b"
  ipv4 = "192.0.2.1"
}
