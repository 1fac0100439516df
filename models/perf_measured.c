/* SPDX-License-Identifier: Apache-2.0
 * Step time from op tables.
 *
 * The GEMMs of a layer and of the head, prefill and decode attention, routed experts and
 * all-reduces are taken from their tables, each summed over the layers of the model as one GPU of
 * the tensor-parallel group sees them.  What has no table keeps its part of the roofline: norms and
 * activations, engine overhead, and any operation whose table is missing or is for another kind of
 * attention (heads of 128 elements; latent attention has none).
 *
 * The prompts of a step are asked for as prefill_seqs equal prompts of as many pairs of tokens as
 * these have: a chunk after earlier ones costs what a whole prompt with its pairs costs. */
#include <math.h>
#include <stdlib.h>

#include "models/perf.h"
#include "models/perf_grid.h"
#include "models/perf_tables.h"

enum { GEMMS = 8, TOP_TOK = 1 << 21, TOP_SEQS = 1 << 17, TOP_CONTEXT = 1 << 24 };

struct measured {
    struct perf_curve linear, head, allreduce;
    struct perf_grid prefill; /* seqs x length; ns holds the square root */
    struct perf_grid decode;  /* toll included */
    bool has_prefill, has_decode;
};

struct building {
    const struct perf *perf;
    const struct perf_tables *tables;
    struct arena *arena;
    int64_t widest; /* largest n of the GEMM table */
};

/* ---- single operations ---------------------------------------------------------------------- */

static struct perf_answer ask(const struct building *b, enum perf_op op, const int64_t *at)
{
    struct perf_roof roof = {b->perf->hardware, b->perf->dtype, op, 0, 0};
    return perf_points_at(&b->tables->ops[op], at, PERF_POINTS_NONE, perf_kernel_roof_ns, &roof);
}

struct gemm { /* a k x n weight in `layers` layers */
    double layers;
    int64_t n, k;
};

/* Per GPU: columns of the first and rows of the second weight of each pair are divided. */
static int gemms_of(const struct perf *perf, struct gemm *g)
{
    const struct perf_model *m = perf->model;
    int64_t tp = perf->tp, heads = m->heads / tp, layers = m->layers;
    int64_t kv = m->kv_heads > tp ? m->kv_heads / tp : 1;
    int64_t sparse = m->experts > 0 ? layers - m->dense_layers : 0;
    int count = 0;
    if (m->kv_rank == 0) {
        g[count++] = (struct gemm){(double)layers, (heads + 2 * kv) * m->head_dim, m->hidden};
        g[count++] = (struct gemm){(double)layers, m->hidden, heads * m->head_dim};
    } else {
        int64_t down = m->q_rank + m->kv_rank + m->rope_dim;
        g[count++] = (struct gemm){(double)layers, down, m->hidden};
        g[count++] = (struct gemm){(double)layers, heads * (m->nope_dim + m->rope_dim), m->q_rank};
        g[count++] =
            (struct gemm){(double)layers, heads * (m->nope_dim + m->value_dim), m->kv_rank};
        g[count++] = (struct gemm){(double)layers, m->hidden, heads * m->value_dim};
    }
    if (m->dense_layers > 0) {
        g[count++] = (struct gemm){m->dense_layers, 2 * m->ffn / tp, m->hidden};
        g[count++] = (struct gemm){m->dense_layers, m->hidden, m->ffn / tp};
    }
    if (sparse > 0) {
        int64_t shared = (int64_t)m->shared * m->expert_ffn / tp;
        if (shared > 0) g[count++] = (struct gemm){1.5 * (double)sparse, 2 * shared, m->hidden};
    }
    return count;
}

/* A few columns, narrower than any table: the roofline. */
static double router_ns(const struct perf *perf, int64_t tokens)
{
    const struct perf_model *m = perf->model;
    const struct perf_roof roof = {perf->hardware, perf->dtype, PERF_GEMM, 0, 0};
    int64_t at[PERF_AXES] = {tokens, m->experts, m->hidden};
    if (m->experts == 0) return 0.0;
    return (m->layers - m->dense_layers) * perf_kernel_roof_ns(&roof, at);
}

