/* SPDX-License-Identifier: Apache-2.0
 * What the files of the CUDA backend share (internal to gpu/, C++).
 *
 * The residual stream is fp32; what goes into a product is bf16 or e4m3, what comes out bf16, and
 * fp32 for logits.  Every kernel gives a row the same sums whatever else is in the batch; what a
 * step calls differs with INFER_FAST, where prompts go through tiles of queries and products are
 * called once for all tokens.  Each kernel came up a ladder in gpu/lab/. */
#ifndef HACASIM_GPU_INFER_CUDA_H
#define HACASIM_GPU_INFER_CUDA_H

#include <cuda_bf16.h>
#include <cuda_runtime.h>

extern "C" {
#include "sim/status.h"
}
#include "gpu/infer_internal.h"

typedef __nv_bfloat16 bf16;

enum {
    CUDA_SPLIT = 256,     /* tokens of context that one block attends to: fixed, for invariance */
    CUDA_TILE = 16,       /* queries of a prompt that share what they load */
    CUDA_PIECE = 64,      /* tokens of every product under INFER_INVARIANT */
    CUDA_BUCKETS = 16,    /* graphs of one batch: by the power of two of its splits */
    CUDA_HEAD_MAX = 256,  /* elements of a head */
    CUDA_GROUP_MAX = 16,  /* query heads of a KV head */
    CUDA_FP8_SCALE = 16,  /* activations are of size 1; e4m3 holds up to 448 */
    CUDA_EXPERT_ROWS = 16 /* an expert's routes begin at a multiple of this */
};

struct cuda_row { /* of the plan */
    int32_t token, position, seq, block, place;
};
struct cuda_tile { /* rows of one sequence, side by side */
    int32_t first, count;
};
struct cuda_sample {
    int32_t row, position;
    uint32_t stream;
    float temperature;
    uint64_t seed;
};
struct cuda_chosen {
    int32_t token;
    float logit;
};

struct cuda_shape { /* what kernels need, by value */
    int32_t hidden, heads, kv_heads, head_dim, vocab, block_tok, table_width, blocks;
    int32_t experts, active;
    float norm_eps;
};

struct product_cuda; /* handle, workspace and algorithms of cuBLASLt */

struct infer_device {
    cudaStream_t stream;
    cudaEvent_t started, ended;
    struct product_cuda *products;
    struct cuda_shape shape;
    char *weights;
    float *scales; /* [matrices] of fp8 weights */
    bf16 *keys, *values;
    float *x;                                              /* [rows][hidden] */
    bf16 *normed, *qkv, *attended, *added, *gate_up, *act; /* [rows][.] */
    void *narrow;                                          /* [rows][widest k] e4m3 */
    float *cosine, *sine;                                  /* [context_max][head_dim / 2] */
    float *partial;                                        /* [partial_rows][heads][splits][.] */
    int32_t partial_rows, splits_max;
    bf16 *last;
    float *logits;
    struct cuda_chosen *chosen;
    /* experts */
    bf16 *router, *routed_in, *routed_out;
    int32_t *route_expert, *route_place, *route_first;
    float *route_share;
    int32_t routes_max;
    /* the plan: pinned on the host, and its copy */
    struct cuda_row *rows, *rows_staged;
    struct cuda_tile *tiles, *tiles_staged;
    struct cuda_sample *samples, *samples_staged;
    int32_t *singles, *singles_staged; /* rows attended to one by one */
    int32_t *table, *table_staged;
    struct cuda_chosen *chosen_staged;
    int32_t tile_count, single_count;
    cudaGraphExec_t *graphs; /* [seqs_max + 1][CUDA_BUCKETS] */
    void *owned[64], *pinned[16];
    int32_t owned_count, pinned_count;
    cudaError_t error; /* of the first taking of memory that failed */
};

/* ---- product_cuda.cu ---- */
enum status product_cuda_open(struct product_cuda **product, cudaStream_t stream);
void product_cuda_close(struct product_cuda *product);
struct product_cuda_call {
    const void *x, *weights;
    void *y;
    int32_t m, n, k;
    bool fp8, wide;     /* wide: y is fp32 */
    const float *scale; /* fp8: of the weights, on the device; activations have CUDA_FP8_SCALE */
};
enum status product_cuda_run(struct product_cuda *product, const struct product_cuda_call *call);

/* ---- token_cuda.cu: what is done to each token by itself ---- */
void token_cuda_draw(cudaStream_t stream, const struct weights_matrix *m, uint64_t seed, char *to);
void token_cuda_embed(cudaStream_t stream, const struct cuda_row *rows, int32_t count,
                      const bf16 *embed, int32_t hidden, float *x);
/* x += added (NULL: nothing), then out = norm of x; rows picks rows of x (NULL: all). */
void token_cuda_norm(cudaStream_t stream, float *x, const bf16 *added, const float *weights,
                     const struct cuda_sample *pick, int32_t count, int32_t hidden, float eps,
                     bf16 *out);
void token_cuda_swiglu(cudaStream_t stream, const bf16 *gate_up, int64_t rows, int32_t width,
                       bf16 *act);
void token_cuda_narrow(cudaStream_t stream, const bf16 *x, int64_t count, void *out);

/* ---- attention_cuda.cu ---- */
struct cuda_attention {
    struct cuda_shape shape;
    const struct cuda_row *rows;
    const int32_t *table;
    bf16 *qkv, *keys, *values, *out;                    /* keys, values: of the layer */
    const float *cosine, *sine, *norm_query, *norm_key; /* norms: NULL without */
    float *partial;
};
void attention_cuda_place(cudaStream_t stream, const struct cuda_attention *a, int32_t count);
/* Rows one by one, `splits` parts of context each, `piece` rows at a time. */
void attention_cuda_singles(cudaStream_t stream, const struct cuda_attention *a,
                            const int32_t *singles, int32_t count, int32_t splits, int32_t piece);
void attention_cuda_tiles(cudaStream_t stream, const struct cuda_attention *a,
                          const struct cuda_tile *tiles, int32_t count);

/* ---- experts_cuda.cu ---- */
struct cuda_experts {
    struct cuda_shape shape;
    int32_t rows, width;
    const bf16 *normed, *router, *gate_up_weights, *down_weights;
    bf16 *routed_in, *routed_out, *gate_up, *act, *added;
    int32_t *route_expert, *route_place, *route_first;
    float *route_share;
};
/* Routes padded to whole tiles: what buffers must hold. */
int32_t experts_cuda_routes(int32_t rows, int32_t active, int32_t experts);
void experts_cuda_run(cudaStream_t stream, const struct cuda_experts *x);

/* ---- sample_cuda.cu ---- */
void sample_cuda_choose(cudaStream_t stream, const float *logits, int32_t vocab,
                        const struct cuda_sample *samples, int32_t count,
                        struct cuda_chosen *chosen);

#endif
