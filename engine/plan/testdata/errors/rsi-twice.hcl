server "root" {
  rsi  = "b"
  ipv4 = "192.0.2.1"
}

server "root" {
  rsi  = "b"
  ipv4 = "192.0.2.2"
}
