#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What a script relies on: the exit status of both echo programs (ECHOSERVER, ECHOCLIENT), and one
# line on standard error that says why.
set -u

failures=0

# expect STATUS TEXT COMMAND...: runs it and looks for TEXT on its standard error.
expect() {
    local status=$1 text=$2 said actual=0
    shift 2
    said=$(timeout 30 "$@" 2>&1 >/dev/null </dev/null) || actual=$?
    if [ "$actual" != "$status" ] || [[ $said != *"$text"* ]]; then
        printf 'FAIL: %s\n  status %s, not %s\n  %s\n' "$*" "$actual" "$status" "$said" >&2
        failures=$((failures + 1))
    fi
}

expect 2 "Either a text or --file" "$ECHOCLIENT" 127.0.0.1 1
expect 2 "Either a text or --file" "$ECHOCLIENT" --file /dev/null text 127.0.0.1 1
expect 2 "A host and a port" "$ECHOCLIENT" 127.0.0.1
expect 2 "is not a port" "$ECHOCLIENT" text 127.0.0.1 70000
expect 2 "is not a preset" "$ECHOCLIENT" --preset none text 127.0.0.1 1
expect 2 "is not a number" "$ECHOCLIENT" --chunk 0 text 127.0.0.1 1
expect 2 "Unknown option" "$ECHOCLIENT" --unknown text 127.0.0.1 1
expect 0 "" "$ECHOCLIENT" --help
expect 1 "No such file" "$ECHOCLIENT" --file /nonexistent 127.0.0.1 1
# Nobody listens on port 1: the answer is an ICMP message.
expect 1 "Connection refused" "$ECHOCLIENT" text 127.0.0.1 1
expect 1 "Connection refused" "$ECHOCLIENT" --plain text 127.0.0.1 1

expect 2 "is not a port" "$ECHOSERVER" -p 70000
expect 2 "is not an address" "$ECHOSERVER" -a nowhere
expect 2 "is not a preset" "$ECHOSERVER" --preset none
expect 2 "Unexpected argument" "$ECHOSERVER" argument
expect 0 "" "$ECHOSERVER" --help
# 192.0.2.0/24 is for documentation, and no address of any machine.
expect 1 "Cannot listen" "$ECHOSERVER" -a 192.0.2.1

[ "$failures" = 0 ]
