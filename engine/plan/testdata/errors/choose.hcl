query "drawn" {
  schedule = schedule.interval
  servers  = server.root

  choose "mixed" {
    tld   = ["NS"]
    qname = "example."
    qtype = "A"
  }

  choose "half" {
    qname = "example."
  }

  choose "half" {
    qnames = ["example."]
    qtype  = "A"
  }

  choose "two" "labels" {
    root = ["SOA"]
  }

  choose {
    root = ["SOA"]
  }
}

query "both" {
  schedule = schedule.interval
  servers  = server.root
  qname    = "."
  qtype    = "SOA"

  choose "one" {
    root = "SOA"
  }
}

query "neither" {
  schedule = schedule.interval
  servers  = server.root
}

query "half" {
  schedule = schedule.interval
  servers  = server.root
  qname    = "<letters:100>."
  qtype    = "SAO"
}
