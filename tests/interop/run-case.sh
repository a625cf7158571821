#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One case: starts an echo server, with loss also the relay, sends a file from an echo client and
# compares the SHA-256 of the file with what both sides say. The programs come in the environment
# (ECHOSERVER, ECHOCLIENT, KCPGO, LOSSYRELAY), KCP_TEST_SEED sets the relay's seed.
set -euo pipefail

usage="usage: run-case.sh --server ours|kcpgo --client ours|kcpgo --mode stream|message
                   --size BYTES --chunk BYTES --loss PERCENT [--profile plain|native]"

fail() {
    printf 'FAIL: %s\n' "$*" >&2
    exit 1
}

server='' client='' mode='' size='' chunk='' loss='' profile=plain
while [ $# -ge 2 ]; do
    case $1 in
    --server) server=$2 ;;
    --client) client=$2 ;;
    --mode) mode=$2 ;;
    --size) size=$2 ;;
    --chunk) chunk=$2 ;;
    --loss) loss=$2 ;;
    --profile) profile=$2 ;;
    *) fail "$usage" ;;
    esac
    shift 2
done
for value in "$server" "$client" "$mode" "$size" "$chunk" "$loss"; do
    [ -n "$value" ] || fail "$usage"
done

# The programs end by themselves if this script cannot end them any more.
lifetime=90 # seconds
client_time=60

folder=$(mktemp -d)
pids=()
cleanup() {
    local pid
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    rm -rf "$folder"
}
trap cleanup EXIT
trap 'exit 1' TERM INT

# start NAME COMMAND...: starts a program in the background, sets NAME_pid, and NAME_address to
# the address and port of its first line, "Listening on ADDRESS:PORT ...". Its output waits in
# the descriptor NAME_output.
server_pid='' server_address='' server_output=''
# shellcheck disable=SC2034 # the relay says nothing more; the descriptor only stays open
relay_pid='' relay_address='' relay_output=''
start() {
    local name=$1 line
    shift
    mkfifo "$folder/$name"
    # --foreground: otherwise timeout passes a signal on twice, and the second one may come when
    # the program has given up its handler and is about to exit.
    timeout --foreground -k 5 "$lifetime" "$@" >"$folder/$name" 2>"$folder/$name.errors" &
    pids+=($!)
    printf -v "${name}_pid" %s $!
    eval "exec {${name}_output}<\"\$folder/\$name\""
    local output=${name}_output
    read -r -t 20 line <&"${!output}" ||
        fail "$name does not listen: $(cat "$folder/$name.errors")"
    printf '%s: %s\n' "$name" "$line"
    line=${line#Listening on }
    printf -v "${name}_address" %s "${line%% *}"
}

# Lines of numbers: the same in every run, and no two places look the same.
input=$folder/input
{ seq 1 100000000 || true; } 2>/dev/null | head -c "$size" >"$input"
[ "$(stat -c %s "$input")" = "$size" ] || fail "the input has another size"
expected=$(sha256sum <"$input")
expected=${expected%% *}

# With loss: fast retransmission, no congestion control. Without: the largest windows.
if [ "$loss" = 0 ]; then preset=adaptive; else preset=fast; fi
our_options=(--preset "$preset")
if [ "$profile" = plain ]; then our_options+=(--plain); fi
if [ "$mode" = message ]; then our_options+=(--message); fi

if [ "$server" = ours ]; then
    start server "$ECHOSERVER" "${our_options[@]}" -a 127.0.0.1 -p 0
else
    go_options=()
    if [ "$mode" = stream ]; then go_options+=(-stream); fi
    start server "$KCPGO" server "${go_options[@]}"
fi
address=$server_address
if [ "$loss" != 0 ]; then
    seed=${KCP_TEST_SEED:-$((RANDOM * 32768 + RANDOM))}
    printf 'KCP_TEST_SEED=%s\n' "$seed"
    start relay "$LOSSYRELAY" --to "$address" --loss "$loss" --seed "$seed"
    address=$relay_address
fi

if [ "$client" = ours ]; then
    command=("$ECHOCLIENT" "${our_options[@]}" --sha256 --chunk "$chunk" --file "$input"
        "${address%:*}" "${address##*:}")
else
    if [ "$mode" = stream ]; then go_options=(-stream); else go_options=(-messages); fi
    command=("$KCPGO" client "${go_options[@]}" -timeout "${client_time}s" -chunk "$chunk"
        -file "$input" "$address")
fi
status=0
# In the background, because a signal for this script waits for a program in the foreground.
timeout --foreground -k 5 "$client_time" "${command[@]}" >"$folder/client.output" 2>&1 &
pids+=($!)
wait $! || status=$?
cat "$folder/client.output"

# The server's word: it is asked to end, has to do so cleanly, and tells what it received.
server_status=0
kill "$server_pid"
server_said=$(cat <&"$server_output")
wait "$server_pid" || server_status=$?
printf '%s\n' "$server_said"
cat "$folder/server.errors" >&2
if [ "$loss" != 0 ]; then
    kill "$relay_pid"
    wait "$relay_pid" || true
    cat "$folder/relay.errors"
fi

[ "$status" = 0 ] || fail "the client ended with status $status"
[ "$server_status" = 0 ] || fail "the server ended with status $server_status"
grep -qx "sha256 $expected" "$folder/client.output" || fail "the client's SHA-256 is not $expected"
if [ "$server" = ours ]; then
    [[ $server_said == *"closed after $size bytes"* ]] || fail "the server did not echo $size bytes"
else
    [[ $server_said == *": $size bytes, sha256 $expected" ]] ||
        fail "the server's SHA-256 is not $expected"
fi
if [ "$loss" != 0 ]; then
    # Of 500 datagrams one is lost as good as certainly (0.95^500 = 7e-12).
    received=$(sed -n 's/^lossyrelay: \([0-9]*\) received.*/\1/p' "$folder/relay.errors")
    if [ "$received" -ge 500 ] && grep -q ' 0 lost' "$folder/relay.errors"; then
        fail "the relay lost nothing"
    fi
fi
