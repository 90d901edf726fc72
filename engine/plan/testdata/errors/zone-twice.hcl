zone "roots" {
  name    = "."
  servers = []
}

zone "servers" {
  name    = "example."
  servers = [server.root["a"], server.root["a"], server.root["n"]]
}
