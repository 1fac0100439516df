/* SPDX-License-Identifier: Apache-2.0
 * A transformer in plain C and double precision, written from the published formulas and sharing
 * nothing with gpu/: one token after the other, whole sequences, loops and libm.  Weights are named
 * tensors, which it can also write as a safetensors file.
 *
 * Sources: "Root Mean Square Layer Normalization" (2019), "RoFormer" (2021), "GLU Variants Improve
 * Transformer" (2020), "GQA" (2023), "Mixtral of Experts" (2024); names and halves of the rotation
 * as in Hugging Face's modeling_llama.py. */
#ifndef HACASIM_TESTS_INFER_PLAIN_H
#define HACASIM_TESTS_INFER_PLAIN_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/gpu.h"

enum { PLAIN_TENSORS = 160 };

struct plain_tensor {
    char name[96];
    int64_t rows, columns; /* rows 0: a vector */
    float *v;              /* all of them values that bf16 can hold */
};

struct plain_model {
    struct infer_shape s;
    struct plain_tensor tensors[PLAIN_TENSORS];
    int count;
    bool kv_bf16; /* keys and values are kept rounded */
};

/* ---- weights -------------------------------------------------------------------------------- */

/* A generator of its own (Marsaglia's xorshift64*). */
static double plain_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (double)(*state * 0x2545F4914F6CDD1DULL >> 11) * 0x1p-52 - 1.0;
}

/* By arithmetic and not by bits: the nearest multiple of 2^-8 of the binade, ties to even. */
static double plain_bf16(double x)
{
    int exponent;
    if (x == 0.0) return x;
    frexp(x, &exponent);
    double unit = ldexp(1.0, exponent - 8);
    return rint(x / unit) * unit;
}

static void plain_add(struct plain_model *m, uint64_t *state, const char *name, int64_t rows,
                      int64_t columns, double center, double spread)
{
    struct plain_tensor *t = &m->tensors[m->count++];
    int64_t count = (rows ? rows : 1) * columns;
    snprintf(t->name, sizeof t->name, "%s", name);
    t->rows = rows;
    t->columns = columns;
    t->v = malloc((size_t)count * sizeof *t->v);
    for (int64_t i = 0; i < count; i++)
        t->v[i] = (float)plain_bf16(center + spread * plain_random(state));
}

static void plain_layer(struct plain_model *m, uint64_t *state, int layer)
{
    const struct infer_shape *s = &m->s;
    char name[96];
    double a = 1.7 / sqrt(s->hidden), b = 1.1 / sqrt(s->heads * s->head_dim);
#define PLAIN_NAME(...) (snprintf(name, sizeof name, __VA_ARGS__), name)
#define PLAIN_ADD(rest, rows, columns, center, spread)                                             \
    plain_add(m, state, PLAIN_NAME("model.layers.%d." rest ".weight", layer), rows, columns,       \
              center, spread)
    PLAIN_ADD("input_layernorm", 0, s->hidden, 1.0, 0.3);
    PLAIN_ADD("post_attention_layernorm", 0, s->hidden, 1.0, 0.3);
    PLAIN_ADD("self_attn.q_proj", s->heads * s->head_dim, s->hidden, 0.0, 2.0 * a);
    PLAIN_ADD("self_attn.k_proj", s->kv_heads * s->head_dim, s->hidden, 0.0, 2.0 * a);
    PLAIN_ADD("self_attn.v_proj", s->kv_heads * s->head_dim, s->hidden, 0.0, a);
    PLAIN_ADD("self_attn.o_proj", s->hidden, s->heads * s->head_dim, 0.0, b);
    if (s->head_norm) PLAIN_ADD("self_attn.q_norm", 0, s->head_dim, 1.2, 0.3);
    if (s->head_norm) PLAIN_ADD("self_attn.k_norm", 0, s->head_dim, 1.2, 0.3);
    if (s->experts == 0 || layer < s->dense_layers) {
        PLAIN_ADD("mlp.gate_proj", s->ffn, s->hidden, 0.0, a);
        PLAIN_ADD("mlp.up_proj", s->ffn, s->hidden, 0.0, a);
        PLAIN_ADD("mlp.down_proj", s->hidden, s->ffn, 0.0, 1.3 / sqrt(s->ffn));
        return;
    }
    PLAIN_ADD("block_sparse_moe.gate", s->experts, s->hidden, 0.0, a);
    for (int x = 0; x < s->experts; x++)
        for (int w = 1; w <= 3; w++)
            plain_add(
                m, state,
                PLAIN_NAME("model.layers.%d.block_sparse_moe.experts.%d.w%d.weight", layer, x, w),
                w == 2 ? s->hidden : s->expert_ffn, w == 2 ? s->expert_ffn : s->hidden, 0.0,
                w == 2 ? 1.3 / sqrt(s->expert_ffn) : a);
#undef PLAIN_ADD
#undef PLAIN_NAME
}

