#!/bin/bash
# A swarm of random worlds: designs, loads, fleets, faults and incidents drawn from a printed seed.
# Every world must run to its end with every invariant holding after each block, and give the same
# hash when it is run again with `serving.fidelity: step`.  SWARM_SEED=N replays one.
# The short form runs 40 worlds, `make test-long` 400.
set -eu
count=40
[ "${HACASIM_MODE:-short}" = long ] && count=400
first=${SWARM_SEED:-1}
[ -n "${SWARM_SEED:-}" ] && count=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

pick() { # pick KEY WORD...: one of the words, by a hash of the seed and the key
    local x=$((seed * 0x9E3779B97F4A7C1 + $1 * 0x2545F4914F6CDD1D))
    x=$(((x ^ (x >> 29 & 0x7ffffffff)) * 0x369DEA0F31A53F85))
    x=$(((x ^ (x >> 32 & 0xffffffff)) & 0x7fffffff))
    shift
    shift $((x % $#))
    echo "$1"
}
regions='N_Virginia Frankfurt Tokyo S_Paulo'
for seed in $(seq "$first" $((first + count - 1))); do
    design=$(pick 1 haca_tee og_batch replicated)
    token=$(pick 2 dual_cycle as_coded)
    burn=30%
    [ "$token" = as_coded ] && burn=0%
    event=$(pick 23 outage surge facilitator_outage feed_outage)
    [ "$event" = outage ] && event="outage, region: $(pick 24 $regions)"
    [ "$event" = surge ] && event="surge, factor: 3"
    life=", load: {time: $(pick 26 1 20) s, cold_start: 2 s, meanwhile: $(pick 27 hold refuse delist)}"
    [ "$(pick 28 0 1)" = 1 ] && life="$life, failures: {exponential: {mtbf: 1 min, mttr: 15 s}}"
    [ "$(pick 29 0 1 2)" = 1 ] && life="$life, join: {rate: 4/min}, leave: {after: 2 min}"
    relay=
    [ "$(pick 30 0 1)" = 1 ] && relay=", {name: relay, kind: proxy, model: llama3-70b, proxy: {rate: 1/s, failure: 5%}}"
    swap=
    [ "$(pick 31 0 1)" = 1 ] && swap=", {at: 50 s, do: swap, nodes: a, model: qwen3-32b, stagger: $(pick 32 0 7) s, for: 40 s}"
    sets=(--set "seed=$seed" --set "horizon=$(pick 3 2 5 10) min" --set "drain=$(pick 4 0 1 20) min"
        --set "verification.design=$design"
        --set "workload.arrivals={poisson: $(pick 5 0.2 2 6 20)/s}"
        --set "token={design: $token, burn_share: $burn, lost_fee: $(pick 6 hold refund), price: {rule: $(pick 7 fixed gbm amm)}}"
        --set "router.policy=$(pick 8 random least_loaded nearest sticky stake_weighted cheapest)"
        --set "nodes=[{name: a, region: $(pick 9 $regions), count: $(pick 10 1 4 9), gpu: h100-sxm, gpus: 2, model: llama3-70b, dtype: fp8$life}$relay]"
        --set "client.lost=$(pick 33 fails retried)"
        --set "validators.count=$(pick 11 1 4 31 100)"
        --set "validators.silent=$(pick 12 0% 10% 30% 40%)"
        --set "serving.kv_blocks=$(pick 13 0 1500 4000)"
        --set "facilitator={batch: $(pick 14 1 7 20), idle: $(pick 15 5 60 300) s, age: 900 s}"
        --set "storage.failure=$(pick 16 0% 10% 60%)"
        --set "mempool.size=$(pick 17 20 5000)"
        --set "client.timeout=$(pick 18 5 60) s"
        --set "consensus.timeout_propose=$(pick 19 0.5 3) s"
        --set "feemarket.start=$(pick 20 steady genesis)"
        --set "adversaries=[{strategy: model_substitution, share: $(pick 21 0% 30% 100%), start: 30 s, evades: $(pick 22 0% 50%)}]"
        --set "events=[{at: 40 s, do: $event, for: $(pick 25 10 50) s}$swap]")
    run() {
        "$HACASIM" run scenarios/baseline.yaml "${sets[@]}" "$@" --db "$work/s.db" --quiet --json - 2>"$work/err" ||
            { echo "seed $seed: exit $?"; cat "$work/err"; exit 1; }
    }
    run >"$work/leap.json"
    grep -q '"residual": "0"' "$work/leap.json" || { echo "seed $seed: residual"; exit 1; }
    if [ $((seed % 4)) = 0 ]; then # the slow twin, on every fourth world
        run --set serving.fidelity=step >"$work/step.json"
        for file in leap step; do
            grep -vE '"(trace_hash|events|ties)"' "$work/$file.json" >"$work/$file.rows"
        done
        cmp "$work/leap.rows" "$work/step.rows" || { echo "seed $seed: leap and step differ"; exit 1; }
    fi
done
echo "measured: $count random worlds, no breach"
