#!/bin/bash
# Fuzz one target for SECONDS from its seed corpus:  tests/fuzz.sh TARGET SECONDS
set -eu
target=$1
seconds=$2
name=$(basename "$target")
corpus=build/fuzz/corpus-$name
mkdir -p "$corpus"
case $name in
fuzz_scenario) cp -n scenarios/*.yaml tests/bad/*.yaml "$corpus"/ 2>/dev/null || true ;;
fuzz_tables) cp -n tests/data/tables/*.csv tests/bad/tables/*.csv "$corpus"/ 2>/dev/null || true ;;
fuzz_json) printf '{"a":[1,-2.5e3,"\\u20ac",null,true]}' >"$corpus"/sound ;;
fuzz_trace) cp -n tests/data/*.csv "$corpus"/ 2>/dev/null || true ;;
fuzz_safetensors)
    printf '\004\000{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}' >"$corpus/one"
    printf '\022\000{"__metadata__":{"k":"v"},"b":{"dtype":"BF16","shape":[3,1],"data_offsets":[0,6]},"c":{"dtype":"F32","shape":[3],"data_offsets":[6,18]}}' >"$corpus/two"
    ;;
fuzz_snap) printf '\0' >"$corpus/sound" ;;
esac
"$target" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=0 -verbosity=0 -artifact_prefix=build/fuzz/ "$corpus"
echo "$name: no finding in $seconds s"
