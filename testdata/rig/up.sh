#!/bin/bash
# up.sh ZONE [ORIGIN=ZONE]...: thirteen root servers, each in a network namespace of
# its own, three routers away from the vantage point: vp - r1 - r2 - r3 - a…m.
# NSD serves a d g j m, Knot b e h k, BIND c f i l; RSI number N has 10.53.N.53
# and fd53:N(hex)::53, port 53; the vantage point 10.53.200.2 and fd53:c8::2.
# All but m give zone transfers to the vantage point and what is near it.
# Each serves the zones of further arguments (example.=FILE) too, from its folder's
# ORIGINzone, which SIGHUP reads again, and tells its NSID as id.server. and
# hostname.bind. and its kind as version.bind. With CERTIFICATES, a folder with X.pem and
# X.key of each server, it serves DNS over TLS at port 853; Knot does so from 3.4 on:
# RUN/without-tls has the letters of those that do not.
# PREFIX names the namespaces, RUN is the folder of the servers. Needs root.
set -euo pipefail
zone=$(readlink -f "$1")
shift
zones=("$@")
certificates=${CERTIFICATES:-}
P=${PREFIX:-mtric} RUN=${RUN:?the folder for the servers}
mkdir -p "$RUN"
letters=(a b c d e f g h i j k l m)

space() { # NAME: a namespace that routes, without limits on ICMP
  ip netns add "$P$1"
  ip -n "$P$1" link set lo up
  ip netns exec "$P$1" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
    net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
}

wire() { # NEAR FAR NET HOST: a network 10.53.NET.0/24, NEAR is .1 and FAR .HOST in it
  local net=$3 host=$4 hex
  hex=$(printf %x "$net")
  ip link add "near$net" netns "$P$1" type veth peer name "far$net" netns "$P$2"
  ip -n "$P$1" address add "10.53.$net.1/24" dev "near$net"
  ip -n "$P$1" -6 address add "fd53:$hex::1/64" dev "near$net" nodad
  ip -n "$P$1" link set "near$net" up
  ip -n "$P$2" address add "10.53.$net.$host/24" dev "far$net"
  ip -n "$P$2" -6 address add "fd53:$hex::$host/64" dev "far$net" nodad
  ip -n "$P$2" link set "far$net" up
  # Checksums left to hardware that is not there make IPv6 traces silent.
  ip netns exec "$P$2" ethtool -K "far$net" tx off >/dev/null 2>&1 || true
}

default() { # NAME NET: the way out is .1 of the network
  ip -n "$P$1" route add default via "10.53.$2.1"
  ip -n "$P$1" -6 route add default via "fd53:$(printf %x "$2")::1"
}

for n in vp r1 r2 r3; do space $n; done
wire r1 vp 200 2
wire r2 r1 201 2
wire r3 r2 202 2
default vp 200
default r1 201
default r2 202
ip -n "${P}r2" route add 10.53.200.0/24 via 10.53.201.2
ip -n "${P}r2" -6 route add fd53:c8::/64 via fd53:c9::2
for net in 200 201; do
  ip -n "${P}r3" route add 10.53.$net.0/24 via 10.53.202.2
  ip -n "${P}r3" -6 route add "fd53:$(printf %x $net)::/64" via fd53:ca::2
done

clients=(10.53.192.0/20 fd53:c0::/28) # who may transfer the zone: 10.53.192 to 10.53.207

knot_tls=
if [ -n "$certificates" ] && printf '3.4\n%s\n' "$(knotd -V | grep -oE '[0-9]+\.[0-9]+' | head -n 1)" | sort -C -V; then knot_tls=yes; fi

nsd_conf() {
  cat <<C
server:
  ip-address: $v4@53
  ip-address: $v6@53
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "$dir"
  database: ""
  pidfile: "$dir/nsd.pid"
  xfrdfile: "$dir/xfrd.state"
  zonelistfile: "$dir/zone.list"
  xfrdir: "$dir"
  nsid: "ascii_$nsid"
  identity: "$nsid"
  version: "$kind"
C
  [ -z "$certificates" ] || cat <<C
  ip-address: $v4@853
  ip-address: $v6@853
  tls-port: 853
  tls-service-pem: "$certificates/$l.pem"
  tls-service-key: "$certificates/$l.key"
C
  cat <<C
remote-control:
  control-enable: yes
  control-interface: $dir/nsd.sock
zone:
  name: "."
  zonefile: root.zone
C
  [ "$l" = m ] || printf '  provide-xfr: %s NOKEY\n' "${clients[@]}"
  for o in "${origins[@]}"; do printf 'zone:\n  name: "%s"\n  zonefile: "%szone"\n' "$o" "$o"; done
}

