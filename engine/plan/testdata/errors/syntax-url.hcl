zone_source "web" {
  url = https://example.net/root.zone
}
