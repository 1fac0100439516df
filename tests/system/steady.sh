#!/bin/bash
# How long to measure: `reps: {until: ...}` gives the same replications, rows and hash for any number
# of threads and says everywhere how many there were; `warmup: mser5` is a cut that stands in the
# summary, the JSON and the stored scenario; batch means of a single run; an older database.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
base=scenarios/baseline.yaml
short=(--set 'horizon=2 min' --set 'drain=1 min' --set 'events=[]')
until='reps={until: {metric: latency.ttft_s.p99, half_width: 3%, min: 3, max: 60}}'
fail() { echo "FAILED: $*"; exit 1; }

rows() { # every stored result, in key order, without the execution table
    for table in runs effective replications metrics series curves caveats steady stops; do
        sqlite3 "$1" "select * from $table order by 1,2,3,4" | sed "s/^/$table|/"
    done
}
for jobs in 1 2 8; do
    "$HACASIM" run $base "${short[@]}" --set "$until" --set warmup=mser5 --jobs $jobs --quiet \
        --db "$work/$jobs.db" --json "$work/$jobs.json" >"$work/$jobs.out"
    rows "$work/$jobs.db" >"$work/$jobs.rows"
done
for jobs in 2 8; do
    cmp "$work/1.json" "$work/$jobs.json"
    cmp "$work/1.rows" "$work/$jobs.rows"
    cmp "$work/1.out" "$work/$jobs.out"
done
get() { sqlite3 :memory: "select json_extract(readfile('$work/$1.json'), '\$.$2')"; }
used=$(get 1 stop.used)
[ "$(get 1 stop.reason)" = precise ] || fail "the rule was not met: $(get 1 stop.reason)"
[ "$used" -gt 3 ] && [ "$used" -lt 60 ] || fail "stopped after $used, which shows nothing"
[ "$(get 1 reps)" = "$used" ]
[ "$(sqlite3 "$work/1.db" 'select reps from runs')" = "$used" ]
[ "$(sqlite3 "$work/8.db" 'select count(*) from replications')" = "$used" ]
"$HACASIM" list --db "$work/8.db" | grep -qE " $used +done " || fail "list"
"$HACASIM" show baseline --db "$work/8.db" | grep -q "stopped after $used replications" || fail "show"
"$HACASIM" export baseline --db "$work/8.db" --json - | cmp - "$work/1.json"
"$HACASIM" report baseline --db "$work/8.db" -o "$work/report.html" >/dev/null 2>&1
grep -q "<dt>Replications</dt><dd>$used</dd>" "$work/report.html" || fail "report"
grep -q "stopped after $used replications" "$work/report.html" || fail "the report does not say why"
! grep 'hacasim run' "$work/report.html" | grep -q -- '--reps' || fail "the report asks for a number"

# One replication fewer misses the half-width, and --reps overrides the rule.
"$HACASIM" run $base "${short[@]}" --set "$until" --set warmup=mser5 --reps $((used - 1)) --quiet \
    --db "$work/fewer.db" --json "$work/fewer.json" >/dev/null
[ "$(get fewer stop)" = '' ] && [ "$(get fewer reps)" = $((used - 1)) ]
[ "$(sqlite3 "$work/fewer.db" "select value || origin from effective where key like 'reps%'")" = \
    "$((used - 1))--reps" ]
missed=$(sqlite3 :memory: "select json_extract(m, '\$.hi') > 1.03 * json_extract(m, '\$.mean') from
    (select json_extract(readfile('$work/fewer.json'), '\$.metrics.latency.ttft_s.p99') m)")
[ "$missed" = 1 ] || fail "one replication fewer was good enough"

# The hash is that of the same number of replications asked for.
"$HACASIM" run $base "${short[@]}" --reps "$used" --set warmup=mser5 --quiet --db "$work/same.db" \
    --json "$work/same.json" >/dev/null
[ "$(get same trace_hash)" = "$(get 1 trace_hash)" ] || fail "another hash than --reps $used"

# The warm-up: found once, on replication 0, whatever the threads; written down with its origin.
cut=$(get 1 warmup.cut_s)
[ "$(get 1 warmup.rule)" = mser5 ]
sqlite3 "$work/1.db" "select origin from effective where key = 'warmup.cut'" | grep -q '^MSER-5: '
value=$(sqlite3 "$work/1.db" "select value from effective where key = 'warmup.cut'")
"$HACASIM" run $base "${short[@]}" --reps 2 --set "warmup=$value" --quiet --db "$work/fixed.db" \
    --json "$work/fixed.json" >/dev/null
"$HACASIM" run $base "${short[@]}" --reps 2 --set warmup=mser5 --quiet --db "$work/mser.db" \
    --json "$work/mser.json" >/dev/null
[ "$(get fixed trace_hash)" = "$(get mser trace_hash)" ] || fail "warmup=$value is not the pilot's cut"
[ "$(get fixed metrics.latency.ttft_s.p50.mean)" = "$(get mser metrics.latency.ttft_s.p50.mean)" ]
[ "$(get fixed warmup.cut_s)" = "$cut" ] && [ "$(get fixed warmup.rule)" = fixed ]
"$HACASIM" check $base "${short[@]}" --reps 2 --set warmup=mser5 | grep -q 'chosen by MSER-5'
# a surge that never ends: there is no steady state, and that is said
"$HACASIM" run $base "${short[@]}" --set warmup=mser5 --db "$work/surge.db" --json "$work/surge.json" \
    --set 'events=[{at: 80 s, do: surge, factor: 4, for: 10 min}]' >"$work/surge.out" 2>/dev/null
grep -q 'MSER-5 found no steady state' "$work/surge.out" || fail "a surge is taken for a steady state"
grep -q 'MSER-5 found no steady state' "$work/surge.json"

# Batch means of one run: an interval around the metric itself, which stays a plain number.
"$HACASIM" run $base --set 'events=[]' --set 'adversaries=[]' --db "$work/one.db" \
    --json "$work/one.json" >"$work/one.out" 2>/dev/null
mean=$(get one metrics.latency.ttft_s.mean)
row="(select value r from json_each(readfile('$work/one.json'), '\$.steady_state')
    where json_extract(value, '\$.metric') = 'latency.ttft_s.mean')"
[ "$(sqlite3 :memory: "select abs(json_extract(r, '\$.mean') / $mean - 1) < 1e-12 and
    json_extract(r, '\$.lo') < $mean and $mean < json_extract(r, '\$.hi') and
    json_extract(r, '\$.batches') between 8 and 63 from $row")" = 1 ] || fail "batch means"
grep -q 'latency.ttft_s.mean .* ± ' "$work/one.out" || fail "no batch means in the summary"
[ "$(get 1 'steady_state')" = '[]' ]

# A database of version 1 has neither table: it is read as it is and gets them when written to.
cp "$work/one.db" "$work/old.db"
sqlite3 "$work/old.db" 'drop table steady; drop table stops; pragma user_version = 1'
chmod a-w "$work/old.db"
"$HACASIM" show baseline --db "$work/old.db" >/dev/null
"$HACASIM" export baseline --db "$work/old.db" --sqlite "$work/copy.db"
chmod u+w "$work/old.db"
"$HACASIM" run tests/bad/good.yaml --quiet --db "$work/old.db" >/dev/null
[ "$(sqlite3 "$work/old.db" 'select count(*) > 0 from steady')" = 1 ]
[ "$("$HACASIM" list --db "$work/old.db" | wc -l)" = 3 ]
echo "measured: stopped after $used replications with 1, 2 and 8 threads; MSER-5 cut $cut s"
