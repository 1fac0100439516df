/* SPDX-License-Identifier: Apache-2.0
 * Rooflines of single operations. */
#include "models/perf_kernel.h"

#include "models/perf_experts.h"

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* experts x (1 - (1 - active/experts)^tokens), the power by squaring. */
double perf_kernel_distinct(int64_t experts, int64_t active, int64_t tokens)
{
    double miss = 1.0, factor = 1.0 - (double)active / (double)experts;
    for (int64_t n = tokens; n > 0; n >>= 1) {
        if (n & 1) miss *= factor;
        factor *= factor;
    }
    return (double)experts * (1.0 - miss);
}

/* What an operation reads and writes, computes, and costs whatever its size. */
struct demand {
    double weight_bytes, kv_bytes, link_bytes;
    double gemm_flops, attention_flops;
    double floor_ns;
};

static double weight_bytes(const struct perf_roof *roof)
{
    return roof->dtype == PERF_FP8 ? 1.0 : 2.0;
}

static struct demand gemm(const struct perf_roof *roof, const int64_t *at)
{
    double m = (double)at[0], n = (double)at[1], k = (double)at[2];
    return (struct demand){
        .weight_bytes = n * k * weight_bytes(roof) + 2.0 * m * (n + k),
        .gemm_flops = 2.0 * m * n * k,
    };
}

/* 4 FLOPs per pair of tokens, head and element; K and V of 2 bytes. */
static struct demand attention(const struct perf_hardware *h, double kv_heads, double heads,
                               double pairs, double kv_tok, double sequences)
{
    return (struct demand){
        .kv_bytes = 4.0 * PERF_HEAD_DIM * kv_heads * kv_tok,
        .attention_flops = 4.0 * PERF_HEAD_DIM * heads * pairs,
        .floor_ns = h->attention_ns + sequences * h->attention_sequence_ns,
    };
}

/* The least that the slowest of ep groups can have to do: its share of an even load. */
static struct demand moe(const struct perf_roof *roof, const int64_t *at)
{
    double expert = 3.0 * (double)at[0] * (double)at[1] / (double)(at[4] * at[5]);
    return (struct demand){
        .weight_bytes = (double)at[2] * expert * weight_bytes(roof),
        .gemm_flops = 2.0 * expert * (double)at[2] * (double)at[7],
    };
}

/* Uneven loads and groups of GPUs: perf_experts.h. */
static double moe_ns(const struct perf_roof *roof, const int64_t *at)
{
    const struct perf_hardware *h = roof->hardware;
    double flops = roof->dtype == PERF_FP8 ? h->fp8_flops : h->bf16_flops;
    double expert = 3.0 * (double)at[0] * (double)at[1] / (double)at[4];
    double memory_ns =
        expert * weight_bytes(roof) * 1e9 / (h->bandwidth_bytes_per_s * h->weights_ratio);
    double token_ns = 2.0 * expert * 1e9 / (flops * h->compute_ratio);
    struct perf_routing routing = {(int32_t)at[3], (int32_t)at[2], (int32_t)at[5],
                                   (double)at[6] / 100.0};
    return perf_experts_time(&routing, at[7], memory_ns, token_ns);
}

static struct demand allreduce(const struct perf_hardware *h, const int64_t *at)
{
    double gpus = (double)at[0];
    return (struct demand){
        .link_bytes = 2.0 * (gpus - 1.0) / gpus * 2.0 * (double)at[1],
        .floor_ns = h->allreduce_ns,
    };
}

static struct demand demand_of(const struct perf_roof *roof, const int64_t *at)
{
    const struct perf_hardware *h = roof->hardware;
    double a = (double)at[0], b = (double)at[1], c = (double)at[2], d = (double)at[3];
    switch (roof->op) {
    case PERF_GEMM:
        return gemm(roof, at);
    case PERF_PREFILL:
        return attention(h, a, b, c * d * (d + 1.0) / 2.0, c * d, 0.0);
    case PERF_DECODE:
        return attention(h, a, b, c * d, c * d, c);
    case PERF_MOE:
        return moe(roof, at);
    case PERF_ALLREDUCE:
        return allreduce(h, at);
    default:
        return attention(h, (double)roof->kv_heads, (double)roof->heads,
                         a * b + a * (a + 1.0) / 2.0 + c * d, a + b + c * d, c);
    }
}

/* Ratios of 1 give the bound, those of the catalog what kernels reach. */
static double time_ns(const struct perf_roof *roof, const struct demand *d, double weights,
                      double kv, double compute, double pairs, double link)
{
    const struct perf_hardware *h = roof->hardware;
    double flops = roof->dtype == PERF_FP8 ? h->fp8_flops : h->bf16_flops;
    double memory_ns =
        (d->weight_bytes / weights + d->kv_bytes / kv) * 1e9 / h->bandwidth_bytes_per_s;
    double compute_ns = d->gemm_flops * 1e9 / (flops * compute) +
                        d->attention_flops * 1e9 / (h->bf16_flops * pairs);
    double link_ns = 0.0;
    if (d->link_bytes > 0.0 && h->link_bytes_per_s > 0.0)
        link_ns = d->link_bytes * 1e9 / (h->link_bytes_per_s * link);
    return larger(memory_ns, compute_ns) + link_ns;
}

double perf_kernel_roof_ns(const void *context, const int64_t *at)
{
    const struct perf_roof *roof = context;
    const struct perf_hardware *h = roof->hardware;
    if (roof->op == PERF_MOE) return moe_ns(roof, at);
    struct demand d = demand_of(roof, at);
    return d.floor_ns + time_ns(roof, &d, h->weights_ratio, h->kv_ratio, h->compute_ratio,
                                h->attention_ratio, PERF_LINK_RATIO);
}

double perf_kernel_bound_ns(const struct perf_roof *roof, const int64_t *at)
{
    struct demand d = demand_of(roof, at);
    return time_ns(roof, &d, 1.0, 1.0, 1.0, 1.0, 1.0);
}
