schedule "slow" {
  every = var.evry
}

variable "every" {
  default = "10m"
}
