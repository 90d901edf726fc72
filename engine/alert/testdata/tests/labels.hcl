test "twice" {
  rule = "rsi-unavailable"
  given {
    labels       = { rsi = "a", transport = "udp", family = "ipv4" }
    sent         = 240
    availability = "90-5x3 -1"
  }
  given {
    labels       = { rsi = "a", transport = "udp", family = "ipv4" }
    availability = 99
  }
  expect {
    at    = "0m"
    state = "inactive"
  }
}

test "none has labels" {
  rule = "disk-filling"
  given {
    labels = { rsi = "a" }
    disk   = { used_percent = 10 }
  }
  expect {
    at     = "0m"
    labels = { vantage_point = "101" }
    state  = "inactive"
  }
}
