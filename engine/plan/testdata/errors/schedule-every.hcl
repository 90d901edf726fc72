schedule "slow" {
  every  = "7m"
  jitter = "90s"
}
