#!/bin/bash
# sanitize: yes
# The same scenario and seed gives the same hash and the same rows, in key order: with 1, 2 and 8
# threads, again from scratch, and with the processor's FMA and AVX2 paths switched off in glibc.
# The hash of the baseline is a golden value: another machine must reproduce it.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

rows() { # every stored result, in key order, without the execution table
    for table in runs effective replications metrics series curves caveats; do
        sqlite3 "$1" "select * from $table order by 1,2,3,4" | sed "s/^/$table|/"
    done | grep -v '^runs|.*execution'
}
one() { # one LABEL JOBS [ENV...]
    local label=$1 jobs=$2
    shift 2
    env "$@" "$HACASIM" run scenarios/baseline.yaml --set 'horizon=4 min' --reps 6 --jobs "$jobs" \
        --db "$work/$label.db" --quiet --json - >"$work/$label.json"
    rows "$work/$label.db" >"$work/$label.rows"
    [ "$(wc -l <"$work/$label.rows")" -gt 1000 ]
}
same() {
    cmp "$work/one.json" "$work/$1.json"
    cmp "$work/one.rows" "$work/$1.rows"
}
one one 1
one again 1 && same again
one two 2 && same two
one eight 8 && same eight
one nofma 2 GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA,-AVX2_Usable,-FMA_Usable && same nofma

want=$(cat tests/golden/baseline.hash)
got=$("$HACASIM" run scenarios/baseline.yaml --db "$work/golden.db" --quiet --json - |
    sed -n 's/.*"trace_hash": "\([0-9a-f]*\)".*/\1/p')
if [ "$want" != "$got" ]; then
    echo "golden hash of scenarios/baseline.yaml: expected $want, got $got"
    exit 1
fi
got=$(GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA "$HACASIM" run scenarios/baseline.yaml \
    --db "$work/golden2.db" --quiet --json - | sed -n 's/.*"trace_hash": "\([0-9a-f]*\)".*/\1/p')
[ "$want" = "$got" ]
echo "measured: golden hash $got"
