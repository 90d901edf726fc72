schedule "slow" {
  every = each.value
}
