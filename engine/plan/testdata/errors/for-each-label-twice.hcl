schedule "slow" {
  for_each = { x = "10m" }
  every    = each.value
}

schedule "slow-x" {
  every = "10m"
}
