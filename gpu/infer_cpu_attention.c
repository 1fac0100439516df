/* SPDX-License-Identifier: Apache-2.0
 * Rotary embedding, the paged KV cache and attention of the CPU backend.
 *
 * One query head sees the sequence block by block, but all its sums go by position: scores are
 * products (product.h), the largest is taken off, and exponentials and values are added up from the
 * first token to the last.  So neither blocks nor chunks change a bit. */
#include <math.h>
#include <string.h>

#include <omp.h>

#include "gpu/infer_cpu.h"

/* Pairs (i, i + d/2) turn by position x frequency i. */
static void rotate(const struct infer_device *d, float *head, int32_t width, int32_t position)
{
    int32_t half = width / 2;
    const float *c = d->cosine + (int64_t)position * half, *s = d->sine + (int64_t)position * half;
    for (int32_t i = 0; i < half; i++) {
        float a = head[i], b = head[i + half];
        head[i] = a * c[i] - b * s[i];
        head[i + half] = b * c[i] + a * s[i];
    }
}

static void norm_head(const struct infer *e, int32_t norm, float *head)
{
    if (norm < 0) return;
    int32_t width = e->terms.shape.head_dim;
    const void *place = e->device->weights + e->map.matrices[norm].at;
    const float *weights = place;
    float squares;
    e->device->product.kernels->block[INFER_FP32](head, head, 1, 1, width, &squares, 1);
    float scale = 1.0f / sqrtf(squares / (float)width + (float)e->terms.shape.norm_eps);
    for (int32_t i = 0; i < width; i++)
        head[i] = head[i] * scale * weights[i];
}

/* Bytes from the start of keys or values to token 0 of a head's part of a block. */
static int64_t block_at(const struct infer *e, int32_t layer, int32_t block, int32_t head)
{
    const struct infer_terms *t = &e->terms;
    int64_t index = ((int64_t)layer * t->blocks + block) * t->shape.kv_heads + head;
    return index * t->block_tok * t->shape.head_dim * (t->dtype == INFER_FP32 ? 4 : 2);
}

static void put(const struct infer *e, void *blocks, int64_t at, int32_t place, const float *head)
{
    int32_t width = e->terms.shape.head_dim;
    if (e->terms.dtype == INFER_FP32) {
        memcpy((char *)blocks + at + (int64_t)place * width * 4, head, (size_t)width * 4);
        return;
    }
    uint16_t *to = (uint16_t *)((char *)blocks + at) + (int64_t)place * width;
    for (int32_t i = 0; i < width; i++)
        to[vec_bf16_place(i)] = vec_to_bf16(head[i]);
}

static void place_row(const struct infer *e, int32_t layer, int32_t row)
{
    const struct infer_shape *s = &e->terms.shape;
    const struct weights_layer *w = &e->map.layers[layer];
    const struct infer_plan *p = &e->plan;
    struct infer_device *d = e->device;
    float *query = d->qkv + row * infer_qkv(s);
    for (int32_t h = 0; h < s->heads; h++, query += s->head_dim) {
        norm_head(e, w->norm_query, query);
        rotate(d, query, s->head_dim, p->position[row]);
    }
    for (int32_t h = 0; h < s->kv_heads; h++, query += s->head_dim) {
        const float *value = query + (int64_t)s->kv_heads * s->head_dim;
        int64_t at = block_at(e, layer, p->block[row], h);
        norm_head(e, w->norm_key, query);
        rotate(d, query, s->head_dim, p->position[row]);
        put(e, d->keys, at, p->place[row], query);
        put(e, d->values, at, p->place[row], value);
    }
}

void infer_cpu_place(const struct infer *e, int32_t layer)
{
#pragma omp parallel for num_threads(e->device->threads) schedule(static)
    for (int32_t row = 0; row < e->plan.tokens; row++)
        place_row(e, layer, row);
}

/* ---- attention ------------------------------------------------------------------------------ */

