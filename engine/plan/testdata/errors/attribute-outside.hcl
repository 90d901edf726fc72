timeout = "4s"
