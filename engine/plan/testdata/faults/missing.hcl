fault "nothing" {
}
fault "slow" {
  kind  = "slow"
  from  = "2026-11-01"
  until = "2026-11-02"
}
fault "rcode" {
  kind  = "rcode"
  from  = "2026-11-01"
  until = "2026-11-02"
}
