/* SPDX-License-Identifier: Apache-2.0
 * Random worlds for the tests of checkpoints: designs, loads, fleets, faults, incidents and
 * adversaries by a seed, after tests/system/swarm.sh, and records compared to the last bit. */
#ifndef HACASIM_TESTS_SNAP_WORLDS_H
#define HACASIM_TESTS_SNAP_WORLDS_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/checkpoint.h"

enum { SNAP_WORLD_SETS = 48, SNAP_WORLD_TEXT = 1600 };

struct snap_world {
    char text[SNAP_WORLD_SETS][SNAP_WORLD_TEXT];
    const char *sets[SNAP_WORLD_SETS];
    size_t count;
    uint64_t seed;
    uint32_t key;
};

static uint64_t snap_world_draw(uint64_t seed, uint32_t key)
{
    struct rng_stream s = rng_open(seed, 0, 0x7e57, key);
    return rng_u64(&s);
}

/* One of the words of `choices`, which are separated by '|'. */
static const char *snap_world_pick(struct snap_world *w, const char *choices)
{
    static _Thread_local char words[64][128]; /* more than a world picks */
    uint32_t count = 1, index;
    for (const char *c = choices; *c; c++)
        count += *c == '|';
    index = (uint32_t)(snap_world_draw(w->seed, ++w->key) % count);
    while (index-- > 0)
        choices = strchr(choices, '|') + 1;
    char *word = words[w->key % 64];
    snprintf(word, sizeof words[0], "%.*s", (int)strcspn(choices, "|"), choices);
    return word;
}

