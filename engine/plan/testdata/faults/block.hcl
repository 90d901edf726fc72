falt "x" {}
fault {}
fault "two" "labels" {}
x = 1
