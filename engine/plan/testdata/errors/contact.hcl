contact "measurements" {
  name  = "Somebody\nelse"
  email = "Somebody <a@example.net>"
  url   = "example.net/help"
  data  = "https://user:word@example.net/"
}

contact "second" {
  name  = "Somebody else"
  email = "nobody"
}

contact "third" {
}
