fault "regions" {
  kind    = "down"
  regions = ["europa"]
  share   = 101
  from    = "2026-11-01"
}
fault "identity" {
  kind     = "slow"
  by       = "10ms"
  identity = "pop7.example"
  regions  = []
  from     = "2026-11-01"
}
fault "long" {
  kind     = "moved"
  by       = "10ms"
  identity = "a-name-that-is-far-longer-than-any-label-of-a-name-of-a-server-can-be"
  from     = "2026-11-01"
}
