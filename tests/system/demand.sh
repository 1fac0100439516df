#!/bin/bash
# sanitize: yes
# What users ask for, with the whole program: the scenarios that show it keep their expectations,
# the metrics of classes reach JSON, database and summary, and `find` gives one answer for any number
# of threads, with the value below as evidence.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$HACASIM" check scenarios/objectives.yaml scenarios/disaggregated.yaml --quiet

"$HACASIM" run scenarios/objectives.yaml --db "$work/r.db" --json "$work/run.json" >"$work/out" 2>/dev/null
grep -q '^Objectives met, by class of users' "$work/out"
stored=$("$HACASIM" sql --db "$work/r.db" \
    "select value from metrics where name = 'slo.class.chat.attainment_ratio'" | tail -1)
written=$(sqlite3 :memory: \
    "select json_extract(readfile('$work/run.json'), '\$.metrics.slo.class.chat.attainment_ratio')")
[ "${stored:0:12}" = "${written:0:12}" ]
"$HACASIM" report objectives --db "$work/r.db" -o "$work/report.html" >/dev/null 2>&1
grep -q 'slo.class.chat.attainment_ratio' "$work/report.html"

find_nodes() { # find_nodes FILE OPTION...
    "$HACASIM" find scenarios/objectives.yaml 'nodes[0].count=1..16' --reps 3 --quiet --json "$@"
}
find_nodes "$work/a.json" --jobs 1 >/dev/null
find_nodes "$work/b.json" --jobs 3 >/dev/null
cmp "$work/a.json" "$work/b.json"
of() { sqlite3 :memory: "select json_extract(readfile('$work/a.json'), '$1')"; }
found=$(of '$.found')
holds() { sqlite3 :memory: "select json_extract(value, '\$.holds') from
    json_each(readfile('$work/a.json'), '\$.points') where json_extract(value, '\$.value') = $1"; }
[ "$(holds "$found")" = 1 ] && [ "$(holds $((found - 1)))" = 0 ]
"$HACASIM" run scenarios/objectives.yaml --set "nodes[0].count=$found" --reps 3 --quiet \
    --db "$work/r.db" --json "$work/run.json" >/dev/null
unmet=$(sqlite3 :memory: \
    "select json_extract(readfile('$work/run.json'), '\$.metrics.slo.unmet_classes.mean')")
[ "$unmet" = 0.0 ] || [ "$unmet" = 0 ]

code=0
"$HACASIM" find scenarios/objectives.yaml 'nodes[0].count=1..2' --quiet >/dev/null || code=$?
[ "$code" = 1 ]
echo "measured: $found nodes are the fewest, by 3 replications each"

# Images that a trace records: 2 and 1 of 400 tokens are encoded once each, and none where the trace
# is read as text.
images() { # images OPTION...: image tokens, and requests whose first token was timed as such
    "$HACASIM" run tests/bad/good.yaml --set 'workload.arrivals={trace: {file: tests/bad/images.csv}}' \
        --set 'models=[{name: qwen2.5-vl-7b}]' --set 'nodes[0].model=qwen2.5-vl-7b' \
        --set 'workload.images.tokens=400' "$@" --quiet --db "$work/r.db" --json "$work/run.json" >/dev/null
    sqlite3 :memory: "select json_extract(readfile('$work/run.json'), '\$.metrics.serving.image_tok'),
        json_extract(readfile('$work/run.json'), '\$.metrics.latency.image_ttft_s.mean') >
        json_extract(readfile('$work/run.json'), '\$.metrics.latency.ttft_s.mean')"
}
[ "$(images)" = '1200|1' ]
[ "$(images --set workload.images.recorded=false)" = '0|' ]
