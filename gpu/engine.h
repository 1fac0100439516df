/* SPDX-License-Identifier: Apache-2.0
 * A transformer that really computes: decoder only, RMSNorm, rotary embedding, grouped-query
 * attention over a paged KV cache, SwiGLU, mixture of experts; greedy and seeded sampling.
 *
 * Enters through gpu/gpu.h.  One engine is one model on one backend.  A caller forms batches as a
 * scheduler does: each step takes chunks, one a sequence, of one token (decoding) or many (a prompt
 * or a part of one), computes them together and gives a token where one is asked for.
 *
 *     struct engine *engine;
 *     TRY(engine_open(&engine, &terms), "model");
 *     engine_step(engine, chunks, count, sampled);   the slots now hold these tokens' keys, values
 *     engine_release(engine, slot);                  the sequence has ended
 *     engine_close(engine);
 *
 * All memory is taken by engine_open; a step takes none.  An engine belongs to one thread at a
 * time; the step itself uses OpenMP threads or the device.
 *
 * Where bits come from.  With ENGINE_INVARIANT every sum has one order, fixed by the shape alone:
 * a product of k terms is 16 partial sums of every 16th term, each multiplied and added in two
 * roundings, then added pairwise (gpu/product.h); attention goes by position; exp, sine and cosine
 * are our own.  So an answer's bits hang on weights, tokens and sampling only: not on the batch,
 * the chunks, the blocks, the threads, nor on which x86-64 processor it runs.  With ENGINE_FAST
 * products of many tokens go to OpenBLAS or cuBLASLt, whose order is theirs and changes with batch
 * and machine.  What goes into a hash is taken from ENGINE_INVARIANT on the CPU and from nothing
 * else (docs/decisions/0018-engine.md).
 *
 * Formulas: RMSNorm (Zhang and Sennrich 2019), rotary embedding in halves (Su et al. 2021, as in
 * Llama checkpoints), SwiGLU (Shazeer 2020), grouped queries (Ainslie et al. 2023), experts chosen
 * and weighted by a softmax over the chosen ones (Mixtral, Jiang et al. 2024).
 *
 * Left out: latent attention, biases, rope scaling, sliding windows, images, tensor parallelism. */
#ifndef HACASIM_GPU_ENGINE_H
#define HACASIM_GPU_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum engine_backend { ENGINE_CPU, ENGINE_CUDA };
enum engine_dtype { ENGINE_FP32, ENGINE_BF16, ENGINE_FP8 }; /* of weights; fp8: e4m3, CUDA only */
enum engine_order { ENGINE_FAST, ENGINE_INVARIANT };

extern const char *const engine_dtype_names[]; /* "fp32", "bf16", "fp8", NULL */

enum { ENGINE_LANES = 16 }; /* partial sums of a product; widths are multiples of it */

/* Widths are multiples of ENGINE_LANES, `heads` one of `kv_heads`. */
struct engine_shape {
    int32_t layers, hidden, heads, kv_heads, head_dim, vocab;
    int32_t ffn, dense_layers; /* the first layers have a dense feed-forward of width ffn */
    int32_t experts, active, expert_ffn; /* the others have these; 0 experts: none */
    bool head_norm;                      /* RMSNorm of each query and key head (Qwen 3) */
    bool tied;                           /* the output projection is the embedding */
    double rope_theta, norm_eps;
};

struct engine_terms {
    struct engine_shape shape;
    enum engine_backend backend;
    enum engine_dtype dtype;
    enum engine_order order;
    uint64_t seed;        /* of drawn weights */
    const char *weights;  /* a safetensors file; NULL: weights are drawn */
    int32_t block_tok;    /* tokens of one sequence in a block of KV memory */
    int32_t blocks;       /* in all */
    int32_t seqs_max;     /* sequences that may hold KV memory at a time */
    int32_t step_tok_max; /* tokens computed in one step */
    int32_t context_max;  /* tokens of one sequence */
    int32_t threads;      /* of the CPU backend; 0: as OpenMP says */
};

struct engine;

/* What one sequence computes in a step. */
struct engine_chunk {
    int32_t slot;          /* 0 to seqs_max - 1 */
    int32_t count;         /* tokens, at least 1 */
    const int32_t *tokens; /* [count]; they follow what the slot holds */
    bool sample;           /* a token is wanted after the last of them */
    float temperature;     /* 0: the likeliest token, the first of equals */
    uint64_t seed;         /* above 0: drawn, keyed by (seed, stream, position) */
    uint32_t stream;
};

struct engine_sampled { /* all 0, token -1, where none was wanted */
    int32_t token;
    float logit;     /* of that token */
    uint64_t digest; /* of all logits' bits; only ENGINE_INVARIANT on the CPU, else 0 */
};

struct engine_memory { /* bytes */
    uint64_t weights, kv, work;
};

/* NULL, or why this shape cannot be computed, in words. */
const char *engine_unfit(const struct engine_shape *shape);
/* Tokens that a block and all blocks hold must fit what engine_open checks too. */
struct engine_memory engine_memory_of(const struct engine_terms *terms);

/* Errors: STATUS_USER for terms that cannot be, or a weights file that is not one (which tensor and
 * what is wrong with it); STATUS_OPERATING for a missing device, too little memory, reading.  On an
 * error *engine is NULL. */
enum status engine_open(struct engine **engine, const struct engine_terms *terms);
void engine_close(struct engine *engine); /* NULL is allowed */

/* Compute `count` chunks of different slots; `sampled` [count].  A step that does not fit (too many
 * tokens, no free block, a token outside the vocabulary) is STATUS_USER and changes nothing. */
enum status engine_step(struct engine *engine, const struct engine_chunk *chunks, int32_t count,
                        struct engine_sampled *sampled);

/* Give the slot's blocks back. */
void engine_release(struct engine *engine, int32_t slot);
/* Forget what came after the first `tokens` of the slot. */
void engine_rewind(struct engine *engine, int32_t slot, int32_t tokens);
int32_t engine_held_tok(const struct engine *engine, int32_t slot);
int32_t engine_free_blocks(const struct engine *engine);

/* [vocab] logits of the last step's chunk `chunk`, which asked for a token; valid until the next
 * step.  NULL: the device does not answer. */
const float *engine_logits(struct engine *engine, int32_t chunk);

/* ---- single operations, for timing -------------------------------------------------------- */

enum engine_op { ENGINE_GEMM, ENGINE_ATTENTION, ENGINE_EXPERTS };

/* One operation of one layer on memory as a step finds it: weights, keys and values that the
 * caches do not hold, because each time others are used. */
struct engine_probe {
    enum engine_op op;
    int32_t m;       /* GEMM, EXPERTS: tokens */
    int32_t n, k;    /* GEMM: a k x n weight of this model */
    int32_t batch;   /* ATTENTION: sequences */
    int32_t chunk;   /* tokens computed of each: 1 decoding, else a whole prompt */
    int32_t context; /* tokens attended to by the last of them */
};
/* Run it once and give the time from start to end, device synchronised, in ns. */
enum status engine_time(struct engine *engine, const struct engine_probe *probe, double *ns);

#ifdef __cplusplus
}
#endif

#endif
