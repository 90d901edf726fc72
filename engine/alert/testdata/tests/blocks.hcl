oops = 1

test "misspelt" {
  rule = "disk-fillng"

  given {
    disk = { used_percent = 70 }
  }

  expect {
    at    = "7m"
    state = "fireing"
    when  = 1
  }
}

test "empty" {
  rule = "disk-filling"
}

test "empty" {
  rule = "quarantine"

  given {
    quarantine = { count = 1 }
  }

  expect {
    at    = "0m"
    state = "firing"
  }
}
