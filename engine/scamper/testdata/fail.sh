#!/bin/sh
# Plays scamper that may not open a raw socket.
echo "scamper: could not open icmp socket: Operation not permitted" >&2
exit 255
