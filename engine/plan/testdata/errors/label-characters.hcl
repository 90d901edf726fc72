schedule "every five minutes" {
  every = "5m"
}
