/* SPDX-License-Identifier: Apache-2.0
 * The weights of a model: which matrices there are, where they lie, how they are drawn or read
 * (internal to gpu/, host and device).
 *
 * A matrix is [rows][columns], a row for each output, columns along the sum.  Those that meet the
 * same input lie below each other and are multiplied at once: queries, keys and values; gate and up
 * projection, of each expert too.
 *
 * A drawn weight is a function of (seed, matrix, row, column) and of nothing else, so that a
 * smaller dtype, another backend or fewer layers have the same model as far as they can hold it. It
 * is uniform with deviation 1 / sqrt(columns), so that a product keeps the size of its input;
 * matrices that add to the residual stream have 1 / sqrt(2 layers) of that, so that it grows to
 * about twice its size over all layers and stays finite.  Norms are 1. */
#ifndef HACASIM_GPU_WEIGHTS_H
#define HACASIM_GPU_WEIGHTS_H

#include "gpu/infer.h"
#include "sim/rng.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The order is that of numbers in the draws' keys: new kinds go to the end. */
enum weights_kind {
    WEIGHTS_EMBED,
    WEIGHTS_HEAD,
    WEIGHTS_NORM_LAST,
    WEIGHTS_NORM_ATTENTION,
    WEIGHTS_NORM_FFN,
    WEIGHTS_NORM_QUERY,
    WEIGHTS_NORM_KEY,
    WEIGHTS_QKV,
    WEIGHTS_OUT,
    WEIGHTS_GATE_UP,
    WEIGHTS_DOWN,
    WEIGHTS_ROUTER,
    WEIGHTS_EXPERT_GATE_UP, /* [expert][gate, then up][hidden] */
    WEIGHTS_EXPERT_DOWN,    /* [expert][hidden][expert_ffn] */
    WEIGHTS_KINDS
};

struct weights_matrix {
    enum weights_kind kind;
    enum infer_dtype dtype; /* norms are fp32; only products of layers are fp8 */
    int32_t layer;          /* -1: of none */
    int64_t rows;
    int32_t columns;
    uint64_t at;     /* bytes from the start of all weights, a multiple of WEIGHTS_ALIGN */
    float amplitude; /* drawn from -amplitude to amplitude; 0: all are 1 */
};

enum { WEIGHTS_ALIGN = 256, WEIGHTS_PURPOSE = 0x57544853 /* key of the draws */ };

struct weights_layer { /* indices of matrices; -1: the layer has none */
    int32_t norm_attention, norm_ffn, norm_query, norm_key, qkv, out, gate_up, down, router,
        expert_gate_up, expert_down;
};

struct weights_map {
    struct weights_matrix *matrices;
    int32_t count;
    int32_t embed, head, norm_last; /* head: that of embed when tied */
    struct weights_layer *layers;
    uint64_t bytes, parameters;
};

struct arena;
void weights_map_init(struct weights_map *map, const struct infer_shape *shape,
                      enum infer_dtype dtype, struct arena *arena);
uint64_t weights_bytes_of(const struct weights_matrix *matrix);

/* The stream of one row's draws: four values of 16 bits in each of its words. */
RNG_FN struct rng_stream weights_stream(uint64_t seed, const struct weights_matrix *m, uint32_t row)
{
    uint32_t matrix = (uint32_t)(m->layer + 1) * 64 + (uint32_t)m->kind;
    return rng_open(seed, matrix, WEIGHTS_PURPOSE, row);
}

/* Value `i` of a word: 2^16 points between -amplitude and amplitude, none of them 0. */
RNG_FN float weights_value(const struct weights_matrix *m, uint64_t word, int i)
{
    float whole = (float)(int32_t)(word >> 16 * i & 0xffff) - 32767.5f;
    return m->amplitude == 0.0f ? 1.0f : whole * (m->amplitude / 32768.0f);
}

/* For the CPU: fill `base` [map->bytes]; bf16 rows lie as vec_bf16_place says. */
void weights_draw(const struct weights_map *map, uint64_t seed, int threads, char *base);
/* The same from a safetensors file with the names of Llama, Mixtral or Qwen 3 checkpoints; F32,
 * BF16 and F16 are converted to the dtype of the matrix.  A tensor that is missing, of another
 * shape, or of no place in the model is an error.  `for_cpu`: bf16 rows lie as there, else in
 * their order. */
enum status weights_read(const struct weights_map *map, const struct infer_shape *shape,
                         const char *path, bool for_cpu, char *base);

#ifdef __cplusplus
}
#endif

#endif
