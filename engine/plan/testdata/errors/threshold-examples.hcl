# alone
plan "p" {}

threshold "{each.key}" {
  for_each = toset(["rsi_availability", "rsi_correctness", "rss_availability", "rss_correctness", "rsi_publication_latency", "rss_publication_latency"])
}

threshold "{each.key}_response_latency" {
  for_each = toset(["rsi", "rss"])
}
