/* SPDX-License-Identifier: Apache-2.0
 * The sweep of `hacasim calibrate inference`: every operation of the model over its ranges, then
 * whole steps against the sum of their operations. */
#include <string.h>
#include <time.h>

#include "analysis/calibrate_inference.h"

enum { POINTS_MAX = 40, STREAM_STEPS = 1000 };

struct probing {
    struct infer *engine;
    struct infer_probe probe;
    const struct calibrate_step *step; /* of run_step */
};

/* ---- operations on the clock ---------------------------------------------------------------- */

/* Axis 0: tokens. */
static enum status run_tokens(void *context, const int64_t *at, double *ns)
{
    struct probing *p = context;
    p->probe.m = (int32_t)at[0];
    return infer_time(p->engine, &p->probe, ns);
}

/* Axes: sequences, context. */
static enum status run_decode(void *context, const int64_t *at, double *ns)
{
    struct probing *p = context;
    p->probe.batch = (int32_t)at[0];
    p->probe.chunk = 1;
    p->probe.context = (int32_t)at[1];
    return infer_time(p->engine, &p->probe, ns);
}

/* Axes: sequences, length of their prompts. */
static enum status run_prefill(void *context, const int64_t *at, double *ns)
{
    struct probing *p = context;
    p->probe.batch = (int32_t)at[0];
    p->probe.chunk = p->probe.context = (int32_t)at[1];
    return infer_time(p->engine, &p->probe, ns);
}

/* ---- one operation over its ranges ---------------------------------------------------------- */

struct sweep {
    const struct calibrate_asked *asked;
    struct calibrate_result *result;
    struct probing probing;
    struct arena *arena;
    double *errors; /* of all operations */
    uint32_t error_count;
};

static struct calibrate_rule rule_of(struct sweep *s, calibrate_fn *measure)
{
    return (struct calibrate_rule){.measure = measure,
                                   .context = &s->probing,
                                   .warmups = 2,
                                   .repeats = s->asked->repeats,
                                   .target = s->asked->target,
                                   .points_max = POINTS_MAX,
                                   .squared = measure == run_prefill};
}

static enum status hold_out(struct sweep *s, const struct calibrate_rule *rule,
                            struct calibrate_op *op, int64_t product_max)
{
    double *errors = s->errors + s->error_count;
    uint32_t found, stream = (uint32_t)(op - s->result->ops);
    TRY(calibrate_held_out(rule, &op->grid, product_max, s->asked->terms.seed, stream,
                           s->asked->held_out, errors, &found),
        "%s", op->name);
    op->error_median = calibrate_quantile(errors, found, 0.5);
    op->error_p90 = calibrate_quantile(errors, found, 0.9);
    s->error_count += found;
    return STATUS_OK;
}

static struct calibrate_op *add_op(struct sweep *s, const char *name, double calls)
{
    struct calibrate_op *op = &s->result->ops[s->result->op_count++];
    *op = (struct calibrate_op){.name = name, .calls = calls};
    return op;
}

static enum status sweep_tokens(struct sweep *s, struct calibrate_op *op, int64_t most)
{
    struct calibrate_rule rule = rule_of(s, run_tokens);
    static int64_t one[] = {1};
    fprintf(stderr, "calibrate: %s", op->name);
    if (op->n > 0) fprintf(stderr, " %d x %d", (int)op->k, (int)op->n);
    fprintf(stderr, ", 1 to %lld tokens\n", (long long)most);
    op->grid.axis[1] = one;
    op->grid.count[1] = 1;
    TRY(calibrate_axis(&rule, 0, 1, most, 1, s->arena, &op->grid.axis[0], &op->grid.count[0]), "%s",
        op->name);
    TRY(calibrate_fill(&rule, &op->grid, most, s->arena), "%s", op->name);
    return hold_out(s, &rule, op, most);
}

static enum status sweep_gemm(struct sweep *s, int32_t n, int32_t k, double calls, bool sampled)
{
    struct calibrate_op *op = add_op(s, "gemm", calls);
    op->n = n;
    op->k = k;
    op->sampled = sampled;
    s->probing.probe = (struct infer_probe){.op = INFER_GEMM, .n = n, .k = k};
    return sweep_tokens(s, op, sampled ? s->asked->batch_max : s->asked->tokens_max);
}

