schedule "slow" {
  for_each = { "a b" = "10m" }
  every    = each.value
}

schedule "slow-x" {
  every = "10m"
}

schedule "slower" {
  for_each = { x = "10m" }
  every    = each.val
}
