#!/bin/bash
# Runs that are killed (-9), stopped (Ctrl-C twice, SIGTERM) at random moments and gone on with until
# they are done end in the JSON and the rows of an uninterrupted run, with 1 and 2 threads; a branch
# with nothing changed reproduces the hash, one with a change takes effect; what cannot be gone on
# with is refused with a message and nothing written.  1 round here, 20 in `make test-long`.
set -eu
rounds=1
[ "${HACASIM_MODE:-short}" = long ] && rounds=20
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
run=(--set 'horizon=5 h' --reps 3 --quiet)
fail() { echo "FAILED: $*"; cat "$work/err" 2>/dev/null; exit 1; }
rows() { # every stored result of run 1, in key order
    for table in runs effective replications metrics series curves units caveats; do
        sqlite3 "$1" "select * from $table where $([ $table = runs ] && echo id || echo run) = 1
            order by 1,2,3" | sed "s/^/$table|/"
    done
}
refused() { # refused CODE TEXT ARGUMENT...: of `hacasim run`
    local code=$1 text=$2 got=0
    shift 2
    "$HACASIM" run --quiet --db "$db" "$@" >"$work/out" 2>"$work/err" || got=$?
    [ "$got" = "$code" ] || fail "$*: exit $got, expected $code"
    grep -qF -- "$text" "$work/err" || fail "$*: no '$text'"
}

"$HACASIM" run scenarios/baseline.yaml "${run[@]}" --db "$work/whole.db" --json "$work/whole.json" >/dev/null
rows "$work/whole.db" >"$work/whole.rows"

# ---- interrupted until done ----
interrupts=0
begin() { # begin JOBS: the run, or what is there of it, in the background
    local what=(scenarios/baseline.yaml "${run[@]}" --checkpoint-every '20 min')
    [ "$(sqlite3 "$db" 'select count(*) from runs' 2>/dev/null || echo 0)" = 0 ] || what=(--resume 1 --quiet)
    "$HACASIM" run "${what[@]}" --jobs "$1" --db "$db" >/dev/null 2>"$work/err" &
    pid=$!
}
interrupt() { # interrupt NUMBER: in one of three ways
    case $(($1 % 3)) in
    0) kill -9 $pid ;;
    1) kill -INT $pid; sleep 0.02; kill -INT $pid ;;
    2) kill -TERM $pid ;;
    esac 2>/dev/null || true
    wait $pid 2>/dev/null || true
    interrupts=$((interrupts + 1))
}
for round in $(seq $rounds); do
    for jobs in 1 2; do
        db=$work/r.db
        rm -f "$db"*
        for try in $(seq 1 8); do
            begin $jobs
            sleep "0.$(((round * 7919 + jobs * 104729 + try * 1299709) % 400 + 150))"
            interrupt $((try + round))
        done
        begin $jobs
        wait $pid || true
        "$HACASIM" run --resume 1 --db "$db" --json "$work/r.json" --quiet >/dev/null 2>"$work/err" ||
            fail "the last resume"
        cmp "$work/whole.json" "$work/r.json" || fail "round $round, jobs $jobs: another result"
        rows "$db" >"$work/r.rows"
        cmp "$work/whole.rows" "$work/r.rows" || fail "round $round, jobs $jobs: other rows"
        [ "$(sqlite3 "$db" 'select count(*) from checkpoints where timed = 0')" = 0 ] ||
            fail "a finished run keeps the checkpoint of a moment"
    done
done

# ---- SIGTERM says how to go on, exit 130 ----
db=$work/term.db
"$HACASIM" run scenarios/baseline.yaml --set 'horizon=100 h' --db "$db" --quiet >/dev/null 2>"$work/term" &
pid=$!
sleep 1
refused 2 'is being run by another process' --resume 1
kill -TERM $pid
got=0
wait $pid || got=$?
[ $got = 130 ] || fail "SIGTERM: exit $got"
grep -qF 'hacasim run --resume 1' "$work/term" || fail "SIGTERM does not say how to go on"
[ "$(sqlite3 "$db" 'select count(*) from checkpoints')" = 1 ] || fail "SIGTERM left no checkpoint"
"$HACASIM" list --db "$db" | grep -q interrupted || fail "not listed as interrupted"