/* Each axis is refined at both ends of the other, as far as memory goes. */
static enum status sweep_attention(struct sweep *s, struct calibrate_op *op, calibrate_fn *run,
                                   int64_t batch, int64_t length, int64_t product_max)
{
    struct calibrate_rule rule = rule_of(s, run);
    struct calibrate_grid *g = &op->grid;
    int64_t *more, wide = product_max / batch, many = product_max / length;
    uint32_t count;
    fprintf(stderr, "calibrate: %s, 1 to %lld sequences, 1 to %lld tokens\n", op->name,
            (long long)batch, (long long)length);
    s->probing.probe = (struct infer_probe){.op = INFER_ATTENTION};
    TRY(calibrate_axis(&rule, 1, 1, length, 1, s->arena, &g->axis[1], &g->count[1]), "%s",
        op->name);
    TRY(calibrate_axis(&rule, 1, 1, wide < length ? wide : length, batch, s->arena, &more, &count),
        "%s", op->name);
    calibrate_merge(s->arena, &g->axis[1], &g->count[1], more, count);
    TRY(calibrate_axis(&rule, 0, 1, batch, 1, s->arena, &g->axis[0], &g->count[0]), "%s", op->name);
    TRY(calibrate_axis(&rule, 0, 1, many < batch ? many : batch, length, s->arena, &more, &count),
        "%s", op->name);
    calibrate_merge(s->arena, &g->axis[0], &g->count[0], more, count);
    TRY(calibrate_fill(&rule, g, product_max, s->arena), "%s", op->name);
    return hold_out(s, &rule, op, product_max);
}

static enum status sweep_ops(struct sweep *s)
{
    const struct calibrate_asked *a = s->asked;
    const struct infer_shape *m = &a->terms.shape;
    double layers = m->layers, dense = m->experts > 0 ? m->dense_layers : m->layers;
    int32_t heads = m->heads * m->head_dim, qkv = (m->heads + 2 * m->kv_heads) * m->head_dim;
    int64_t length = a->tokens_max < a->context_max ? a->tokens_max : a->context_max;
    int64_t prompts = a->batch_max < 8 ? a->batch_max : 8;
    TRY(sweep_gemm(s, qkv, m->hidden, layers, false), "queries, keys, values");
    TRY(sweep_gemm(s, m->hidden, heads, layers, false), "output of attention");
    if (dense > 0) TRY(sweep_gemm(s, 2 * m->ffn, m->hidden, dense, false), "gate and up");
    if (dense > 0) TRY(sweep_gemm(s, m->hidden, m->ffn, dense, false), "down");
    TRY(sweep_gemm(s, m->vocab, m->hidden, 1.0, true), "head");
    if (dense < layers) {
        s->probing.probe = (struct infer_probe){.op = INFER_EXPERTS};
        TRY(sweep_tokens(s, add_op(s, "moe", layers - dense), a->tokens_max), "experts");
    }
    TRY(sweep_attention(s, add_op(s, "attn_prefill", layers), run_prefill, prompts, length,
                        a->tokens_max),
        "prompts");
    return sweep_attention(s, add_op(s, "attn_decode", layers), run_decode, a->batch_max,
                           a->context_max, a->kv_tok_max);
}

/* ---- whole steps ---------------------------------------------------------------------------- */

static double predict(const struct calibrate_result *r, const struct calibrate_step *step)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < r->op_count; i++) {
        const struct calibrate_op *op = &r->ops[i];
        int64_t tokens = (int64_t)step->seqs * step->chunk;
        int64_t at[CALIBRATE_AXES] = {op->sampled ? step->seqs : tokens, 1};
        bool prefill = strcmp(op->name, "attn_prefill") == 0;
        if (prefill || strcmp(op->name, "attn_decode") == 0) {
            if (prefill != (step->chunk > 1)) continue;
            at[0] = step->seqs;
            at[1] = step->context;
        }
        double ns = calibrate_at(&op->grid, at);
        if (ns <= 0.0) return 0.0;
        sum += op->calls * ns;
    }
    return sum;
}

