# What the demo is measured by: the thresholds of rssac047 and a few rules.

threshold "{each.key}" {
  for_each = {
    rsi_availability = 96     # percent [ydw]
    rsi_correctness  = 100    # [ahw]
    rss_availability = 99.999 # [wzz]
    rss_correctness  = 100    # [gfh]
  }
  at_least = each.value
}

threshold "{each.key}_response_latency" {
  for_each = {
    rsi = { udp = "250ms", tcp = "500ms" } # [zuc] [bpl]
    rss = { udp = "150ms", tcp = "300ms" } # [uwf] [lmx]
  }
  udp = { at_most = each.value.udp }
  tcp = { at_most = each.value.tcp }
}

threshold "{each.key}_publication_latency" {
  for_each = { rsi = "65m", rss = "35m" } # [fwa] [zkl]
  at_most  = each.value
}

report "monthly" {
  period = "month"
}

report "weekly" {
  period = "week"
}

# Windows of two intervals: the demo shows alerts begin and end.

rule "rsi-unavailable" {
  on       = "window"
  over     = ["rsi", "transport", "family"]
  window   = "10m"
  severity = "warning"
  expr     = "window.sent >= 3 && window.availability < threshold.rsi_availability"
  summary  = "{rsi}.root over {family}/{transport} was {window.availability}% available in the last ten minutes"
}

rule "too-slow" {
  on       = "window"
  over     = ["rsi", "transport", "family"]
  window   = "10m"
  severity = "info"

  expr = <<CEL
    window.median_latency >
    (transport == 'udp' ? threshold.rsi_response_latency.udp : threshold.rsi_response_latency.tcp)
  CEL

  summary = "{rsi}.root over {family}/{transport}: median {window.median_latency} ms"
}

rule "wrong-answer" {
  on       = "window"
  over     = ["rsi"]
  window   = "70m" # an answer is incorrect only once a fetch an hour later found no zone for it
  severity = "critical"
  expr     = "window.incorrect > 0" # [xog]
  summary  = "{rsi}.root gave {window.incorrect} answers that match no root zone of the last 48 hours, seen from {window.vantage_points_incorrect} vantage points; NSID {window.nsids_incorrect}"
}

rule "no-output" {
  on       = "machine"
  where    = "vantage_point"
  severity = "critical"
  expr     = "machine.output.newest_age > duration('6m')"
  summary  = "no output from the most recent run: the newest is {machine.output.newest_age} old"
}

rule "clock-not-synchronised" {
  on       = "machine"
  severity = "critical"
  expr     = "!machine.clock.synchronized" # [ugt]
  summary  = "the clock is not synchronised: times of signatures and of publication are in doubt"
}
