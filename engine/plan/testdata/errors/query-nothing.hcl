query "extra" {
  schedule = schedule.interval
  servers  = server.root

  choose "nothing" {
  }

  choose "half" {
    qname = "www.<letters:0>."
  }

  choose "except" {
    root   = ["NS"]
    except = ["arpa"]
  }
}