# ---- what cannot be used ----
sqlite3 "$db" "update execution set git_commit = 'f00'"
refused 2 'only the same program' --resume 1
sqlite3 "$db" "update execution set git_commit = (select git_commit from checkpoints)"
cp "$db" "$work/good.db"
sqlite3 "$db" "update checkpoints set state = substr(state, 1, length(state) - 7)"
refused 3 'it has ' --resume 1
cp "$work/good.db" "$db"
sqlite3 "$db" "update checkpoints set state = substr(state, 1, 9000) || x'5a5a5a' || substr(state, 9004)"
refused 3 'damaged' --resume 1
refused 2 "no run '7'" --resume 7
refused 2 'is not a time' --resume 1@soon
refused 2 'has the scenario of its run' --resume 1 scenarios/baseline.yaml
refused 2 'has the seed' --resume 1 --seed 3
refused 2 'checkpoints of each replication' scenarios/baseline.yaml --checkpoint-every '1 ms'

# ---- timing tables ----
db=$work/tables.db
cp -r tests/data/tables "$work/tables"
timed=(--set 'horizon=2 min' --set 'models=[{name: llama3-8b}]' --set
    "nodes=[{name: a, count: 3, gpu: a100-80g, model: llama3-8b, timing: {tables: $work/tables}}]")
"$HACASIM" run scenarios/baseline.yaml "${timed[@]}" --checkpoint-every '1 min' --quiet --db "$db" >/dev/null
"$HACASIM" run --resume 1@1min --set 'token.burn_share=30%' --quiet --db "$db" >/dev/null # as it was
[ "$(sqlite3 "$db" 'select count(distinct trace_hash) from runs')" = 1 ] || fail "tables: another hash"
echo 'gemm,128,4096,4096,,,,,,33000' >>"$work/tables/own.csv"
refused 2 'the timing tables of a have changed since' --resume 1@1min --set 'token.burn_share=30%'

# ---- branches ----
db=$work/branch.db
short=(--set 'horizon=20 min' --set 'events=[]' --reps 2 --quiet)
"$HACASIM" run scenarios/baseline.yaml "${short[@]}" --checkpoint-every '5 min' --db "$db" >/dev/null
hash_of() { sqlite3 "$db" "select trace_hash from runs where id = $1"; }
metric() { sqlite3 "$db" "select value from metrics where run = $1 and rep = 0 and name = '$2'"; }
branch() { "$HACASIM" run --quiet --db "$db" --resume "$@" >/dev/null; }
branch 1@7min --set 'token.burn_share=30%' # as it was
[ "$(hash_of 2)" = "$(hash_of 1)" ] || fail "a branch with nothing changed has another hash"
[ "$(sqlite3 "$db" 'select parent || "@" || t_ns from branches')" = 1@300000000000 ] || fail "parent"
"$HACASIM" list --db "$db" | grep -q '1@5 min' || fail "list does not show the branch"
"$HACASIM" show 2 --db "$db" | grep -q 'branch of run 1 at 5 min' || fail "show does not"
"$HACASIM" export 2 --db "$db" --json "$work/branch.json"
grep -q '"branch_of"' "$work/branch.json" || fail "JSON does not"
branch 1@10min --set 'token.burn_share=90%'
awk "BEGIN { exit !($(metric 3 econ.supply_opg.burned) > $(metric 1 econ.supply_opg.burned)) }" || fail burn
branch 1@10min --set 'workload.arrivals={poisson: 22/s}' # 600 s x 5.5/s + 600 s x 22/s: 2.5 times
awk "BEGIN { r = $(metric 4 requests.arrived) / $(metric 1 requests.arrived); exit !(r > 2.3 && r < 2.7) }" || fail rate
branch 1@5min --set 'adversaries=[]' # it would have begun at 10 min
[ "$(metric 5 cheat.attempted)" = 0.0 ] || fail "the adversary that was taken out cheats"
refused 2 'it had begun' --resume 1@10min --set 'adversaries=[]'
branch 1@10min --set 'events=[{at: 12 min, do: facilitator_outage, for: 2 min}]'
refused 2 'must begin after' --resume 1@10min --set 'events=[{at: 2 min, do: feed_outage, for: 2 min}]'
branch 1@10min --set 'horizon=40 min'
awk "BEGIN { r = $(metric 7 requests.arrived) / $(metric 1 requests.arrived); exit !(r > 1.9 && r < 2.1) }" || fail horizon
before=$(sqlite3 "$db" 'select count(*) from runs')
refused 2 'horizon: must come after' --resume 1@10min --set 'horizon=8 min'
refused 2 'validators.count: cannot change in a branch' --resume 1@10min --set 'validators.count=9'
refused 2 'at or before 2 min' --resume 1@2min --set name=x
[ "$(sqlite3 "$db" 'select count(*) from runs')" = "$before" ] || fail "a refused branch left a row"