static struct plain_model *plain_make(const struct infer_shape *shape, uint64_t seed)
{
    struct plain_model *m = calloc(1, sizeof *m);
    m->s = *shape;
    plain_add(m, &seed, "model.embed_tokens.weight", shape->vocab, shape->hidden, 0.0, 1.7);
    for (int layer = 0; layer < shape->layers; layer++)
        plain_layer(m, &seed, layer);
    plain_add(m, &seed, "model.norm.weight", 0, shape->hidden, 1.0, 0.3);
    if (!shape->tied)
        plain_add(m, &seed, "lm_head.weight", shape->vocab, shape->hidden, 0.0,
                  1.7 / sqrt(shape->hidden));
    return m;
}

static void plain_free(struct plain_model *m)
{
    for (int i = 0; i < m->count; i++)
        free(m->tensors[i].v);
    free(m);
}

static struct plain_tensor *plain_find(struct plain_model *m, const char *name)
{
    for (int i = 0; i < m->count; i++)
        if (strcmp(m->tensors[i].name, name) == 0) return &m->tensors[i];
    fprintf(stderr, "no tensor %s\n", name);
    abort();
}

/* ---- formulas ------------------------------------------------------------------------------- */

static struct plain_tensor *plain_of(struct plain_model *m, int layer, const char *rest)
{
    char name[96];
    snprintf(name, sizeof name, "model.layers.%d.%s.weight", layer, rest);
    return plain_find(m, name);
}

static void plain_norm(const struct plain_model *m, const struct plain_tensor *w, const double *x,
                       double *out)
{
    double squares = 0.0;
    for (int64_t i = 0; i < w->columns; i++)
        squares += x[i] * x[i];
    double rms = sqrt(squares / (double)w->columns + m->s.norm_eps);
    for (int64_t i = 0; i < w->columns; i++)
        out[i] = x[i] / rms * w->v[i];
}

static void plain_times(const struct plain_tensor *w, const double *x, double *out)
{
    for (int64_t r = 0; r < w->rows; r++) {
        double sum = 0.0;
        for (int64_t c = 0; c < w->columns; c++)
            sum += (double)w->v[r * w->columns + c] * x[c];
        out[r] = sum;
    }
}

static void plain_rotate(const struct plain_model *m, double *head, int position)
{
    int d = m->s.head_dim;
    for (int i = 0; i < d / 2; i++) {
        double angle = position * pow(m->s.rope_theta, -2.0 * i / d);
        double re = head[i], im = head[i + d / 2];
        head[i] = re * cos(angle) - im * sin(angle);
        head[i + d / 2] = re * sin(angle) + im * cos(angle);
    }
}

static void plain_gated(struct plain_tensor *gate, struct plain_tensor *up,
                        struct plain_tensor *down, const double *x, double *out)
{
    double *g = calloc((size_t)gate->rows, sizeof *g), *u = calloc((size_t)gate->rows, sizeof *u);
    plain_times(gate, x, g);
    plain_times(up, x, u);
    for (int64_t i = 0; i < gate->rows; i++)
        g[i] = g[i] / (1.0 + exp(-g[i])) * u[i];
    plain_times(down, g, out);
    free(g);
    free(u);
}

static void plain_experts(struct plain_model *m, int layer, const double *x, double *out)
{
    const struct infer_shape *s = &m->s;
    double logits[64] = {0}, part[512] = {0}, sum = 0.0;
    bool taken[64] = {false};
    int chosen[64];
    plain_times(plain_of(m, layer, "block_sparse_moe.gate"), x, logits);
    for (int i = 0; i < s->active; i++) {
        chosen[i] = 0;
        while (taken[chosen[i]])
            chosen[i]++;
        for (int e = 0; e < s->experts; e++)
            if (!taken[e] && logits[e] > logits[chosen[i]]) chosen[i] = e;
        taken[chosen[i]] = true;
        sum += exp(logits[chosen[i]]);
    }
    for (int c = 0; c < s->hidden; c++)
        out[c] = 0.0;
    for (int i = 0; i < s->active; i++) {
        char names[3][64];
        for (int w = 0; w < 3; w++)
            snprintf(names[w], sizeof names[w], "block_sparse_moe.experts.%d.w%d", chosen[i],
                     w + 1);
        plain_gated(plain_of(m, layer, names[0]), plain_of(m, layer, names[2]),
                    plain_of(m, layer, names[1]), x, part);
        for (int c = 0; c < s->hidden; c++)
            out[c] += exp(logits[chosen[i]]) / sum * part[c];
    }
}

