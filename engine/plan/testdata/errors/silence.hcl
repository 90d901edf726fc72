silence "quiet" {
  match  = { rule = "wrong-anser", color = "red" }
  reason = "A known fault."
  from   = "2026-03-02"
  until  = "2026-03-01"
}
