#!/bin/bash
# Installs what the test of the playbooks and their linter need, after
# testdata/rig/install.sh. Quick when all is there. Needs root.
set -euo pipefail
packages=(ansible ansible-lint debootstrap systemd-container rsync curl openssl)
cache=${MTRIC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mtric}
missing=()
for p in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q ' installed$' || missing+=("$p")
done
if [ ${#missing[@]} -gt 0 ]; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null ||
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null; }
fi

# DuckDB with the extension that reads over HTTP; both of one version.
if ! "$cache/web/bin/python" -c 'import duckdb, duckdb_extension_httpfs' 2> /dev/null; then
  python3 -m venv "$cache/web"
  "$cache/web/bin/pip" install -q --disable-pip-version-check duckdb-extension-httpfs
fi
"$(dirname "$0")/machines.sh" "$cache/machines"
