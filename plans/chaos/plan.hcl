# Who answers for the root's servers, and with what software? Once a day each is asked for
# its identity and its version in class CH (RFC 4892), which no metric reads: an answer that
# is another one's comes from a server that sits between the vantage point and the root.
#
#   plan.hcl                  this page: whom it asks, and when
#   root.hints                the servers, as the root's hints file has them
#   queries.hcl               what it asks, and what the answers should be
#   rules.hcl                 when somebody should be told; rules.test.hcl proves it
#
# Vantage points and the collector are yours: a folder with them is laid over this one
# (--plan chaos --plan local). Vantage points that measure by rssac047 do both by
# --plan rssac047 --plan chaos --plan local.
#
#   mtric demo --plan chaos      # with servers of the demo, in front of one of which another answers

plan "chaos" {
  description = "Identity and version of the root's servers, daily"
  requires    = ">= 1.0"
}

server "root" {
  for_each = hints("root.hints")

  rsi  = each.key
  name = each.value.name
  ipv4 = each.value.ipv4
  ipv6 = each.value.ipv6
}

schedule "daily" {
  every  = "1d"
  offset = "4h35m" # not when all the world begins its day
  jitter = "60s"
}

retention "sent" {
  keep = "35d"
}
