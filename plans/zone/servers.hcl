# Whom we ask. Each server is a block; those of one label are a group, server.own. What a
# server lacks, an address or TLS, is left out: nothing is asked there, and nothing counts
# against it. The addresses here are of documentation: put in yours.

server "own" {
  rsi  = "ns1" # a short name; reports and alerts call it so
  name = "ns1.example."
  ipv4 = "192.0.2.1"
  ipv6 = "2001:db8::1"

  # DNS over TLS. "name" wants a certificate for the name above by an authority that the
  # vantage point trusts. mtric query ns1 . SOA --tls shows the key, for verify = "pin".
  tls = { verify = "name" }
}

server "own" {
  rsi  = "ns2"
  name = "ns2.example."
  ipv4 = "192.0.2.2"
  ipv6 = "2001:db8::2"
}

server "own" { # it has no IPv6
  rsi  = "ns3"
  name = "ns3.example."
  ipv4 = "192.0.2.3"
}

server "own" {
  rsi  = "ns4"
  name = "ns4.example."
  ipv4 = "192.0.2.4"
}
