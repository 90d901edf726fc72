# The plan of the demo: the measurements of rssac047, made against thirteen root
# servers that run inside one process on this machine.

plan "demo" {
  description = "Thirteen embedded root servers, three vantage points and a collector on one machine"
  requires    = ">= 1.0"

  # Below the collector's home, where the demo has its SFTP server.
  paths = { dropboxes = "sftp/transfer-{vantage_point}/incoming" }
}

contact "measurements" {
  name  = "The demo, which nobody reads the mail of"
  email = "measurements@demo.example"
  url   = "https://demo.example/disputes.html"
  data  = "https://demo.example/"
}

variable "port_base" {
  type        = number
  default     = 15300
  description = "Server n listens on this port plus n."

  validation {
    condition = var.port_base >= 1024 && var.port_base <= 65000
    error     = "Ports from 1024 to 65000 are open to every user."
  }
}

variable "sftp_port" {
  type        = number
  default     = 15322
  description = "Port of the dropbox."
}

variable "ipv6" {
  type        = bool
  default     = true
  description = "Whether this machine has ::1."
}

variable "anchor" {
  type        = string
  default     = ""
  description = "DS record of the key that the demo's root zone is signed by; without it no zone is believed."
}

variable "measured" {
  type        = string
  default     = ""
  description = "When the demo measures: begin, begin and end of each hour that it skips, end; with slashes between. Empty: always."
}

locals {
  # The letters of the RSIs and their numbers, a is 1.
  number = { for n, letter in split("", "abcdefghijklm") : letter => n + 1 }

  # The times of var.measured; only what is measured is planned, so that reports rest on all
  # that was planned.
  times = var.measured != "" ? split("/", var.measured) : []
}

server "root" {
  for_each = local.number

  rsi  = each.key
  name = "${each.key}.root-servers.net."
  port = var.port_base + each.value
  ipv4 = cidr("127.0.53.0/24", each.value)
  ipv6 = var.ipv6 ? "::1" : null
}

zone_source "{each.key}" {
  for_each = { for ds in [var.anchor] : "a-root" => 10 if ds != "" }
  priority = each.value
  axfr     = "127.0.53.1:${var.port_base + 1}"
  timeout  = "10s"
}

anchor "{each.key}" {
  for_each   = { for ds in [var.anchor] : split(" ", ds)[0] => ds if ds != "" }
  ds         = each.value
  valid_from = "2020-01-01"
}

collector "c00" {
  host = "127.0.0.1"
  sftp = { port = var.sftp_port }
}

vantage_point "{each.key}" {
  for_each = {
    "101" = { region = "africa", metro = "Nairobi" }
    "301" = { region = "europe", metro = "Frankfurt" }
    "501" = { region = "north_america", metro = "Dallas" }
  }
  region   = each.value.region
  metro    = each.value.metro
  provider = "demo"
  from     = length(local.times) > 0 ? local.times[0] : null
  until    = length(local.times) > 0 ? local.times[5] : null
}

exclusion "skipped-{each.key}" {
  for_each = length(local.times) > 0 ? { "1" = [1, 2], "2" = [3, 4] } : {}

  by     = "mtric demo"
  reason = "The demo lets an hour go by without measuring it."
  added  = local.times[0]
  from   = local.times[each.value[0]]
  until  = local.times[each.value[1]]

  vantage_points = ["101", "301", "501"]
}

retention "sent" {
  keep = "1d"
}
