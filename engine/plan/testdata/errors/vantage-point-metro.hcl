# A warning fails nothing; it stands here beside a mistake.
vantage_point "302" {
  region = "europe"
  metro  = "frankfurt"
}

retention "sends" {
  keep = "35d"
}
