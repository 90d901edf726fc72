server "own" {
  rsi  = "ns1"
  name = "ns1.example."
  ipv4 = "192.0.2.1"
  tls  = { port = 0, verify = "names", pin = "x" }
}

server "pinned" {
  rsi  = "ns2"
  name = "ns2.example."
  ipv4 = "192.0.2.2"
  tls  = { verify = "pin" }
}

server "pins" {
  rsi  = "ns3"
  name = "ns3.example."
  ipv4 = "192.0.2.3"
  tls  = { pins = ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="] }
}

server "bad" {
  rsi  = "ns4"
  name = "ns4.example."
  ipv4 = "192.0.2.4"
  tls  = { verify = "pin", pins = ["AAAA", "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="] }
}

server "text" {
  rsi  = "ns5"
  name = "ns5.example."
  ipv4 = "192.0.2.5"
  tls  = 853
}
