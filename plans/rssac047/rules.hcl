# When somebody should be told. The expressions are CEL; latencies are in ms,
# publication latency in minutes, availability in percent.

# ------------------------------------------------ at a vantage point, each run

rule "nothing-answered" {
  on       = "run"
  severity = "critical"
  expr     = "run.planned > 0 && run.answered == 0"
  summary  = "none of {run.planned} queries was answered: is this vantage point cut off?"
  runbook  = "docs/runbook.md#nothing-answered"
}

# ------------------------------------------- on the collector, over all of them

rule "rsi-unavailable" {
  on       = "window"
  over     = ["rsi", "transport", "family"]
  window   = "1h"
  hold     = "15m" # it must stay true that long before anybody is told
  severity = "warning"

  # Three vantage points: what only one or two see may be their own trouble.
  expr = <<CEL
    window.sent >= 30 &&
    window.availability < threshold.rsi_availability &&
    window.vantage_points_failing >= 3
  CEL

  summary = "{rsi}.root over {family}/{transport} was {window.availability}% available in the last hour"
  runbook = "docs/runbook.md#rsi-unavailable"
}

# Six hours: an answer is incorrect only once a later zone fetch has found no zone
# for it, and that may take a while.
rule "wrong-answer" {
  on       = "window"
  over     = ["rsi"]
  window   = "6h"
  severity = "critical"
  expr     = "window.incorrect > 0" # [xog]
  summary  = "{rsi}.root gave {window.incorrect} answers that match no root zone of the last 48 hours"
  runbook  = "docs/runbook.md#wrong-answer"
}

# Less than 10 ms is no news, however near the server was.
rule "slower-than-before" {
  on       = "window"
  over     = ["rsi", "transport", "family"]
  window   = "24h"
  severity = "info"

  expr = <<CEL
    window.sent >= 500 &&
    window.median_latency > 2.0 * previous.median_latency &&
    window.median_latency > 10.0 + previous.median_latency
  CEL

  summary = "{rsi}.root over {family}/{transport}: the median went from {previous.median_latency} ms to {window.median_latency} ms"
  runbook = "docs/runbook.md#slower-than-before"
}

rule "stale-zone" {
  on       = "window"
  over     = ["rsi"]
  window   = "15m"
  severity = "critical"
  expr     = "window.lag > threshold.rsi_publication_latency" # [fwa]
  summary  = "{rsi}.root serves {window.newest_serial}; a newer root zone has been in use for {window.lag} minutes"
  runbook  = "docs/runbook.md#stale-zone"
}

rule "stray-answers" {
  on       = "window"
  over     = ["rsi", "family"]
  window   = "1h"
  severity = "warning"
  expr     = "window.strays > 0"
  summary  = "{window.strays} datagrams from {rsi}.root over {family} answered nothing that was asked: spoofing?"
  runbook  = "docs/runbook.md#stray-answers"
}

# When all RSIs fail at once at one vantage point it is the vantage point that has
# the trouble [raz], whether nothing comes back, little, or nothing of use. Other
# rules want three vantage points for that reason. A single interval that was lost
# is in the window for less than hold, and no news.
rule "vantage-point-cut-off" {
  on       = "window"
  over     = ["vantage_point", "family"]
  window   = "30m"
  hold     = "30m"
  severity = "warning"
  expr     = "window.rsis >= 8 && window.rsis_failing == window.rsis"
  summary  = "{vantage_point} finds all {window.rsis} RSIs failing over {family}, {window.availability}% available: look at the vantage point, and if it was its own trouble put into local/: {window.exclusion}"
  runbook  = "docs/runbook.md#vantage-point-cut-off"
}

# --------------------------------------------------- on the collector, each report

rule "threshold-missed" {
  on       = "report"
  severity = "info"
  expr     = "value.verdict == 'fail'"
  summary  = "the {value.style} report says that a threshold was missed: {value.value} {value.unit}"
  runbook  = "docs/runbook.md#threshold-missed"
}

# --------------------------------------------------------------- each machine

rule "no-output" {
  on       = "machine"
  where    = "vantage_point"
  severity = "critical"
  expr     = "machine.output.newest_age > duration('6m')" # [wyn]
  summary  = "no output from the most recent run: the newest is {machine.output.newest_age} old"
  runbook  = "docs/runbook.md#no-output"
}

