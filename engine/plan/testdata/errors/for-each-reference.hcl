schedule "slow" {
  for_each = server.root
  every    = "10m"
}
