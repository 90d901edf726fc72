zone "named" {
  name    = "example."
  servers = server.root
  source  = "ns1.example.net:53"
}

zone "far" {
  name     = "example.net."
  servers  = server.root
  source   = "[2001:db8::53]:0"
  key_file = 53
}

zone "keyed" {
  name     = "example.org."
  servers  = server.root
  key_file = "tsig.key"
}
