# The plan of a survey: which of the places on offer shall become vantage points?
# Each candidate does for some days what a vantage point does, and traces two
# fixed places besides; `mtric report --style survey` then lays the candidates
# side by side, for a person to choose.
#
#   plan.hcl                  this page: name, times, the two places
#   servers.hcl, root.hints   whom it asks: the same as rssac047
#   queries.hcl               what it asks: the same as rssac047, and the traces
#   zones.hcl                 root zones and anchors: the same as rssac047
#   candidates.hcl.example    the candidates: copy it to a folder of your own
#
# docs/vantage-points.md says how a survey is run, step by step.

plan "survey" {
  description = "Candidates for vantage points, compared"
  requires    = ">= 1.0"
}

# A candidate is measured as a vantage point would be: what disturbs a vantage
# point, a rewriting middlebox for instance, must show before it is one.
schedule "interval" {
  every  = "5m"
  jitter = "60s"
}

schedule "traces" {
  every  = "15m"
  jitter = "60s"
}

# Two hosts that stand in one place each, unlike the root servers, whose
# addresses are anycast: the way there says how a candidate is connected. These
# let anybody transfer the root zone (RFC 8806, appendix A); one is in Los
# Angeles, one in Virginia. Set places near your own users or other continents:
#   --var 'places={ home = { name = "c00.mtric.net.", ipv4 = "192.0.2.1", ipv6 = "2001:db8::1" } }'
variable "places" {
  type        = map(object({ name = string, ipv4 = string, ipv6 = optional(string) }))
  description = "What every candidate traces besides the root servers."

  default = {
    icann-lax = { name = "xfr.lax.dns.icann.org.", ipv4 = "192.0.32.132", ipv6 = "2620:0:2d0:202::132" }
    icann-cjr = { name = "xfr.cjr.dns.icann.org.", ipv4 = "192.0.47.132", ipv6 = "2620:0:2830:202::132" }
  }

  validation {
    condition = length(var.places) >= 1 && length(var.places) <= 10
    error     = "One to ten places: all are traced at once, together with the root servers."
  }
}

retention "sent" {
  keep = "35d"
}
