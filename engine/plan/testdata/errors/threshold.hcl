threshold "rsi_availabilty" {
  at_least = 96
}

threshold "rss_availability" {
  at_least = "99.999%"
}

threshold "rsi_correctness" {
  at_least = 101
}

threshold "rsi_publication_latency" {
  at_least = 65
}

threshold "rsi_response_latency" {
  udp = { at_most = 250 }
  tcp = { most = "500ms" }
}
