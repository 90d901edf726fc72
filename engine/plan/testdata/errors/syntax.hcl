query "extra" {
  schedule = schedule.interval
  qname = 
}
