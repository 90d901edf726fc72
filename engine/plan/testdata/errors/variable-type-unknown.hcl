variable "ports" {
  type    = "number"
  default = 1
}
