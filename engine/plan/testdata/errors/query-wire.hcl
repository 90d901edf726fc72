query "wire" {
  schedule      = schedule.interval
  servers       = server.root
  qname         = "id.server."
  qtype         = "TXT"
  class         = "CHAOS"
  client_subnet = "192.0.2.7/24"
  edns_options  = { 3 = "0x", 8 = "0x", 10 = "0x01", 0 = "0x", 70000 = "0x", 65001 = "abcd", 65002 = "0xabc", 65003 = true }
}

query "subnet" {
  schedule      = schedule.interval
  servers       = server.root
  qname         = "."
  qtype         = "NS"
  client_subnet = "192.0.2.0"
  edns_options  = "0xabcd"
}

query "much" {
  schedule     = schedule.interval
  servers      = server.root
  qname        = "."
  qtype        = "NS"
  edns_options = { for n in range(17) : 65001 + n => "0x" }
}

query "bare" {
  schedule      = schedule.interval
  servers       = server.root
  qname         = "."
  qtype         = "NS"
  edns          = false
  dnssec        = true
  nsid          = false
  udp_size      = 4096
  client_subnet = "2001:db8::/56"
  edns_options  = { 65001 = "0x" }
}
