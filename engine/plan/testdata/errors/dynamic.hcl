server "other" {
  rsi = "z"

  dynamic "adress" {
    for_each = ["192.0.2.1"]
    content {
      ipv4 = address.value
    }
  }

  dynamic "address" {
    for_each = ["192.0.2.1"]
    content {
      ipv4 = adress.value
      ipv5 = 1
    }
  }
}