static void snap_world_set(struct snap_world *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void snap_world_set(struct snap_world *w, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(w->text[w->count], SNAP_WORLD_TEXT, format, arguments);
    va_end(arguments);
    w->sets[w->count] = w->text[w->count];
    w->count++;
}

static void snap_world_chain(struct snap_world *w)
{
    snap_world_set(w, "validators.count=%s", snap_world_pick(w, "1|4|31"));
    snap_world_set(w, "validators.silent=%s", snap_world_pick(w, "0%|10%|40%"));
    snap_world_set(w, "storage.failure=%s", snap_world_pick(w, "0%|10%|60%"));
    snap_world_set(w, "mempool.size=%s", snap_world_pick(w, "20|5000"));
    snap_world_set(w, "mempool.priority=%s", snap_world_pick(w, "fifo|tip"));
    snap_world_set(w, "consensus.timeout_propose=%s s", snap_world_pick(w, "0.5|3"));
    snap_world_set(w, "feemarket.start=%s", snap_world_pick(w, "steady|genesis"));
    snap_world_set(w, "facilitator={batch: %s, idle: %s s, receipt: %s s, workers: %s}",
                   snap_world_pick(w, "1|7|20"), snap_world_pick(w, "5|60"),
                   snap_world_pick(w, "5|120"), snap_world_pick(w, "1|3"));
}

/* How the nodes of a class live: some fail, some come late or go, some forward to an API. */
static const char *snap_world_life(struct snap_world *w)
{
    static _Thread_local char text[SNAP_WORLD_TEXT / 2];
    snprintf(text, sizeof text,
             ", failures: %s, join: %s, leave: %s, load: {time: %s s, cold_start: 3 s, meanwhile: "
             "%s}, attestation: {refresh: %s s}, queue: {timeout: %s s}",
             snap_world_pick(w, "none|none|{exponential: {mtbf: 40 s, mttr: 10 s}}"),
             snap_world_pick(w, "at_start|at_start|{at: 15 s}|{rate: 6/min}"),
             snap_world_pick(w, "never|never|{after: 100 s}|{rate: 1/min}"),
             snap_world_pick(w, "1|20"), snap_world_pick(w, "hold|refuse|delist"),
             snap_world_pick(w, "0|30"), snap_world_pick(w, "0|0|1"));
    return text;
}

static const char snap_world_relay[] =
    "count: 2, proxy: {concurrency: 2, rate: 1/s, burst: 4, failure: 10%}, failures: {exponential: "
    "{mtbf: 1 min, mttr: 20 s}}";

/* Every second fleet takes its step times from tables: class a from the op tables of the tests, b
 * from the published profile of its card, whose times hang on the spread of contexts.  Where that
 * profile is not there, b has the op tables of a. */
static void snap_world_fleet(struct snap_world *w, const char *first, const char *count,
                             const char *second)
{
    static const char profile[] = "gpu_tables/rtx4090/meta-llama/Llama-3.1-8B/bf16";
    const char *data = getenv("HACASIM_DATA");
    char folder[SNAP_WORLD_TEXT / 2] = "tests/data/tables", file[SNAP_WORLD_TEXT];
    if (snap_world_draw(w->seed, 998) % 2 == 0) {
        snap_world_set(w,
                       "nodes=[{name: a, region: %s, count: %s, gpu: h100-sxm, gpus: 2, model: "
                       "llama3-70b, dtype: fp8}, {name: b, region: %s, count: 2, gpu: h100-sxm, "
                       "gpus: 2, model: llama3-70b, dtype: fp8%s}, {name: relay, kind: proxy, "
                       "model: llama3-70b, %s}]",
                       first, count, second, snap_world_life(w), snap_world_relay);
        return;
    }
    snprintf(file, sizeof file, "%s/%s/tp1/dense.csv", data ? data : "", profile);
    if (data && access(file, R_OK) == 0) snprintf(folder, sizeof folder, "%s/%s", data, profile);
    snap_world_set(w, "models=[{name: llama3-8b}]");
    snap_world_set(
        w,
        "nodes=[{name: a, region: %s, count: %s, gpu: a100-80g, model: llama3-8b, timing: "
        "{tables: tests/data/tables}%s}, {name: b, region: %s, count: 2, gpu: rtx4090, "
        "model: llama3-8b, timing: {tables: %s}}]",
        first, count, snap_world_life(w), second, folder);
}

static void snap_world_service(struct snap_world *w)
{
    static const char regions[] = "N_Virginia|Frankfurt|Tokyo|S_Paulo";
    snap_world_set(
        w, "router.policy=%s",
        snap_world_pick(w, "random|least_loaded|nearest|sticky|stake_weighted|cheapest|prefix"));
    const char *first = snap_world_pick(w, regions), *count = snap_world_pick(w, "1|4|9");
    snap_world_fleet(w, first, count, snap_world_pick(w, regions));
    snap_world_set(w, "serving={kv_blocks: %s, fidelity: %s}", snap_world_pick(w, "0|400|1500"),
                   snap_world_pick(w, "leap|leap|step"));
    snap_world_set(w, "client.timeout=%s s", snap_world_pick(w, "5|60"));
    snap_world_set(w, "registry.heartbeat_max_age=%s s", snap_world_pick(w, "60|1800"));
    snap_world_set(w, "net.loss=%s", snap_world_pick(w, "0%|20%"));
    snap_world_set(w,
                   "adversaries=[{strategy: model_substitution, share: %s, start: %s s, evades: "
                   "%s}]",
                   snap_world_pick(w, "0%|30%|100%"), snap_world_pick(w, "0|30|90"),
                   snap_world_pick(w, "0%|50%"));
    const char *at = snap_world_pick(w, "20|40|100");
    const char *what =
        snap_world_pick(w, "outage, region: Tokyo|surge, factor: 3|facilitator_outage|feed_outage");
    snap_world_set(w,
                   "events=[{at: %s s, do: %s, for: %s s}, {at: 60 s, do: outage, region: "
                   "Frankfurt, for: 20 s}, {at: %s s, do: swap, nodes: %s, stagger: %s s, for: %s "
                   "s}]",
                   at, what, snap_world_pick(w, "10|50"), snap_world_pick(w, "10|50|90"),
                   snap_world_pick(w, "a, model: qwen3-32b, timing: roofline|b, timing: roofline, "
                                      "engine: {serving: {kv_blocks: 300}}|a, model: "
                                      "qwen2.5-vl-7b, timing: roofline"),
                   snap_world_pick(w, "0|5"), snap_world_pick(w, "0|30"));
    snap_world_set(w, "client.lost=%s", snap_world_pick(w, "fails|retried"));
    snap_world_set(w, "serving={policy: %s, order: %s}",
                   snap_world_pick(w, "vllm_v1|vllm_v1|vllm_v0|sarathi|orca|static"),
                   snap_world_pick(w, "fcfs|priority|shortest"));
    snap_world_set(w, "serving=%s",
                   snap_world_pick(w, "{}|{async_scheduling: true}|{speculative: {tokens: 3}}|"
                                      "{prefix_caching: false}|{chunked_prefill: off}"));
}

static bool snap_world_says(const struct snap_world *w, const char *text)
{
    for (size_t i = 0; i < w->count; i++)
        if (strstr(w->text[i], text)) return true;
    return false;
}

/* Conversations, shared prefixes, promises, and who computes prompts and who decodes. */
static void snap_world_demand(struct snap_world *w)
{
    snap_world_set(w,
                   "workload.sessions={share: %s, turns: {exponential: {mean: 4}}, think_time: "
                   "{exponential: {mean: %s s}}, limit: %s}",
                   snap_world_pick(w, "0%|50%|100%"), snap_world_pick(w, "2|20"),
                   snap_world_pick(w, "3|1000000"));
    snap_world_set(w, "workload.system_prompts={count: %s, added: %s}", snap_world_pick(w, "0|5"),
                   snap_world_pick(w, "true|false"));
    /* Only where a model comes that takes them. */
    if (snap_world_says(w, "qwen2.5-vl-7b") && !snap_world_says(w, "design=replicated"))
        snap_world_set(w, "workload.images={share: 60%%, count: {uniform: {low: 1, high: 4}}}");
    snap_world_set(w, "users[0].slo={ttft: %s ms, e2e: 9 s}", snap_world_pick(w, "0|300"));
    const char *prefill = snap_world_pick(w, "both|prefill");
    const char *decode = snap_world_pick(w, "both|decode");
    bool moves = !snap_world_says(w, "a, model: "); /* else only one side gets another model */
    snap_world_set(w, "nodes[0].role=%s", moves ? prefill : "both");
    snap_world_set(w, "nodes[1].role=%s", moves ? decode : "both");
    snap_world_set(w, "transfer={bandwidth: %s Gbit/s, retries: %s}", snap_world_pick(w, "1|400"),
                   snap_world_pick(w, "0|2"));
}

/* Fill `w`, which must stay where it is: its list points into it. */
static void snap_world_make(struct snap_world *w, uint64_t seed)
{
    *w = (struct snap_world){.seed = seed};
    const char *token = snap_world_pick(w, "dual_cycle|as_coded");
    snap_world_set(w, "horizon=%s s", snap_world_pick(w, "100|150|240"));
    snap_world_set(w, "drain=%s s", snap_world_pick(w, "0|20|200"));
    snap_world_set(w, "warmup=%s s", snap_world_pick(w, "0|30"));
    snap_world_set(w, "verification.design=%s", snap_world_pick(w, "haca_tee|og_batch|replicated"));
    snap_world_set(w, "verification.haca_tee={upload: %s, validity: %s s}",
                   snap_world_pick(w, "true|false"), snap_world_pick(w, "2|3600"));
    if (snap_world_draw(seed, 999) % 4 == 0)
        snap_world_set(w, "workload.arrivals={trace: {file: tests/data/azure-2023.csv}}");
    else if (snap_world_draw(seed, 999) % 4 == 1)
        snap_world_set(w, "workload.arrivals={diurnal: {mean: 6/s, period: 90 s}}");
    else
        snap_world_set(w, "workload.arrivals={poisson: %s/s}", snap_world_pick(w, "0.2|2|6|20"));
    snap_world_set(w, "token={design: %s, burn_share: %s, lost_fee: %s}", token,
                   strcmp(token, "as_coded") == 0 ? "0%" : "30%",
                   snap_world_pick(w, "hold|refund"));
    snap_world_set(w, "token.price={rule: %s, tick: %s s}", snap_world_pick(w, "fixed|gbm|amm"),
                   snap_world_pick(w, "7|60"));
    snap_world_set(w, "payment={idle: %s s, feed_refresh: 20 s, wallet: %s OPG}",
                   snap_world_pick(w, "10|100"), snap_world_pick(w, "0.05|10"));
    snap_world_set(w, "staking={jail: %s s, insurance: {fund: 10 OPG}}",
                   snap_world_pick(w, "10|600"));
    snap_world_chain(w);
    snap_world_service(w);
    snap_world_demand(w);
}

#endif
