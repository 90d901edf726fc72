locals {
  limit   = duration("four seconds")
  address = cidr("127.0.53.0/24", 300)
  hosts   = hints("../root.hints")
  more    = hints("named.root")
}
