# What we ask. Without `expect` an answer is good that came in time with NOERROR; where an
# `expect` stands, what it says must hold as well. What is not good keeps its response.

query "apex" {
  description = "Is the server there, how fast is it, and which zone has it?"
  schedule    = schedule.interval
  servers     = server.own
  qname       = local.zone
  qtype       = "SOA"
  transports  = ["udp", "tcp", "tls"] # over TLS those that have it
  timeout     = "4s"

  # With authority, or it has not got the zone.
  expect = "answer.flags.aa && answer.has_serial"
}

query "absent" {
  description = "A name that nobody has must not be there, and its absence be proved."
  schedule    = schedule.interval
  servers     = server.own
  qname       = "<letters:10>.${local.zone}" # ten letters, drawn each time
  qtype       = "A"
  dnssec      = true
  transports  = ["udp"]

  on_truncation = "retry_tcp" # proofs may be large

  expect = <<CEL
    answer.rcode == 'NXDOMAIN' && answer.flags.aa &&
    answer.records('authority', 'SOA').size() == 1 &&
    answer.records('authority', 'NSEC').size() + answer.records('authority', 'NSEC3').size() > 0
  CEL
}

query "delegation" {
  description = "The servers that the zone names are all of ours, and no others."
  schedule    = schedule.quarter
  servers     = server.own
  qname       = local.zone
  qtype       = "NS"
  transports  = ["udp"]

  expect = <<CEL
    answer.records('answer', 'NS').size() == 4 &&
    answer.records('answer', 'NS').all(r, r.data in ['ns1.example.', 'ns2.example.', 'ns3.example.', 'ns4.example.'])
  CEL
}

query "keys" {
  description = "A key signing key is there, and the keys are signed."
  schedule    = schedule.quarter
  servers     = server.own
  qname       = local.zone
  qtype       = "DNSKEY"
  dnssec      = true
  transports  = ["udp"]

  on_truncation = "retry_tcp"

  expect = <<CEL
    answer.records('answer', 'DNSKEY').exists(r, r.data.startsWith('257 ')) &&
    answer.records('answer', 'RRSIG').size() > 0
  CEL
}
