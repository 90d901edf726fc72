#!/bin/sh
# Plays scamper: prints two traces and remembers how it was called.
printf '%s\n' "$@" > "$SCAMPER_ARGS"
cat <<'J'
{"type":"cycle-start","list_name":"default","id":0}
{"type":"trace","method":"icmp-echo-paris","src":"198.51.100.7","dst":"192.0.2.1","stop_reason":"COMPLETED","start":{"sec":1795397600,"usec":5},"hop_count":2,"hops":[{"addr":"198.51.100.1","probe_ttl":1,"rtt":0.063,"reply_ttl":64,"icmp_type":11,"icmp_code":0},{"addr":"192.0.2.1","probe_ttl":2,"rtt":12.001,"reply_ttl":63,"icmp_type":0,"icmp_code":0}]}
{"type":"trace","method":"icmp-echo-paris","dst":"2001:db8::1","stop_reason":"GAPLIMIT","start":{"sec":1795397600,"usec":9},"hop_count":3}
{"type":"cycle-stop"}
J
