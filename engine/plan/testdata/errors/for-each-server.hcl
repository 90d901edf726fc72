server "own" {
  for_each = { ns1 = "192.0.2.1", ns2 = "192.0.2.2" }

  rsi  = each.keys
  name = "${each.key}.example."
  ipv4 = each.value
}

server "every" {
  for_each = { ns3 = "192.0.2.3", ns4 = "192.0.2.4" }

  rsi  = "ns"
  name = "${each.key}.example."
  ipv4 = each.value.ipv4
}

query "ns" {
  for_each = toset(["example.", "co.example."])

  schedule = schedule.interval
  servers  = server.root
  qname    = each.value
  qtype    = "NS"
}

query "keys" {
  for_each = { tld = null }

  schedule = schedule[each.key]
  servers  = [for rsi, s in server.root : s if rsi == "n"]
  qname    = each.value
  qtype    = "DNSKEY"
}
