#!/bin/bash
# sanitize: yes
# Broken scenarios and command lines: each must give exactly its message, exit 2, print nothing on
# standard output and write nothing.  A case is tests/bad/NAME.case: the command line, the exit
# code, then the message.  UPDATE=1 rewrites the messages (read the difference before a commit).
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cases=0 wrong=0
for case in "$PWD"/tests/bad/*.case; do
    cases=$((cases + 1))
    rm -rf "$work/dir"
    mkdir "$work/dir"
    cp -r tests/bad/*.yaml tests/bad/*.csv tests/bad/tables "$work/dir/"
    printf 'hacasim: 1\nname: \xff\xfe\nnodes: []\n' >"$work/dir/latin.yaml"
    printf 'hacasim: 1\0\0\0name: x\n' >"$work/dir/binary.yaml"
    : >"$work/dir/empty.yaml"
    mkfifo "$work/dir/fifo"
    head -c 300 scenarios/baseline.yaml >"$work/dir/truncated.yaml"
    (cd "$work/dir" && find . | LC_ALL=C sort) >"$work/before"
    command=$(sed -n 1p "$case")
    code=$(sed -n 2p "$case")
    (cd "$work/dir" && eval "\"$HACASIM\" $command" >"$work/out" 2>"$work/err" </dev/null)
    got=$?
    (cd "$work/dir" && find . | LC_ALL=C sort) >"$work/after"
    if [ "${UPDATE:-0}" = 1 ]; then
        { printf '%s\n%s\n' "$command" "$got"; cat "$work/err"; } >"$case"
        continue
    fi
    sed 1,2d "$case" >"$work/want"
    if ! cmp -s "$work/want" "$work/err" || [ "$got" != "$code" ] || [ -s "$work/out" ] ||
        ! cmp -s "$work/before" "$work/after"; then
        wrong=$((wrong + 1))
        echo "$(basename "$case"): hacasim $command: exit $got, expected $code"
        diff "$work/want" "$work/err"
        diff "$work/before" "$work/after"
        head -3 "$work/out"
    fi
done
echo "measured: $cases broken inputs, $wrong with another message than expected"
[ "$wrong" = 0 ] && [ "$cases" -ge 40 ]
