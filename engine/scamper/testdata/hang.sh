#!/bin/sh
# Plays scamper in a black hole: one trace, half a line, then nothing for ever.
trap '' TERM
printf '%s\n' '{"type":"trace","method":"icmp-echo-paris","dst":"192.0.2.1","stop_reason":"COMPLETED","hop_count":1,"hops":[{"addr":"192.0.2.1","probe_ttl":1,"rtt":1}]}'
printf '%s' '{"type":"trace","method":"icmp-echo-paris","dst":"2001:db8::1","stop_reason":"GAPLIMIT","hop_count":4,"hops":[{"addr":"2001:db8:9::1","probe_ttl":1,"rtt":2.5},{"addr":"2001:db8:a::1","probe_t'
while :; do sleep 1; done
