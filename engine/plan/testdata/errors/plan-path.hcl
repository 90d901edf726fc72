plan "demo" {
  paths = {
    outputs   = "/srv/out"
    dropboxes = "/sftp/incoming"
  }
}
