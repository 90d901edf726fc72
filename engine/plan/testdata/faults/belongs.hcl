fault "silent" {
  kind  = "silent"
  rsis  = ["a"]
  paths = ["ipv4/udp"]
  from  = "2026-11-01"
  until = "2026-11-02"
  by    = "5m"
}
fault "reset" {
  kind  = "reset"
  paths = ["ipv4/udp"]
  from  = "2026-11-01"
  until = "2026-11-02"
  rcode = "REFUSED"
  tags  = ["pdd"]
}
fault "stale" {
  kind    = "stale"
  from    = "2026-11-01"
  until   = "2026-11-02"
  by      = "61d"
  percent = 10
}
fault "truncated" {
  kind  = "truncated"
  paths = ["ipv6/tcp"]
  from  = "2026-11-01"
  until = "2026-11-02"
}
fault "fast" {
  kind    = "fast_clock"
  rsis    = ["a"]
  from    = "2026-11-01"
  until   = "2026-11-02"
  by      = "1m"
  percent = 10
}
fault "slow-clock" {
  kind  = "slow_clock"
  paths = ["ipv4/udp"]
  from  = "2026-11-01"
  until = "2026-11-02"
}
fault "known" {
  kind  = "unsynchronized"
  from  = "2026-11-01"
  until = "2026-11-02"
  by    = "1h"
}
fault "future" {
  kind  = "future"
  from  = "2026-11-01"
  until = "2026-11-02"
}
