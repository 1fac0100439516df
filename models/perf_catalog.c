/* SPDX-License-Identifier: Apache-2.0
 * Hardware and model shapes, with where each figure comes from.
 *
 * Hardware.  Peaks are data-sheet figures (dense, without sparsity).  Memory is what CUDA shows to
 * a program, a little under the nominal size.  Each efficiency comes from one kind of published
 * figure, and the rest of what is published is left to the test as a prediction:
 *   weights    GEMM of a whole Llama-3-8B at batch 1, as a share of memory bandwidth
 *   compute    GEMM of a whole Llama-3-8B at a prompt of 2,048, as a share of peak
 *   kv         decode attention at the largest batch x context measured, share of bandwidth
 *   attention  causal prefill attention at 8,192 tokens, share of peak
 * Where nothing is published for a card, it takes the figures of its nearest relative, and the
 * source says "assumption".
 *
 * Engine overhead (launches, norms and other small kernels that no group counts, scheduling,
 * sampling) is BLIS's fit of vLLM on an H100: 32.1 us per layer, 4.4 us per sequence and 126 us
 * per step.  vLLM of 2024 took about 0.7 ms more per step of an 8B model.
 *
 * Shapes are those of each model's config.json. */
#include "models/perf_catalog.h"

#define GIB (1024.0 * 1024.0 * 1024.0)
#define GB 1e9
#define TFLOP 1e12
#define US 1e3 /* in ns */
#define ENGINE_GPU .layer_ns = 32.1 * US, .sequence_ns = 4.4 * US, .step_ns = 126.0 * US
#define SPEC_AIC "aiconfigurator systems/*.yaml; data sheet; memory as CUDA shows it"
#define SPEC_SHEET "data sheet; memory as CUDA shows it"
#define TABLE_AIC "aiconfigurator kernel tables (vLLM 0.14), Llama-3-8B sums"

