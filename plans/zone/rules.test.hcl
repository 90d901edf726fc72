# Run by: mtric plan test --plan my-zone. Each value is a series, one for each five minutes
# (docs/rules.md).

test "four of nine answers are missing" {
  rule   = "server-unavailable"
  window = "15m"

  given {
    labels       = { rsi = "ns2", family = "ipv4", transport = "tcp" }
    sent         = 9
    availability = "60 55.55 60"
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at       = "5m"
    state    = "firing"
    severity = "warning"
    summary  = "ns2 over ipv4/tcp was 55.55% available in the last quarter of an hour"
  }

  expect {
    at    = "10m"
    state = "resolved"
  }
}

test "a little below is below" {
  rule = "server-unavailable"

  given {
    labels       = { rsi = "ns2", family = "ipv4", transport = "tcp" }
    sent         = 9
    availability = "59.95 60.05"
  }

  expect {
    at    = "0m"
    state = "firing"
  }

  expect {
    at    = "5m"
    state = "inactive"
  }
}

test "five questions prove nothing, six do" {
  rule = "server-unavailable"

  given {
    labels       = { rsi = "ns2", family = "ipv4", transport = "udp" }
    sent         = "5 6"
    availability = 0
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

test "two of four are left" {
  rule   = "service-at-risk"
  window = "15m"

  given {
    sent        = 100
    rsis        = 4
    rsis_silent = "1 2 0"
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at       = "5m"
    state    = "firing"
    severity = "critical"
    summary  = "2 of 4 servers gave no answer in the last quarter of an hour"
  }

  expect {
    at    = "10m"
    state = "resolved"
  }
}

test "a start with few questions" {
  rule = "service-at-risk"

  given {
    sent        = "19 20"
    rsis        = 4
    rsis_silent = 4
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

test "slow over UDP, over TCP and over TLS" {
  rule   = "too-slow"
  window = "15m"

  given {
    labels         = { rsi = "ns2", family = "ipv4", transport = "udp" }
    sent           = 9
    median_latency = "150 150.1 150"
  }

  given {
    labels         = { rsi = "ns2", family = "ipv4", transport = "tcp" }
    sent           = 9
    median_latency = "300 300.1 300"
  }

  given {
    labels         = { rsi = "ns1", family = "ipv6", transport = "tls" }
    sent           = 9
    median_latency = "450 450.1 450"
  }

  expect {
    at     = "0m"
    labels = { rsi = "ns2", family = "ipv4", transport = "udp" }
    state  = "inactive"
  }

  expect {
    at       = "5m"
    labels   = { rsi = "ns2", family = "ipv4", transport = "udp" }
    state    = "firing"
    severity = "info"
  }

  expect {
    at     = "10m"
    labels = { rsi = "ns2", family = "ipv4", transport = "udp" }
    state  = "resolved"
  }

  expect {
    at     = "0m"
    labels = { rsi = "ns2", family = "ipv4", transport = "tcp" }
    state  = "inactive"
  }

  expect {
    at       = "5m"
    labels   = { rsi = "ns2", family = "ipv4", transport = "tcp" }
    state    = "firing"
    severity = "info"
  }

  expect {
    at     = "10m"
    labels = { rsi = "ns2", family = "ipv4", transport = "tcp" }
    state  = "resolved"
  }

  expect {
    at     = "0m"
    labels = { rsi = "ns1", family = "ipv6", transport = "tls" }
    state  = "inactive"
  }

  expect {
    at       = "5m"
    labels   = { rsi = "ns1", family = "ipv6", transport = "tls" }
    state    = "firing"
    severity = "info"
  }

  expect {
    at     = "10m"
    labels = { rsi = "ns1", family = "ipv6", transport = "tls" }
    state  = "resolved"
  }
}

test "two answers are not as expected" {
  rule   = "wrong-answer"
  window = "15m"

  given {
    labels     = { query = "absent", rsi = "ns4" }
    sent       = 9
    unexpected = "1 2 0"
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at       = "5m"
    state    = "firing"
    severity = "critical"
    summary  = "ns4 gave 2 answers to absent that are not as expected: mtric show --where expected=false has them"
  }

  expect {
    at    = "10m"
    state = "resolved"
  }
}

test "output" {
  rule  = "no-output"
  where = "vantage_point"

  given {
    output = { exists = true, newest_age = "6m 6m1s 1m" }
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at       = "5m"
    state    = "firing"
    severity = "critical"
    summary  = "no output from the most recent run: the newest is 6m1s old"
  }

  expect {
    at    = "10m"
    state = "resolved"
  }
}

test "the collector measures nothing" {
  rule  = "no-output"
  where = "collector"

  given {
    output = { exists = false, newest_age = "10d" }
  }

  expect {
    at    = "0m"
    state = "inactive"
  }
}

test "one of two is silent" {
  rule  = "vantage-point-silent"
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

test "the clock of a vantage point" {
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
    state = "resolved"
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