/* Of the loads that were measured the most uneven one (wanted < 0), or the nearest to `wanted`
 * (hundredths of the exponent). */
static int64_t nearest_skew(const struct perf_points *p, int64_t wanted)
{
    int64_t best = -1;
    if (wanted < 0) wanted = INT32_MAX;
    for (uint32_t i = 0; i < p->count; i++) {
        int64_t skew = p->items[i].at[6];
        if (best < 0 || llabs(skew - wanted) < llabs(best - wanted)) best = skew;
    }
    return best;
}

/* Where another load was measured, scaled by the roofline's ratio; without any, the roofline. */
static double experts_ns(const struct building *b, int64_t tokens, bool *outside)
{
    const struct perf *perf = b->perf;
    const struct perf_model *m = perf->model;
    bool any = perf->expert_skew < 0.0;
    int64_t wanted = any ? -1 : (int64_t)(100.0 * perf->expert_skew + 0.5);
    int64_t at[PERF_AXES] = {m->hidden,
                             m->expert_ffn,
                             m->active,
                             m->experts,
                             perf->tp / perf->ep,
                             perf->ep,
                             nearest_skew(&b->tables->ops[PERF_MOE], wanted),
                             tokens};
    struct perf_answer a = ask(b, PERF_MOE, at);
    *outside |= a.reach != PERF_INSIDE;
    if (a.reach == PERF_ABSENT) return perf_roofline_experts_ns(perf, tokens);
    if (!any && at[6] != wanted) {
        struct perf_roof roof = {perf->hardware, perf->dtype, PERF_MOE, 0, 0};
        double there_ns = perf_kernel_roof_ns(&roof, at);
        at[6] = wanted;
        a.ns *= perf_kernel_roof_ns(&roof, at) / there_ns;
        *outside = true;
    }
    return a.ns * (m->layers - m->dense_layers);
}

/* Wider than the table: blocks of columns, each within it.  They are independent, so this is a
 * composition of measured products and not an extrapolation. */
static double gemm_ns(const struct building *b, int64_t m, int64_t n, int64_t k, bool *outside)
{
    int64_t blocks = (n + b->widest - 1) / b->widest;
    int64_t at[PERF_AXES] = {m, (n + blocks - 1) / blocks, k};
    struct perf_answer a = ask(b, PERF_GEMM, at);
    *outside |= a.reach == PERF_OUTSIDE;
    return a.ns * (double)blocks;
}

static double linear_ns(const struct building *b, int64_t tokens, bool *outside)
{
    struct gemm gemms[GEMMS];
    int count = gemms_of(b->perf, gemms);
    double ns = 0.0;
    for (int i = 0; i < count; i++)
        ns += gemms[i].layers * gemm_ns(b, tokens, gemms[i].n, gemms[i].k, outside);
    ns += router_ns(b->perf, tokens);
    return ns + (b->perf->model->experts > 0 ? experts_ns(b, tokens, outside) : 0.0);
}

static double head_ns(const struct building *b, int64_t sampled, bool *outside)
{
    const struct perf_model *m = b->perf->model;
    return gemm_ns(b, sampled, m->vocab / b->perf->tp, m->hidden, outside);
}

static double reduce_ns(const struct building *b, int64_t tokens, bool *outside)
{
    int64_t at[PERF_AXES] = {b->perf->tp, tokens * b->perf->model->hidden};
    struct perf_answer a = ask(b, PERF_ALLREDUCE, at);
    *outside |= a.reach == PERF_OUTSIDE;
    return 2.0 * b->perf->model->layers * a.ns;
}

/* ---- curves and grids ----------------------------------------------------------------------- */

static struct perf_knots axis_knots(const struct building *b, enum perf_op op, uint32_t axis,
                                    int64_t top)
{
    int64_t *values;
    uint32_t count = perf_points_values(&b->tables->ops[op], axis, b->arena, &values);
    return perf_knots_of(values, count, top, b->arena);
}

