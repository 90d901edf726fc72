schedule "late" {
  every  = "15m"
  offset = "15m"
}

schedule "odd" {
  every  = "1h"
  offset = "7m"
}