/* The query heads of one KV head, at one token. */
struct group {
    const float *queries; /* [heads][head_dim] */
    const int32_t *table;
    float *out, *scores; /* [heads][stride] */
    int32_t heads, context, stride, layer, kv_head;
};

static void score(const struct infer *e, const struct group *g)
{
    const struct infer_device *d = e->device;
    int32_t block_tok = e->terms.block_tok, width = e->terms.shape.head_dim;
    for (int32_t first = 0; first < g->context; first += block_tok) {
        int32_t left = g->context - first, count = left < block_tok ? left : block_tok;
        int64_t at = block_at(e, g->layer, g->table[first / block_tok], g->kv_head);
        d->product.kernels->block[e->terms.dtype]((const char *)d->keys + at, g->queries, g->heads,
                                                  count, width, g->scores + first, g->stride);
    }
}

/* Scores of one head to shares that sum to 1. */
static void soften(const struct infer *e, float *scores, int32_t context)
{
    float scale = 1.0f / sqrtf((float)e->terms.shape.head_dim), highest = -INFINITY, sum = 0.0f;
    int32_t whole = (context + 7) / 8 * 8;
    for (int32_t i = 0; i < context; i++) {
        scores[i] *= scale;
        highest = scores[i] > highest ? scores[i] : highest;
    }
    for (int32_t i = context; i < whole; i++)
        scores[i] = highest;
    e->device->product.kernels->exps(scores, highest, whole);
    for (int32_t i = 0; i < context; i++)
        sum += scores[i];
    for (int32_t i = 0; i < context; i++)
        scores[i] /= sum;
}

static void mix(const struct infer *e, const struct group *g)
{
    const struct infer_device *d = e->device;
    int32_t block_tok = e->terms.block_tok, width = e->terms.shape.head_dim;
    memset(g->out, 0, (size_t)g->heads * (size_t)width * sizeof *g->out);
    for (int32_t first = 0; first < g->context; first += block_tok) {
        int32_t left = g->context - first, count = left < block_tok ? left : block_tok;
        int64_t at = block_at(e, g->layer, g->table[first / block_tok], g->kv_head);
        for (int32_t h = 0; h < g->heads; h++)
            d->product.kernels->mix[e->terms.dtype]((const char *)d->values + at,
                                                    g->scores + (int64_t)h * g->stride + first,
                                                    count, width, g->out + (int64_t)h * width);
    }
}

static void attend_one(const struct infer *e, int32_t layer, int32_t row, int32_t kv_head)
{
    const struct infer_shape *s = &e->terms.shape;
    struct infer_device *d = e->device;
    int32_t heads = s->heads / s->kv_heads;
    int64_t first = (int64_t)kv_head * heads * s->head_dim;
    struct group g = {.queries = d->qkv + row * infer_qkv(s) + first,
                      .table = e->plan.table + (int64_t)e->plan.seq[row] * e->table_width,
                      .out = d->attended + (int64_t)row * s->heads * s->head_dim + first,
                      .scores = d->scores + omp_get_thread_num() * d->score_stride,
                      .heads = heads,
                      .context = e->plan.position[row] + 1,
                      .stride = (e->plan.position[row] + 8) / 8 * 8,
                      .layer = layer,
                      .kv_head = kv_head};
    score(e, &g);
    for (int32_t h = 0; h < heads; h++)
        soften(e, g.scores + (int64_t)h * g.stride, g.context);
    mix(e, &g);
}

void infer_cpu_attend(const struct infer *e, int32_t layer)
{
    int64_t kv_heads = e->terms.shape.kv_heads, parts = e->plan.tokens * kv_heads;
    /* Contexts differ, so threads take what is next; all parts of one head are near in memory. */
#pragma omp parallel for num_threads(e->device->threads) schedule(dynamic)
    for (int64_t part = 0; part < parts; part++)
        attend_one(e, layer, (int32_t)(part / kv_heads), (int32_t)(part % kv_heads));
}
