exclusion "fibre-cut" {
  vantage_points = ["102"]
  rsis           = ["g", "z"]
  paths          = ["ipv6-tcp"]
  from           = "2026-03-02T10:00:00Z"
  until          = "2026-03-02T10:00:00Z"
  reason         = ""
  by             = "metrics operations"
}

exclusion "everything" {
  from   = "2026-03-02T10:00:00Z"
  until  = "2026-03-02T11:00:00Z"
  added  = "2026-03-03"
  reason = "An hour to forget."
  by     = "metrics operations"
}
