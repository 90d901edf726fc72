#!/bin/bash
# Installs what the system test needs: Debian packages, and DuckDB, pandas, polars
# and Spark in Python environments of their own. Quick when all is there. Needs root.
set -euo pipefail
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

# environment NAME MODULES PACKAGES makes a Python environment unless it has the modules.
environment() {
  local dir=$cache/$1
  "$dir/bin/python" -c "import $2" 2>/dev/null && return
  python3 -m venv "$dir"
  # shellcheck disable=SC2086 # packages are several words
  "$dir/bin/pip" install -q --disable-pip-version-check $3 || "$dir/bin/pip" install -q --disable-pip-version-check $3
}
environment venv "duckdb, pandas, polars, pyarrow, pytz" "duckdb pandas polars pyarrow pytz"
environment spark "pyspark, pyarrow" "pyspark pyarrow"
id metrics >/dev/null 2>&1 || useradd --create-home --shell /bin/bash metrics
