query "nobody" {
  schedule       = schedule.interval
  servers        = server.root
  qname          = "."
  qtype          = "NS"
  vantage_points = ["101"]
  regions        = ["asia_pacific"]
  timeout        = "0s"
  udp_size       = 100
  keep_response  = "sometimes"
}
