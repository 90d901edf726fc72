schedule "a" {
  every = 5m
}
