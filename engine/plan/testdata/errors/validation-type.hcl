variable "wait" {
  default = "2s"

  validation {
    condition = duration(var.wait)
    error     = ["too long"]
  }

  validation {
    condition = var.wait != local.most
    error     = "too long"
  }
}
