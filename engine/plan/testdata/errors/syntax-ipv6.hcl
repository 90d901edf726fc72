server "own" {
  rsi  = "ns1"
  ipv6 = 2001:db8::1
}
