#!/bin/bash
# Makes a golden lake, with files of its vantage points, out of the demo of a commit:
#   make.sh schema-1 6c422fa
#   make.sh schema-2 df0a3a0
#   make.sh schema-3 180f1d5
# The demo gets smaller root zones and, from schema 2 on, servers that show the later
# columns; one more interval is measured with routes, of which a stand-in for scamper tells,
# and from schema 3 on with queries over TLS and of class CH.
# What was made is kept as it is: a new schema gets a folder of its own. Of schema 3, which is not
# released, vantage_points.parquet was written anew when the table got the columns of probes.
set -euo pipefail
name=$1 commit=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill "$demo" 2>/dev/null; rm -rf "$work"' EXIT
demo=

mkdir "$work/src" "$work/bin" "$work/routes"
git -C "$here/../.." archive "$commit" | tar -x -C "$work/src"
cd "$work/src"
sed -i -E 's/demoTLDs( +)= (1450|lab.DefaultTLDs)/demoTLDs = 12/' engine/cli/demo.go
if [ "$name" != schema-1 ]; then
  sed -i '/{Kind: lab.Delay, RSIs/i {Kind: lab.TC, RSIs: []measurement.RSI{"m"}}, {Kind: lab.Duplicate, RSIs: []measurement.RSI{"b"}}, {Kind: lab.WrongIDFirst, RSIs: []measurement.RSI{"d"}},' engine/cli/demo.go
fi
go build -o "$work/bin/mtric" .

cat > "$work/bin/scamper" <<'J'
#!/bin/sh
echo '{"type":"trace","method":"icmp-paris","src":"127.0.0.1","dst":"127.0.53.1","stop_reason":"COMPLETED","hop_count":2,"hops":[{"addr":"192.0.2.1","probe_ttl":1,"rtt":0.5,"reply_ttl":64,"icmp_type":11,"icmp_code":0},{"addr":"127.0.53.1","probe_ttl":2,"rtt":0.7,"reply_ttl":63,"icmp_type":0,"icmp_code":0}]}'
echo '{"type":"trace","method":"icmp-paris","dst":"127.0.53.2","stop_reason":"GAPLIMIT","hop_count":3,"hops":[{"addr":"2001:db8::1","probe_ttl":2,"rtt":12.001}]}'
J
chmod +x "$work/bin/scamper"
cat > "$work/routes/plan.hcl" <<'J'
traceroute "path" {
  schedule = schedule.interval
  servers  = server.root
  families = ["ipv4"]
  after    = [query.soa, query.correctness]
  tool     = "scamper"
  method   = "icmp-paris"
  limit    = "20s"
}
J
if [ "$name" != schema-1 ] && [ "$name" != schema-2 ]; then
  cat >> "$work/routes/plan.hcl" <<'J'
server "root" {
  for_each = local.number

  rsi  = each.key
  name = "${each.key}.root-servers.net."
  port = var.port_base + each.value
  ipv4 = cidr("127.0.53.0/24", each.value)
  ipv6 = var.ipv6 ? "::1" : null
  tls  = { port = var.port_base + 16 + each.value, verify = each.key == "a" ? "opportunistic" : "name" }
}

query "dot" {
  schedule   = schedule.interval
  servers    = server.root
  qname      = "."
  qtype      = "SOA"
  transports = ["tls"]
  pick       = 1
}

query "identity" {
  schedule = schedule.interval
  servers  = server.root
  qname    = "id.server."
  qtype    = "TXT"
  class    = "CH"
  pick     = 1
}
J
fi

export PATH=$work/bin:$PATH
mtric demo --serve --keep "$work/demo" > "$work/log" &
demo=$!
until grep -q 'stay up until' "$work/log"; do kill -0 "$demo" && sleep 0.2; done
vars=() # set by what the demo prints
eval "vars=($(grep -m1 ' query c . SOA ' "$work/log" | grep -oE -- '--var .*'))"
last=$(cd "$work/demo/c00/Originals" && printf '%s\n' */*.answers.parquet | tail -1 | sed -E 's|.*/([0-9]{8})([0-9]{4})-.*|\1 \2|')
next=$(date -u -d "$last 5 minutes" +%Y-%m-%dT%H:%M:%SZ)
mtric measure --quiet --no-wait --vp 101 --home "$work/demo/101" --plan demo --plan "$work/routes" "${vars[@]}" --now "$next" || [ $? = 3 ]
touch -d "$next 1 minute" "$work"/demo/c00/sftp/*/incoming/*
mtric ingest --quiet --home "$work/demo/c00" --plan demo "${vars[@]}" --now "$(date -u -d "$next 6 minutes" +%Y-%m-%dT%H:%M:%SZ)" || [ $? = 3 ]

to=$here/$name
rm -rf "$to"
mkdir -p "$to/Originals" "$to/RootZones"
cp -r "$work/demo/c00/Lake" "$to/Lake"
cp "$work"/demo/c00/Output/RootZones/* "$to/RootZones"
cd "$work/demo/c00/Originals"
first=$(printf '%s\n' */*.answers.parquet | head -1 | sed -E 's|.*/([0-9]{12})-.*|\1|')
stamp=$(date -u -d "$next" +%Y%m%d%H%M)
for f in */"$first"-* */"$stamp"-*; do cp --parents "$f" "$to/Originals"; done
if [ "$name" != schema-1 ] && [ "$name" != schema-2 ]; then # the demo has no source of a zone
  mkdir "$work/src/serials"
  cat > "$work/src/serials/main.go" <<'J'
package main

import (
	"os"
	"time"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/serials"
)

func main() {
	at := time.Date(2026, 11, 29, 10, 5, 1, 123456000, time.UTC)
	for i, s := range []serials.Sight{{Zone: "example.", Source: "192.0.2.53:53", Serial: 4294967295}, {Zone: "example.", Source: "[2001:db8::53]:53", Serial: 1},
		{Zone: "example.", Source: "192.0.2.53:53", Serial: 1}, {Zone: "xn--bcher-kva.example.", Source: "192.0.2.53:53", Serial: 2026112900}} {
		s.At = at.Add(time.Duration(i) * time.Hour)
		if err := serials.Keep(lake.Store{Dir: os.Args[1], Version: "1.0.0"}, []serials.Sight{s}); err != nil {
			panic(err)
		}
	}
}
J
  (cd "$work/src" && go run ./serials "$to/Lake")
fi
printf '%s\n' "${vars[@]}" | grep -v '^--var$' > "$to/variables"
du -sh "$to"
