/* SPDX-License-Identifier: Apache-2.0
 * Single operations: what names one, and its roofline.
 *
 * The roofline of an operation is the longer of its memory and its compute time at the
 * efficiencies of the hardware catalog; attention and all-reduce also have the smallest time of
 * their kernel.  Attention heads have 128 elements. */
#ifndef HACASIM_MODELS_PERF_KERNEL_H
#define HACASIM_MODELS_PERF_KERNEL_H

#include "models/perf.h"

enum perf_op {
    PERF_GEMM,      /* m, n, k: m tokens, a k x n weight */
    PERF_PREFILL,   /* kv_heads, heads, batch, seq: causal attention of whole prompts */
    PERF_DECODE,    /* kv_heads, heads, batch, kv: one token each against kv tokens */
    PERF_MOE,       /* hidden, inter, topk, experts, tp, ep, skew, tokens: routed experts of a
                     * layer; skew: exponent of the power law of their load, in percent */
    PERF_ALLREDUCE, /* gpus, elements of 2 bytes */
    PERF_MIXED,     /* prefill_chunk, kv_prefill, n_decode, kv_decode: one attention call of a step
                     * with prompts and decoding sequences */
    PERF_OPS
};

enum { PERF_HEAD_DIM = 128 };
/* Share of a link that a ring of GPUs moves: H200 NVLink carries 239, 287 and 364 GB/s of bus
 * bandwidth at 32 MB among 2, 4 and 8 GPUs (aiconfigurator NCCL tables), 53 to 81 %. */
#define PERF_LINK_RATIO 0.65

/* What a roofline needs beside the axes (a perf_points_roof context). */
struct perf_roof {
    const struct perf_hardware *hardware;
    enum perf_dtype dtype; /* of weights */
    enum perf_op op;
    int64_t heads, kv_heads; /* PERF_MIXED only */
};

/* `context` is a struct perf_roof, `at` the axes in the order above; ns. */
double perf_kernel_roof_ns(const void *context, const int64_t *at);

/* Without any efficiency: no kernel can be faster than this on the card as published. */
double perf_kernel_bound_ns(const struct perf_roof *roof, const int64_t *at);

/* Expected number of distinct experts that `tokens` tokens reach when each picks `active` of
 * `experts` evenly. */
double perf_kernel_distinct(int64_t experts, int64_t active, int64_t tokens);

#endif
