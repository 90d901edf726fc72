vantage_point "402" {
  region = "latin_america"
  metro  = "Lima"
  from   = "2026-13-01"
  until  = "1 March 2027"
}
