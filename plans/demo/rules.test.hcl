# Run by: mtric plan test --plan demo.

test "three queries and one lost" {
  rule   = "rsi-unavailable"
  window = "10m"

  given {
    labels       = { rsi = "a", transport = "udp", family = "ipv4" }
    sent         = 9
    availability = "100 66.6 100"
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at       = "5m"
    state    = "firing"
    severity = "warning"
  }

  expect {
    at    = "10m"
    state = "inactive"
  }
}

test "slow over UDP, good enough over TCP" {
  rule   = "too-slow"
  window = "10m"

  given {
    labels         = { rsi = "f", transport = "udp", family = "ipv4" }
    sent           = 6
    median_latency = "250 250.05 _ 20"
  }

  given {
    labels         = { rsi = "f", transport = "tcp", family = "ipv4" }
    sent           = 6
    median_latency = 301
  }

  expect {
    at     = "0m"
    labels = { rsi = "f", transport = "udp", family = "ipv4" }
    state  = "inactive"
  }

  expect {
    at       = "10m" # nothing was answered: it goes on firing
    labels   = { rsi = "f", transport = "udp", family = "ipv4" }
    state    = "firing"
    severity = "info"
  }

  expect {
    at     = "15m"
    labels = { rsi = "f", transport = "udp", family = "ipv4" }
    state  = "inactive"
  }

  expect {
    at     = "15m"
    labels = { rsi = "f", transport = "tcp", family = "ipv4" }
    state  = "inactive"
  }
}

test "one wrong answer is enough" {
  rule   = "wrong-answer"
  window = "70m"

  given {
    labels                   = { rsi = "b" }
    sent                     = 9
    incorrect                = "0 1 0"
    vantage_points_incorrect = "0 2 0"
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
  }
}

test "output" {
  rule = "no-output"

  given {
    output = { exists = true, newest_age = "6m" }
  }

  expect {
    at    = "0m"
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

test "96 percent of three queries are enough" {
  rule = "rsi-unavailable"

  given {
    labels       = { rsi = "a", transport = "udp", family = "ipv4" }
    sent         = "2 3 3"
    availability = "95 95.95 96"
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at    = "5m"
    state = "firing"
  }

  expect {
    at    = "10m"
    state = "inactive"
  }
}

test "slow over TCP" {
  rule   = "too-slow"
  window = "10m"

  given {
    labels         = { rsi = "f", transport = "tcp", family = "ipv4" }
    sent           = 6
    median_latency = "500 500.05"
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
