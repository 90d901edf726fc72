locals {
  x = 1e999999999
}
