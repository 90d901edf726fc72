query "transfer" {
  schedule = schedule.interval
  servers  = server.root
  qname    = "."
  qtype    = "AXFR"
}

query "option" {
  schedule = schedule.interval
  servers  = server.root

  choose "one" {
    qnames = ["a.", "A.", "b"]
    qname  = "c."
    qtype  = "OPT"
  }

  choose "none" {
    qnames = []
    qtype  = "A"
  }
}
