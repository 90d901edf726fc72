# Whom we ask [yns]. Exactly one address of an RSI and family is valid at the
# start of an interval, and that one is asked. When an RSI is renumbered, the
# old address becomes a line of `former` and root.hints gets the new one; an old
# address that should still be watched gets a name and a query of its own.

locals {
  former = {
    # b moved on 2023-11-27; its old addresses answered until a year later, but
    # are no longer those of the RSI.
    b = [{ ipv4 = "199.9.14.201", ipv6 = "2001:500:200::b", until = "2023-11-27" }]
  }
}

server "root" {
  for_each = hints("root.hints")

  rsi  = each.key
  name = each.value.name
  ipv4 = each.value.ipv4 # [jhb]
  ipv6 = each.value.ipv6

  dynamic "address" {
    for_each = lookup(local.former, each.key, [])
    content {
      ipv4        = address.value.ipv4
      ipv6        = address.value.ipv6
      valid_until = address.value.until
    }
  }
}
