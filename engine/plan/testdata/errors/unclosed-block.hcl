schedule "slow" {
  every = "10m"
