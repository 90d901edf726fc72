zone_source "two" {
  url  = "ftp://ftp.example/root.zone"
  axfr = "b.root-servers.net:dns"
}

zone_source "none" {
  priority = -1
}

zone_source "open" {
  url = "http://www.internic.net/domain/root.zone"
}
