plan "one" {
}

plan "two" {
}
