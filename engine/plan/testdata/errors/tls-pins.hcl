server "nameless" {
  rsi  = "y"
  ipv4 = "192.0.2.1"
  tls  = {}
}

server "pinned" {
  rsi  = "z"
  name = "z.example."
  ipv4 = "192.0.2.2"
  tls  = { verify = "pin", pins = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" }
}

server "unpinned" {
  rsi  = "x"
  name = "x.example."
  ipv4 = "192.0.2.3"
  tls  = { verify = "pin", pins = [] }
}
