schedule {
  every = "5m"
}
