locals {
  whom = server.root
}
