#!/bin/sh
# shot.sh FILE OUT WIDTH HEIGHT [dark]
extra=""; [ "$5" = dark ] && extra="--blink-settings=preferredColorScheme=0"
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=$3,$4 $extra --screenshot=$2 "file://$1" >/dev/null 2>&1
