/* SPDX-License-Identifier: Apache-2.0
 * The weights of a model: the list of matrices, and drawing them.  Reading is in weights_file.c.
 */
#include "gpu/weights.h"

#include <math.h>
#include <string.h>

#pragma GCC diagnostic ignored "-Wpsabi"
#include "gpu/vec.h"
#include "sim/sim.h"

uint64_t weights_bytes_of(const struct weights_matrix *m)
{
    static const uint64_t bytes[] = {[INFER_FP32] = 4, [INFER_BF16] = 2, [INFER_FP8] = 1};
    return (uint64_t)m->rows * (uint64_t)m->columns * bytes[m->dtype];
}

struct listing {
    struct weights_map *map;
    const struct infer_shape *shape;
    enum infer_dtype dtype;
    int32_t layer;
};

static bool is_norm(enum weights_kind kind)
{
    return kind >= WEIGHTS_NORM_LAST && kind <= WEIGHTS_NORM_KEY;
}

static float amplitude_of(const struct listing *l, enum weights_kind kind, int32_t columns)
{
    double deviation = 1.0 / sqrt(columns);
    if (is_norm(kind)) return 0.0f;
    if (kind == WEIGHTS_EMBED) deviation = 1.0;
    if (kind == WEIGHTS_OUT || kind == WEIGHTS_DOWN || kind == WEIGHTS_EXPERT_DOWN)
        deviation /= sqrt(2.0 * l->shape->layers);
    return (float)(sqrt(3.0) * deviation);
}

static enum infer_dtype dtype_of(const struct listing *l, enum weights_kind kind)
{
    if (is_norm(kind)) return INFER_FP32;
    bool layer_product = kind >= WEIGHTS_QKV && kind != WEIGHTS_ROUTER;
    return l->dtype == INFER_FP8 && !layer_product ? INFER_BF16 : l->dtype;
}

static int32_t list(const struct listing *l, enum weights_kind kind, int64_t rows, int32_t columns)
{
    struct weights_map *map = l->map;
    struct weights_matrix *m = &map->matrices[map->count];
    *m = (struct weights_matrix){.kind = kind,
                                 .dtype = dtype_of(l, kind),
                                 .layer = l->layer,
                                 .rows = rows,
                                 .columns = columns,
                                 .at = map->bytes,
                                 .amplitude = amplitude_of(l, kind, columns)};
    map->bytes += (weights_bytes_of(m) + WEIGHTS_ALIGN - 1) / WEIGHTS_ALIGN * WEIGHTS_ALIGN;
    map->parameters += (uint64_t)rows * (uint64_t)columns;
    return map->count++;
}

static struct weights_layer list_layer(const struct listing *l)
{
    const struct infer_shape *s = l->shape;
    struct weights_layer w = {.norm_query = -1,
                              .norm_key = -1,
                              .gate_up = -1,
                              .down = -1,
                              .router = -1,
                              .expert_gate_up = -1,
                              .expert_down = -1};
    int64_t qkv = (int64_t)(s->heads + 2 * s->kv_heads) * s->head_dim;
    w.norm_attention = list(l, WEIGHTS_NORM_ATTENTION, 1, s->hidden);
    w.qkv = list(l, WEIGHTS_QKV, qkv, s->hidden);
    if (s->head_norm) w.norm_query = list(l, WEIGHTS_NORM_QUERY, 1, s->head_dim);
    if (s->head_norm) w.norm_key = list(l, WEIGHTS_NORM_KEY, 1, s->head_dim);
    w.out = list(l, WEIGHTS_OUT, s->hidden, s->heads * s->head_dim);
    w.norm_ffn = list(l, WEIGHTS_NORM_FFN, 1, s->hidden);
    if (s->experts == 0 || l->layer < s->dense_layers) {
        w.gate_up = list(l, WEIGHTS_GATE_UP, 2 * (int64_t)s->ffn, s->hidden);
        w.down = list(l, WEIGHTS_DOWN, s->hidden, s->ffn);
        return w;
    }
    int64_t experts = s->experts;
    w.router = list(l, WEIGHTS_ROUTER, experts, s->hidden);
    w.expert_gate_up = list(l, WEIGHTS_EXPERT_GATE_UP, experts * 2 * s->expert_ffn, s->hidden);
    w.expert_down = list(l, WEIGHTS_EXPERT_DOWN, experts * s->hidden, s->expert_ffn);
    return w;
}

void weights_map_init(struct weights_map *map, const struct infer_shape *shape,
                      enum infer_dtype dtype, struct arena *arena)
{
    *map = (struct weights_map){0};
    struct listing l = {map, shape, dtype, -1};
    map->matrices =
        arena_alloc(arena, (size_t)shape->layers * WEIGHTS_KINDS + 3, sizeof *map->matrices);
    map->layers = arena_alloc(arena, (size_t)shape->layers, sizeof *map->layers);
    map->embed = list(&l, WEIGHTS_EMBED, shape->vocab, shape->hidden);
    for (l.layer = 0; l.layer < shape->layers; l.layer++)
        map->layers[l.layer] = list_layer(&l);
    l.layer = -1;
    map->norm_last = list(&l, WEIGHTS_NORM_LAST, 1, shape->hidden);
    map->head = shape->tied ? map->embed : list(&l, WEIGHTS_HEAD, shape->vocab, shape->hidden);
}

/* ---- drawing -------------------------------------------------------------------------------- */

static void draw_row(const struct weights_matrix *m, uint64_t seed, uint32_t row, char *to)
{
    struct rng_stream s = weights_stream(seed, m, row);
    for (int32_t column = 0; column < m->columns; column += 4) {
        uint64_t word = rng_u64(&s);
        for (int i = 0; i < 4; i++) {
            float value = weights_value(m, word, i);
            uint16_t half = vec_to_bf16(value);
            if (m->dtype == INFER_FP32)
                memcpy(to + (size_t)(column + i) * 4, &value, 4);
            else
                memcpy(to + 2 * vec_bf16_place(column + i), &half, 2);
        }
    }
}

void weights_draw(const struct weights_map *map, uint64_t seed, int threads, char *base)
{
    (void)threads; /* read by the pragma alone */
#pragma omp parallel num_threads(threads)
    for (int32_t i = 0; i < map->count; i++) {
        const struct weights_matrix *m = &map->matrices[i];
        size_t row_bytes = (size_t)m->columns * (m->dtype == INFER_FP32 ? 4 : 2);
#pragma omp for schedule(static) nowait
        for (int64_t row = 0; row < m->rows; row++)
            draw_row(m, seed, (uint32_t)row, base + m->at + (size_t)row * row_bytes);
    }
}
