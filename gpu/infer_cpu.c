/* SPDX-License-Identifier: Apache-2.0
 * The CPU backend of the engine: memory, and the forward pass from embedding to logits.
 *
 * Activations are fp32.  Keys and values are kept as the weights are, fp32 or bf16.  A product is
 * the work of all threads; what is done to each token by itself, and attention, is dealt out by
 * tokens.  No sum crosses from one thread's part to another's, so threads change no bit. */
#include "gpu/infer_cpu.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cblas.h>
#include <omp.h>

/* ---- memory --------------------------------------------------------------------------------- */

/* What Linux would give without swapping; 0: it does not say. */
static uint64_t available_bytes(void)
{
    char line[128];
    unsigned long long kib = 0;
    FILE *file = fopen("/proc/meminfo", "r");
    if (file == NULL) return 0;
    while (kib == 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "MemAvailable:", 13) == 0) kib = strtoull(line + 13, NULL, 10);
    fclose(file);
    return (uint64_t)kib << 10;
}

static enum status check_memory(const struct infer_terms *t)
{
    const double gib = 1024.0 * 1024.0 * 1024.0;
    struct infer_memory m = infer_memory_of(t);
    uint64_t need = m.weights + m.kv + m.work, have = available_bytes();
    if (have == 0 || need <= have) return STATUS_OK;
    return status_fail(STATUS_OPERATING,
                       "too little memory: weights %.2f GiB, KV %.2f GiB and work %.2f GiB are "
                       "needed, %.2f GiB are available",
                       (double)m.weights / gib, (double)m.kv / gib, (double)m.work / gib,
                       (double)have / gib);
}

/* In large pages where the system has them: weights are read faster than small pages are found. */
static void *take(struct infer_device *d, uint64_t bytes)
{
    const uint64_t huge = bytes < (uint64_t)2 << 20 ? 4096 : (uint64_t)2 << 20;
    bytes = (bytes + huge) / huge * huge; /* at least one page, also for nothing */
    if (d->failed || d->regions == INFER_CPU_REGIONS) return NULL;
    char *at = mmap(NULL, bytes + huge, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        d->failed = true;
        status_fail(STATUS_OPERATING, "no %" PRIu64 " bytes of memory: %s", bytes, strerror(errno));
        return NULL;
    }
    d->region[d->regions] = at;
    d->region_bytes[d->regions++] = bytes + huge;
    at += (huge - (uintptr_t)at % huge) % huge;
    madvise(at, bytes, MADV_HUGEPAGE); /* a request, not a need */
    return at;
}

static float *take_floats(struct infer_device *d, int64_t count)
{
    return take(d, 4 * (uint64_t)count);
}

/* Written once, so that no step waits for a page, and reading it is not reading the one zero page.
 */
