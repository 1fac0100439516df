#!/bin/bash
# The event-list lab: build every candidate, record what real scenarios ask of the list, and print
# both tables.  tests/lab/run.sh BUILD  (DATA names the folder of the public traces)
set -eu
build=$1
lab=$build/lab
flags="-std=gnu17 -D_GNU_SOURCE -O2 -ffp-contract=off -fopenmp -I."
libs="-lgsl -lopenblas -lsqlite3 -lfyaml -lcrypto -lm"
mkdir -p "$lab"
gcc $flags -o "$lab/lab" tests/lab/lab.c "$build/libhacasim.a" $libs
gcc $flags -include tests/lab/record.h -r -o "$lab/models.o" models/*.c models/*/*.c
gcc $flags -o "$lab/record" tests/lab/record.c "$lab/models.o" "$build/libhacasim.a" $libs
"$lab/record" scenarios/baseline.yaml "$lab/baseline.stream"
streams=$lab/baseline.stream
if [ -f "${DATA:-}/azure-conv-2023.csv" ]; then
    "$lab/record" scenarios/azure_hour.yaml "$lab/azure_hour.stream" \
        "workload.arrivals.trace.file=$(cd "$DATA" && pwd)/azure-conv-2023.csv"
    streams="$streams $lab/azure_hour.stream"
fi
"$lab/lab" $streams
[ "${2:-}" = streams ] || "$lab/lab"
