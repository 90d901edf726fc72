plan "demo" {
  requires = "one point oh"
}
