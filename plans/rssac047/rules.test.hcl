# Run by: mtric plan test. A given block says what is measured at each interval from
# start on, an expect block what the alert must then be.

test "nothing answered" {
  rule = "nothing-answered"

  given {
    planned  = 65
    answered = "1 0 64"
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at       = "5m"
    state    = "firing"
    severity = "critical"
    summary  = "none of 65 queries was answered: is this vantage point cut off?"
  }

  expect {
    at    = "10m"
    state = "inactive"
  }
}

test "three failing vantage points raise the alert after a quarter of an hour" {
  rule   = "rsi-unavailable"
  window = "1h"

  given {
    labels                 = { rsi = "a", transport = "udp", family = "ipv4" }
    sent                   = 240
    availability           = "97 95x4 96"
    vantage_points_failing = "0 3x3"
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at    = "5m"
    state = "pending"
  }

  expect {
    at    = "15m"
    state = "pending"
  }

  expect {
    at       = "20m"
    state    = "firing"
    severity = "warning"
    summary  = "a.root over ipv4/udp was 95% available in the last hour"
  }

  expect {
    at    = "30m"
    state = "inactive"
  }
}

test "what two vantage points see may be their own trouble" {
  rule = "rsi-unavailable"

  given {
    labels                 = { rsi = "a", transport = "udp", family = "ipv4" }
    sent                   = 240
    availability           = 90
    vantage_points_failing = 2
  }

  expect {
    at    = "30m"
    state = "inactive"
  }
}

test "without data it goes on firing" {
  rule = "rsi-unavailable"

  given {
    labels                 = { rsi = "a", transport = "udp", family = "ipv4" }
    sent                   = "240x4 0"
    availability           = "90x4 _"
    vantage_points_failing = "3x4 0"
  }

  expect {
    at    = "20m"
    state = "firing"
  }

  expect {
    at    = "25m"
    state = "firing"
  }

  expect {
    at    = "40m"
    state = "firing"
  }
}

test "one wrong answer is enough, for as long as the window has it" {
  rule   = "wrong-answer"
  window = "6h"

  given {
    labels    = { rsi = "b" }
    sent      = 240
    incorrect = "0 1x11 0"
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at       = "5m"
    state    = "firing"
    severity = "critical"
    summary  = "b.root gave 1 answers that match no root zone of the last 48 hours"
  }

  expect {
    at    = "1h5m"
    state = "inactive"
  }
}

test "twice as slow" {
  rule   = "slower-than-before"
  window = "24h"

  given {
    labels         = { rsi = "a", transport = "udp", family = "ipv4" }
    sent           = 5000
    median_latency = "20 40 40.1"
    previous       = { median_latency = 20 }
  }

  expect {
    at    = "5m"
    state = "inactive"
  }

  expect {
    at       = "10m"
    state    = "firing"
    severity = "info"
    summary  = "a.root over ipv4/udp: the median went from 20 ms to 40.1 ms"
  }
}

test "twice as slow as next door is no news" {
  rule = "slower-than-before"

  given {
    labels         = { rsi = "a", transport = "udp", family = "ipv4" }
    sent           = 5000
    median_latency = "13 13.05"
    previous       = { median_latency = 3 }
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at    = "5m"
    state = "firing"
  }
}

test "without a day before there is nothing to compare with" {
  rule = "slower-than-before"

  given {
    labels         = { rsi = "a", transport = "udp", family = "ipv4" }
    sent           = 5000
    median_latency = 400
    previous       = { median_latency = "_" }
  }

  expect {
    at    = "5m"
    state = "inactive"
  }
}

test "the outage of an RSI's publication" {
  rule   = "stale-zone"
  window = "15m"

  given {
    labels        = { rsi = "c" }
    sent          = 700
    lag           = "0 60 65 65.05 75 0"
    newest_serial = 2024051801
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at    = "10m"
    state = "inactive"
  }

  expect {
    at       = "15m"
    state    = "firing"
    severity = "critical"
    summary  = "c.root serves 2024051801; a newer root zone has been in use for 65.05 minutes"
  }

  expect {
    at    = "25m"
    state = "inactive"
  }
}

