schedule "slow" {
  every = dration("10m")
}
