server "own" {
  rsi  = "ns1"
  name = "ns1.example."
  ipv4 = "192.0.2.1"
  tls  = {}
}

server "own" {
  rsi  = "ns2"
  ipv4 = "192.0.2.1"
  port = 5353
}

server "own" {
  rsi  = "ns3"
  name = "ns3.example."
  ipv4 = "192.0.2.1"
  port = 5354
  tls  = {}
}

server "former" {
  rsi = "ns2-old"

  address {
    ipv4        = "192.0.2.2"
    valid_until = "2026-01-01"
  }
}

server "own" {
  rsi  = "ns4"
  ipv4 = "192.0.2.2"

  address {
    ipv4        = "192.0.2.3"
    valid_until = "2026-01-01"
  }
}

server "own" {
  rsi  = "ns6"
  ipv4 = "192.0.2.2"
}

server "own" {
  rsi = "ns7"
}
