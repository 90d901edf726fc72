# alone
plan "small" {
}

report "monthly" {
  period = "monthly"
}
