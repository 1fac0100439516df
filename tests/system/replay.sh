#!/bin/bash
# sanitize: yes
# Recorded runs through `check`: a folder that agrees, one that does not, ones that cannot be read;
# exit codes, the JSON object, the JUnit file; and the real run where it is.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
file=scenarios/validation/vllm_run.yaml
mkdir -p "$work/run" "$work/tables/tp1"
cat >"$work/run/meta.json" <<'J'
{"model": "meta-llama/Llama-3.1-8B", "vllm_version": "0.19.0", "engine_kwargs": {"max_num_seqs": 4,
 "max_num_batched_tokens": 64, "max_model_len": null}, "kv_cache": {"num_gpu_blocks": 64, "block_size": 16}}
J
echo '{"nodes": [{"instances": [{"hardware": "RTX4090"}]}]}' >"$work/run/config.json"
# 10 + 100 + 32 x 5 = 270 us a step
line() { echo "{\"input_toks\": $1, \"output_toks\": $2, \"queued_ts\": $3, \"first_token_ts\": $4, \"last_token_ts\": $5}"; }
{ line 32 4 100 100.00027 100.00108; line 20 2 100.01 100.01027 100.01054; } >"$work/run/requests.jsonl"
printf 'layer,tokens,time_us\nembedding,1,10\nembedding,64,10\n' >"$work/tables/tp1/dense.csv"
printf 'layer,sequences,time_us\nlm_head,1,100\nlm_head,64,100\n' >"$work/tables/tp1/per_sequence.csv"
printf 'prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n1,0,0,0,5\n64,0,0,0,5\n0,0,1,1,5\n0,0,1,64,5\n' \
    >"$work/tables/tp1/attention.csv"

replay() { # replay EXIT ARGUMENTS...
    local wanted=$1 got=0
    shift
    "$HACASIM" check "$file" "$@" >"$work/out" 2>"$work/err" || got=$?
    [ "$got" = "$wanted" ] || { echo "check $*: exit $got, not $wanted"; cat "$work/out" "$work/err"; exit 1; }
}
both=(--set "run=$work/run" --set "tables=$work/tables")
replay 0 "${both[@]}"
grep -q 'TTFT, mean .*0.270 ms .*0.270 ms .*+0.00 %' "$work/out"
grep -q '3 of 3 checks passed' "$work/out"
replay 0 "${both[@]}" --json - --quiet
[ "$(sqlite3 :memory: "select json_valid(readfile('$work/out'))")" = 1 ]
query() { sqlite3 :memory: "select json_extract(readfile('$work/out'), '$1')"; }
[ "$(query '$.replays[0].metrics.replay.requests')" = 2 ] && [ "$(query '$.scenarios[0].checks[2].outcome')" = passed ]
cp "$work/out" "$work/first"
replay 0 "${both[@]}" --json - --quiet
cmp "$work/out" "$work/first"
replay 0 "${both[@]}" --junit "$work/out.xml" --quiet
grep -q 'tests="3"' "$work/out.xml"

line 32 4 100 100.00040 100.00121 >"$work/run/requests.jsonl"
replay 1 "${both[@]}"
grep -q 'run it: hacasim check scenarios/validation/vllm_run.yaml --set run=' "$work/out"

line -3 4 100 100.00040 100.00121 >>"$work/run/requests.jsonl"
echo '{"input_toks": 3,' >>"$work/run/requests.jsonl"
replay 2 "${both[@]}"
[ ! -s "$work/out" ]
grep -q "run/requests.jsonl:2:16: error: input_toks: -3 is out of range" "$work/err"
grep -q "run/requests.jsonl:3:18: error: not JSON" "$work/err"
replay 2 --set "run=$work/none" --set "tables=$work/tables"
replay 2 --set "run=$work/run"
replay 2 "${both[@]}" --set 'expect=["ttft.mean.error_rato < 3%"]'
grep -q "did you mean 'ttft.mean.error_ratio'" "$work/err"

# among others it is skipped
"$HACASIM" check scenarios/baseline.yaml "$file" --set 'horizon=1 min' --set 'expect=[]' >"$work/out" 2>"$work/err" || {
    cat "$work/err"; exit 1; }
grep -q 'skip  no run is named' "$work/out"

run=${HACASIM_DATA:-}/vllm_run_rtx4090
if [ ! -d "$run" ]; then
    echo "skipped: no $run (make test DATA=DIR)"
    exit 77
fi
echo "used: $run"
"$HACASIM" check "$file" --set "run=$run" --set "tables=$HACASIM_DATA/gpu_tables/rtx4090" | tee "$work/out"
grep -q '3 of 3 checks passed' "$work/out"
