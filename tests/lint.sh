#!/bin/bash
# clang-format, clang-tidy, cppcheck; anything found is an error.  A file that was clean is not
# looked at again until it, a header that it includes, the rules or the tools change: build/lint
# remembers, by a hash of all of these.
set -u
bad=0
sources=$(git ls-files '*.c')
export memory=build/lint flags='-std=gnu17 -D_GNU_SOURCE -I.'
mkdir -p "$memory/cppcheck"
rules=$( (clang-tidy --version; cat .clang-tidy; echo "$flags") | sha256sum | cut -c1-16)
export rules

tidy() { # tidy FILE: its text with all that it includes, comments too (they can silence a check)
    local key
    key=$(clang $flags -E -CC "$1" | sha256sum | cut -c1-32) || return 1
    [ -e "$memory/$rules-$key" ] && return 0
    clang-tidy --quiet "$1" -- $flags 2>/dev/null && : >"$memory/$rules-$key"
}
export -f tidy

clang-format --dry-run -Werror $(git ls-files '*.c' '*.h' '*.cu' '*.cpp') || bad=1
printf '%s\n' $sources | xargs -P "$(nproc)" -n 1 bash -c 'tidy "$1"' bash || bad=1
cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr -j "$(nproc)" -I. -D_GNU_SOURCE \
    --enable=warning,performance,portability --suppress=missingIncludeSystem \
    --cppcheck-build-dir="$memory/cppcheck" --suppressions-list=.cppcheck-suppressions $sources || bad=1
[ $bad = 0 ] && echo "lint: clean"
exit $bad