static void touch(const struct infer_device *d, void *from, uint64_t bytes)
{
    const uint64_t piece = (uint64_t)2 << 20;
    (void)d; /* read by the pragma alone */
#pragma omp parallel for num_threads(d->threads) schedule(static)
    for (uint64_t at = 0; at < bytes; at += piece)
        memset((char *)from + at, 0, bytes - at < piece ? bytes - at : piece);
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* What a feed-forward, dense or of experts, works in. */
static void take_ffn(struct infer *e)
{
    struct infer_device *d = e->device;
    const struct infer_shape *s = &e->terms.shape;
    int64_t rows = e->terms.step_tok_max, ffn = s->dense_layers > 0 ? s->ffn : 0;
    int64_t routes = s->experts > 0 ? rows * s->active : 0;
    d->gate_up = take_floats(d, larger(2 * ffn * rows, 2 * routes * s->expert_ffn));
    d->act = take_floats(d, larger(ffn * rows, routes * s->expert_ffn));
    d->routed_in = take_floats(d, routes * s->hidden);
    d->routed_out = take_floats(d, routes * s->hidden);
    d->router = take_floats(d, rows * s->experts);
    int64_t widest = larger(larger(s->hidden, ffn), larger(s->heads * s->head_dim, s->expert_ffn));
    d->product.panel_stride = PRODUCT_PANEL * widest;
    if (e->terms.dtype != INFER_FP32)
        d->product.panels = take_floats(d, d->threads * d->product.panel_stride);
}

static void take_tokens(struct infer *e)
{
    struct infer_device *d = e->device;
    const struct infer_terms *t = &e->terms;
    const struct infer_shape *s = &t->shape;
    int64_t rows = t->step_tok_max;
    d->x = take_floats(d, rows * s->hidden);
    d->normed = take_floats(d, rows * s->hidden);
    d->qkv = take_floats(d, rows * infer_qkv(s));
    d->attended = take_floats(d, rows * s->heads * s->head_dim);
    d->added = take_floats(d, rows * s->hidden);
    d->last = take_floats(d, (int64_t)t->seqs_max * s->hidden);
    e->logits = take_floats(d, (int64_t)t->seqs_max * s->vocab);
    d->cosine = take_floats(d, (int64_t)t->context_max * s->head_dim / 2);
    d->sine = take_floats(d, (int64_t)t->context_max * s->head_dim / 2);
    d->score_stride = (int64_t)(s->heads / s->kv_heads) * ((t->context_max + 7) / 8 * 8);
    d->scores = take_floats(d, d->threads * d->score_stride);
}

static enum status take_all(struct infer *e)
{
    struct infer_device *d = e->device;
    const struct infer_terms *t = &e->terms;
    uint64_t kv = (uint64_t)t->shape.layers * (uint64_t)t->blocks *
                  (uint64_t)infer_block_elements(t) * (t->dtype == INFER_FP32 ? 4 : 2);
    d->weights = take(d, e->map.bytes);
    d->keys = take(d, kv);
    d->values = take(d, kv);
    take_tokens(e);
    take_ffn(e);
    if (d->failed) return status_context(STATUS_OPERATING, "engine memory");
    for (int32_t i = 1; i < d->regions; i++) /* the first are the weights, which are all written */
        touch(d, d->region[i], d->region_bytes[i]);
    return STATUS_OK;
}

static void fill_rope(struct infer *e)
{
    struct infer_device *d = e->device;
    int32_t half = e->terms.shape.head_dim / 2;
#pragma omp parallel for num_threads(d->threads) schedule(static)
    for (int32_t i = 0; i < half; i++) {
        double turns = infer_turns(&e->terms.shape, i);
        for (int64_t p = 0; p < e->terms.context_max; p++) {
            d->cosine[p * half + i] = (float)dmath_cos_turns((double)p * turns);
            d->sine[p * half + i] = (float)dmath_sin_turns((double)p * turns);
        }
    }
}

static enum status cpu_open(struct infer *e)
{
    const struct infer_terms *t = &e->terms;
    TRY(check_memory(t), "CPU backend");
    struct infer_device *d = arena_alloc(e->arena, 1, sizeof *d);
    e->device = d;
    d->threads = t->threads > 0 ? t->threads : omp_get_max_threads();
    d->product = (struct product){.kernels = product_choose(t->order),
                                  .order = t->order,
                                  .dtype = t->dtype,
                                  .threads = d->threads};
    TRY(take_all(e), "CPU backend");
    openblas_set_num_threads(1); /* the threads are ours: OpenBLAS would start as many for each */
    size_t routes = (size_t)t->step_tok_max * (size_t)(t->shape.active > 0 ? t->shape.active : 1);
    d->route_expert = arena_alloc(e->arena, routes, sizeof *d->route_expert);
    d->route_place = arena_alloc(e->arena, routes, sizeof *d->route_place);
    d->route_share = arena_alloc(e->arena, routes, sizeof *d->route_share);
    d->route_first = arena_alloc(e->arena, (size_t)t->shape.experts + 1, sizeof *d->route_first);
    fill_rope(e);
    if (t->weights != NULL) return weights_read(&e->map, &t->shape, t->weights, true, d->weights);
    weights_draw(&e->map, t->seed, d->threads, d->weights);
    return STATUS_OK;
}

static void cpu_close(struct infer *e)
{
    struct infer_device *d = e->device;
    for (int32_t i = 0; d != NULL && i < d->regions; i++)
        munmap(d->region[i], d->region_bytes[i]);
}

/* ---- one token at a time -------------------------------------------------------------------- */

static const void *matrix(const struct infer *e, int32_t index)
{
    return e->device->weights + e->map.matrices[index].at;
}

/* x / sqrt(mean of squares + eps), times the norm's weights. */
static void norm_row(const struct infer *e, const float *x, int32_t width, const float *weights,
                     float *out)
{
    float squares;
    e->device->product.kernels->block[INFER_FP32](x, x, 1, 1, width, &squares, 1);
    float scale = 1.0f / sqrtf(squares / (float)width + (float)e->terms.shape.norm_eps);
    for (int32_t i = 0; i < width; i++)
        out[i] = x[i] * scale * weights[i];
}

static void norm_rows(const struct infer *e, const float *x, int32_t rows, int32_t norm, float *out)
{
    int32_t hidden = e->terms.shape.hidden;
#pragma omp parallel for num_threads(e->device->threads) schedule(static) if (rows > 1)
    for (int32_t r = 0; r < rows; r++)
        norm_row(e, x + (int64_t)r * hidden, hidden, matrix(e, norm), out + (int64_t)r * hidden);
}

void infer_cpu_embed(const struct infer *e, int32_t token, float *out)
{
    int32_t hidden = e->terms.shape.hidden;
    const char *embed = matrix(e, e->map.embed);
    if (e->terms.dtype == INFER_FP32) {
        memcpy(out, embed + (int64_t)token * hidden * 4, (size_t)hidden * 4);
        return;
    }
    const uint16_t *row = (const uint16_t *)embed + (int64_t)token * hidden;
    for (int32_t i = 0; i < hidden; i++)
        out[i] = vec_from_bf16(row[vec_bf16_place(i)]);
}

static void add_rows(const struct infer *e, const float *added, int32_t rows)
{
    int64_t count = (int64_t)rows * e->terms.shape.hidden;
    float *x = e->device->x;
#pragma omp parallel for num_threads(e->device->threads) schedule(static) if (rows > 1)
    for (int64_t i = 0; i < count; i++)
        x[i] += added[i];
}

/* ---- feed-forward --------------------------------------------------------------------------- */

/* gate_up [rows][2 width] to act [rows][width]. */
static void swiglu_rows(const struct infer *e, const float *gate_up, int64_t rows, int32_t width,
                        float *act)
{
    const struct infer_device *d = e->device;
#pragma omp parallel for num_threads(d->threads) schedule(static) if (rows > 1)
    for (int64_t r = 0; r < rows; r++) {
        const float *gate = gate_up + r * 2 * width;
        d->product.kernels->swiglu(gate, gate + width, width, act + r * width);
    }
}

static void dense(const struct infer *e, const struct weights_layer *w, int32_t rows)
{
    struct infer_device *d = e->device;
    const struct infer_shape *s = &e->terms.shape;
    product_run(&d->product, d->normed, rows, matrix(e, w->gate_up), 2 * s->ffn, s->hidden,
                d->gate_up);
    swiglu_rows(e, d->gate_up, rows, s->ffn, d->act);
    product_run(&d->product, d->act, rows, matrix(e, w->down), s->hidden, s->ffn, d->added);
}

/* ---- the pass ------------------------------------------------------------------------------- */

static void layer(const struct infer *e, int32_t index)
{
    struct infer_device *d = e->device;
    const struct infer_shape *s = &e->terms.shape;
    const struct weights_layer *w = &e->map.layers[index];
    int32_t rows = e->plan.tokens, width = s->heads * s->head_dim;
    norm_rows(e, d->x, rows, w->norm_attention, d->normed);
    product_run(&d->product, d->normed, rows, matrix(e, w->qkv), (int32_t)infer_qkv(s), s->hidden,
                d->qkv);
    infer_cpu_place(e, index);
    infer_cpu_attend(e, index);
    product_run(&d->product, d->attended, rows, matrix(e, w->out), s->hidden, width, d->added);
    add_rows(e, d->added, rows);
    norm_rows(e, d->x, rows, w->norm_ffn, d->normed);
    if (w->router >= 0)
        infer_cpu_experts(e, w, rows);
    else
        dense(e, w, rows);
    add_rows(e, d->added, rows);
}

static void logits(const struct infer *e)
{
    struct infer_device *d = e->device;
    const struct infer_shape *s = &e->terms.shape;
    for (int32_t i = 0; i < e->plan.samples; i++)
        memcpy(d->last + (int64_t)i * s->hidden, d->x + (int64_t)e->plan.sample_row[i] * s->hidden,
               (size_t)s->hidden * 4);
    norm_rows(e, d->last, e->plan.samples, e->map.norm_last, d->last);
    product_run(&d->product, d->last, e->plan.samples, matrix(e, e->map.head), s->vocab, s->hidden,
                e->logits);
}

static void choose(const struct infer *e, const struct infer_chunk *chunks,
                   struct infer_sampled *sampled)
{
    const struct infer_plan *p = &e->plan;
    int32_t vocab = e->terms.shape.vocab;
    bool digest = e->terms.order == INFER_INVARIANT;
#pragma omp parallel for num_threads(e->device->threads) schedule(static) if (p->samples > 1)
    for (int32_t i = 0; i < p->samples; i++) {
        const float *row = e->logits + (int64_t)i * vocab;
        int32_t seq = p->sample_seq[i];
        int32_t token = infer_choose(row, vocab, &chunks[seq], p->position[p->sample_row[i]] + 1);
        sampled[seq] =
            (struct infer_sampled){token, row[token], digest ? infer_digest(row, vocab) : 0};
    }
}

static enum status cpu_step(struct infer *e, const struct infer_chunk *chunks,
                            struct infer_sampled *sampled)
{
    const struct infer_plan *p = &e->plan;
    int64_t hidden = e->terms.shape.hidden;
#pragma omp parallel for num_threads(e->device->threads) schedule(static) if (p->tokens > 1)
    for (int32_t r = 0; r < p->tokens; r++)
        infer_cpu_embed(e, p->token[r], e->device->x + r * hidden);
    for (int32_t i = 0; i < e->terms.shape.layers; i++)
        layer(e, i);
    if (p->samples > 0) logits(e);
    choose(e, chunks, sampled);
    return STATUS_OK;
}

static enum status cpu_logits(struct infer *e) /* they are where they were made */
{
    (void)e;
    return STATUS_OK;
}

const struct infer_functions infer_cpu_functions = {
    .name = "cpu",
    .open = cpu_open,
    .close = cpu_close,
    .step = cpu_step,
    .logits = cpu_logits,
    .time = infer_cpu_time,
};
