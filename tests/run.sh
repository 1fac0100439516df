#!/bin/bash
# Run the tests of one build:  tests/run.sh BUILD short|long|sanitize
# Unit tests are programs under BUILD/tests; the whole-program tests are tests/system/*.sh.  As many
# run at once as there are cores (TEST_JOBS), each in folders of its own.  The last line counts
# them.  A test that exits 77 was skipped and has said why.
#
# A program that starts no thread cannot race: under the thread sanitizer only those run that link
# the pool of threads or OpenMP, and those that make threads themselves.
set -u
build=$1
mode=$2
jobs=${TEST_JOBS:-$(nproc)}
export HACASIM="$PWD/$build/hacasim"
export HACASIM_MODE=$mode
export HACASIM_BUILD="$PWD/$build"
if [ -d "${DATA:-}" ]; then HACASIM_DATA=$(cd "$DATA" && pwd); else HACASIM_DATA=${DATA:-}; fi
export HACASIM_DATA
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=ignore_noninstrumented_modules=1 # libomp asks for it
logs=$build/logs
rm -rf "$logs"
mkdir -p "$logs"

one() { # one NAME COMMAND...: what is said of it goes to standard output in one piece
    local name=$1 started ended code verdict
    shift
    started=$(date +%s%N)
    "$@" >"$logs/$name.log" 2>&1
    code=$?
    ended=$(date +%s%N)
    case $code in
    0) verdict=ok ;;
    77) verdict=skipped ;;
    *) verdict="FAILED (exit $code)" ;;
    esac
    echo "$verdict" >"$logs/$name.verdict"
    {
        printf '%-28s %-10s %6d ms\n' "$name" "$verdict" $(((ended - started) / 1000000))
        case $code in
        0) grep -hE '^(skipped|used|measured): ' "$logs/$name.log" | sed 's/^/    /' ;;
        77) sed 's/^/    /' "$logs/$name.log" ;;
        *) tail -n 60 "$logs/$name.log" | sed 's/^/    /' ;;
        esac
    } >"$logs/$name.said"
    flock "$logs" cat "$logs/$name.said"
}

start() { # start NAME COMMAND...: when a place is free
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
    one "$@" &
}

threaded() { # threaded PROGRAM: can it race?
    nm "$1" | grep -qE ' (T|t) pool_run$| U __kmpc_fork_call' ||
        grep -q pthread_create "tests/unit/$(basename "$1").c"
}

# The scripts first: some are long, and the last one to end should not be.
for script in tests/system/*.sh; do
    if [ "$mode" = sanitize ] && ! grep -q '^# sanitize: yes' "$script"; then continue; fi
    start "$(basename "$script" .sh)" bash "$script"
done
for program in "$build"/tests/test_*; do
    [ -x "$program" ] && [ "${program##*.}" != d ] || continue
    case $build in *tsan) threaded "$program" || continue ;; esac
    start "$(basename "$program")" "$program"
done
wait

count() {
    cat "$logs"/*.verdict | grep -c "^$1"
}
passed=$(count ok) failed=$(count FAILED) skipped=$(count skipped)
echo
if [ "$skipped" -gt 0 ]; then
    echo "tests: $passed passed, $failed failed, $skipped skipped"
else
    echo "tests: $passed passed, $failed failed"
fi
[ "$failed" = 0 ]
