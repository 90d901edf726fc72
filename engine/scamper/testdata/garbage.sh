#!/bin/sh
# Plays a program that is not scamper.
echo "Usage: scamper [-v]"
