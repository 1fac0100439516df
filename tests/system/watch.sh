#!/bin/bash
# sanitize: yes
# --trace, --events, --profile and --filter as a user types them: results do not feel them, for any
# number of threads; the trace is well-formed (read by SQLite, which knows nothing of the writer);
# an interrupted run leaves a whole file, a full disk is exit 3 with the path; a crash tells how to
# run it again.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp tests/bad/good.yaml scenarios/baseline.yaml scenarios/og_as_coded.yaml "$work"
cd "$work"
fail() { echo "FAILED: $*"; cat err 2>/dev/null; exit 1; }
short="--set horizon=3min --set drain=20s"

# ---- results do not feel it ---------------------------------------------------------------------
# shellcheck disable=SC2086
{
    "$HACASIM" run baseline.yaml $short --reps 3 --jobs 1 --quiet --db off.db --json off.json >/dev/null
    "$HACASIM" run baseline.yaml $short --reps 3 --jobs 1 --quiet --db on.db --json on.json \
        --trace one.json --events one.log --profile --trace-rep 1 >out 2>err
    "$HACASIM" run baseline.yaml $short --reps 3 --jobs 3 --quiet --db on.db \
        --trace two.json --events two.log --profile --trace-rep 1 >/dev/null 2>&1
}
cmp off.json on.json
cmp one.json two.json && cmp one.log two.log
for table in metrics series curves caveats; do
    for db in off on; do
        sqlite3 $db.db "select * from $table where run = 1 order by 1,2,3,4" >$db.rows
    done
    [ -s off.rows ] || [ $table = caveats ] || fail "no rows in $table"
    cmp off.rows on.rows
done
grep -q 'replication 1$' one.log || fail "the log does not name its replication"
grep -q '^profile of 3 replications' err || fail "no profile"
grep -q '^ *height ' err || fail "the profile does not list heights"

# ---- the trace, read by somebody else ------------------------------------------------------------
well_formed() { # well_formed FILE LEAST: all the rules, as counts of what breaks them
    sqlite3 :memory: <<SQL >bad || fail "$1 is not JSON"
create table e as select key as n, value ->> 'ph' as ph, value ->> 'pid' as pid,
    value ->> 'tid' as tid, cast(round((value ->> 'ts') * 1000) as integer) as ts,
    value ->> 'id' as id, value ->> 'cat' as cat, value ->> 'name' as name,
    value -> 'args' as args
    from json_each(readfile('$1'), '\$.traceEvents');
create table track as select n, ph, ts, name, case
    when ph in ('B', 'E', 'X', 'i') then 't' || pid || '.' || tid
    when ph in ('b', 'e', 'n') then 'a' || pid || '.' || cat || '.' || id
    when ph = 'C' then 'c' || pid || '.' || name
    when ph in ('s', 'f') then 'f' || pid || '.' || tid end as track from e where ph <> 'M';
select 'unknown phase ' || ph from e where ph not in ('M','B','E','X','i','b','e','n','C','s','f');
select 'no time or place: record ' || n from e where ph <> 'M' and (ts is null or ts < 0 or pid is null or tid is null);
select 'time runs back on ' || track || ' at record ' || n from
    (select *, lag(ts) over (partition by track order by n) as before from track) where ts < before;
select 'end without begin on ' || track from (select track, sum(case when ph in ('B','b') then 1
    when ph in ('E','e') then -1 else 0 end) over (partition by track order by n) as depth from track)
    where depth < 0;
select 'begins and ends differ on ' || track from track group by track
    having sum(ph in ('B','b')) <> sum(ph in ('E','e'));
select 'arrow ends that never left: ' || id from e where ph = 'f' and id not in (select id from e where ph = 's');
select 'process without a name: ' || pid from (select distinct pid from e where ph <> 'M')
    where pid not in (select pid from e where ph = 'M' and name = 'process_name');
select 'track without a name: ' || pid || '.' || tid from (select distinct pid, tid from e where ph <> 'M')
    where pid || '.' || tid not in (select pid || '.' || tid from e where ph = 'M' and name = 'thread_name');
select 'only ' || count(*) || ' records' from e having count(*) < $2;
select 'records ' || (json_extract(readfile('$1'), '\$.otherData.records')) || ' counted, but ' ||
    count(*) || ' there' from e where ph <> 'M'
    having count(*) <> json_extract(readfile('$1'), '\$.otherData.records');
SQL
    [ ! -s bad ] || { head -20 bad; fail "$1 breaks the rules of traces"; }
}
well_formed one.json 10000
# shellcheck disable=SC2086
"$HACASIM" run og_as_coded.yaml $short --quiet --trace batch.json >/dev/null 2>&1
well_formed batch.json 10000
# shellcheck disable=SC2086
"$HACASIM" run baseline.yaml $short --set verification.design=replicated --quiet \
    --trace replicated.json >/dev/null 2>&1
