threshold "rsi_publication_latency" {
  at_most = "0s"
}

threshold "rsi_response_latency" {
  udp = { at_most = "40d" }
  tcp = "500ms"
}
