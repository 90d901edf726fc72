schedule "a" "b" {
  every = "5m"
}
