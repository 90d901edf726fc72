schedule "slow" {
  every  = "10m"
  jiter  = "5s"
  colour = "red"
}