/* Run in a fresh state each time: the slots hold what comes before, and are set back after. */
static enum status run_step(void *context, const int64_t *at, double *ns)
{
    enum { MOST = 1 << 16 };
    static int32_t tokens[MOST];
    static struct infer_chunk chunks[MOST];
    static struct infer_sampled sampled[MOST];
    const struct probing *p = context;
    struct infer *engine = p->engine;
    const struct calibrate_step *step = p->step;
    (void)at;
    for (int32_t i = 0; i < step->seqs; i++)
        chunks[i] =
            (struct infer_chunk){.slot = i, .count = step->chunk, .tokens = tokens, .sample = true};
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    TRY(infer_step(engine, chunks, step->seqs, sampled), "whole step");
    clock_gettime(CLOCK_MONOTONIC, &end);
    *ns = 1e9 * (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec);
    for (int32_t i = 0; i < step->seqs; i++)
        infer_rewind(engine, i, step->context - step->chunk);
    return STATUS_OK;
}

/* Give every slot of a decoding step its tokens, a prompt's worth at a time. */
static enum status hold_context(struct sweep *s, const struct calibrate_step *step)
{
    static int32_t tokens[1 << 16];
    for (int32_t i = 0; i < step->seqs; i++)
        for (int32_t left = step->context - step->chunk, part; left > 0; left -= part) {
            struct infer_sampled ignored;
            part = left < (int32_t)s->asked->tokens_max ? left : (int32_t)s->asked->tokens_max;
            struct infer_chunk c = {.slot = i, .count = part, .tokens = tokens};
            TRY(infer_step(s->probing.engine, &c, 1, &ignored), "whole step");
        }
    return STATUS_OK;
}

static enum status time_step(struct sweep *s, struct calibrate_step *step)
{
    struct calibrate_rule rule = rule_of(s, run_step);
    const int64_t at[CALIBRATE_AXES] = {step->seqs, step->context};
    struct calibrate_point point;
    s->probing.step = step;
    TRY(hold_context(s, step), "whole step");
    TRY(calibrate_median(&rule, at, &point), "whole step");
    step->measured_ns = point.ns;
    for (int32_t i = 0; i < step->seqs; i++)
        infer_release(s->probing.engine, i);
    return STATUS_OK;
}

static enum status sweep_steps(struct sweep *s)
{
    const struct calibrate_asked *a = s->asked;
    struct rng_stream r = rng_open(a->terms.seed, 0, CALIBRATE_PURPOSE, STREAM_STEPS);
    fprintf(stderr, "calibrate: whole steps\n");
    for (uint32_t i = 0; i < CALIBRATE_STEPS; i++) {
        struct calibrate_step *step = &s->result->steps[s->result->step_count];
        bool prompt = i >= CALIBRATE_STEPS / 2;
        *step = (struct calibrate_step){.seqs = 1, .chunk = 1};
        if (!prompt) step->seqs = (int32_t)calibrate_draw(&r, 1, a->batch_max);
        int64_t most = prompt ? a->tokens_max : a->kv_tok_max / step->seqs;
        step->context =
            (int32_t)calibrate_draw(&r, 2, most < a->context_max ? most : a->context_max);
        if (prompt) step->chunk = step->context;
        step->predicted_ns = predict(s->result, step);
        if (step->predicted_ns <= 0.0) continue;
        TRY(time_step(s, step), "whole step");
        s->result->step_count++;
    }
    return STATUS_OK;
}

enum status calibrate_sweep(const struct calibrate_asked *asked, struct infer *engine,
                            struct arena *arena, struct calibrate_result *result)
{
    struct sweep s = {
        .asked = asked, .result = result, .probing = {.engine = engine}, .arena = arena};
    s.errors = arena_alloc(arena, (size_t)CALIBRATE_OPS * (asked->held_out + 1), sizeof *s.errors);
    TRY(sweep_ops(&s), "calibration");
    TRY(sweep_steps(&s), "calibration");
    calibrate_sort(s.errors, s.error_count);
    result->error_median = calibrate_quantile(s.errors, s.error_count, 0.5);
    return STATUS_OK;
}
