#!/bin/bash
# The parsers under libFuzzer and the sanitizers: 4 s a target here, 10 minutes in `make test-long`.
# The short form uses the targets only where clang is installed and says so otherwise.
set -eu
if ! command -v clang >/dev/null || ! echo 'int main(void){return 0;}' |
    clang -fsanitize=fuzzer-no-link,address -x c - -o /dev/null 2>/dev/null; then
    echo "skipped: no clang with libFuzzer here (.ci/run installs it)"
    exit 77
fi
seconds=4
[ "${HACASIM_MODE:-short}" = long ] && seconds=600
make --no-print-directory -j"$(nproc)" fuzz SECONDS=$seconds
