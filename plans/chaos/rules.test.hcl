# Run by: mtric plan test --plan chaos. Each value is a series, one for each five minutes
# (docs/rules.md).

test "another identity, for a day" {
  rule   = "identity-unexpected"
  window = "24h"

  given {
    labels     = { rsi = "k", vantage_point = "301" }
    sent       = 4
    answered   = 4
    unexpected = "0 1x287 0"
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at       = "5m"
    state    = "firing"
    severity = "warning"
    summary  = "k.root, asked from 301, gave an identity that is none of its own in 1 of 4 answers: somebody in between, or a new form of its names"
  }

  expect {
    at    = "1440m"
    state = "firing"
  }

  expect {
    at    = "1445m"
    state = "resolved"
  }
}

test "the version of a resolver" {
  rule   = "version-unexpected"
  window = "24h"

  given {
    labels     = { rsi = "k", vantage_point = "301" }
    sent       = 2
    answered   = 2
    unexpected = "0 1 0"
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at       = "5m"
    state    = "firing"
    severity = "warning"
    summary  = "k.root, asked from 301, answers as a resolver does in 1 of 2 answers: somebody in between?"
  }

  expect {
    at    = "10m"
    state = "resolved"
  }
}

test "no answer at all" {
  rule   = "identity-unknown"
  window = "24h"

  given {
    labels   = { rsi = "g" }
    sent     = "3 4 4"
    answered = "0 0 1"
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at       = "5m"
    state    = "firing"
    severity = "info"
    summary  = "g.root answered none of 4 questions for its identity"
  }

  expect {
    at    = "10m"
    state = "resolved"
  }
}

test "one answer is an answer" {
  rule = "identity-unknown"

  given {
    labels   = { rsi = "g" }
    sent     = 78
    answered = 1
  }

  expect {
    at    = "0m"
    state = "inactive"
  }
}
