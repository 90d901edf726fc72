retention "zones" {
  keep = "35d"
}

retention "logs" {
  keep = "always"
}

retention "lake" {
  keep = "1h"
}
