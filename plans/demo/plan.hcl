# The plan of the demo: the measurements of rssac047, made against thirteen root
# servers that run inside one process on this machine.

plan "demo" {
  description = "Thirteen embedded root servers, three vantage points and a collector on one machine"
  requires    = ">= 1.0"
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

locals {
  # The letters of the RSIs and their numbers, a is 1.
  number = { for n, letter in split("", "abcdefghijklm") : letter => n + 1 }
}

server "root" {
  for_each = local.number

  rsi  = each.key
  name = "${each.key}.root-servers.net."
  port = var.port_base + each.value
  ipv4 = cidr("127.0.53.0/24", each.value)
  ipv6 = var.ipv6 ? "::1" : null
}

collector "c00" {
  host = "127.0.0.1"
  sftp = { port = var.sftp_port }
}

vantage_point "101" {
  region   = "africa"
  metro    = "Nairobi"
  provider = "demo"
}

vantage_point "301" {
  region   = "europe"
  metro    = "Frankfurt"
  provider = "demo"
}

vantage_point "501" {
  region   = "north_america"
  metro    = "Dallas"
  provider = "demo"
}

retention "sent" {
  keep = "1d"
}
