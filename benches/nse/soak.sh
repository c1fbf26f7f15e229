#!/bin/sh
# Scans hostile services for so many seconds (default 620) and prints seconds, resident kilobytes and descriptors.
# Arguments: the binary, the seconds. Needs python3 and an installed Nmap's scripts.
set -eu
binary=$1 seconds=${2:-620}
here=$(dirname "$0")
python3 "$here/hostile.py" 12 &
services=$!
sleep 2
targets=$(i=0; while [ $i -lt 120 ]; do echo 127.9.0.1-12; i=$((i + 1)); done)
# The targets are words.
# shellcheck disable=SC2086
"$binary" --datadir /usr/share/nmap -n -Pn --max-hostgroup 12 --script-timeout 15s \
  -p 21,22,23,25,53,80,110,143,389,443,445,587,873,993,995,1433,1521,1883,3306,3389,5060,5432,5900,6379,8000,8080,8443,11211,27017 \
  --script '(default or safe or discovery) and not (broadcast or external)' $targets >/dev/null 2>&1 &
scan=$!
at=0
while [ $at -lt "$seconds" ]; do
  sleep 10
  at=$((at + 10))
  echo "$at $(awk '/VmRSS/ { print $2 }' /proc/$scan/status) $(ls /proc/$scan/fd | wc -l)"
done
kill -INT $scan
wait $scan || echo "the scan ended with $?"
kill $services
