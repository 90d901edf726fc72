server "other" {
  rsi  = "Z"
  name = "z.root-servers.net"
  port = 70000
}

server "more" {
  rsi = "y"
}
