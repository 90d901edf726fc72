server "own" {
  rsi  = "ns1"
  ipv4 = 192.0.2.1
}
