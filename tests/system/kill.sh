#!/bin/bash
# A run killed at a random moment leaves a database that opens, whose finished replications are
# whole, and that takes the next run.  3 kills here, 60 in `make test-long`.
set -eu
count=3
[ "${HACASIM_MODE:-short}" = long ] && count=60
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
db=$work/kill.db
"$HACASIM" run tests/bad/good.yaml --quiet --db "$db" >/dev/null
per_rep=$("$HACASIM" sql --db "$db" --csv 'select count(*) from metrics' | tail -1)
for i in $(seq $count); do
    "$HACASIM" run tests/bad/good.yaml --set 'horizon=20 min' --seed "$i" --reps 400 --jobs 2 --quiet \
        --db "$db" >/dev/null 2>&1 &
    pid=$!
    sleep "0.$(((i * 7919) % 700 + 100))"
    kill -9 $pid
    wait $pid 2>/dev/null || true
    torn=$("$HACASIM" sql --db "$db" --csv "select count(*) from (select run, rep, count(*) n from
        metrics group by run, rep) where n != $per_rep" | tail -1)
    [ "$torn" = 0 ] || { echo "kill $i: $torn replications are torn"; exit 1; }
    [ "$(sqlite3 "$db" 'pragma integrity_check')" = ok ] || { echo "kill $i: database damaged"; exit 1; }
    "$HACASIM" run tests/bad/good.yaml --quiet --db "$db" >/dev/null || { echo "kill $i: no next run"; exit 1; }
done
echo "measured: $count kills, nothing torn"
