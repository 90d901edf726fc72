vantage_point "{each.key}" {
  region = "europe"
  metro  = "Vienna"
}