const struct perf_hardware perf_catalog_hardware[PERF_HARDWARE] = {
    {
        .name = "a100-80g",
        .memory_bytes = 79.1 * GIB,
        .bandwidth_bytes_per_s = 2039 * GB,
        .bf16_flops = 312 * TFLOP,
        .fp8_flops = 312 * TFLOP, /* no fp8 units: fp8 weights are widened, GEMMs stay bf16 */
        .power_w = 400,
        .link_bytes_per_s = 300 * GB,
        .rental_usd_per_h = 1.90,
        .weights_ratio = 0.71,
        .compute_ratio = 0.86,
        .kv_ratio = 0.81,        /* 8 x 32,768 tokens: 1.65 TB/s */
        .attention_ratio = 0.56, /* 176 TFLOP/s */
        .attention_ns = 12.7 * US,
        .attention_sequence_ns = 0.3 * US, /* 33.3 us at 64, 51.8 us at 128 sequences */
        .allreduce_ns = 5.5 * US,
        ENGINE_GPU,
        .spec_source = SPEC_AIC,
        .rental_source = "aimultiple GPU index, May 2026: 0.80 to 3.00",
        .ratio_source = TABLE_AIC,
    },
    {
        .name = "h100-sxm",
        .memory_bytes = 79.1 * GIB,
        .bandwidth_bytes_per_s = 3350 * GB,
        .bf16_flops = 989 * TFLOP,
        .fp8_flops = 1979 * TFLOP,
        .power_w = 700,
        .link_bytes_per_s = 450 * GB,
        .rental_usd_per_h = 2.95,
        .weights_ratio = 0.82,
        .compute_ratio = 0.80,
        .kv_ratio = 0.90,        /* assumption: as the H200 */
        .attention_ratio = 0.59, /* assumption: as the H200 */
        .attention_ns = 11.4 * US,
        .attention_sequence_ns = 0.3 * US,
        .allreduce_ns = 5.0 * US,
        ENGINE_GPU,
        .spec_source = SPEC_AIC,
        .rental_source = "aimultiple GPU index, May 2026: 1.99 to 5.00, median",
        .ratio_source = TABLE_AIC "; attention: assumption, as the H200",
    },
    {
        .name = "h200-sxm",
        .memory_bytes = 139.8 * GIB,
        .bandwidth_bytes_per_s = 4800 * GB,
        .bf16_flops = 989 * TFLOP,
        .fp8_flops = 1979 * TFLOP,
        .power_w = 700,
        .link_bytes_per_s = 450 * GB,
        .rental_usd_per_h = 4.54,
        .weights_ratio = 0.76,
        .compute_ratio = 0.74,   /* the whole model; one large GEMM reaches 84 % at the power cap */
        .kv_ratio = 0.90,        /* 8 x 65,536 tokens: 4.3 TB/s */
        .attention_ratio = 0.59, /* 586 TFLOP/s */
        .attention_ns = 11.4 * US,
        .attention_sequence_ns = 0.3 * US, /* assumption: as the A100 */
        .allreduce_ns = 5.0 * US,
        ENGINE_GPU,
        .spec_source = SPEC_AIC,
        .rental_source = "spheron, March 2026: 4.54; others 2.50 to 7.00",
        .ratio_source = TABLE_AIC,
    },
    {
        .name = "b200-sxm",
        .memory_bytes = 178.4 * GIB,
        .bandwidth_bytes_per_s = 7700 * GB,
        .bf16_flops = 2250 * TFLOP,
        .fp8_flops = 4500 * TFLOP,
        .power_w = 1000,
        .link_bytes_per_s = 900 * GB,
        .rental_usd_per_h = 6.03,
        .weights_ratio = 0.76,
        .compute_ratio = 0.74,
        .kv_ratio = 0.90,
        .attention_ratio = 0.59,
        .attention_ns = 11.4 * US,
        .attention_sequence_ns = 0.3 * US,
        .allreduce_ns = 5.0 * US,
        ENGINE_GPU,
        .spec_source = SPEC_AIC,
        .rental_source = "spheron, March 2026",
        .ratio_source = "assumption: as the H200",
    },
    {
        .name = "l40s",
        .memory_bytes = 44.4 * GIB,
        .bandwidth_bytes_per_s = 864 * GB,
        .bf16_flops = 362 * TFLOP,
        .fp8_flops = 733 * TFLOP,
        .power_w = 350,
        .link_bytes_per_s = 32 * GB,
        .rental_usd_per_h = 0.92,
        .weights_ratio = 0.92,
        .compute_ratio = 0.70, /* assumption: the power cap binds before the RTX 4090's 98 % */
        .kv_ratio = 0.93,
        .attention_ratio = 0.56,
        .attention_ns = 9.3 * US,
        .attention_sequence_ns = 0.34 * US,
        .allreduce_ns = 15.0 * US, /* assumption: over PCIe */
        ENGINE_GPU,
        .spec_source = SPEC_AIC,
        .rental_source = "gridstackhub, June 2026: 0.28 to 1.80, median",
        .ratio_source = "assumption: as the RTX 4090, compute as under a power cap",
    },
    {
        .name = "rtx4090",
        .memory_bytes = 25250627584.0,
        .bandwidth_bytes_per_s = 1008 * GB,
        .bf16_flops = 165 * TFLOP,
        .fp8_flops = 330 * TFLOP,
        .power_w = 450,
        .link_bytes_per_s = 32 * GB,
        .rental_usd_per_h = 0.34,
        .weights_ratio = 0.92,
        .compute_ratio = 0.98,   /* 163 TFLOP/s at 2,048 tokens */
        .kv_ratio = 0.93,        /* 256 x 4,096 tokens: 943 GB/s */
        .attention_ratio = 0.62, /* 102 TFLOP/s at 2,048 tokens */
        .attention_ns = 9.3 * US,
        .attention_sequence_ns = 0.34 * US, /* 97.9 us at 256 sequences of 16 tokens */
        .allreduce_ns = 15.0 * US,          /* assumption: over PCIe */
        ENGINE_GPU,
        .spec_source = SPEC_SHEET,
        .rental_source = "deploybase.ai RunPod, March 2026: 0.34 to 0.60",
        .ratio_source = "LLMServingSim kernel tables, Llama-3.1-8B (vLLM 0.19)",
    },
    {
        .name = "cpu-8core",
        .memory_bytes = 64 * GIB,
        .bandwidth_bytes_per_s = 89.6 * GB, /* two channels of DDR5-5600 */
        .bf16_flops = 1.02 * TFLOP,         /* 8 cores x 4 GHz x two 8-wide FMA */
        .fp8_flops = 1.02 * TFLOP,
        .power_w = 125,
        .link_bytes_per_s = 0,
        .rental_usd_per_h = 0.10,
        .weights_ratio = 0.85, /* llama2.c streams 89 % of memory bandwidth */
        .compute_ratio = 0.50,
        .kv_ratio = 0.85,
        .attention_ratio = 0.30,
        .attention_ns = 5.0 * US,
        .attention_sequence_ns = 0.3 * US,
        .allreduce_ns = 0,
        .layer_ns = 5.0 * US, /* threads meet a few times per layer, nothing is launched */
        .sequence_ns = 4.4 * US,
        .step_ns = 126.0 * US,
        .spec_source = "assumption: a desktop PC of 2025",
        .rental_source = "assumption",
        .ratio_source = "weights: llama2.c, measured; the rest assumption",
    },
    {
        .name = "a100-40g",
        .memory_bytes = 39.4 * GIB,
        .bandwidth_bytes_per_s = 1555 * GB,
        .bf16_flops = 312 * TFLOP,
        .fp8_flops = 312 * TFLOP,
        .power_w = 400,
        .link_bytes_per_s = 300 * GB,
        .rental_usd_per_h = 1.29,
        .weights_ratio = 0.71,
        .compute_ratio = 0.86,
        .kv_ratio = 0.81,
        .attention_ratio = 0.56,
        .attention_ns = 12.7 * US,
        .attention_sequence_ns = 0.3 * US,
        .allreduce_ns = 5.5 * US,
        ENGINE_GPU,
        .spec_source = "NVIDIA A100 40GB SXM data sheet; memory as CUDA shows it",
        .rental_source = "assumption: two thirds of an A100-80G",
        .ratio_source = "assumption: as the A100-80G (an 8B decodes there at 77 % of bandwidth)",
    },
    {
        .name = "rtxpro6000",
        .memory_bytes = 94.97 * GIB,
        .bandwidth_bytes_per_s = 1597.6 * GB,
        .bf16_flops = 500 * TFLOP, /* an eighth of the 4,000 TOPS of sparse fp4 on the data sheet */
        .fp8_flops = 1000 * TFLOP,
        .power_w = 600,
        .link_bytes_per_s =
            55 * GB, /* PCIe 5; with the ratio above 35.7 GB/s, as measured at 20 MB */
        .rental_usd_per_h = 1.80,
        .weights_ratio = 0.92,
        .compute_ratio = 0.70,
        .kv_ratio = 0.93,
        .attention_ratio = 0.56,
        .attention_ns = 9.3 * US,
        .attention_sequence_ns = 0.34 * US,
        .allreduce_ns = 12.7 * US, /* two GPUs, 4 kB */
        ENGINE_GPU,
        .spec_source = "LLMServingSim profiler/perf/RTXPRO6000/hardware.yaml; data sheet",
        .rental_source = "assumption",
        .ratio_source = "all-reduce: the same file; the rest assumption, as the L40S",
    },
    {
        .name = "cpu-server",
        .memory_bytes = 384 * GIB,
        .bandwidth_bytes_per_s = 460.8 * GB, /* twelve channels of DDR5-4800 */
        .bf16_flops = 12.7 * TFLOP,          /* 64 cores x 3.1 GHz x 64 (two 256-bit bf16 FMA) */
        .fp8_flops = 12.7 * TFLOP,
        .power_w = 500,
        .link_bytes_per_s = 0,
        .rental_usd_per_h = 1.00,
        .weights_ratio = 0.85, /* llama2.c streams 89 % of memory bandwidth */
        .compute_ratio = 0.50,
        .kv_ratio = 0.85,
        .attention_ratio = 0.30,
        .attention_ns = 5.0 * US,
        .attention_sequence_ns = 0.3 * US,
        .allreduce_ns = 0,
        .layer_ns = 10.0 * US, /* more threads meet */
        .sequence_ns = 4.4 * US,
        .step_ns = 126.0 * US,
        .spec_source = "AMD EPYC 9554 data sheet: 64 cores, 3.1 GHz, 460.8 GB/s; one socket",
        .rental_source = "assumption",
        .ratio_source = "weights: llama2.c, measured; the rest assumption",
    },
};

