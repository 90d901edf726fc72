plan "local" {
  paths          = { lake = "", logs = ["a"] }
  export_sources = "sometimes"
}
