vantage_point "402" {
  region = "latin_america"
  metro  = "Lima"
  from   = "2026-03-01"
  until  = "2026-02-01"
}
