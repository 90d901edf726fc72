zone "mine" {
  name    = www.example.
  servers = server.root
}
