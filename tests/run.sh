#!/bin/bash
# Run the tests of one build:  tests/run.sh BUILD short|long|sanitize
# Unit tests are programs under BUILD/tests; the whole-program tests are tests/system/*.sh.  The
# last line counts them.  A test that exits 77 was skipped and has said why.
set -u
build=$1
mode=$2
export HACASIM="$PWD/$build/hacasim"
export HACASIM_MODE=$mode
export HACASIM_BUILD="$PWD/$build"
if [ -d "${DATA:-}" ]; then HACASIM_DATA=$(cd "$DATA" && pwd); else HACASIM_DATA=${DATA:-}; fi
export HACASIM_DATA
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=ignore_noninstrumented_modules=1 # libomp asks for it
passed=0 failed=0 skipped=0
logs=$build/logs
mkdir -p "$logs"

one() { # one NAME COMMAND...
    local name=$1 started ended code
    shift
    started=$(date +%s%N)
    "$@" >"$logs/$name.log" 2>&1
    code=$?
    ended=$(date +%s%N)
    case $code in
    0) passed=$((passed + 1)); verdict=ok ;;
    77) skipped=$((skipped + 1)); verdict=skipped ;;
    *) failed=$((failed + 1)); verdict="FAILED (exit $code)" ;;
    esac
    printf '%-28s %-10s %6d ms\n' "$name" "$verdict" $(((ended - started) / 1000000))
    case $code in
    0) grep -hE '^(skipped|used|measured): ' "$logs/$name.log" | sed 's/^/    /' ;;
    77) sed 's/^/    /' "$logs/$name.log" ;;
    *) tail -n 60 "$logs/$name.log" | sed 's/^/    /' ;;
    esac
}

for program in "$build"/tests/test_*; do
    [ -x "$program" ] && [ "${program##*.}" != d ] && one "$(basename "$program")" "$program"
done
for script in tests/system/*.sh; do
    if [ "$mode" = sanitize ] && ! grep -q '^# sanitize: yes' "$script"; then continue; fi
    one "$(basename "$script" .sh)" bash "$script"
done
echo
if [ "$skipped" -gt 0 ]; then
    echo "tests: $passed passed, $failed failed, $skipped skipped"
else
    echo "tests: $passed passed, $failed failed"
fi
[ "$failed" = 0 ]
