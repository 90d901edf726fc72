query "correctness" {
  schedule = schedule.interval
  servers  = server.root

  choose "positive" {
    weight = 50
    root   = ["SOA", "ZONEMD"]
    tld    = ["NS"]
  }

  choose "negative" {
    weight = 50
    qname  = "www.<letters:5>."
    qtype  = "AAAA"
  }
}
