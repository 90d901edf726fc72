#!/bin/sh
# The inventory: the vantage points and the collector of the plan. Ansible calls
# it first, so it also says what is missing in local/. MTRIC_LOCAL names another
# folder than local/, MTRIC_BINARY another program than bin/mtric.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
local=${MTRIC_LOCAL:-$root/local}
mtric=${MTRIC_BINARY:-$root/bin/mtric}
# local/README.md says what each is and how to make it.
for f in hosts known_hosts group_vars/all.yml; do
  [ -e "$local/$f" ] || { echo "$local/$f is missing; local/README.md says what it is and how to make it" >&2; exit 1; }
done
[ -x "$mtric" ] || { echo "$mtric is missing; make build builds it" >&2; exit 1; }
[ "${1:-}" = --list ] || { echo '{}'; exit; }
# Without a plan of the site there would be no machine, and nothing to fail.
found=$(find "$local/" -maxdepth 1 -name '*.hcl')
[ -n "$found" ] || { echo "$local has no plan (*.hcl); copy vantage-points.hcl.example to vantage-points.hcl and write in what you have" >&2; exit 1; }
exec "$mtric" plan inventory --plan "${MTRIC_PLAN:-rssac047}" --plan "$local"
