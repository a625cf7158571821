#!/usr/bin/env bash
# run-snippets.sh <server> <client>: the README's two programs talk to each other.
set -euo pipefail

log=$(mktemp)
"$1" 0 2>"$log" &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -f "$log"' EXIT

port=
for ((tries = 0; tries < 300 && ${#port} == 0; ++tries)); do
    kill -0 "$server"
    port=$(sed -n 's/^.*Listening on port \([0-9]*\)$/\1/p' "$log")
    [ -n "$port" ] || sleep 0.1
done

"$2" "$port" 2>&1 | tee /dev/stderr | grep -qx 'Hello, KCP'
