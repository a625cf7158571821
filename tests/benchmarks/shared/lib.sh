# SPDX-License-Identifier: MIT
# What the benchmarks of two processes share; to be sourced with the arguments of `bench`. They run
# all candidates in turn, several rounds, and print medians over the rounds; a ratio is the median
# of the rounds' ratios, so that what changes slowly on the machine cancels out.
#
# KCPNETWORK_BENCH_BLINK=1 runs everything for an instant: a test that it runs at all.
# shellcheck shell=bash

build=$1
json=$2
bench=$(basename "$(dirname "${BASH_SOURCE[1]}")")
observe_program=$build/tests/benchmarks/shared/bench_observe
peer=$build/tests/benchmarks/peer/bench_peer
kcpgo=$build/tests/benchmarks/kcpgo/bin/bench_kcpgo
blink=${KCPNETWORK_BENCH_BLINK:-}

die() {
    printf 'bench %s: %s\n' "$bench" "$*" >&2
    exit 1
}

for program in "$observe_program" "$peer"; do
    [ -x "$program" ] || die "$program is missing: configure with -DQTKCPNETWORK_BUILD_BENCHMARKS=ON"
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
goals=$scratch/goals
: >"$goals"

has_kcpgo() { [ -x "$kcpgo" ]; }
has_enet() { [[ $("$peer" enet 2>&1) == *'no such role'* ]]; }

# --- candidates -----------------------------------------------------------------------------------

candidates=()
declare -A title server_of client_of

# candidate NAME TITLE SERVER -- CLIENT: commands that have no spaces within words.
candidate() {
    local name=$1
    candidates+=("$name")
    title[$name]=$2
    shift 2
    local command=$*
    server_of[$name]=${command%% -- *}
    client_of[$name]=${command#* -- }
}

# observe NAME OPTION...: one measurement, a line of name=value.
observe() {
    local name=$1
    shift
    # shellcheck disable=SC2086
    "$observe_program" "$@" -- ${server_of[$name]} -- ${client_of[$name]}
}

# sample FILE ROUND NAME OPTION...: appends a measurement. A candidate may fail now and then, but
# in a test only a foreign one.
sample() {
    local file=$1 round=$2 name=$3 line
    shift 3
    if line=$(observe "$name" "$@"); then
        printf '%s %s %s\n' "$round" "$name" "$(derive <<<"$line")" >>"$file"
    else
        printf 'bench %s: %s has failed in round %s\n' "$bench" "$name" "$round" >&2
        [ -z "$blink" ] || [[ $name == kcpgo* ]] || exit 1
    fi
}

# derive: adds what follows from a measurement.
derive() {
    awk '{
        for (i = 1; i <= NF; ++i) { split($i, pair, "="); v[pair[1]] = pair[2] }
        mb = v["bytes"] / 1e6; cpu = v["server_cpu_ms"] + v["client_cpu_ms"]
        printf "%s MBps=%.1f rate=%.0f", $0, mb / v["seconds"], v["messages"] / v["seconds"]
        if (mb > 0)
            printf " cpu_per_MB=%.3f", cpu / mb
        if (v["messages"] > 0)
            printf " cpu_us=%.2f server_us=%.2f", cpu * 1e3 / v["messages"], v["server_cpu_ms"] * 1e3 / v["messages"]
        printf " server_load=%.3f client_load=%.3f", v["server_cpu_ms"] / v["seconds"] / 10, v["client_cpu_ms"] / v["seconds"] / 10
        print ""
    }'
}

# rounds FILE COUNT OPTION...: all candidates in turn, each round beginning with another one.
rounds() {
    local file=$1 count=$2 round i
    shift 2
    : >"$file"
    for ((round = 0; round < count; ++round)); do
        for ((i = 0; i < ${#candidates[@]}; ++i)); do
            sample "$file" "$round" "${candidates[(i + round) % ${#candidates[@]}]}" "$@"
        done
    done
}

# --- results --------------------------------------------------------------------------------------

# median FILE NAME KEY; prints nothing when there is no such sample.
median() {
    awk -v name="$2" -v key="$3" '$2 == name {
        for (i = 3; i <= NF; ++i) if (index($i, key "=") == 1) print substr($i, length(key) + 2)
    }' "$1" | sort -g | awk '{ v[NR] = $1 } END {
        if (NR) printf "%.6g\n", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# ratio FILE A B KEY: the median over the rounds of A's value by B's.
ratio() {
    awk -v a="$2" -v b="$3" -v key="$4" '{
        for (i = 3; i <= NF; ++i) if (index($i, key "=") == 1) v[$1, $2] = substr($i, length(key) + 2)
        rounds[$1] = 1
    } END {
        for (r in rounds)
            if ((r, a) in v && (r, b) in v && v[r, b] > 0) print v[r, a] / v[r, b]
    }' "$1" | sort -g | awk '{ v[NR] = $1 } END {
        if (NR) printf "%.3g\n", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# goal TEXT VALUE RELATION LIMIT: says whether it is reached; RELATION is <= or >=.
goal() {
    local verdict
    if [ -z "$2" ]; then
        verdict='not measured'
    elif awk -v value="$2" -v limit="$4" "BEGIN { exit !(value $3 limit) }"; then
        verdict=reached
    else
        verdict='not reached'
    fi
    printf 'goal %s %s %s: %s (%s)\n' "$1" "$3" "$4" "$verdict" "${2:--}"
    printf '%s{"goal": "%s %s %s", "result": "%s", "value": %s}' "$([ -s "$goals" ] && echo ', ')" \
        "$1" "$3" "$4" "$verdict" "${2:-null}" >>"$goals"
}

# json_results FILE KEY...: {"name": {"KEY": median, ...}, ...}
json_results() {
    local file=$1 name key separator='' inner value
    shift
    printf '{'
    for name in "${candidates[@]}"; do
        printf '%s\n    "%s": {' "$separator" "$name"
        inner=
        for key in "$@"; do
            value=$(median "$file" "$name" "$key")
            printf '%s"%s": %s' "$inner" "$key" "${value:-null}"
            inner=', '
        done
        printf '}'
        separator=,
    done
    printf '\n  }'
}

# whole NUMBER: rounded.
whole() { awk -v value="$1" 'BEGIN { if (value != "") printf "%.0f", value }'; }
