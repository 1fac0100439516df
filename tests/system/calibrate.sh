#!/bin/bash
# sanitize: yes
# hacasim calibrate inference on the CPU: tiny models end to end, tables that scenarios can read, and
# what a user is told when it cannot be.  How long things take is no matter here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { echo "FAILED: $*"; head -5 out err 2>/dev/null; exit 1; }
expect() { # expect CODE TEXT COMMAND...: exit code and a text on standard error, nothing written
    local code=$1 text=$2 got=0
    shift 2
    "$@" >out 2>err || got=$?
    [ "$got" = "$code" ] || fail "$*: exit $got, expected $code"
    grep -qF -- "$text" err || fail "$*: no '$text'"
    [ ! -e tables ] || fail "$*: something was written"
}
quick='--tokens 8 --batch 2 --context 32 --kv-tokens 64 --repeats 3 --held-out 2 --target 100%'
# Large enough that a busy machine does not look like a table in another unit.
dense=layers=1,hidden=1024,heads=8,kv_heads=1,head_dim=128,vocab=3000,ffn=2048
sparse=layers=2,hidden=64,heads=2,kv_heads=1,head_dim=32,vocab=99,experts=4,active=2,expert_ffn=48

# a dense model: a table that says where it comes from and that the reader takes as measured
# shellcheck disable=SC2086
"$HACASIM" calibrate inference --shape $dense $quick -o tables >out 2>err || fail "dense"
for note in 'source: measured' 'device: ' 'date: 20' 'commit: ' 'model: layers=1' 'dtype: bf16' \
    'layers on the device: 1 of 1' 'held-out error: median'; do
    grep -q "^# $note" tables/ops.csv || fail "no note '$note'"
done
grep -q 'whole steps' out || fail "no whole steps"
for product in 1280,1024 1024,1024 4096,1024 1024,2048 3000,1024; do
    grep -q "^gemm,1,$product," tables/ops.csv || fail "no product $product"
done
for op in prefill decode; do grep -q "^attn_$op,,,,1," tables/ops.csv || fail "no attention"; done
want=$(sed -n 's/^gemm,8,4096,1024,,,,,,\([0-9]*\),.*/\1/p' tables/ops.csv)
"$HACASIM" eval kernel-time hardware=cpu-8core op=gemm m=8 n=4096 k=1024 tables=tables >out 2>err ||
    fail "the table is not read"
grep -q '"source": "measured"' out || fail "not as measured"
grep -q "\"ns\": $want[,}]" out || fail "another time than $want"
rm -r tables

# experts: a second table; in fp32, fixed order, one of two layers
# shellcheck disable=SC2086
"$HACASIM" calibrate inference --shape $sparse $quick --dtype fp32 --order invariant --layers 1 \
    -o tables >out 2>err || fail "experts"
grep -q '^64,48,2,4,1,1,balanced,8,' tables/moe.csv || fail "no experts"
grep -q '^# layers on the device: 1 of 2' tables/moe.csv || fail "layers"
grep -q '^# order: invariant' tables/ops.csv || fail "order"
grep -q '^# no attention: heads of 32' tables/ops.csv || fail "heads that the format cannot say"
if grep -q '^attn' tables/ops.csv; then fail "attention of other heads"; fi
rm -r tables

expect 2 "did you mean 'inference'" "$HACASIM" calibrate inferense
expect 2 'Usage: hacasim calibrate WHAT' "$HACASIM" calibrate
expect 2 "did you mean 'llama3-8b'" "$HACASIM" calibrate inference --model llama3-8 -o tables
expect 2 'latent attention' "$HACASIM" calibrate inference --model deepseek-v3 -o tables
expect 2 'exactly one of --model and --shape' "$HACASIM" calibrate inference -o tables
expect 2 '--output names the folder' "$HACASIM" calibrate inference --shape $dense
expect 2 "'cdua' is not one of cpu, cuda; did you mean 'cuda'?" \
    "$HACASIM" calibrate inference --shape $dense --backend cdua -o tables
expect 2 'hidden must be a multiple of 16' "$HACASIM" calibrate inference \
    --shape layers=1,hidden=100,heads=2,kv_heads=1,head_dim=32,vocab=99,ffn=32 -o tables
expect 2 "is not KEY=NUMBER" "$HACASIM" calibrate inference --shape layers=1,width=3 -o tables
expect 2 'fp8 weights need a CUDA device' "$HACASIM" calibrate inference --shape $dense --dtype fp8 -o tables
expect 2 'cannot open nothing.safetensors' "$HACASIM" calibrate inference --shape $dense \
    --weights nothing.safetensors -o tables
head -c 100 /dev/urandom >junk.safetensors
expect 2 'junk.safetensors' "$HACASIM" calibrate inference --shape $dense --weights junk.safetensors -o tables
expect 3 'CUDA' env CUDA_VISIBLE_DEVICES= "$HACASIM" calibrate inference --shape $dense --backend cuda -o tables
touch file
# shellcheck disable=SC2086
expect 3 'file' "$HACASIM" calibrate inference --shape $dense $quick -o file
"$HACASIM" help calibrate | grep -q inference || fail "help"
echo "calibrate: tables written, read, and refused with reasons"
