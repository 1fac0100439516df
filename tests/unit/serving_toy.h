/* SPDX-License-Identifier: Apache-2.0
 * A step time and parameters for tests of serving nodes. */
#ifndef HACASIM_TESTS_SERVING_TOY_H
#define HACASIM_TESTS_SERVING_TOY_H

#include "models/serving.h"
#include "sim/rng.h"

/* Linear, with another slope above a knot in decode context, as a measured table would have. */
struct toy {
    int64_t base, per_seq, per_tok, per_pair, per_sample, slope, upper_slope, knot_tok;
};

static struct perf_line toy_line(const struct perf *perf, const struct perf_batch *b)
{
    const struct toy *t = perf->data;
    int64_t context = b->decode_context_tok, over = context - t->knot_tok;
    int64_t ticks = t->base + t->per_seq * (b->decode_seqs + b->prefill_seqs) +
                    t->per_tok * b->prefill_tok + t->per_pair * b->prefill_pairs +
                    t->per_sample * b->sampled;
    if (over > 0)
        return (struct perf_line){ticks + t->slope * t->knot_tok + t->upper_slope * over,
                                  t->upper_slope * b->decode_seqs, INT64_MAX, true};
    int64_t holds = b->decode_seqs > 0 ? -over / b->decode_seqs + 1 : INT64_MAX;
    return (struct perf_line){ticks + t->slope * context, t->slope * b->decode_seqs, holds, false};
}

static const struct perf_source toy_source = {.name = "toy", .line = toy_line};

static inline struct perf toy_perf(const struct toy *toy)
{
    struct perf perf = perf_build(perf_hardware_find("h200-sxm"), perf_model_find("llama3-8b"),
                                  PERF_BF16, 1, 0, 0.0);
    perf.source = &toy_source;
    perf.data = toy;
    return perf;
}

/* One that takes images too: its encoder launches in no time. */
static inline struct perf toy_perf_images(const struct toy *toy, int64_t token_ns, int64_t pair_ns)
{
    static struct perf_hardware hardware;
    struct perf perf = toy_perf(toy);
    hardware = *perf.hardware;
    hardware.layer_ns = 0.0;
    perf.hardware = &hardware;
    perf.model = perf_model_find("qwen2.5-vl-7b");
    perf.roofline.vision_token_ns = (double)token_ns;
    perf.roofline.vision_pair_ns = (double)pair_ns;
    return perf;
}

static struct serving_params toy_params(int64_t seqs, int64_t budget, int64_t block, int64_t blocks)
{
    return (struct serving_params){.max_num_seqs = seqs,
                                   .max_num_batched_tokens = budget,
                                   .gpu_memory_utilization = 0.9,
                                   .block_tokens = block,
                                   .kv_blocks = blocks + 1,
                                   .max_waiting = 1000000,
                                   .fidelity = SERVING_LEAP};
}

/* A request that asks for nothing special. */
static inline bool submit_plainly(struct serving *s, int64_t now_ns, uint32_t tag,
                                  int64_t prompt_tok, int64_t output_tok, enum serving_reject *why)
{
    struct serving_terms terms = {.tag = tag, .prompt_tok = prompt_tok, .output_tok = output_tok};
    return serving_submit(s, now_ns, &terms, why);
}

static inline int64_t between(struct rng_stream *s, int64_t low, int64_t high)
{
    return low + (int64_t)rng_below(s, (uint64_t)(high - low + 1));
}

#endif