test "a stray datagram" {
  rule   = "stray-answers"
  window = "1h"

  given {
    labels = { rsi = "d", family = "ipv6" }
    sent   = 700
    strays = "0 1 0"
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at       = "5m"
    state    = "firing"
    severity = "warning"
    summary  = "1 datagrams from d.root over ipv6 answered nothing that was asked: spoofing?"
  }

  expect {
    at    = "10m"
    state = "inactive"
  }
}

test "all RSIs at once are the vantage point's trouble" {
  rule   = "vantage-point-cut-off"
  window = "30m"

  given {
    labels       = { vantage_point = "101", family = "ipv6" }
    sent         = 156
    availability = 20
    rsis         = 13
    rsis_failing = "12 13x6 12"
    rsis_silent  = 0
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at    = "30m"
    state = "pending"
  }

  expect {
    at       = "35m"
    state    = "firing"
    severity = "warning"
  }

  expect {
    at    = "40m"
    state = "inactive"
  }
}

test "a report's verdict" {
  rule = "threshold-missed"

  given {
    labels  = { style = "monthly", metric = "rsi_correctness", rsi = "c" }
    style   = "monthly"
    unit    = "percent"
    value   = 99.7
    verdict = "fail"
  }

  given {
    labels  = { style = "monthly", metric = "rsi_correctness", rsi = "d" }
    verdict = "no_data"
  }

  expect {
    at       = "0m"
    labels   = { style = "monthly", metric = "rsi_correctness", rsi = "c" }
    state    = "firing"
    severity = "info"
    summary  = "the monthly report says that a threshold was missed: 99.7 percent"
  }

  expect {
    at     = "0m"
    labels = { style = "monthly", metric = "rsi_correctness", rsi = "d" }
    state  = "inactive"
  }
}

test "output stops" {
  rule  = "no-output"
  where = "vantage_point"

  given {
    output = { exists = true, newest_age = "6m" }
  }

  expect {
    at    = "5m"
    state = "inactive"
  }
}

test "no output" {
  rule  = "no-output"
  where = "vantage_point"

  given {
    output = { exists = true, newest_age = "6m1s" }
  }

  expect {
    at       = "0m"
    state    = "firing"
    severity = "critical"
    summary  = "no output from the most recent run: the newest is 6m1s old"
  }
}

test "over 80 percent" {
  rule  = "disk-filling"
  where = "vantage_point"

  given {
    disk = { used_percent = "80 80.1 79" }
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at       = "5m"
    state    = "firing"
    severity = "warning"
    summary  = "the disk is 80.1% full"
  }

  expect {
    at    = "10m"
    state = "inactive"
  }
}

test "clock" {
  rule  = "clock-not-synchronised"
  where = "vantage_point"

  given {
    clock = { synchronized = "true false true" }
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at       = "5m"
    state    = "firing"
    severity = "critical"
  }

  expect {
    at    = "10m"
    state = "inactive"
  }
}

test "a kernel that does not say changes nothing" {
  rule = "clock-not-synchronised"

  given {
    clock = { synchronized = "false _" }
  }

  expect {
    at    = "0m"
    state = "firing"
  }

  expect {
    at    = "5m"
    state = "firing"
  }
}

test "not on the first run" {
  rule  = "nothing-received"
  where = "collector"

  given {
    originals = { received_since_last_run = "_ 40 0 40" }
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at    = "5m"
    state = "inactive"
  }

  expect {
    at       = "10m"
    state    = "firing"
    severity = "critical"
    summary  = "Originals is not fuller than on the last run"
  }

  expect {
    at    = "15m"
    state = "inactive"
  }
}

test "a day without a zone" {
  rule  = "no-new-root-zone"
  where = "collector"

  given {
    zones = { added_24h = "_ 2 0 1" }
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at    = "5m"
    state = "inactive"
  }

  expect {
    at       = "10m"
    state    = "firing"
    severity = "warning"
  }

  expect {
    at    = "15m"
    state = "inactive"
  }
}

test "files pile up" {
  rule  = "unsent-files"
  where = "vantage_point"

  given {
    output = { unsent = "6 7x2 0" }
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at    = "5m"
    state = "pending"
  }

  expect {
    at    = "20m"
    state = "inactive"
  }
}

