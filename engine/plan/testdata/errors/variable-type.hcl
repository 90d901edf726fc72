variable "ports" {
  type    = list(number)
  default = "many"
}