/* keys and values [tokens][kv_heads][head_dim] of this layer, up to and with `position`. */
static void plain_attend(struct plain_model *m, int layer, int position, const double *x,
                         double *keys, double *values, double *out)
{
    const struct infer_shape *s = &m->s;
    int d = s->head_dim, kv = s->kv_heads * d;
    double query[512] = {0}, mixed[512] = {0}, weights[512] = {0};
    plain_times(plain_of(m, layer, "self_attn.q_proj"), x, query);
    plain_times(plain_of(m, layer, "self_attn.k_proj"), x, keys + position * kv);
    plain_times(plain_of(m, layer, "self_attn.v_proj"), x, values + position * kv);
    for (int h = 0; h < s->kv_heads; h++) {
        double *key = keys + position * kv + h * d;
        if (s->head_norm) plain_norm(m, plain_of(m, layer, "self_attn.k_norm"), key, key);
        plain_rotate(m, key, position);
    }
    for (int i = 0; m->kv_bf16 && i < kv; i++) {
        keys[position * kv + i] = plain_bf16(keys[position * kv + i]);
        values[position * kv + i] = plain_bf16(values[position * kv + i]);
    }
    for (int h = 0; h < s->heads; h++) {
        int group = h / (s->heads / s->kv_heads);
        double sum = 0.0;
        if (s->head_norm)
            plain_norm(m, plain_of(m, layer, "self_attn.q_norm"), query + h * d, query + h * d);
        plain_rotate(m, query + h * d, position);
        for (int p = 0; p <= position; p++) {
            double score = 0.0;
            for (int i = 0; i < d; i++)
                score += query[h * d + i] * keys[p * kv + group * d + i];
            sum += weights[p] = exp(score / sqrt(d));
        }
        for (int i = 0; i < d; i++) {
            mixed[h * d + i] = 0.0;
            for (int p = 0; p <= position; p++)
                mixed[h * d + i] += weights[p] / sum * values[p * kv + group * d + i];
        }
    }
    plain_times(plain_of(m, layer, "self_attn.o_proj"), mixed, out);
}

/* Logits [count][vocab] after each of `count` tokens (512 at most). */
static inline void plain_forward(struct plain_model *m, const int32_t *tokens, int count,
                                 double *logits)
{
    const struct infer_shape *s = &m->s;
    size_t kv = (size_t)count * (size_t)(s->kv_heads * s->head_dim) * (size_t)s->layers;
    double *keys = calloc(kv, sizeof *keys), *values = calloc(kv, sizeof *values);
    double x[512] = {0}, normed[512] = {0}, added[512] = {0};
    struct plain_tensor *embed = plain_find(m, "model.embed_tokens.weight");
    struct plain_tensor *head = s->tied ? embed : plain_find(m, "lm_head.weight");
    for (int t = 0; t < count; t++) {
        for (int i = 0; i < s->hidden; i++)
            x[i] = embed->v[(int64_t)tokens[t] * s->hidden + i];
        for (int l = 0; l < s->layers; l++) {
            size_t at = (size_t)l * kv / (size_t)s->layers;
            plain_norm(m, plain_of(m, l, "input_layernorm"), x, normed);
            plain_attend(m, l, t, normed, keys + at, values + at, added);
            for (int i = 0; i < s->hidden; i++)
                x[i] += added[i];
            plain_norm(m, plain_of(m, l, "post_attention_layernorm"), x, normed);
            if (s->experts > 0 && l >= s->dense_layers)
                plain_experts(m, l, normed, added);
            else
                plain_gated(plain_of(m, l, "mlp.gate_proj"), plain_of(m, l, "mlp.up_proj"),
                            plain_of(m, l, "mlp.down_proj"), normed, added);
            for (int i = 0; i < s->hidden; i++)
                x[i] += added[i];
        }
        plain_norm(m, plain_find(m, "model.norm.weight"), x, normed);
        plain_times(head, normed, logits + (int64_t)t * s->vocab);
    }
    free(keys);
    free(values);
}

/* ---- the file ------------------------------------------------------------------------------- */

static void plain_put_whole(FILE *file, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        fputc((int)(value >> 8 * i & 0xff), file);
}

/* As safetensors of F32 or BF16.  `skip` leaves one tensor out (NULL: none). */
static void plain_write(const struct plain_model *m, const char *path, bool bf16, const char *skip)
{
    char *header = NULL;
    size_t length = 0;
    uint64_t at = 0;
    FILE *text = open_memstream(&header, &length), *file = fopen(path, "wb");
    fprintf(text, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (int i = 0; i < m->count; i++) {
        const struct plain_tensor *t = &m->tensors[i];
        if (skip != NULL && strcmp(t->name, skip) == 0) continue;
        uint64_t count = (uint64_t)((t->rows ? t->rows : 1) * t->columns), end;
        end = at + count * (bf16 ? 2 : 4);
        fprintf(text, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", t->name, bf16 ? "BF16" : "F32");
        if (t->rows) fprintf(text, "%lld,", (long long)t->rows);
        fprintf(text, "%lld],\"data_offsets\":[%llu,%llu]}", (long long)t->columns,
                (unsigned long long)at, (unsigned long long)end);
        at = end;
    }
    fputs("}", text);
    fclose(text);
    plain_put_whole(file, length, 8);
    fwrite(header, 1, length, file);
    for (int i = 0; i < m->count; i++) {
        const struct plain_tensor *t = &m->tensors[i];
        if (skip != NULL && strcmp(t->name, skip) == 0) continue;
        for (int64_t k = 0; k < (t->rows ? t->rows : 1) * t->columns; k++) {
            uint32_t bits;
            memcpy(&bits, &t->v[k], sizeof bits);
            plain_put_whole(file, bf16 ? bits >> 16 : bits, bf16 ? 2 : 4);
        }
    }
    fclose(file);
    free(header);
}

#endif
