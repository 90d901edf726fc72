traceroute "slow" {
  schedule  = schedule.interval
  servers   = server.root
  tool      = "mtr"
  after     = []
  limit     = "10s"
  attempts  = 11
  gap_limit = 0
  pps       = 0.5
}
