collector "c01" {
  host = "c01.mtric.net"
  sftp = { user = "transfer-{vantage_point}", prot = 22, port = 70000 }
}
