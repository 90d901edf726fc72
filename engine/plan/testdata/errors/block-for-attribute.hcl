threshold "rss_response_latency" {
  udp {
    at_most = "150ms"
  }
  tcp = { at_most = "300ms" }
}
