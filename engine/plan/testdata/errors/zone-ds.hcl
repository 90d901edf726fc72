zone "forms" {
  name    = "forms.example."
  servers = server.root
  ds = [
    "4711 13 2",
    "4711 13 3 49FD",
    "4711 13 2 49FD",
    true,
    null,
    { valid_from = "2026-01-01" },
    { ds = "4711 13 2 49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC1234", from = "2026-01-01" },
    { ds = "4711 13 2 49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC1235", valid_from = "new year" },
    { ds = "4711 13 2 49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC1236", valid_from = "2026-02-01", valid_until = "2026-01-01" },
    "4712 13 2 49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC1234",
    { ds = "4712 13 2 49fd46e6c4b45c55d4ac49fd46e6c4b45c55d4ac49fd46e6c4b45c55 d4ac1234", valid_from = "2026-01-01" },
  ]
}

zone "text" {
  name    = "text.example."
  servers = server.root
  ds      = "4711 13 2 49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC1234"
}

zone "many" {
  name    = "many.example."
  servers = server.root
  ds      = [for n in range(17) : "${n} 13 2 49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC1234"]
}
