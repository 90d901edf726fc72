silence "everything" {
  match  = {}
  reason = "quiet"
  from   = "2027-01-01"
  until  = "2027-01-02"
}
