#!/usr/bin/env bash
# run-fortune.sh <program>: its server hands out twenty fortunes to its client.
set -euo pipefail

log=$(mktemp)
"$1" server 0 2>"$log" &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -f "$log"' EXIT

port=
for ((tries = 0; tries < 300 && ${#port} == 0; ++tries)); do
    kill -0 "$server"
    port=$(sed -n 's/^.*Listening on port \([0-9]*\)$/\1/p' "$log")
    [ -n "$port" ] || sleep 0.1
done

fortunes=$("$1" client 127.0.0.1 "$port" 20)
printf '%s\n' "$fortunes"
[ "$(grep -c '\.$' <<<"$fortunes")" -eq 20 ]

# Nobody listens there: the client says so and fails.
kill "$server"
wait "$server" || true
if error=$("$1" client 127.0.0.1 "$port" 1 2>&1); then
    echo "the client did not fail" >&2
    exit 1
fi
grep -qi 'refused' <<<"$error"
