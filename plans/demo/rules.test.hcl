# Run by: mtric plan test --plan demo.

test "three queries and one lost" {
  rule = "rsi-unavailable"

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
    at    = "5m"
    state = "firing"
  }

  expect {
    at    = "10m"
    state = "inactive"
  }
}

test "slow over UDP, good enough over TCP" {
  rule = "too-slow"

  given {
    labels         = { rsi = "f", transport = "udp", family = "ipv4" }
    sent           = 6
    median_latency = "250 301 _ 20"
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
    at     = "10m" # nothing was answered: it goes on firing
    labels = { rsi = "f", transport = "udp", family = "ipv4" }
    state  = "firing"
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
  rule = "wrong-answer"

  given {
    labels    = { rsi = "b" }
    sent      = 9
    incorrect = "0 1 0"
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

test "no output" {
  rule = "no-output"

  given {
    output = { exists = true, newest_age = "8m" }
  }

  expect {
    at    = "0m"
    state = "firing"
  }
}

test "output" {
  rule = "no-output"

  given {
    output = { exists = true, newest_age = "3m" }
  }

  expect {
    at    = "0m"
    state = "inactive"
  }
}

test "clock" {
  rule = "clock-not-synchronised"

  given {
    clock = { synchronized = "true false true" }
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