const struct perf_model perf_catalog_models[PERF_MODELS] = {
    {
        .name = "llama3-8b",
        .layers = 32,
        .hidden = 4096,
        .heads = 32,
        .kv_heads = 8,
        .head_dim = 128,
        .vocab = 128256,
        .ffn = 14336,
        .dense_layers = 32,
        .published_params = 8.03e9,
        .source = "meta-llama/Llama-3.1-8B config.json",
    },
    {
        .name = "llama3-70b",
        .layers = 80,
        .hidden = 8192,
        .heads = 64,
        .kv_heads = 8,
        .head_dim = 128,
        .vocab = 128256,
        .ffn = 28672,
        .dense_layers = 80,
        .published_params = 70.6e9,
        .source = "meta-llama/Llama-3.1-70B config.json",
    },
    {
        .name = "qwen3-32b",
        .layers = 64,
        .hidden = 5120,
        .heads = 64,
        .kv_heads = 8,
        .head_dim = 128,
        .vocab = 151936,
        .ffn = 25600,
        .dense_layers = 64,
        .published_params = 32.8e9,
        .source = "Qwen/Qwen3-32B config.json",
    },
    {
        .name = "mixtral-8x7b",
        .layers = 32,
        .hidden = 4096,
        .heads = 32,
        .kv_heads = 8,
        .head_dim = 128,
        .vocab = 32000,
        .experts = 8,
        .active = 2,
        .expert_ffn = 14336,
        .published_params = 46.7e9,
        .source = "mistralai/Mixtral-8x7B-v0.1 config.json",
    },
    {
        .name = "qwen3-30b-a3b",
        .layers = 48,
        .hidden = 2048,
        .heads = 32,
        .kv_heads = 4,
        .head_dim = 128,
        .vocab = 151936,
        .experts = 128,
        .active = 8,
        .expert_ffn = 768,
        .published_params = 30.5e9,
        .source = "Qwen/Qwen3-30B-A3B config.json",
    },
    {
        .name = "deepseek-v3",
        .layers = 61,
        .hidden = 7168,
        .heads = 128,
        .kv_heads = 128,
        .head_dim = 128,
        .vocab = 129280,
        .ffn = 18432,
        .dense_layers = 3,
        .experts = 256,
        .active = 8,
        .shared = 1,
        .expert_ffn = 2048,
        .q_rank = 1536,
        .kv_rank = 512,
        .rope_dim = 64,
        .nope_dim = 128,
        .value_dim = 128,
        .published_params = 671e9,
        .source = "deepseek-ai/DeepSeek-V3 config.json (without the multi-token head)",
    },
    {
        .name = "qwen2.5-vl-7b",
        .layers = 28,
        .hidden = 3584,
        .heads = 28,
        .kv_heads = 4,
        .head_dim = 128,
        .vocab = 152064,
        .ffn = 18944,
        .dense_layers = 28,
        .vision = {.layers = 32,
                   .hidden = 1280,
                   .ffn = 3420,
                   .full_layers = 4,
                   .window = 64, /* 112 pixels square, patches of 14 */
                   .merge = 4,
                   .merger_params = 5120.0 * (5120 + 3584)},
        .published_params = 8.29e9,
        .source = "Qwen/Qwen2.5-VL-7B-Instruct config.json",
    },
};
