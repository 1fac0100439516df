/* SPDX-License-Identifier: Apache-2.0
 * Weights from a safetensors file: names of tensors, shapes, conversion. */
#include <inttypes.h>
#include <string.h>

#include "gpu/safetensors.h"
#include "gpu/weights.h"

#pragma GCC diagnostic ignored "-Wpsabi"
#include "gpu/vec.h"

enum { PIECE = 1 << 16 /* elements converted at a time */ };

struct filling {
    struct safetensors file;
    const struct infer_shape *shape;
    struct arena *arena;
    const struct weights_matrix *matrix;
    bool for_cpu;
    char *base;
    uint16_t *piece; /* [2 x PIECE] */
};

/* ---- conversion ----------------------------------------------------------------------------- */

/* IEEE half to float: exact. */
static float from_f16(uint16_t half)
{
    uint32_t sign = (uint32_t)(half >> 15) << 31, exponent = half >> 10 & 31, bits;
    uint32_t fraction = half & 0x3ff;
    float x;
    if (exponent == 0) {
        x = (float)fraction * 0x1p-24f;
        return sign ? -x : x;
    }
    bits = sign | (exponent == 31 ? 255 : exponent + 112) << 23 | fraction << 13;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static float value_at(enum safetensors_dtype dtype, const uint16_t *piece, size_t i)
{
    float x;
    if (dtype == SAFETENSORS_BF16) return vec_from_bf16(piece[i]);
    if (dtype == SAFETENSORS_F16) return from_f16(piece[i]);
    memcpy(&x, piece + 2 * i, sizeof x);
    return x;
}

static bool is_finite(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (bits >> 23 & 255) != 255;
}

static bool convert(const struct filling *f, enum safetensors_dtype from, size_t count, char *to)
{
    bool finite = true;
    for (size_t i = 0; i < count; i++) {
        float x = value_at(from, f->piece, i);
        uint16_t half = vec_to_bf16(x);
        finite = finite && is_finite(x);
        if (f->matrix->dtype == INFER_FP32)
            memcpy(to + 4 * i, &x, sizeof x);
        else
            memcpy(to + 2 * (f->for_cpu ? (size_t)vec_bf16_place((int64_t)i) : i), &half,
                   sizeof half);
    }
    return finite;
}

/* ---- one tensor ----------------------------------------------------------------------------- */

static enum status check_shape(const struct filling *f, const struct safetensors_entry *e,
                               int64_t rows)
{
    int32_t columns = f->matrix->columns;
    bool vector = e->axes == 1 && rows == 1 && e->shape[0] == columns;
    bool matrix = e->axes == 2 && e->shape[0] == rows && e->shape[1] == columns;
    if (!vector && !matrix)
        return status_fail(STATUS_USER, "%s: tensor %s is %s, and this model needs %s%" PRId64 "]",
                           f->file.path, e->name, safetensors_text(e, f->arena),
                           rows == 1 ? "[" : arena_print(f->arena, "[%" PRId64 ", ", rows),
                           (int64_t)columns);
    if (e->dtype == SAFETENSORS_OTHER)
        return status_fail(STATUS_USER, "%s: tensor %s is %s; weights are F32, BF16 or F16",
                           f->file.path, e->name, e->dtype_name);
    return STATUS_OK;
}

/* `rows` rows of the matrix from `row` on. */
static enum status fill(struct filling *f, const char *name, int64_t row, int64_t rows)
{
    const struct weights_matrix *m = f->matrix;
    struct safetensors_entry *e = safetensors_find(&f->file, name);
    if (e == NULL) return status_fail(STATUS_USER, "%s: there is no tensor %s", f->file.path, name);
    TRY(check_shape(f, e, rows), "weights");
    e->used = true;
    size_t width = m->dtype == INFER_FP32 ? 4 : 2, total = (size_t)rows * (size_t)m->columns;
    size_t from_width = e->dtype == SAFETENSORS_F32 ? 4 : 2;
    char *to = f->base + m->at + (size_t)row * (size_t)m->columns * width;
    for (size_t done = 0; done < total; done += PIECE) {
        size_t count = total - done < PIECE ? total - done : PIECE;
        TRY(safetensors_read(&f->file, e, done * from_width, f->piece, count * from_width),
            "tensor %s", name);
        if (!convert(f, e->dtype, count, to + done * width))
            return status_fail(STATUS_USER, "%s: tensor %s has values that are not finite",
                               f->file.path, name);
    }
    return STATUS_OK;
}

/* ---- names ---------------------------------------------------------------------------------- */

static const char *name_of(const struct filling *f, const char *rest)
{
    return arena_print(f->arena, "model.layers.%d.%s.weight", (int)f->matrix->layer, rest);
}

/* Mixtral calls them block_sparse_moe and w1, w3, w2; others mlp and gate, up, down. */
static const char *expert_name(const struct filling *f, int32_t expert, int part)
{
    static const char *const mixtral[] = {"w1", "w3", "w2"};
    static const char *const others[] = {"gate_proj", "up_proj", "down_proj"};
    const char *name = name_of(
        f, arena_print(f->arena, "block_sparse_moe.experts.%d.%s", (int)expert, mixtral[part]));
    if (safetensors_find(&f->file, name) != NULL) return name;
    return name_of(f, arena_print(f->arena, "mlp.experts.%d.%s", (int)expert, others[part]));
}

static enum status fill_qkv(struct filling *f)
{
    int64_t q = (int64_t)f->shape->heads * f->shape->head_dim;
    int64_t kv = (int64_t)f->shape->kv_heads * f->shape->head_dim;
    TRY(fill(f, name_of(f, "self_attn.q_proj"), 0, q), "queries");
    TRY(fill(f, name_of(f, "self_attn.k_proj"), q, kv), "keys");
    return fill(f, name_of(f, "self_attn.v_proj"), q + kv, kv);
}

static enum status fill_experts(struct filling *f)
{
    bool down = f->matrix->kind == WEIGHTS_EXPERT_DOWN;
    int64_t rows = down ? f->shape->hidden : f->shape->expert_ffn;
    for (int32_t e = 0; e < f->shape->experts; e++) {
        if (down) {
            TRY(fill(f, expert_name(f, e, 2), e * rows, rows), "expert %d", (int)e);
            continue;
        }
        TRY(fill(f, expert_name(f, e, 0), 2 * e * rows, rows), "expert %d", (int)e);
        TRY(fill(f, expert_name(f, e, 1), (2 * e + 1) * rows, rows), "expert %d", (int)e);
    }
    return STATUS_OK;
}

static enum status fill_matrix(struct filling *f)
{
    static const char *const plain[WEIGHTS_KINDS] = {
        [WEIGHTS_NORM_ATTENTION] = "input_layernorm",
        [WEIGHTS_NORM_FFN] = "post_attention_layernorm",
        [WEIGHTS_NORM_QUERY] = "self_attn.q_norm",
        [WEIGHTS_NORM_KEY] = "self_attn.k_norm",
        [WEIGHTS_OUT] = "self_attn.o_proj",
        [WEIGHTS_DOWN] = "mlp.down_proj",
    };
    const struct weights_matrix *m = f->matrix;
    const char *router = name_of(f, "block_sparse_moe.gate");
    switch (m->kind) {
    case WEIGHTS_EMBED:
        return fill(f, "model.embed_tokens.weight", 0, m->rows);
    case WEIGHTS_HEAD:
        return fill(f, "lm_head.weight", 0, m->rows);
    case WEIGHTS_NORM_LAST:
        return fill(f, "model.norm.weight", 0, 1);
    case WEIGHTS_QKV:
        return fill_qkv(f);
    case WEIGHTS_GATE_UP:
        TRY(fill(f, name_of(f, "mlp.gate_proj"), 0, m->rows / 2), "feed-forward");
        return fill(f, name_of(f, "mlp.up_proj"), m->rows / 2, m->rows / 2);
    case WEIGHTS_ROUTER:
        if (safetensors_find(&f->file, router) == NULL) router = name_of(f, "mlp.gate");
        return fill(f, router, 0, m->rows);
    case WEIGHTS_EXPERT_GATE_UP:
    case WEIGHTS_EXPERT_DOWN:
        return fill_experts(f);
    default:
        return fill(f, name_of(f, plain[m->kind]), 0, m->rows);
    }
}

/* What was not asked for would have changed the answer, but for what follows from the shape. */
static enum status check_unused(const struct filling *f)
{
    for (uint32_t i = 0; i < f->file.count; i++) {
        const struct safetensors_entry *e = &f->file.entries[i];
        bool follows = strstr(e->name, "rotary_emb.inv_freq") != NULL ||
                       (f->shape->tied && strcmp(e->name, "lm_head.weight") == 0);
        if (!e->used && !follows)
            return status_fail(STATUS_USER, "%s: tensor %s has no place in this model",
                               f->file.path, e->name);
    }
    return STATUS_OK;
}

static enum status read_all(const struct weights_map *map, struct filling *f, const char *path)
{
    TRY(safetensors_open(&f->file, path, f->arena), "weights");
    for (int32_t i = 0; i < map->count; i++) {
        f->matrix = &map->matrices[i];
        TRY(fill_matrix(f), "weights");
    }
    return check_unused(f);
}

enum status weights_read(const struct weights_map *map, const struct infer_shape *shape,
                         const char *path, bool for_cpu, char *base)
{
    struct arena arena;
    arena_init(&arena, "weights file", 0);
    struct filling f = {.shape = shape, .arena = &arena, .for_cpu = for_cpu, .base = base};
    f.piece = arena_alloc(&arena, (size_t)2 * PIECE, sizeof *f.piece);
    enum status status = read_all(map, &f, path);
    safetensors_close(&f.file);
    arena_free(&arena);
    return status;
}
