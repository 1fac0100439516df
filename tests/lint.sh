#!/bin/bash
# clang-tidy, cppcheck and the format check; anything found is an error.
set -u
export EXTRA_PACKAGES='clang-tidy clang-format cppcheck libomp-dev'
.ci/packages || exit 3
bad=0
files=$(git ls-files '*.c' '*.h' '*.cu')
clang-format --dry-run -Werror $files || bad=1
sources=$(git ls-files '*.c')
printf '%s\n' $sources | xargs -P "$(nproc)" -n 4 clang-tidy --quiet --warnings-as-errors='*' 2>/tmp/tidy.$$ -- || bad=1
