server "other" {
  rsi = "z"
  adress {
    ipv4 = "192.0.2.1"
  }
}
