# Where root zones come from. The collector keeps every zone ever published
# [ooy]; each time it asks all sources, in the order of their priority, and takes
# what validates, so one that is down, stale or lies costs nothing. A vantage point
# stops at the first good one.

zone_source "internic" {
  priority = 10
  url      = "https://www.internic.net/domain/root.zone"
  timeout  = "60s"
  max_size = 16777216
}

zone_source "icann-lax" {
  priority = 20
  axfr     = "xfr.lax.dns.icann.org"
  timeout  = "60s"
}

zone_source "icann-cjr" {
  priority = 30
  axfr     = "xfr.cjr.dns.icann.org"
  timeout  = "60s"
}

# These RSIs let anybody transfer the root zone.

zone_source "b-root" {
  priority = 40
  axfr     = "b.root-servers.net"
  timeout  = "60s"
}

zone_source "f-root" {
  priority = 50
  axfr     = "f.root-servers.net"
  timeout  = "60s"
}

# Zones that were missed come from sources that have each under its serial, such as
# another collector; local/zone-sources.hcl.example shows one.

# Whom zones and answers are signed by [yds]: IANA's trust anchors and the times
# in which each may be believed, https://data.iana.org/root-anchors/.

anchor "19036" {
  ds          = "19036 8 2 49AAC11D7B6F6446702E54A1607371607A1A41855200FD2CE1CDDE32F24E8FB5"
  valid_from  = "2010-07-15"
  valid_until = "2019-01-11"
}

anchor "20326" {
  ds         = "20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"
  valid_from = "2017-02-02"
}

anchor "38696" {
  ds         = "38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16"
  valid_from = "2024-07-18"
}