test "files pile up for longer" {
  rule  = "unsent-files"
  where = "vantage_point"

  given {
    output = { unsent = "7x5" }
  }

  expect {
    at    = "10m"
    state = "pending"
  }

  expect {
    at       = "15m"
    state    = "firing"
    severity = "warning"
    summary  = "7 files wait to be pushed to the collector"
  }
}

test "rubbish from a vantage point" {
  rule  = "quarantine"
  where = "collector"

  given {
    quarantine = { count = "0 1 0" }
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at       = "5m"
    state    = "firing"
    severity = "warning"
    summary  = "1 files in Quarantine"
  }

  expect {
    at    = "10m"
    state = "inactive"
  }
}

test "one of two is silent" {
  rule  = "vantage-points-silent"
  where = "collector"

  given {
    labels         = { vantage_point = "101" }
    vantage_points = { silent = ["101", "301"] }
  }

  given {
    labels         = { vantage_point = "501" }
    vantage_points = { silent = ["101", "301"] }
  }

  expect {
    at       = "0m"
    labels   = { vantage_point = "101" }
    state    = "firing"
    severity = "warning"
    summary  = "no measurements for half an hour from 101"
  }

  expect {
    at     = "0m"
    labels = { vantage_point = "501" }
    state  = "inactive"
  }
}

test "a vantage point that was not deployed" {
  rule  = "plan-mismatch"
  where = "collector"

  given {
    labels         = { vantage_point = "101" }
    vantage_points = { other_plan = ["101", "301"] }
  }

  given {
    labels         = { vantage_point = "501" }
    vantage_points = { other_plan = ["101", "301"] }
  }

  expect {
    at     = "55m"
    labels = { vantage_point = "101" }
    state  = "pending"
  }

  expect {
    at       = "1h"
    labels   = { vantage_point = "101" }
    state    = "firing"
    severity = "warning"
    summary  = "101 measures by another plan than the collector's"
  }

  expect {
    at     = "1h"
    labels = { vantage_point = "501" }
    state  = "inactive"
  }
}

test "a zone nobody archived" {
  rule  = "serial-gaps"
  where = "collector"

  given {
    labels = { serial = "2026112200" }
    zones  = { missing = ["2026112200"] }
  }

  given {
    labels = { serial = "2026112201" }
    zones  = { missing = ["2026112200"] }
  }

  expect {
    at       = "0m"
    labels   = { serial = "2026112200" }
    state    = "firing"
    severity = "warning"
    summary  = "root zone 2026112200 was seen in use and is not in the archive"
  }

  expect {
    at     = "0m"
    labels = { serial = "2026112201" }
    state  = "inactive"
  }
}

test "a zone that stays missing" {
  rule  = "serial-gaps"
  where = "collector"

  given {
    labels = { serial = "2026112200" }
    zones  = { missing = ["2026112200"], gaps = 1 }
  }

  expect {
    at    = "0m"
    state = "firing"
  }

  expect {
    at    = "7d5m"
    state = "firing"
  }

  expect {
    at    = "30d5m"
    state = "firing"
  }
}

test "a key that no anchor is of" {
  rule  = "new-key"
  where = "collector"

  given {
    labels = { key = "38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16" }
    keys   = { unanchored = ["38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16"] }
  }

  given {
    labels = { key = "20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D" }
    keys   = { unanchored = ["38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16"] }
  }

  expect {
    at       = "0m"
    labels   = { key = "38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16" }
    state    = "firing"
    severity = "warning"
    summary  = "key signing key 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16 was met and no anchor is of it: compare it with the DS record that IANA announces"
  }

  expect {
    at     = "0m"
    labels = { key = "20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D" }
    state  = "inactive"
  }
}

test "a key that is revoked" {
  rule  = "key-revoked"
  where = "collector"

  given {
    labels = { key = "20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D" }
    keys   = { revoked = ["20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"] }
  }

  given {
    labels = { key = "38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16" }
    keys   = { revoked = ["20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"] }
  }

  expect {
    at       = "0m"
    labels   = { key = "20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D" }
    state    = "firing"
    severity = "info"
    summary  = "key signing key 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D is revoked in the newest root zone"
  }

  expect {
    at     = "0m"
    labels = { key = "38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16" }
    state  = "inactive"
  }
}