static struct perf_curve curve_of(const struct building *b, struct perf_knots knots,
                                  double (*ns)(const struct building *, int64_t, bool *))
{
    struct perf_curve c = {knots, arena_alloc(b->arena, knots.count, sizeof *c.ns),
                           arena_alloc(b->arena, knots.count, sizeof *c.outside)};
    for (uint32_t i = 0; i < knots.count; i++)
        c.ns[i] = ns(b, knots.x[i], &c.outside[i]);
    return c;
}

/* All layers.  A group of GPUs larger than the KV heads keeps one on each. */
static struct perf_grid grid_of(const struct building *b, enum perf_op op, int64_t top)
{
    const struct perf *perf = b->perf;
    const struct perf_model *m = perf->model;
    struct perf_grid g = {axis_knots(b, op, 2, TOP_SEQS), axis_knots(b, op, 3, top), NULL, NULL};
    size_t cells = (size_t)g.seqs.count * g.context.count;
    g.ns = arena_alloc(b->arena, cells, sizeof *g.ns);
    g.outside = arena_alloc(b->arena, cells, sizeof *g.outside);
    int64_t kv = m->kv_heads > perf->tp ? m->kv_heads / perf->tp : 1;
    for (uint32_t i = 0; i < cells; i++) {
        int64_t at[PERF_AXES] = {kv, m->heads / perf->tp, g.seqs.x[i / g.context.count],
                                 g.context.x[i % g.context.count]};
        struct perf_answer a = ask(b, op, at);
        g.ns[i] = a.ns * m->layers;
        g.outside[i] = a.reach == PERF_OUTSIDE;
    }
    return g;
}

void perf_measured_set(struct perf *perf, struct arena *arena)
{
    const struct perf_tables *t = perf->tables;
    struct building b = {perf, t, arena, 1};
    struct measured *m = arena_alloc(arena, 1, sizeof *m);
    bool plain = perf->model->kv_rank == 0 && perf->model->head_dim == PERF_HEAD_DIM;
    bool wide = perf->kv_dtype == PERF_BF16; /* as measured */
    for (uint32_t i = 0; i < t->ops[PERF_GEMM].count; i++)
        if (t->ops[PERF_GEMM].items[i].at[1] > b.widest)
            b.widest = t->ops[PERF_GEMM].items[i].at[1];
    if (t->ops[PERF_GEMM].count > 0) {
        m->linear = curve_of(&b, axis_knots(&b, PERF_GEMM, 0, TOP_TOK), linear_ns);
        m->head = curve_of(&b, axis_knots(&b, PERF_GEMM, 0, TOP_SEQS), head_ns);
    }
    bool outside = false;
    if (perf->tp > 1 && perf->ep == 1 && reduce_ns(&b, 1, &outside) > 0.0)
        m->allreduce = curve_of(&b, perf_knots_of(NULL, 0, TOP_TOK, arena), reduce_ns);
    m->has_prefill = plain && t->ops[PERF_PREFILL].count > 0;
    m->has_decode = plain && wide && t->ops[PERF_DECODE].count > 0;
    if (m->has_prefill) {
        m->prefill = grid_of(&b, PERF_PREFILL, TOP_TOK);
        for (uint32_t i = 0; i < m->prefill.seqs.count * m->prefill.context.count; i++)
            m->prefill.ns[i] = sqrt(m->prefill.ns[i]);
    }
    if (m->has_decode) {
        m->decode = grid_of(&b, PERF_DECODE, TOP_CONTEXT);
        for (uint32_t i = 0; i < m->decode.seqs.count * m->decode.context.count; i++)
            m->decode.ns[i] *= 1.0 + perf->roofline.tee_share;
    }
    perf->source = &perf_measured_source;
    perf->data = m;
}

/* ---- a step --------------------------------------------------------------------------------- */

