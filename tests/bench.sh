#!/bin/bash
# All figures of one build, one line each:  bench NAME VALUE UNIT
set -eu
build=$1
for program in "$build"/bench/bench_*; do
    [ "${program##*.}" = d ] || "$program"
done
hacasim=$PWD/$build/hacasim
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

whole() { # whole NAME SCENARIO [ARGS]: wall time and memory of a whole process on one core
    local name=$1
    shift
    taskset -c 0 /usr/bin/time -f '%e %M' -o "$work/time" \
        "$hacasim" run "$@" --jobs 1 --quiet --db "$work/bench.db" --json "$work/out.json" >/dev/null
    awk -v n="$name" '{printf "bench %s.wall_s %s s\nbench %s.peak_memory %.1f MB\n", n, $1, n, $2 / 1024}' "$work/time"
    sed -n 's/^ *"events": \([0-9]*\).*/\1/p' "$work/out.json" |
        awk -v n="$name" -v s="$(cut -d' ' -f1 "$work/time")" '{printf "bench %s.events_per_s %.0f 1/s\n", n, $1 / (s > 0 ? s : 0.005)}'
}
whole baseline scenarios/baseline.yaml
if [ -f "${DATA:-}/azure-conv-2023.csv" ]; then
    whole azure_hour scenarios/azure_hour.yaml --set "workload.arrivals.trace.file=$(cd "$DATA" && pwd)/azure-conv-2023.csv"
else
    echo "# azure_hour skipped: ${DATA:-DATA}/azure-conv-2023.csv is not there"
fi

# Replications on two threads over one: the best of several of each, in turn, because other programs
# on the machine only ever make them slower.
if [ "$(nproc)" -ge 2 ]; then
    replications() { # replications JOBS: wall time of 40
        rm -f "$work/pair.db"
        /usr/bin/time -f %e -o "$work/wall" \
            "$hacasim" run scenarios/baseline.yaml --reps 40 --jobs "$1" --quiet --db "$work/pair.db" >/dev/null
        cat "$work/wall"
    }
    for _ in 1 2 3 4 5; do
        replications 1 >>"$work/jobs1"
        replications 2 >>"$work/jobs2"
    done
    paste -d' ' <(sort -g "$work/jobs1" | head -1) <(sort -g "$work/jobs2" | head -1) |
        awk '{printf "bench replications.jobs1_s %s s\nbench replications.jobs2_ratio %.2f 1\n", $1, $1 / $2}'
else
    echo "# replications.jobs2_ratio skipped: one core"
fi
