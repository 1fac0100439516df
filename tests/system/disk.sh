#!/bin/bash
# sanitize: yes
# Operating errors: a full disk, a read-only, corrupt, foreign or locked database, a closed output,
# a killed and an interrupted run.  Each says what happened, exits 3 (or 130), and what was stored
# before is still readable.
set -eu
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
repo=$OLDPWD
cp "$repo/tests/bad/good.yaml" .
fail() { echo "FAILED: $*"; cat err 2>/dev/null; exit 1; }
expect() { # expect CODE TEXT COMMAND...: exit code and a text on standard error
    local code=$1 text=$2 got=0
    shift 2
    "$@" >out 2>err || got=$?
    [ "$got" = "$code" ] || fail "$*: exit $got, expected $code"
    grep -qF -- "$text" err || fail "$*: no '$text'"
}
readable() { # the runs stored in results/hacasim.db: $1 of them
    [ "$("$HACASIM" sql --csv 'select count(*) from runs' | tail -1)" = "$1" ] || fail "not $1 runs"
}

"$HACASIM" run good.yaml --quiet >/dev/null
readable 1

# a result file and standard output on a full device
expect 3 'No space left' "$HACASIM" run good.yaml --quiet --json /dev/full
expect 3 'No space left' bash -c '"$HACASIM" show good >/dev/full'
readable 2

# the disk is full while the database grows
before=$("$HACASIM" export good --json -)
(trap '' XFSZ; ulimit -f $(($(stat -c %s results/hacasim.db) / 1024 + 4))
 expect 3 'results/hacasim.db' "$HACASIM" run good.yaml --reps 40 --quiet) || exit 1
[ "$("$HACASIM" export good --json - | wc -c)" -gt 1000 ] || fail "nothing readable after a full disk"
[ -n "$before" ]

# corrupt, foreign, from the future
head -c 5000 /dev/urandom >garbage.db
expect 3 'garbage.db' "$HACASIM" run good.yaml --quiet --db garbage.db
sqlite3 foreign.db 'create table t(x); insert into t values (1)'
expect 3 'foreign.db' "$HACASIM" run good.yaml --quiet --db foreign.db
cp results/hacasim.db future.db
sqlite3 future.db 'pragma user_version = 9999'
expect 3 'future.db' "$HACASIM" list --db future.db
cp results/hacasim.db torn.db
rm -f torn.db-wal
dd if=/dev/urandom of=torn.db bs=4096 seek=1 count=6 conv=notrunc status=none
expect 3 'torn.db' "$HACASIM" show good --db torn.db

# a folder that cannot be written (root may write anywhere, so this needs another user)
mkdir locked
chmod a-w locked
if [ "$(id -u)" != 0 ]; then
    expect 3 'locked/x.db' "$HACASIM" run good.yaml --quiet --db locked/x.db
fi
expect 3 'good.yaml/x.db' "$HACASIM" run good.yaml --quiet --db good.yaml/x.db

# killed in the middle: what was finished is there, and the next run works
runs=$("$HACASIM" sql --csv 'select count(*) from runs' | tail -1)
"$HACASIM" run good.yaml --set 'horizon=1 h' --reps 200 --jobs 2 --quiet >/dev/null 2>&1 &
pid=$!
for _ in $(seq 100); do
    sleep 0.1
    done=$("$HACASIM" sql --csv "select count(*) from replications where run > $runs" | tail -1)
    [ "${done:-0}" -ge 2 ] && break
done
kill -9 $pid
wait $pid 2>/dev/null || true
[ "$done" -ge 2 ] || fail "no replication was stored before the kill"
"$HACASIM" list >out
grep -q interrupted out || fail "a killed run is not listed as interrupted"
"$HACASIM" show $((runs + 1)) >/dev/null

# Ctrl-C: the unit of work is finished, exit 130, told how much was kept
"$HACASIM" run good.yaml --set 'horizon=1 h' --reps 200 --jobs 2 >out 2>err &
pid=$!
sleep 1.5
kill -INT $pid
got=0
wait $pid || got=$?
[ "$got" = 130 ] || fail "Ctrl-C: exit $got"
grep -q 'kept' err || fail "Ctrl-C does not say what was kept"
"$HACASIM" run good.yaml --quiet >/dev/null || fail "the database does not work after a kill"
echo "ok"
