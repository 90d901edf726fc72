schedule "never" {
  every = null
}

silence "nothing" {
  match  = {}
  reason = "two\nlines"
  from   = "2027-01-01"
  until  = null
}
