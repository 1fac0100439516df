/* SPDX-License-Identifier: Apache-2.0
 * What the files of the CPU backend share (internal to gpu/). */
#ifndef HACASIM_GPU_INFER_CPU_H
#define HACASIM_GPU_INFER_CPU_H

#pragma GCC diagnostic ignored "-Wpsabi" /* vectors are inlined or go by address (vec.h) */

#include "gpu/infer_internal.h"
#include "gpu/product.h"
#include "gpu/vec.h"
#include "sim/sim.h"

enum { INFER_CPU_REGIONS = 24 };

struct infer_device {
    int threads;
    struct product product;
    char *weights;
    void *keys, *values;       /* [layers][blocks][kv_heads][block_tok][head_dim] fp32 or bf16 */
    float *x, *normed, *added; /* [tokens][hidden] */
    float *qkv;                /* [tokens][queries, keys, values] */
    float *attended;           /* [tokens][heads][head_dim] */
    float *gate_up, *act;      /* [tokens or routes][2 ffn], [.][ffn] */
    float *cosine, *sine;      /* [context_max][head_dim / 2] */
    float *scores;             /* [threads][score_stride] */
    int64_t score_stride;
    float *last; /* [samples][hidden] */
    /* experts: a route is a token's way to one of its experts; routes lie by expert */
    float *router;                 /* [tokens][experts] */
    float *routed_in, *routed_out; /* [routes][hidden] */
    int32_t *route_expert;         /* [tokens][active] */
    int32_t *route_place;          /* [tokens][active] row among routes */
    float *route_share;            /* [tokens][active] */
    int32_t *route_first;          /* [experts + 1] */
    /* memory from the system */
    void *region[INFER_CPU_REGIONS];
    uint64_t region_bytes[INFER_CPU_REGIONS];
    int32_t regions;
    bool failed;
};

void infer_cpu_embed(const struct infer *e, int32_t token, float *out); /* [hidden] */
/* Rotate queries and keys, and put keys and values into their blocks. */
void infer_cpu_place(const struct infer *e, int32_t layer);
/* Attention of each query over its sequence, from the blocks. */
void infer_cpu_attend(const struct infer *e, int32_t layer);
/* The experts' part of a layer: normed to added. */
void infer_cpu_experts(const struct infer *e, const struct weights_layer *w, int32_t rows);
enum status infer_cpu_time(struct infer *e, const struct infer_probe *probe, double *ns);

#endif
