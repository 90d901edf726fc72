schedule "slow" {
  every  = "10 minutes"
  jitter = 5
}
