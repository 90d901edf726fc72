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
