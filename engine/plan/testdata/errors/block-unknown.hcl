treshold "rsi_correctness" {
  at_least = 100
}
