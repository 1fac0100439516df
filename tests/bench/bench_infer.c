/* SPDX-License-Identifier: Apache-2.0
 * Speed of the CPU inference engine: lines `bench NAME VALUE UNIT`.
 *
 * engine.read_DTYPE_gb_per_s: a streaming read of 1 GiB on all cores, in 1, 2 or 4
 * streams a core, whichever is fastest: the ceiling of decoding.
 * engine.decode_DTYPE_ratio: batch 1 decoding of a model of about 1.2 GB, whose every weight a step
 * reads once, as a share of that ceiling (weights x tokens per second).  Reading and decoding take
 * turns and each figure is the best of many, because other programs only ever make them slower.
 * engine.prefill_DTYPE_gflops: products of a prompt of 256 tokens. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "gpu/gpu.h"

enum { READ_BYTES = 1 << 30, TURNS = 12, STEPS = 4, PROMPT = 256 };

static volatile uint64_t sink;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

typedef uint64_t row __attribute__((vector_size(16), may_alias));

/* `streams` places of a stretch at once; what fetches ahead may need several to be at its best. */
static uint64_t sum_of(const char *from, int64_t bytes, int streams)
{
    int64_t apart = bytes / streams;
    row sums[4] = {{0}};
    for (int64_t i = 0; i < apart; i += 64)
        for (int s = 0; s < streams; s++) {
            const row *at = (const row *)(const void *)(from + s * apart + i);
            sums[0] += at[0];
            sums[1] += at[1];
            sums[2] += at[2];
            sums[3] += at[3];
        }
    return sums[0][0] + sums[1][1] + sums[2][0] + sums[3][1];
}

static double read_bytes_per_s(const char *from, int streams)
{
    enum { PIECE = 1 << 22 };
    uint64_t total = 0;
    double start_s = seconds();
#pragma omp parallel for schedule(static) reduction(+ : total)
    for (int64_t piece = 0; piece < READ_BYTES / PIECE; piece++)
        total += sum_of(from + piece * PIECE, PIECE, streams);
    double took_s = seconds() - start_s;
    sink = total;
    return (double)READ_BYTES / took_s;
}

static struct infer *open_model(enum infer_dtype dtype, enum infer_order order)
{
    struct infer *engine;
    struct infer_terms terms = {.shape = {.hidden = 2048,
                                          .heads = 16,
                                          .kv_heads = 8,
                                          .head_dim = 128,
                                          .vocab = 32000,
                                          .ffn = 5632,
                                          .rope_theta = 10000.0,
                                          .norm_eps = 1e-5},
                                .dtype = dtype,
                                .order = order,
                                .seed = 1,
                                .block_tok = 16,
                                .blocks = 64,
                                .seqs_max = 2,
                                .step_tok_max = PROMPT,
                                .context_max = 1024};
    terms.shape.layers = terms.shape.dense_layers = dtype == INFER_FP32 ? 4 : 10;
    if (infer_open(&engine, &terms) == STATUS_OK) return engine;
    status_print(stdout);
    exit(3);
}

/* Bytes of weights that a decode step reads: all but the embedding, of which it reads a row. */
static double step_bytes(enum infer_dtype dtype)
{
    double layers = dtype == INFER_FP32 ? 4 : 10, qkv = 32.0 * 128 * 2048, out = 2048.0 * 2048;
    return (layers * (qkv + out + 3.0 * 2048 * 5632) + 32000.0 * 2048) *
           (dtype == INFER_FP32 ? 4 : 2);
}

static double best_step_s(struct infer *engine, int32_t count)
{
    static int32_t tokens[PROMPT];
    double best_s = 1e9;
    for (int i = 0; i < STEPS; i++) {
        struct infer_sampled out;
        struct infer_chunk c = {.slot = 0, .count = count, .tokens = tokens, .sample = true};
        double start_s = seconds();
        if (infer_step(engine, &c, 1, &out) != STATUS_OK) exit(3);
        double took_s = seconds() - start_s;
        if (took_s < best_s) best_s = took_s;
        if (count > 1) infer_release(engine, 0);
    }
    return best_s;
}

static void measure(enum infer_dtype dtype, enum infer_order order, const char *name,
                    const char *memory)
{
    struct infer *engine = open_model(dtype, order);
    double read = 0.0, step_s = 1e9, layers = dtype == INFER_FP32 ? 4 : 10;
    for (int i = 0; i < TURNS; i++) {
        double took_s = best_step_s(engine, 1);
        for (int streams = 1; streams <= 4; streams *= 2) {
            double now = read_bytes_per_s(memory, streams);
            if (now > read) read = now;
        }
        if (took_s < step_s) step_s = took_s;
    }
    infer_release(engine, 0);
    double prompt_s = best_step_s(engine, PROMPT);
    printf("bench engine.read_%s_gb_per_s %.2f GB/s\n", name, read / 1e9);
    printf("bench engine.decode_%s_ms %.2f ms\n", name, step_s * 1e3);
    printf("bench engine.decode_%s_ratio %.3f 1\n", name, step_bytes(dtype) / step_s / read);
    printf("bench engine.prefill_%s_gflops %.1f GFLOP/s\n", name,
           2.0 * PROMPT * layers * (48.0 * 128 * 2048 + 3.0 * 2048 * 5632) / prompt_s / 1e9);
    infer_close(engine);
}

int main(void)
{
    char *memory =
        mmap(NULL, READ_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 3;
    madvise(memory, READ_BYTES, MADV_HUGEPAGE);
    for (int64_t i = 0; i < READ_BYTES; i += 64)
        memory[i] = (char)i;
    measure(INFER_BF16, INFER_FAST, "bf16", memory);
    measure(INFER_FP32, INFER_FAST, "fp32", memory);
    measure(INFER_BF16, INFER_INVARIANT, "bf16_invariant", memory);
    return 0;
}
