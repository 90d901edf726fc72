schedule "slow" {
  every = "10m"
}

schedule "slow" {
  every = "15m"
}
