vantage_point "lima" {
  host     = "lima mtric net"
  region   = "south_america"
  metro    = "Lima"
  provider = ["two", "of them"]
}