# a branch that is killed before it has a checkpoint of its own begins again at its parent's
branch 1@10min --set 'horizon=5 h'
last=$(sqlite3 "$db" 'select max(id) from runs')
"$HACASIM" run --quiet --db "$db" --resume 1@10min --set 'horizon=5 h' >/dev/null 2>&1 &
pid=$!
while [ "$(sqlite3 "$db" 'select max(id) from runs')" = "$last" ]; do sleep 0.02; done
kill -9 $pid
wait $pid 2>/dev/null || true
[ "$(sqlite3 "$db" "select state from runs where id = $last + 1")" = running ] || fail "it was too fast to be killed"
branch $((last + 1))
[ "$(hash_of $((last + 1)))" = "$(hash_of $last)" ] || fail "a killed branch ends in another hash"

# ---- killed between its last replication and its end: judged and closed ----
db=$work/late.db
late=(--set 'horizon=10 min' --set 'events=[]' --set 'reps={until: {metric: requests.arrived, half_width: 5%, min: 3}}')
"$HACASIM" run scenarios/baseline.yaml "${late[@]}" --checkpoint-every '2 min' --jobs 4 --quiet --db "$db" \
    --json "$work/late.json" >/dev/null
[ "$(sqlite3 "$db" 'select max(rep) from checkpoints')" -lt "$(sqlite3 "$db" 'select reps from runs')" ] ||
    fail "checkpoints of replications that the rule dropped are kept"
sqlite3 "$db" "update runs set state = 'interrupted', trace_hash = null; delete from stops; delete from caveats where rep = -1"
"$HACASIM" run --resume 1 --db "$db" --json "$work/again.json" --quiet >/dev/null
cmp "$work/late.json" "$work/again.json" || fail "a run that was not closed ends otherwise"
[ "$(sqlite3 "$db" 'select state from runs')" = done ] || fail "nor is it closed"

# ---- a branch keeps the warm-up of its past, and what was said of it ----
db=$work/warm.db
warm=(--set 'horizon=20 min' --set warmup=mser5 --set 'events=[{at: 8 min, do: outage, region: Frankfurt, for: 20 min}]')
"$HACASIM" run scenarios/baseline.yaml "${warm[@]}" --checkpoint-every '1 min' --quiet --db "$db" >/dev/null
cut() { sqlite3 "$db" "select group_concat(value, '|') from effective where run = $1 and key like 'warmup.%'"; }
branch 1@5min --set 'token.burn_share=30%'
[ "$(cut 1)" = "$(cut 2)" ] || fail "another warm-up in a branch: $(cut 1), $(cut 2)"
[ "$(hash_of 1)" = "$(hash_of 2)" ] || fail "another hash"
refused 2 'horizon is not after its warm-up' --resume 1@1min --set 'horizon=61 s'

# ---- a trace file that changes ----
cp tests/data/azure-2023.csv "$work/t.csv"
db=$work/trace.db
"$HACASIM" run scenarios/baseline.yaml --set "workload.arrivals={trace: {file: $work/t.csv}}" \
    --set 'horizon=4 min' --checkpoint-every '1 min' --db "$db" --quiet >/dev/null
branch 1@2min --set name=again
[ "$(hash_of 2)" = "$(hash_of 1)" ] || fail "a branch of a replay has another hash"
sed -i '$s/.$/7/' "$work/t.csv"
refused 2 'has changed since' --resume 1@2min --set name=again

# ---- a database of the version before ----
db=$work/old.db
cp "$work/whole.db" "$db"
sqlite3 "$db" 'drop table checkpoints; drop table branches; pragma user_version = 1'
"$HACASIM" show 1 --db "$db" >/dev/null || fail "an older database cannot be read"
"$HACASIM" export 1 --sqlite "$work/copy.db" --db "$db" >/dev/null || fail "nor exported"
"$HACASIM" run scenarios/baseline.yaml --set 'horizon=1 min' --db "$db" --quiet >/dev/null || fail "nor written"
[ "$(sqlite3 "$db" 'pragma user_version')" = 2 ] || fail "nor brought up to date"
echo "measured: $interrupts interruptions, same hash, JSON and rows"