knot_conf() {
  cat <<C
server:
    rundir: "$dir"
    listen: [ $v4@53, $v6@53 ]
    nsid: "$nsid"
    identity: "$nsid"
    version: "$kind"
C
  [ -z "$knot_tls" ] || cat <<C
    listen-tls: [ $v4@853, $v6@853 ]
    cert-file: "$certificates/$l.pem"
    key-file: "$certificates/$l.key"
C
  cat <<C
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
control:
    listen: knot.sock
log:
  - target: stderr
    any: warning
database:
    storage: "$dir/db"
acl:
  - id: transfer
    address: [ ${clients[0]}, ${clients[1]} ]
    action: transfer
template:
  - id: default
    storage: "$dir"
    zonefile-load: whole
    journal-content: none
zone:
  - domain: .
    file: root.zone
    acl: transfer
C
  for o in "${origins[@]}"; do printf '  - domain: %s\n    file: %szone\n' "$o" "$o"; done
}

named_conf() {
  [ -z "$certificates" ] || cat <<C
tls rig { cert-file "$certificates/$l.pem"; key-file "$certificates/$l.key"; };
C
  cat <<C
options {
  directory "$dir"; pid-file "named.pid"; session-keyfile "session.key"; managed-keys-directory "$dir";
  listen-on { $v4; }; listen-on-v6 { $v6; };
  recursion no; server-id "$nsid"; hostname "$nsid"; version "$kind"; dnssec-validation no; notify no; minimal-responses no-auth-recursive;
  ${certificates:+listen-on port 853 tls rig { $v4; \}; listen-on-v6 port 853 tls rig { $v6; \};}
};
controls { };
zone "." { type primary; file "root.zone"; allow-transfer { ${clients[0]}; ${clients[1]}; }; };
C
  for o in "${origins[@]}"; do printf 'zone "%s" { type primary; file "%szone"; };\n' "$o" "$o"; done
}

number=0
for l in "${letters[@]}"; do
  number=$((number + 1))
  space "$l"
  wire r3 "$l" $number 53
  default "$l" $number
  dir=$RUN/$l v4=10.53.$number.53 v6=fd53:$(printf %x $number)::53 nsid=rig-$l-01.mtric.example
  mkdir -p "$dir"
  cp "$zone" "$dir/root.zone"
  origins=()
  for z in "${zones[@]}"; do
    origins+=("${z%%=*}")
    cp "${z#*=}" "$dir/${z%%=*}zone"
  done
  case $l in
    a | d | g | j | m) kind=nsd && nsd_conf > "$dir/conf" && start=(nsd -d -c "$dir/conf") ;;
    b | e | h | k) kind=knot && knot_conf > "$dir/conf" && start=(knotd -c "$dir/conf") ;;
    *) kind=bind && named_conf > "$dir/conf" && start=(named -n 1 -g -c "$dir/conf") ;;
  esac
  [ "$kind$knot_tls" != knot ] || echo "$l" >> "$RUN/without-tls"
  printf '%s\n' "${start[@]}" > "$dir/command"
  ip netns exec "$P$l" "${start[@]}" > "$dir/log" 2>&1 < /dev/null &
  echo $! > "$dir/pid"
done

number=0
for l in "${letters[@]}"; do
  number=$((number + 1))
  for ((try = 0; ; try++)); do
    if ip netns exec "${P}vp" dig +short +tries=1 +time=1 "@10.53.$number.53" . SOA 2>/dev/null | grep -q ' 1800 '; then break; fi
    if [ $try = 100 ]; then
      echo "root server $l does not answer; its log:" >&2
      tail -n 20 "$RUN/$l/log" >&2
      exit 1
    fi
    sleep 0.1
  done
done
