vantage_point "{each.key}" {
  for_each = { 001 = ["europe", "Frankfurt"] }

  region = each.value[0]
  metro  = each.value[1]
}

locals {
  ports = { 007 = 1, 1e2 = 2, 101 = 3 }
}
