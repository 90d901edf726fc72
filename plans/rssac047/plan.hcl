# The production plan: what RSSAC047v2 asks to be measured, and nothing else.
#
#   plan.hcl         this page: the plan's name, when it measures, how files are kept
#   servers.hcl      whom it asks: the 13 root server identifiers and their addresses
#   queries.hcl      what it asks, and the route traces
#   zones.hcl        where root zones come from, and whom they are signed by
#   thresholds.hcl   what each metric must meet, and the reports
#   rules.hcl        when somebody should be told
#
# Letters in brackets, [wyn], are the requirement that a line fulfils. Vantage
# points, the collector and whatever else belongs to one site are not here: they
# lie in a directory of their own that is laid over this one (--plan local).

plan "rssac047" {
  description = "RSSAC047v2: the root server system as about twenty places see it"
  requires    = ">= 1.0"
}

schedule "interval" {
  every  = "5m"  # [wyn] [mba] [wca]
  jitter = "60s" # waits for a random part of it before the first query [fzk]
}

# How long the files of each kind are kept. What the lake holds is public raw
# data and evidence: it stays [otd] [lpf].

retention "sent" {
  keep = "35d" # on the vantage point after delivery: a month to notice a loss
}

retention "originals" {
  keep = "forever" # files as received: a lake can be made from them again [otd]
}

retention "quarantine" {
  keep = "400d"
}

retention "logs" {
  keep = "400d"
}

retention "lake" {
  keep = "forever" # [otd] [drc]
}
