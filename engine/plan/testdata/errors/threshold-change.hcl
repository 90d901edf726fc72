threshold "rsi_availability" {
  at_least = 96
  n        = 0

  change {
    from     = "2027-01-15"
    at_least = 95
  }

  change {
    from     = "2027-02-01T00:00:01Z"
    at_least = 95
  }

  change {
    from     = "2027-03-01T01:00:00+01:00" # the same moment as the next
    at_least = 95
  }

  change {
    from     = "2027-03-01"
    at_least = 94
  }

  change {
    from = "2027-04-01"
    n    = 12
  }

  change {
    at_least = 95
  }
}
