# Who asks. Vantage points measure by cron and push what they measured to the collector
# (mtric plan crontab). At least two, in other networks than the servers: what one alone sees
# may be its own trouble, and a new zone counts as published once two have seen it.

vantage_point "{each.key}" {
  for_each = {
    101 = { region = "africa", metro = "Nairobi" }
    301 = { region = "europe", metro = "Frankfurt" }
    501 = { region = "north_america", metro = "Dallas" }
  }

  region = each.value.region
  metro  = each.value.metro
  # from = "2026-12-01" # since when it measures: what came before is not missed
}

collector "c00" {
  host = "c00.example.net"
}
