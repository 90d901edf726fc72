zone_source "date" {
  url = "https://zones.example/{date}/{serial}.zone"
}

zone_source "brace" {
  url = "https://zones.example/{serial.zone"
}

zone_source "host" {
  url = "https://{serial}.zones.example/root.zone"
}

zone_source "transfer" {
  axfr = "{serial}.zones.example"
}

zone_source "disk" {
  file = "zones/{serial}.root.txt"
}
