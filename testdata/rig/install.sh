#!/bin/bash
# Installs what the system test needs: Debian packages, and DuckDB, pandas, polars
# and Spark in Python environments of their own. Quick when all is there. Needs root.
# The readers have the versions of requirements-*.txt; MTRIC_NEWEST=1 is for the newest.
set -euo pipefail
cd "$(dirname "$0")/../.."
packages=(nsd knot bind9 bind9-dnsutils bind9-utils ldnsutils scamper openssh-server openssh-sftp-server
  iproute2 iptables ethtool shellcheck python3-venv procps gcc libc6-dev chromium default-jre-headless
  prometheus prometheus-node-exporter)
cache=${MTRIC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mtric}

if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "the system test needs Debian and root: it installs packages and makes network namespaces" >&2
  exit 1
fi
missing=()
for p in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q ' installed$' || missing+=("$p")
done
if [ ${#missing[@]} -gt 0 ]; then
  export DEBIAN_FRONTEND=noninteractive
  # The servers are started by the test alone: nothing else may hold port 53.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' > $policy
    chmod +x $policy
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  for try in 1 2; do
    if apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; then break; fi
    [ $try = 2 ] && exit 1
  done
fi

# environment NAME makes a Python environment with the versions of requirements-NAME.txt;
# with MTRIC_NEWEST set another one, NAME-newest, with the newest versions of the same.
environment() {
  local wanted=testdata/rig/requirements-$1.txt dir=$cache/$1
  if [ -n "${MTRIC_NEWEST:-}" ]; then
    dir=$cache/$1-newest
    [ -x "$dir/bin/python" ] || python3 -m venv "$dir"
    sed 's/==.*//' "$wanted" | "$dir/bin/pip" install -q --disable-pip-version-check --upgrade -r /dev/stdin
    echo "newest: $("$dir/bin/pip" freeze --disable-pip-version-check | tr '\n' ' ')"
    return
  fi
  [ -x "$dir/bin/python" ] && [ -z "$("$dir/bin/pip" freeze --disable-pip-version-check | LC_ALL=C sort | LC_ALL=C comm -13 - <(LC_ALL=C sort "$wanted"))" ] && return
  python3 -m venv "$dir"
  "$dir/bin/pip" install -q --disable-pip-version-check -r "$wanted" || "$dir/bin/pip" install -q --disable-pip-version-check -r "$wanted"
}
environment venv
environment spark
id metrics >/dev/null 2>&1 || useradd --create-home --shell /bin/bash metrics
