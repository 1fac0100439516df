#!/bin/bash
# The public Azure hour through scenarios/azure_hour.yaml: every request of the file is replayed,
# its expectations hold, and a missing file is a user error that says where the trace is published.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
got=0
"$HACASIM" run scenarios/azure_hour.yaml --set "workload.arrivals.trace.file=$work/none.csv" \
    --db "$work/x.db" 2>"$work/err" || got=$?
[ "$got" = 2 ] && [ ! -e "$work/x.db" ] || { echo "missing trace: exit $got"; exit 1; }
grep -q 'github.com/Azure/AzurePublicDataset' "$work/err"

file=${HACASIM_DATA:-}/azure-conv-2023.csv
if [ ! -f "$file" ]; then
    echo "skipped: no $file (make test DATA=DIR; the trace is at github.com/Azure/AzurePublicDataset)"
    exit 77
fi
echo "used: $file"
"$HACASIM" check scenarios/azure_hour.yaml --set "workload.arrivals.trace.file=$file" --quiet
rows=$(($(wc -l <"$file"))) # a header, and no newline at the end
arrived=$("$HACASIM" run scenarios/azure_hour.yaml --set "workload.arrivals.trace.file=$file" --quiet \
    --db "$work/a.db" --json - | sed -n 's/.*"arrived": \([0-9]*\).*/\1/p')
[ "$arrived" = "$rows" ] || { echo "replayed $arrived of $rows requests"; exit 1; }
# streamed, not loaded: twenty copies in a row need no more memory than one, within 4 MB
awk -F, 'NR == 1 { print "time_s,prompt_tok,output_tok"; next } { n++; p[n] = $2; o[n] = $3 }
    END { for (c = 0; c < 20; c++) for (i = 1; i <= n; i++) printf "%.3f,%d,%d\n", (c * n + i) * 0.18, p[i], o[i] }' \
    "$file" >"$work/long.csv"
peak() {
    "$HACASIM" run scenarios/azure_hour.yaml --set "workload.arrivals.trace.file=$1" --set 'horizon=20 h' \
        --quiet --jobs 1 --db "$work/p.db" --json "$work/p.json" >/dev/null &
    local pid=$! most=0 now
    while now=$(awk '/VmHWM/ { print $2 }' /proc/$pid/status 2>/dev/null) && [ -n "$now" ]; do
        most=$now
        sleep 0.02
    done
    wait $pid
    echo "$most"
}
one=$(peak "$file")
twenty=$(peak "$work/long.csv")
echo "measured: peak memory $one kB for 19,366 requests, $twenty kB for twenty times as many"
[ "$twenty" -lt $((one + 4096)) ]
