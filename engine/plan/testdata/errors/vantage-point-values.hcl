vantage_point "401" {
  region    = "asia_pacific"
  metro     = "Osaka"
  latitude  = 134.7
  longitude = "east"
  asn       = 4294967296
}
