#!/bin/bash
# clang-format, clang-tidy, cppcheck; anything found is an error.
set -u
bad=0
sources=$(git ls-files '*.c')
clang-format --dry-run -Werror $(git ls-files '*.c' '*.h' '*.cu' '*.cpp') || bad=1
printf '%s\n' $sources | xargs -P "$(nproc)" -n 1 sh -c '
    clang-tidy --quiet "$@" -- -std=gnu17 -D_GNU_SOURCE -I. 2>/dev/null' sh || bad=1
cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr -j "$(nproc)" -I. -D_GNU_SOURCE \
    --enable=warning,performance,portability --suppress=missingIncludeSystem \
    --suppressions-list=.cppcheck-suppressions $sources || bad=1
[ $bad = 0 ] && echo "lint: clean"
exit $bad
