# What we ask. Whoever answers tells, in one TXT record: the server itself, or whatever
# answers in its place.

# The names are of BIND and of RFC 4892; nearly all of the root's servers know both.
query "identity" {
  for_each = { hostname = "hostname.bind.", id = "id.server." }

  schedule      = schedule.daily
  servers       = server.root
  class         = "CH"
  qname         = each.value
  qtype         = "TXT"
  transports    = ["udp"]
  keep_response = "always" # once a day: all of it is evidence

  # How each operator names its servers is its own affair, and changes. These are forms
  # known in 2026; look at a day's answers before you rely on them. The last line is of the
  # servers of mtric demo.
  expect = <<CEL
    answer.records('answer', 'TXT').exists_one(r,
      server.rsi in ['a', 'j'] && r.text.matches('^(nnn1|rootns)-') ||
      server.rsi == 'b' && r.text.matches('^b[0-9]+-') ||
      server.rsi in ['c', 'f', 'h'] && r.text.endsWith('.' + server.rsi + '.root-servers.org') ||
      server.rsi == 'd' && r.text.endsWith('.droot.maxgigapop.net') ||
      server.rsi == 'e' && r.text.endsWith('.eroot') ||
      server.rsi == 'g' && r.text.startsWith('groot-') ||
      server.rsi == 'i' && r.text.matches('^s[0-9]+\\.[a-z]{3}$') ||
      server.rsi == 'k' && r.text.endsWith('.k.ripe.net') ||
      server.rsi == 'l' && r.text.endsWith('.l.root') ||
      server.rsi == 'm' && r.text.startsWith('M-') ||
      r.text.startsWith('lab-' + server.rsi + '-'))
  CEL
}

query "version" {
  schedule      = schedule.daily
  servers       = server.root
  class         = "CH"
  qname         = "version.bind."
  qtype         = "TXT"
  transports    = ["udp"]
  keep_response = "always"

  # Many keep it to themselves. What must not be there is the software of resolvers and
  # forwarders: none of the root's servers is one.
  expect = <<CEL
    answer.rcode in ['REFUSED', 'NOTIMP', 'NXDOMAIN', 'SERVFAIL'] ||
    answer.rcode == 'NOERROR' && !answer.records('answer', 'TXT').exists(r,
      r.text.matches('(?i)dnsmasq|unbound|recursor|dnsdist|coredns|systemd|adguard|pi-?hole|mikrotik'))
  CEL
}
