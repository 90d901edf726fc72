fault "x" {
