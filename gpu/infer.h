/* SPDX-License-Identifier: Apache-2.0
 * A transformer that really computes: decoder only, RMSNorm, rotary embedding, grouped-query
 * attention over a paged KV cache, SwiGLU, mixture of experts; greedy and seeded sampling.
 *
 * Enters through gpu/gpu.h.  One engine is one model on one backend.  A caller forms batches as a
 * scheduler does: each step takes chunks, one a sequence, of one token (decoding) or many (a prompt
 * or a part of one), computes them together and gives a token where one is asked for.
 *
 *     struct infer *engine;
 *     TRY(infer_open(&engine, &terms), "model");
 *     infer_step(engine, chunks, count, sampled);   the slots now hold these tokens' keys, values
 *     infer_release(engine, slot);                  the sequence has ended
 *     infer_close(engine);
 *
 * All memory is taken by infer_open; a step takes none.  An engine belongs to one thread at a
 * time; the step itself uses OpenMP threads or the device.
 *
 * Where bits come from.  With INFER_INVARIANT every sum has one order, fixed by the shape alone:
 * a product of k terms is 16 partial sums of every 16th term, each multiplied and added in two
 * roundings, then added pairwise (gpu/product.h); attention goes by position; exp, sine and cosine
 * are our own.  So an answer's bits hang on weights, tokens and sampling only: not on the batch,
 * the chunks, the blocks, the threads, nor on which x86-64 processor it runs.  With INFER_FAST
 * products of many tokens go to OpenBLAS or cuBLASLt, whose order is theirs and changes with batch
 * and machine.  What goes into a hash is taken from INFER_INVARIANT on the CPU and from nothing
 * else (docs/decisions/0018-engine.md).
 *
 * Formulas: RMSNorm (Zhang and Sennrich 2019), rotary embedding in halves (Su et al. 2021, as in
 * Llama checkpoints), SwiGLU (Shazeer 2020), grouped queries (Ainslie et al. 2023), experts chosen
 * and weighted by a softmax over the chosen ones (Mixtral, Jiang et al. 2024).
 *
 * Left out: latent attention, biases, rope scaling, sliding windows, images, tensor parallelism. */
#ifndef HACASIM_GPU_INFER_H
#define HACASIM_GPU_INFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum infer_backend { INFER_CPU, INFER_CUDA };
enum infer_dtype { INFER_FP32, INFER_BF16, INFER_FP8 }; /* of weights; fp8: e4m3, CUDA only */
enum infer_order { INFER_FAST, INFER_INVARIANT };

extern const char *const infer_dtype_names[]; /* "fp32", "bf16", "fp8", NULL */

enum { INFER_LANES = 16 }; /* partial sums of a product; widths are multiples of it */

/* Widths are multiples of INFER_LANES, `heads` one of `kv_heads`. */
struct infer_shape {
    int32_t layers, hidden, heads, kv_heads, head_dim, vocab;
    int32_t ffn, dense_layers; /* the first layers have a dense feed-forward of width ffn */
    int32_t experts, active, expert_ffn; /* the others have these; 0 experts: none */
    bool head_norm;                      /* RMSNorm of each query and key head (Qwen 3) */
    bool tied;                           /* the output projection is the embedding */
    double rope_theta, norm_eps;
};

struct infer_terms {
    struct infer_shape shape;
    enum infer_backend backend;
    enum infer_dtype dtype;
    enum infer_order order;
    uint64_t seed;        /* of drawn weights */
    const char *weights;  /* a safetensors file; NULL: weights are drawn */
    int32_t block_tok;    /* tokens of one sequence in a block of KV memory */
    int32_t blocks;       /* in all */
    int32_t seqs_max;     /* sequences that may hold KV memory at a time */
    int32_t step_tok_max; /* tokens computed in one step */
    int32_t context_max;  /* tokens of one sequence */
    int32_t threads;      /* of the CPU backend; 0: as OpenMP says */
};

struct infer;

/* What one sequence computes in a step. */
struct infer_chunk {
    int32_t slot;          /* 0 to seqs_max - 1 */
    int32_t count;         /* tokens, at least 1 */
    const int32_t *tokens; /* [count]; they follow what the slot holds */
    bool sample;           /* a token is wanted after the last of them */
    float temperature;     /* 0: the likeliest token, the first of equals */
    uint64_t seed;         /* above 0: drawn, keyed by (seed, stream, position) */
    uint32_t stream;
};

struct infer_sampled { /* all 0, token -1, where none was wanted */
    int32_t token;
    float logit;     /* of that token */
    uint64_t digest; /* of all logits' bits; only INFER_INVARIANT on the CPU, else 0 */
};

struct infer_memory { /* bytes */
    uint64_t weights, kv, work;
};

/* NULL, or why this shape cannot be computed, in words. */
const char *infer_unfit(const struct infer_shape *shape);
/* Tokens that a block and all blocks hold must fit what infer_open checks too. */
struct infer_memory infer_memory_of(const struct infer_terms *terms);

/* Errors: STATUS_USER for terms that cannot be, or a weights file that is not one (which tensor and
 * what is wrong with it); STATUS_OPERATING for a missing device, too little memory, reading.  On an
 * error *engine is NULL. */
enum status infer_open(struct infer **engine, const struct infer_terms *terms);
void infer_close(struct infer *engine); /* NULL is allowed */

/* Compute `count` chunks of different slots; `sampled` [count].  A step that does not fit (too many
 * tokens, no free block, a token outside the vocabulary) is STATUS_USER and changes nothing. */
enum status infer_step(struct infer *engine, const struct infer_chunk *chunks, int32_t count,
                       struct infer_sampled *sampled);

/* Give the slot's blocks back. */
void infer_release(struct infer *engine, int32_t slot);
/* Forget what came after the first `tokens` of the slot. */
void infer_rewind(struct infer *engine, int32_t slot, int32_t tokens);
int32_t infer_held_tok(const struct infer *engine, int32_t slot);
int32_t infer_free_blocks(const struct infer *engine);

/* [vocab] logits of the last step's chunk `chunk`, which asked for a token; valid until the next
 * step.  NULL: the device does not answer. */
const float *infer_logits(struct infer *engine, int32_t chunk);

/* ---- single operations, for timing -------------------------------------------------------- */

enum infer_op { INFER_GEMM, INFER_ATTENTION, INFER_EXPERTS };

/* One operation of one layer on memory as a step finds it: weights, keys and values that the
 * caches do not hold, because each time others are used. */
struct infer_probe {
    enum infer_op op;
    int32_t m;       /* GEMM, EXPERTS: tokens */
    int32_t n, k;    /* GEMM: a k x n weight of this model */
    int32_t batch;   /* ATTENTION: sequences */
    int32_t chunk;   /* tokens computed of each: 1 decoding, else a whole prompt */
    int32_t context; /* tokens attended to by the last of them */
};
/* Run it once and give the time from start to end, device synchronised, in ns. */
enum status infer_time(struct infer *engine, const struct infer_probe *probe, double *ns);

#ifdef __cplusplus
}
#endif

#endif
