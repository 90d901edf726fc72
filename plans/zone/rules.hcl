# When somebody should be told. The conditions are CEL (docs/rules.md); each has tests in
# rules.test.hcl: mtric plan test --plan my-zone. With three vantage points every path of a
# server is asked nine times in a quarter of an hour.

rule "server-unavailable" {
  on       = "window"
  over     = ["rsi", "family", "transport"]
  queries  = [query.apex]
  window   = "15m"
  severity = "warning"

  # Of nine answers more than a third are missing: not the trouble of one vantage point alone.
  expr    = "window.sent >= 6 && window.availability < 60.0"
  summary = "{rsi} over {family}/{transport} was {window.availability}% available in the last quarter of an hour"
}

rule "service-at-risk" {
  on       = "window"
  queries  = [query.apex]
  window   = "15m"
  severity = "critical"

  # One more that falls silent, and fewer are left than the objective needs.
  expr    = "window.sent >= 20 && double(window.rsis - window.rsis_silent) <= objective.service.need"
  summary = "{window.rsis_silent} of {window.rsis} servers gave no answer in the last quarter of an hour"
}

rule "too-slow" {
  on       = "window"
  over     = ["rsi", "family", "transport"]
  queries  = [query.apex]
  window   = "15m"
  severity = "info"

  expr = <<CEL
    window.median_latency > (transport == 'udp' ? objective.server.udp :
                             transport == 'tcp' ? objective.server.tcp : objective.server.tls)
  CEL

  summary = "{rsi} over {family}/{transport}: median {window.median_latency} ms"
}

rule "wrong-answer" {
  on       = "window"
  over     = ["query", "rsi"]
  queries  = [query.apex, query.absent, query.delegation, query.keys]
  window   = "15m"
  severity = "critical"

  # Two: a single one may have been made on the way.
  expr    = "window.unexpected >= 2"
  summary = "{rsi} gave {window.unexpected} answers to {query} that are not as expected: mtric show --where expected=false has them"
}

rule "no-output" {
  on       = "machine"
  where    = "vantage_point"
  severity = "critical"
  expr     = "machine.output.newest_age > duration('6m')"
  summary  = "no output from the most recent run: the newest is {machine.output.newest_age} old"
}

rule "vantage-point-silent" {
  on       = "machine"
  where    = "collector"
  over     = ["vantage_point"]
  severity = "warning"
  expr     = "vantage_point in machine.vantage_points.silent"
  summary  = "no measurements for half an hour from {vantage_point}"
}

# Signatures and publication are judged by the clock.
rule "clock-not-synchronised" {
  on       = "machine"
  severity = "critical"
  expr     = "!machine.clock.synchronized"
  summary  = "the clock is not synchronised"
}
