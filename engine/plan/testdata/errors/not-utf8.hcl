plan "x" {
  description = "café"
}
