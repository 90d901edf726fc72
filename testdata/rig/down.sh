#!/bin/bash
# down.sh: ends everything in the rig's namespaces and removes them. Safe to run
# twice, and when up.sh got half way.
set -uo pipefail
P=${PREFIX:-mtric}
for n in $(ip netns list | awk '{print $1}' | grep -xE "$P(vp|r[123]|[a-m]|[0-9]{3}|c00)"); do
  for pid in $(ip netns pids "$n"); do kill -9 "$pid" 2>/dev/null; done
  ip netns delete "$n"
done
exit 0
