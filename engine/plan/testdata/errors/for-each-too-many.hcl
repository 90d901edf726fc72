schedule "slow" {
  for_each = toset([for n in range(1001) : "n${n}"])
  every    = "10m"
}
