locals {
  wide = format("%99999999d", 1)
}