/* `j`: the knot of context below the length. */
static double row_ns(const struct perf_grid *g, uint32_t row, uint32_t j, double length,
                     bool *outside)
{
    const double *root = &g->ns[row * g->context.count + j];
    const bool *out = &g->outside[row * g->context.count + j];
    double low = (double)g->context.x[j], high = (double)g->context.x[j + 1];
    *outside |= out[0] || (length > low && out[1]);
    double r = root[0] + (length - low) / (high - low) * (root[1] - root[0]);
    return r * r;
}

/* A prompt of L tokens has L (L + 1) / 2 pairs. */
static double prefill_ns(const struct perf_grid *g, const struct perf_batch *b, bool *outside)
{
    double pairs = (double)b->prefill_pairs / (double)b->prefill_seqs;
    double length = (sqrt(1.0 + 8.0 * pairs) - 1.0) / 2.0;
    uint32_t row = perf_knots_find(&g->seqs, b->prefill_seqs);
    uint32_t j = perf_knots_find(&g->context, (int64_t)length);
    double low = row_ns(g, row, j, length, outside);
    if (b->prefill_seqs == g->seqs.x[row]) return low;
    double part =
        (double)(b->prefill_seqs - g->seqs.x[row]) / (double)(g->seqs.x[row + 1] - g->seqs.x[row]);
    return low + part * (row_ns(g, row + 1, j, length, outside) - low);
}

static double attention_ns(const struct perf *perf, const struct measured *m,
                           const struct perf_batch *flat, bool *outside)
{
    double ns = 0.0;
    if (flat->prefill_seqs > 0)
        ns = m->has_prefill ? prefill_ns(&m->prefill, flat, outside)
                            : perf_roofline_prefill_ns(perf, flat);
    if (!m->has_decode && flat->decode_seqs > 0) ns += perf_roofline_decode_ns(perf, flat);
    return ns;
}

/* Does an operation of the step take its time from the roofline because no table has it? */
static bool lacks(const struct perf *perf, const struct measured *m, const struct perf_batch *b)
{
    return (b->prefill_seqs > 0 && !m->has_prefill) || (b->decode_seqs > 0 && !m->has_decode) ||
           (perf->tp > 1 && perf->ep == 1 && m->allreduce.knots.count == 0);
}

static struct perf_line measured_line(const struct perf *perf, const struct perf_batch *batch)
{
    const struct measured *m = perf->data;
    struct perf_batch flat = *batch;
    flat.decode_context_tok = 0;
    int64_t tokens = flat.prefill_tok + flat.decode_seqs;
    bool products = m->linear.knots.count > 0;
    struct perf_parts p =
        products ? perf_roofline_rest(perf, &flat) : perf_roofline_parts(perf, &flat);
    struct perf_line line = {.holds = INT64_MAX};
    if (products) {
        p.linear_ns = perf_curve_at(&m->linear, tokens, &line.outside);
        if (flat.sampled > 0) p.head_ns = perf_curve_at(&m->head, flat.sampled, &line.outside);
    }
    if (m->allreduce.knots.count > 0)
        p.allreduce_ns = perf_curve_at(&m->allreduce, tokens, &line.outside);
    p.attention_ns = attention_ns(perf, m, &flat, &line.outside);
    line.outside |= products && lacks(perf, m, &flat);
    int64_t slope = m->has_decode ? 0 : perf->roofline.context_ticks;
    line.first_ticks = perf_ticks(perf_roofline_sum_ns(perf, &p)) +
                       perf_ticks_times(batch->decode_context_tok, slope);
    line.growth_ticks = perf_ticks_times(batch->decode_seqs, slope);
    if (m->has_decode && batch->decode_seqs > 0) {
        struct perf_slope s =
            perf_grid_slope(&m->decode, batch->decode_seqs, batch->decode_context_tok);
        line.first_ticks += s.ticks;
        line.growth_ticks = s.growth;
        line.holds = s.holds;
        line.outside |= s.outside;
    }
    return line;
}

const struct perf_source perf_measured_source = {.name = "tables", .line = measured_line};
