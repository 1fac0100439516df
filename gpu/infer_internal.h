/* SPDX-License-Identifier: Apache-2.0
 * What the backends of the engine share (internal to gpu/): the plan of a step, in flat arrays that
 * a device can take as they are, and the table of functions of a backend.
 *
 * KV memory is one block of block_tok tokens after the other.  In a block of one layer lie, for
 * each KV head, block_tok keys of head_dim elements, and as many values at the same place of
 * another array: element (block, head, token, i) at ((block kv_heads + head) block_tok + token)
 * head_dim + i.
 */
#ifndef HACASIM_GPU_INFER_INTERNAL_H
#define HACASIM_GPU_INFER_INTERNAL_H

#include "gpu/infer.h"
#include "gpu/weights.h"
#include "sim/dmath.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One step: `tokens` rows, those of a sequence side by side. */
struct infer_plan {
    int32_t tokens, seqs, samples;
    int32_t longest;     /* context of a sequence after the step */
    int32_t *token;      /* [tokens] */
    int32_t *position;   /* [tokens] in its sequence */
    int32_t *seq;        /* [tokens] which sequence of the plan */
    int32_t *block;      /* [tokens] where its key and value go: block, */
    int32_t *place;      /* [tokens] and token in the block */
    int32_t *table;      /* [seqs][table_width] blocks of each sequence */
    int32_t *sample_row; /* [samples] rows that give logits */
    int32_t *sample_seq; /* [samples] */
};

struct infer_device; /* what a backend keeps */

struct infer_functions {
    const char *name;
    enum status (*open)(struct infer *engine);
    void (*close)(struct infer *engine); /* also after an open that failed */
    /* Fill engine->logits [samples][vocab] and, where asked for, the tokens. */
    enum status (*step)(struct infer *engine, const struct infer_chunk *chunks,
                        struct infer_sampled *sampled);
    enum status (*logits)(struct infer *engine); /* engine->logits as of the last step */
    enum status (*time)(struct infer *engine, const struct infer_probe *probe, double *ns);
};
extern const struct infer_functions infer_cpu_functions;
#ifdef HACASIM_CUBLASLT
extern const struct infer_functions infer_cuda_functions;
#endif

struct infer {
    struct infer_terms terms;
    const struct infer_functions *functions;
    struct infer_device *device;
    struct weights_map map;
    struct infer_plan plan;
    int32_t table_width; /* blocks that a sequence may have */
    /* KV memory */
    int32_t *free_blocks, free_count; /* a stack */
    int32_t *held_tok;                /* [seqs_max] */
    int32_t *tables;                  /* [seqs_max][table_width] */
    int32_t *row_of_chunk;            /* [seqs_max] row of logits; -1: none */
    bool *in_step;                    /* [seqs_max] scratch */
    float *logits;                    /* [seqs_max][vocab], of the backend */
    uint64_t probes;                  /* timed so far */
    struct arena *arena;              /* tables; ends with the engine */
};

/* Memory that a step works in, fp32 elements for each of step_tok_max tokens. */
static inline int64_t infer_qkv(const struct infer_shape *s)
{
    return (int64_t)(s->heads + 2 * s->kv_heads) * s->head_dim;
}
/* Elements of one KV block of one layer, keys or values. */
static inline int64_t infer_block_elements(const struct infer_terms *t)
{
    return (int64_t)t->block_tok * t->shape.kv_heads * t->shape.head_dim;
}

/* Turns of pair i of a head from one token to the next: theta^(-2 i / head_dim) radians. */
static inline double infer_turns(const struct infer_shape *s, int32_t i)
{
    return dmath_pow(s->rope_theta, -2.0 * i / s->head_dim) / 6.283185307179586;
}

/* The token of one row of logits: greedy, or by the largest of logit / temperature + Gumbel draw,
 * which has the probabilities of a softmax. */
int32_t infer_choose(const float *logits, int32_t vocab, const struct infer_chunk *chunk,
                     int32_t position);
/* Plan the attention of a probe, over blocks that were not used lately. */
enum status infer_plan_probe(struct infer *e, const struct infer_probe *p);
uint64_t infer_digest(const float *logits, int32_t vocab);

#ifdef __cplusplus
}
#endif

#endif
