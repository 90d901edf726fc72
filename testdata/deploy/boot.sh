#!/bin/bash
# boot.sh make NAME NET LAYER FQDN KEY: makes a machine of the layer, with nothing
# on it but that KEY.pub may log in as root, and a network namespace for it behind
# the rig's first router, with the addresses 10.53.NET.2 and fd53:NET(hex)::2.
# boot.sh run NAME: boots it; kill the process to power it off.
# boot.sh remove NAME: takes away what make has made, but for its namespace, which
# the rig's down.sh removes.
# PREFIX and RUN as in the rig's up.sh; MACHINES is what machines.sh made; HOSTS
# are further lines of /etc/hosts.
set -euo pipefail
what=$1 name=$2
P=${PREFIX:?} RUN=${RUN:?} MACHINES=${MACHINES:?}
root=$RUN/$name

space() { # NET
  local net=$1 hex
  hex=$(printf %x "$net")
  ip -n "${P}r1" link delete "near$net" 2> /dev/null || true
  ip netns add "$P$name"
  ip -n "$P$name" link set lo up
  ip netns exec "$P$name" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
  ip link add "near$net" netns "${P}r1" type veth peer name host0 netns "$P$name"
  ip -n "${P}r1" address add "10.53.$net.1/24" dev "near$net"
  ip -n "${P}r1" -6 address add "fd53:$hex::1/64" dev "near$net" nodad
  ip -n "${P}r1" link set "near$net" up
  ip -n "$P$name" address add "10.53.$net.2/24" dev host0
  ip -n "$P$name" -6 address add "fd53:$hex::2/64" dev host0 nodad
  ip -n "$P$name" link set host0 up
  ip -n "$P$name" route add default via "10.53.$net.1"
  ip -n "$P$name" -6 route add default via "fd53:$hex::1"
  ip -n "${P}r2" route replace "10.53.$net.0/24" via 10.53.201.2
  ip -n "${P}r2" -6 route replace "fd53:$hex::/64" via fd53:c9::2
  ip -n "${P}r3" route replace "10.53.$net.0/24" via 10.53.202.2
  ip -n "${P}r3" -6 route replace "fd53:$hex::/64" via fd53:ca::2
  ip netns exec "$P$name" ethtool -K host0 tx off > /dev/null 2>&1 || true
}

make() { # NET LAYER FQDN KEY
  local layer=$2 fqdn=$3 key=$4 lower
  space "$1"

  mkdir -p "$root"/{upper,work,root}
  lower=$MACHINES/bare
  [ "$layer" = bare ] || lower=$MACHINES/$layer:$lower
  mount -t overlay overlay -o "lowerdir=$lower,upperdir=$root/upper,workdir=$root/work" "$root/root"
  mkdir -p "$root/root/root/.ssh"
  cp "$key.pub" "$root/root/root/.ssh/authorized_keys"
  chmod 700 "$root/root/root/.ssh"
  rm -f "$root"/root/etc/ssh/ssh_host_*
  ssh-keygen -q -t ed25519 -N '' -f "$root/root/etc/ssh/ssh_host_ed25519_key"
  printf '%s\n' "${fqdn%%.*}" > "$root/root/etc/hostname"
  printf '127.0.0.1 localhost\n::1 localhost\n%s\n' "${HOSTS:-}" > "$root/root/etc/hosts"
  # Nobody answers there; without any name server scamper does not start.
  echo 'nameserver 127.0.0.1' > "$root/root/etc/resolv.conf"
  # On a busy machine it may come before the bus is there, and count as failed.
  ln -sf /dev/null "$root/root/etc/systemd/system/systemd-update-utmp-runlevel.service"
  rm -f "$root/root/etc/machine-id" && : > "$root/root/etc/machine-id"
}

run() {
  local loops=()
  for device in /dev/loop-control /dev/loop[0-9]*; do loops+=("--bind=$device"); done
  # Settings of the network are the machine's own business, as on a real one.
  SYSTEMD_NSPAWN_API_VFS_WRITABLE=network exec systemd-nspawn -q -D "$root/root" -M "$P$name" --register=no --keep-unit \
    --resolv-conf=off --link-journal=no --timezone=off --network-namespace-path="/run/netns/$P$name" \
    --capability=CAP_NET_ADMIN "${loops[@]}" --console=pipe -b < /dev/null >> "$root/log" 2>&1
}

remove() {
  umount -l "$root/root" 2> /dev/null || true
  rm -rf "$root"
}

shift 2
"$what" "$@"
