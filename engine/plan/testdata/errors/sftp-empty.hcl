collector "c00" {
  host = "https://c00.example.net/"
  sftp = { user = "", port = "twenty-two" }
}
