zone "root" {
  name    = "."
  servers = server.root
}

zone "dotless" {
  name    = "example"
  servers = server.root
}

zone "one" {
  name    = "example.com."
  servers = server.root
}

zone "two" {
  name    = "Example.com."
  servers = query.soa
}