test "signatures near their end" {
  rule  = "signatures-expiring"
  where = "collector"

  given {
    keys = { days_left = "_ 8.8 6.0 5.95 _ -0.5 13" }
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at    = "10m"
    state = "inactive"
  }

  expect {
    at       = "15m"
    state    = "firing"
    severity = "critical"
    summary  = "the signatures of the newest root zone at hand end in 5.95 days: no newer zone was archived, or the root does not renew them"
  }

  expect {
    at    = "20m" # without a zone it keeps its state
    state = "firing"
  }

  expect {
    at    = "25m"
    state = "firing"
  }

  expect {
    at    = "30m"
    state = "resolved"
  }
}

# Where each threshold lies: a rule that is changed by a little fails a test.

test "one query is enough, none is not" {
  rule = "nothing-answered"

  given {
    planned  = "1 0"
    answered = 0
  }

  expect {
    at    = "0m"
    state = "firing"
  }

  expect {
    at    = "5m"
    state = "resolved"
  }
}

test "thirty queries are enough to judge by" {
  rule = "rsi-unavailable"

  given {
    labels                 = { rsi = "a", transport = "udp", family = "ipv4" }
    sent                   = "29x1 30x4"
    availability           = 95.95
    vantage_points_failing = 3
  }

  expect {
    at    = "5m"
    state = "inactive"
  }

  expect {
    at    = "10m"
    state = "pending"
  }

  expect {
    at    = "25m"
    state = "firing"
  }
}

test "five hundred queries are enough to compare" {
  rule = "slower-than-before"

  given {
    labels         = { rsi = "a", transport = "udp", family = "ipv4" }
    sent           = "499 500"
    median_latency = 100
    previous       = { median_latency = 20 }
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at    = "5m"
    state = "firing"
  }
}

test "seven RSIs may fail together" {
  rule = "vantage-point-cut-off"

  given {
    labels       = { vantage_point = "101", family = "ipv4" }
    sent         = 84
    rsis         = "7x7 8x7"
    rsis_failing = "7x7 8x7"
  }

  expect {
    at    = "35m"
    state = "inactive"
  }

  expect {
    at    = "40m"
    state = "pending"
  }

  expect {
    at    = "70m"
    state = "firing"
  }
}

# Where each is evaluated.

test "the disk of the collector" {
  rule  = "disk-filling"
  where = "collector"

  given {
    disk = { used_percent = 100 }
  }

  expect {
    at    = "0m"
    state = "firing"
  }
}

test "the clock of the collector" {
  rule  = "clock-not-synchronised"
  where = "collector"

  given {
    clock = { synchronized = false }
  }

  expect {
    at    = "0m"
    state = "firing"
  }
}

test "the collector measures nothing" {
  rule  = "no-output"
  where = "collector"

  given {
    output = { exists = false, newest_age = "10d" }
  }

  expect {
    at    = "30m"
    state = "inactive"
  }
}

test "the collector pushes nothing" {
  rule  = "unsent-files"
  where = "collector"

  given {
    output = { unsent = 7 }
  }

  expect {
    at    = "30m"
    state = "inactive"
  }
}

test "a vantage point receives nothing" {
  rule  = "nothing-received"
  where = "vantage_point"

  given {
    originals = { received_since_last_run = 0 }
  }

  expect {
    at    = "0m"
    state = "inactive"
  }
}

test "a vantage point keeps no archive" {
  rule  = "no-new-root-zone"
  where = "vantage_point"

  given {
    zones = { added_24h = 0 }
  }

  expect {
    at    = "0m"
    state = "inactive"
  }
}

test "a vantage point has no Quarantine" {
  rule  = "quarantine"
  where = "vantage_point"

  given {
    quarantine = { count = 1 }
  }

  expect {
    at    = "0m"
    state = "inactive"
  }
}

test "a vantage point keeps one zone only, and may be late with it" {
  rule  = "signatures-expiring"
  where = "vantage_point"

  given {
    keys = { days_left = 1 }
  }

  expect {
    at    = "0m"
    state = "inactive"
  }
}
