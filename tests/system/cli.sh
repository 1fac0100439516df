#!/bin/bash
# sanitize: yes
# The command line as other programs meet it: one form alone on standard output, readers that leave,
# places that cannot be written, global options, scenarios whose trace is not there.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
repo=$PWD
cd "$work"
cp "$repo/tests/bad/good.yaml" .
fail() { echo "FAILED: $*"; head -5 out err 2>/dev/null; exit 1; }
expect() { # expect CODE TEXT COMMAND...: exit code and a text on standard error
    local code=$1 text=$2 got=0
    shift 2
    "$@" >out 2>err || got=$?
    [ "$got" = "$code" ] || fail "$*: exit $got, expected $code"
    grep -qF -- "$text" err || fail "$*: no '$text'"
}

# a place that cannot be written: said before anything is simulated, no folder is made
expect 3 'there is no folder nowhere/deep' "$HACASIM" run good.yaml --json nowhere/deep/a.json
expect 3 'nothing was simulated' "$HACASIM" run good.yaml --json good.yaml/a.json
expect 3 'Is a directory' "$HACASIM" run good.yaml --json .
expect 3 'there is no folder nowhere' "$HACASIM" check good.yaml --junit nowhere/a.xml
[ ! -e nowhere ] && [ ! -e results ] || fail "something was written"

# an output never takes the place of what the run reads, of the database, or of another output
cp good.yaml mine.yaml
printf 'base: mine.yaml\nname: heir\n' >heir.yaml
"$HACASIM" run mine.yaml --quiet --db kept.db >/dev/null
sum=$(cat mine.yaml heir.yaml kept.db | md5sum)
for option in json trace events; do
    expect 2 'would write over the scenario' "$HACASIM" run mine.yaml --db kept.db "--$option" ./mine.yaml
    expect 2 'would write over the scenario' "$HACASIM" run heir.yaml --db kept.db "--$option" "$PWD/mine.yaml"
    expect 2 'would write over the results database' "$HACASIM" run mine.yaml --db kept.db "--$option" ./kept.db
done
expect 2 'would write over --trace' "$HACASIM" run mine.yaml --db kept.db --trace both --events ./both
expect 2 'would write over --json' "$HACASIM" run mine.yaml --db kept.db --json both --trace ./both
expect 3 'there is no folder nowhere' "$HACASIM" run mine.yaml --db new.db --trace nowhere/t.json
[ "$(cat mine.yaml heir.yaml kept.db | md5sum)" = "$sum" ] || fail "something was written over"
[ ! -e both ] && [ ! -e new.db ] || fail "something was written"

# a full disk at the very first run names no run (ThreadSanitizer needs a large file to start)
if ! nm -D "$HACASIM" | grep -q __tsan_init; then
    got=0
    (trap '' XFSZ; ulimit -f 20; "$HACASIM" run good.yaml --quiet --db first.db) >out 2>err || got=$?
    [ "$got" = 3 ] || fail "full disk: exit $got"
    ! grep -q 'as run' err || fail "a run is named that does not exist"
fi

# options before the verb
"$HACASIM" --quiet run good.yaml >out 2>err
[ "$(wc -l <out)" = 2 ] && [ ! -s err ] || fail "--quiet before run"
"$HACASIM" --quiet list >out
grep -q good out || fail "--quiet before list"
expect 2 "did you mean 'run'" "$HACASIM" --quiet rnu good.yaml
expect 2 'Usage: hacasim [--quiet] VERB' "$HACASIM" --quiet

# a reader that leaves: no message, the end that SIGPIPE makes, and what was done is kept
runs() { "$HACASIM" sql --csv "select count(*) from runs where state = 'done'" | tail -1; }
before=$(runs)
leaves() { # leaves ARGUMENT...: hacasim, whose reader is gone before it starts
    set +e
    {
        trap '' PIPE
        while echo 2>/dev/null; do sleep 0.02; done
        "$HACASIM" "$@" 2>err
        echo "$?" >code
    } | true
    set -e
    [ "$(cat code)" = 141 ] && [ ! -s err ] || fail "$*: exit $(cat code) without a reader"
}
for command in 'schema' 'schema --json' 'export good --csv -' 'export good --json -' 'show good --all' \
    'eval --list' 'help' 'report good -o -' 'list'; do
    # shellcheck disable=SC2086
    leaves $command
done
leaves --quiet run good.yaml --json -
leaves --quiet run good.yaml
[ "$(runs)" = $((before + 2)) ] || fail "a run was lost with its reader"
[ "$(sqlite3 results/hacasim.db 'pragma integrity_check')" = ok ] || fail "the database"

# JUnit alone on standard output
printf 'base: good.yaml\nname: two\nexpect: [chain.blocks > 0, chain.blocks < 0]\n' >two.yaml
expect 1 'FAIL  chain.blocks < 0' "$HACASIM" check two.yaml --junit -
[ "$(head -c 5 out)" = '<?xml' ] && [ "$(tail -1 out)" = '</testsuites>' ] || fail "not XML alone"
grep -q 'tests="3" failures="1" errors="0" skipped="0"' out || fail "counts"

# a trace that is not there: skipped among others, an error alone; other mistakes stay mistakes
printf 'base: good.yaml\nname: replay\nworkload: {arrivals: {trace: {file: none.csv}}}\n' >replay.yaml
"$HACASIM" check good.yaml replay.yaml --junit out.xml >out 2>err || fail "skipped"
grep -q '  skip  cannot open none.csv (No such file or directory); the public Azure' out || fail "skip"
grep -q '^1 of 1 checks passed, 1 scenario skipped$' out || fail "count of skipped"
grep -q '<skipped message="cannot open none.csv' out.xml || fail "skipped in JUnit"
expect 2 'nothing is left to check' "$HACASIM" check replay.yaml
expect 2 'nodes[0].count' "$HACASIM" check good.yaml replay.yaml --set 'nodes[0].count=0'

# what a run was told and had no use for, and rows that a replay passed over
printf 'time_s,prompt_tok,output_tok\n0,100,10\n1,0,10\n2,100,0\n3,50,5\n' >some.csv
"$HACASIM" --quiet run replay.yaml --set workload.arrivals.trace.file=some.csv --json - \
    --set token.design=dual_cycle --set 'payment.cap=1 OPG' --set 'staking.unbonding=1 d' >out
for text in '2 rows of the trace have no prompt' 'payment.cap has no effect' \
    'staking.unbonding has no effect'; do
    grep -qF "$text" out || fail "no caveat: $text"
done
"$HACASIM" --quiet run good.yaml --json - --set 'payment.cap=1 OPG' >out
! grep -q 'no effect' out || fail "payment.cap has an effect under as_coded"

# signals stop the reading of a long trace
{ echo time_s,prompt_tok,output_tok; seq -f '%.0f,10,10' 0 3000000; } >long.csv
"$HACASIM" run replay.yaml --set workload.arrivals.trace.file=long.csv >out 2>err &
sleep 0.1
kill -TERM $!
got=0
wait $! || got=$?
[ "$got" = 143 ] || [ "$got" = 130 ] || fail "SIGTERM while reading: exit $got"

[ "$("$HACASIM" eval detection rate=-0 checks=3)" = '{"function": "detection", "inputs": {"rate": 0, "checks": 3}, "result": {"probability": 0}}' ] ||
    fail "a negative zero"
expect 2 'does not fit 127 bits' "$HACASIM" eval base-fee parent_gas_used=5 parent_gas_limit=10 \
    parent_base_fee=170141183460469231731687303715884105728
echo ok
