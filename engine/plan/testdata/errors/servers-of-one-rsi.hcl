server "own" {
  for_each = { ns1 = "192.0.2.1", ns2 = "192.0.2.2" }

  rsi  = "ns"
  name = "${each.key}.example."
  ipv4 = each.value
}

server "text" {
  for_each = { ns3 = "192.0.2.3" }

  rsi  = each.key
  name = "ns3.example."
  ipv4 = each.value.ipv4
}