well_formed replicated.json 1000
# shellcheck disable=SC2086
"$HACASIM" run baseline.yaml $short --quiet --trace few.json --trace-limit 500 >/dev/null 2>err
well_formed few.json 500
grep -q 'left out beyond --trace-limit 500' err || fail "nothing was said of the limit"

# ---- filters -------------------------------------------------------------------------------------
"$HACASIM" run baseline.yaml --quiet --events - --filter 'kind=ANSWER,tx request=17' >out
[ "$(grep -c '  answer  .*request 17 completed' out)" = 1 ] || fail "not one answer of request 17"
[ "$(grep -c '^ *[0-9.]* ' out)" = 2 ] || fail "more than its answer and its transaction"
"$HACASIM" run baseline.yaml --quiet --trace part.json \
    --filter 'node=3 from=1min to=2min' --filter track=nodes >/dev/null 2>&1
well_formed part.json 100
[ "$(sqlite3 :memory: "select count(distinct value ->> 'pid') from json_each(readfile('part.json'), '\$.traceEvents')")" = 1 ] ||
    fail "the filter lets more than node 3 through"

# ---- interrupted, full disk, crash -----------------------------------------------------------------
"$HACASIM" run baseline.yaml --set horizon=40h --jobs 1 --trace cut.json --quiet \
    --filter 'track=blocks,totals' >/dev/null 2>err &
pid=$!
for _ in $(seq 100); do
    sleep 0.1
    [ "$(stat -c %s cut.json 2>/dev/null || echo 0)" -gt 100000 ] && break
done
kill -TERM $pid
got=0
wait $pid || got=$?
[ "$got" = 130 ] || fail "interrupted: exit $got"
well_formed cut.json 1000
tail -c 400 cut.json | grep -q '"ended":"interrupted"' || fail "the trace does not say that it was interrupted"

for option in --trace --events; do
    got=0
    "$HACASIM" run good.yaml --quiet $option /dev/full >/dev/null 2>err || got=$?
    [ "$got" = 3 ] && grep -q '/dev/full: No space left' err || fail "$option on a full disk: exit $got"
done
got=0
(trap '' XFSZ; ulimit -f 600; "$HACASIM" run baseline.yaml --quiet --trace big.json >/dev/null 2>err) || got=$?
[ "$got" = 3 ] && grep -q 'cannot write the trace to big.json' err || fail "a trace too large: exit $got"
"$HACASIM" sql 'select count(*) from runs' >/dev/null || fail "the database is not readable any more"
"$HACASIM" run good.yaml --quiet >/dev/null || fail "the database does not work any more"

"$HACASIM" run baseline.yaml --set horizon=40h --set "doc=it's" --seed 9 --jobs 1 --quiet >/dev/null 2>err &
pid=$!
sleep 1.5
kill -ABRT $pid
got=0
wait $pid || got=$?
[ "$got" = 134 ] || fail "aborted: exit $got"
grep -q 'of simulated time, seed 9, replication 0, in event' err || fail "a crash does not say where"
again=$(sed -n "s/^it runs again with: hacasim //p" err)
[ "$again" = "run baseline.yaml --set horizon=40h --set 'doc=it'\\''s' --seed 9 --reps 1" ] ||
    fail "not the command that runs it again: $again"
echo "measured: $(grep -c '"ph"' one.json) records read back"
