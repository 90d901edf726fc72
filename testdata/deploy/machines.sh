#!/bin/bash
# machines.sh DIR: makes in DIR what the test boots: `bare`, a Debian as a provider
# delivers it, with the packages of the roles downloaded but not installed; and
# `vantage_points` and `collector`, layers over it with the packages installed.
# Quick when all is there. Needs root.
set -euo pipefail
dir=$1
roles=$(readlink -f "$(dirname "$0")/../../ansible/roles")
mkdir -p "$dir"
export DEBIAN_FRONTEND=noninteractive

# packages ROLE…: what the roles install, as their defaults say.
packages() {
  for role in "$@"; do
    sed -n "/^${role}_packages:/,/^[^ ]/s/^  - //p" "$roles/$role/defaults/main.yml"
  done | sort -u
}

# mirror is the first Debian archive that this machine itself uses.
mirror() {
  awk '$1 == "deb" && /debian/ { for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) { print $i; exit } }
    $1 == "URIs:" && /debian(\/| |$)/ { print $2; exit }' \
    /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1
}

release=$(sed -n "s/^VERSION_CODENAME=//p" /etc/os-release)
recipe=$(cat "$0" <(packages common vantage_point collector) | sha256sum)
if [ "$(cat "$dir/recipe" 2>/dev/null)" = "$recipe" ]; then exit 0; fi
rm -rf "$dir"/{bare,vantage_points,collector,work,recipe}

debootstrap --variant=minbase \
  --include=systemd,systemd-sysv,dbus,openssh-server,sudo,python3,python3-apt,iproute2,iputils-ping,ca-certificates \
  "$release" "$dir/bare" "$(mirror)" > "$dir/debootstrap.log"
printf 'force-unsafe-io\n' > "$dir/bare/etc/dpkg/dpkg.cfg.d/test"
printf '#!/bin/sh\nexit 101\n' > "$dir/bare/usr/sbin/policy-rc.d"
chmod +x "$dir/bare/usr/sbin/policy-rc.d"
chroot "$dir/bare" apt-get update -qq
# shellcheck disable=SC2046 # package names are words
chroot "$dir/bare" apt-get install -y -qq --no-install-recommends --download-only $(packages common vantage_point collector) > /dev/null

# layer NAME ROLE…: the packages of the roles, installed over bare.
layer() {
  local name=$1
  shift
  mkdir -p "$dir/$name" "$dir/work" "$dir/merged"
  mount -t overlay overlay -o "lowerdir=$dir/bare,upperdir=$dir/$name,workdir=$dir/work" "$dir/merged"
  # shellcheck disable=SC2046
  chroot "$dir/merged" apt-get install -y -qq --no-install-recommends $(packages "$@") > /dev/null || { umount "$dir/merged"; exit 1; }
  rm -f "$dir/merged/usr/sbin/policy-rc.d"
  umount "$dir/merged"
  rm -rf "$dir/work"
}
layer vantage_points common vantage_point
layer collector common collector
rm -f "$dir/bare/usr/sbin/policy-rc.d"
rmdir "$dir/merged"
printf '%s\n' "$recipe" > "$dir/recipe"
