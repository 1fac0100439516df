#!/bin/bash
# sanitize: yes
# The shipped scenarios keep their own expectations; designs compared under one seed see the same
# requests; a report and a figure of them can be made.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$HACASIM" check scenarios/baseline.yaml scenarios/og_as_coded.yaml scenarios/swap.yaml scenarios/images.yaml --quiet --junit "$work/out.xml"
grep -q '<testsuite ' "$work/out.xml"

field() { # field NAME FILE: the first number under this key
    sed -n "s/.*\"$1\": \"\{0,1\}\([0-9.]*\)\"\{0,1\},\{0,1\}$/\1/p" "$2" | head -1
}
for design in haca_tee og_batch replicated; do
    "$HACASIM" run scenarios/baseline.yaml --set "verification.design=$design" --set "name=$design" --quiet \
        --db "$work/r.db" --json "$work/$design.json" >/dev/null
    [ "$(field arrived "$work/$design.json")" = "$(field arrived "$work/haca_tee.json")" ]
    [ "$(field residual "$work/$design.json")" = 0 ]
done
[ "$(field never_ratio "$work/haca_tee.json")" = 0 ]
[ "$(field never_ratio "$work/og_batch.json")" = 1 ]

"$HACASIM" report haca_tee --against og_batch --db "$work/r.db" -o "$work/report.html" >/dev/null 2>&1
grep -q '</html>' "$work/report.html"
! grep -qE 'src="http|href="http|@import' "$work/report.html" # self-contained
if command -v gnuplot >/dev/null; then
    grep -q '<svg' "$work/report.html"
    "$HACASIM" plot haca_tee gap --db "$work/r.db" -o "$work/gap.png" >/dev/null 2>&1
    [ "$(head -c 4 "$work/gap.png" | tail -c 3)" = PNG ]
else
    echo "skipped: pictures, no gnuplot here"
fi
"$HACASIM" schema --json >"$work/schema.json"
"$HACASIM" export og_batch --db "$work/r.db" --json "$work/export.json"
for file in schema export; do
    [ "$(sqlite3 :memory: "select json_valid(readfile('$work/$file.json'))")" = 1 ]
done
