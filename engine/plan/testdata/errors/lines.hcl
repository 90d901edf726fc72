locals {
  absent = lines("zones.txt")
  above  = lines("../zones.txt")
}
