locals {
  zones {
    tld = "example."
  }
}
