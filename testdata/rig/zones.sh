#!/bin/bash
# zones.sh OUT UNSIGNED SERIAL…: signs a root zone with keys of its own, once for
# each serial: OUT/root-SERIAL.zone. UNSIGNED is master text, plain or gzipped;
# what depends on the keys is left out and made anew. INCEPTION and EXPIRATION
# (YYYYMMDDHHMMSS) make signatures of another time. ORIGIN (example.) signs another
# zone, as OUT/example.-SERIAL.zone; each needs an OUT of its own, for the keys.
set -euo pipefail
out=$1 source=$(readlink -f "$2")
shift 2
origin=${ORIGIN:-.}
name=${ORIGIN:-root}
mkdir -p "$out"
cd "$out"
if [ ! -e zsk.private ]; then
  k=$(ldns-keygen -r /dev/urandom -a RSASHA256 -b 2048 -k "$origin")
  z=$(ldns-keygen -r /dev/urandom -a RSASHA256 -b 2048 "$origin")
  for ending in key private; do
    mv "$k.$ending" "ksk.$ending"
    mv "$z.$ending" "zsk.$ending"
  done
fi
now=$(date -u +%s)
inception=${INCEPTION:-$(date -u -d "@$((now - 26 * 3600))" +%Y%m%d%H%M%S)}
expiration=${EXPIRATION:-$(date -u -d "@$((now + 13 * 86400))" +%Y%m%d%H%M%S)}
for serial in "$@"; do
  zcat -f "$source" | awk -v serial="$serial" '
    { gsub(/[ \t]+/, " ") }
    $4 ~ /^(RRSIG|NSEC|DNSKEY|ZONEMD)$/ || NF == 0 { next }
    $4 == "SOA" { $7 = serial }
    { print }' > "unsigned-$serial.zone"
  ldns-signzone -o "$origin" -i "$inception" -e "$expiration" -z 1:1 -f "$name-$serial.zone" "unsigned-$serial.zone" ksk zsk
done
