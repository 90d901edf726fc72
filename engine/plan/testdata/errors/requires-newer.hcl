# What a newer engine understands must not be reported as a mistake.
plan "demo" {
  requires = ">= 2.1"
}

telescope "hubble" {
  mirror = 2.4 m
}
