fault "one" {
  kind           = "stael"
  vantage_points = ["999", "x"]
  rsis           = ["z"]
  paths          = ["ipv4/tpc"]
  from           = "2026-11-03"
  until          = "2026-11-02"
}
fault "one" {
  kind  = "down"
  from  = "yesterday"
  until = var.end
}
fault "pct" {
  kind    = "wrong"
  from    = "2026-11-01"
  until   = "2026-11-02"
  percent = 101
  tags    = ["pdx"]
  rsis    = []
}
fault "rate" {
  kind  = "slow"
  from  = "2026-11-01"
  until = "2026-11-02"
  by    = 300
}
