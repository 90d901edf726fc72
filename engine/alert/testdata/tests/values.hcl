test "series" {
  rule = "rsi-unavailable"

  given {
    labels       = { rsi = "a" }
    sent         = "1 2xq"
    availabilty  = 7
    availability = "many"
  }

  expect {
    at    = "5m"
    state = "firing"
  }
}