rule "disk-filling" {
  on       = "machine"
  severity = "warning"
  expr     = "machine.disk.used_percent > 80.0"
  summary  = "the disk is {machine.disk.used_percent}% full"
  runbook  = "docs/runbook.md#disk-filling"
}

rule "clock-not-synchronised" {
  on       = "machine"
  severity = "critical"
  expr     = "!machine.clock.synchronized" # [ugt]
  summary  = "the clock is not synchronised: times of signatures and of publication are in doubt"
  runbook  = "docs/runbook.md#clock-not-synchronised"
}

rule "nothing-received" {
  on       = "machine"
  where    = "collector"
  severity = "critical"
  expr     = "machine.originals.received_since_last_run == 0"
  summary  = "Originals is not fuller than on the last run"
  runbook  = "docs/runbook.md#nothing-received"
}

rule "no-new-root-zone" {
  on       = "machine"
  where    = "collector"
  severity = "warning"
  expr     = "machine.zones.added_24h == 0" # [ooy]
  summary  = "no new root zone for 24 hours"
  runbook  = "docs/runbook.md#no-new-root-zone"
}

rule "unsent-files" {
  on       = "machine"
  where    = "vantage_point"
  severity = "warning"
  hold     = "15m"
  expr     = "machine.output.unsent > 6"
  summary  = "{machine.output.unsent} files wait to be pushed to the collector"
  runbook  = "docs/runbook.md#unsent-files"
}

rule "quarantine" {
  on       = "machine"
  where    = "collector"
  severity = "warning"
  expr     = "machine.quarantine.count > 0"
  summary  = "{machine.quarantine.count} files in Quarantine"
  runbook  = "docs/runbook.md#quarantine"
}

# One alert for each: a second silent vantage point, missing zone or key is news.
rule "vantage-points-silent" {
  on       = "machine"
  where    = "collector"
  over     = ["vantage_point"]
  severity = "warning"
  expr     = "vantage_point in machine.vantage_points.silent"
  summary  = "no measurements for half an hour from {vantage_point}"
  runbook  = "docs/runbook.md#vantage-points-silent"
}

# Plans are deployed to all machines, one after the other: an hour is enough for that. What
# is measured by another plan may be other servers, addresses or questions.
rule "plan-mismatch" {
  on       = "machine"
  where    = "collector"
  over     = ["vantage_point"]
  hold     = "1h"
  severity = "warning"
  expr     = "vantage_point in machine.vantage_points.other_plan"
  summary  = "{vantage_point} measures by another plan than the collector's"
  runbook  = "docs/runbook.md#plan-mismatch"
}

# It fires for as long as the zone is missing: what only that zone explains is held,
# and no time closes the hole.
rule "serial-gaps" {
  on       = "machine"
  where    = "collector"
  over     = ["serial"]
  severity = "warning"
  expr     = "serial in machine.zones.missing" # [ooy]
  summary  = "root zone {serial} was seen in use and is not in the archive"
  runbook  = "docs/runbook.md#serial-gaps"
}

# Not yet trusted is not yet wrong: a key is published weeks before it signs, and an
# anchor must be in the plan by then. Nothing here says that the key is genuine.
rule "new-key" {
  on       = "machine"
  where    = "collector"
  over     = ["key"]
  severity = "warning"
  expr     = "key in machine.keys.unanchored" # [yds]
  summary  = "key signing key {key} was met and no anchor is of it: compare it with the DS record that IANA announces"
  runbook  = "docs/runbook.md#new-key"
}

rule "key-revoked" {
  on       = "machine"
  where    = "collector"
  over     = ["key"]
  severity = "info"
  expr     = "key in machine.keys.revoked" # [yds]
  summary  = "key signing key {key} is revoked in the newest root zone"
  runbook  = "docs/runbook.md#key-revoked"
}

# What the root's own rhythm leaves is more, always. Its zones come twice a day and are
# signed for 13 days. Its keys are signed for 21 days, in slots of ten days, of which
# the last of a quarter lasts until the quarter ends, up to 12 days: nine days are left
# when the next one begins, and no less than 6.7 if no zone came for 60 hours just then.
rule "signatures-expiring" {
  on       = "machine"
  where    = "collector"
  severity = "critical"
  expr     = "machine.keys.days_left < 6.0" # [yds]
  summary  = "the signatures of the newest root zone at hand end in {machine.keys.days_left} days: no newer zone was archived, or the root does not renew them"
  runbook  = "docs/runbook.md#signatures-expiring"
}
