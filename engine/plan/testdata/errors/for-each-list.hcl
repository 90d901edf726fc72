schedule "slow" {
  for_each = ["10m", "15m"]
  every    = each.value
}
