variable "operator" {
  type = string
}
