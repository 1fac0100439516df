/* SPDX-License-Identifier: Apache-2.0
 * Step time from the profile of one model, composed as LLMServingSim does.
 *
 * A step is: the embedding; per layer two norms, projections, rotary embedding, one attention call,
 * and feed-forward or experts; the final norm; head and sampler for each sequence.  Dense layers
 * are asked for at the tokens of the step, the head at its sequences, attention at (tokens of
 * prompts, tokens of theirs in KV before, decoding sequences, their mean context).  These are
 * kernel times: the engine's host side runs beside them and is not added.
 *
 * A step's prompt tokens may belong to several prompts, and the profile knows only one.  Attention
 * works on pairs of a token and one that it attends to; so the step is looked up at the one prompt
 * of as many tokens and as many pairs, whose history may be below nothing: then it lies as far
 * below the time without history as that much history lies above it.
 *
 * Where the engine states captured graphs, the tokens of dense layers and experts are padded to
 * them.  Experts are spread over G GPUs, those of the group and of its replicas: each computes a
 * G-th of the pairs of token and expert on a G-th of the experts reached.  What GPUs exchange is
 * not in a profile: rings over the stated link, or the roofline's terms.
 *
 * Decoding sequences of unequal length take longer than equal ones of the same mean: a share alpha
 * of the way to as many sequences of the largest context (perf_tables.h).  Alpha hangs on buckets;
 * of those only the bucket of the largest context changes while sequences decode on, so a line ends
 * there, and at the knots of the mean and of the largest context. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "models/perf.h"
#include "models/perf_grid.h"
#include "models/perf_kernel.h"
#include "models/perf_tables.h"

enum { TOP_TOK = 1 << 21, TOP_SEQS = 1 << 17, TOP_CONTEXT = 1 << 24, ALPHA_ONE = 65536 };
enum { CHUNK, HISTORY, SEQS, CONTEXT, AXES }; /* of the attention call */
enum { SKEW_AXES = 5 };                       /* chunk, seqs, rate, context, history */

/* The attention call on the grid of all values that the table has, 0 among them. */
struct mixed {
    int64_t *x[AXES];
    uint32_t count[AXES], stride[AXES];
    double *ns;
    bool *outside;
};

struct alphas { /* dense in the distinct edges of each axis */
    int64_t *edges[SKEW_AXES];
    uint32_t count[SKEW_AXES];
    int32_t *value; /* of ALPHA_ONE */
    int32_t pooled;
};

struct profile {
    struct perf_curve dense, experts, sequence;
    bool keys; /* HISTORY is the mean number of tokens that a prompt's token attends to */
    struct perf_grid decode; /* toll included */
    struct mixed mixed;
    struct alphas alphas;
    struct perf_roof roof;
};

/* ---- layers --------------------------------------------------------------------------------- */

static int32_t replicas_of(const struct perf *perf)
{
    return perf->engine.replicas > 1 ? perf->engine.replicas : 1;
}

static double dense_roof(const void *context, const int64_t *at)
{
    const struct perf *perf = context;
    double token_ns = (double)at[0] * perf->roofline.dense_token_ns;
    return token_ns > perf->roofline.dense_memory_ns ? token_ns : perf->roofline.dense_memory_ns;
}

static double head_roof(const void *context, const int64_t *at)
{
    const struct perf *perf = context;
    double token_ns = (double)at[0] * perf->roofline.head_token_ns;
    return token_ns > perf->roofline.head_memory_ns ? token_ns : perf->roofline.head_memory_ns;
}

static double experts_roof(const void *context, const int64_t *at)
{
    const struct perf *perf = context;
    double memory_ns = (double)at[1] * perf->roofline.expert_memory_ns;
    double token_ns = (double)at[2] * perf->roofline.expert_token_ns;
    return token_ns > memory_ns ? token_ns : memory_ns;
}

/* How often a layer of this name runs in a step. */
static double times(const struct perf_model *m, const char *name)
{
    static const char *const once[] = {"embedding", "final_layernorm"};
    static const char *const feed_forward[] = {"gate_up_proj", "act_fn", "down_proj"};
    for (size_t i = 0; i < sizeof once / sizeof *once; i++)
        if (strcmp(name, once[i]) == 0) return 1.0;
    for (size_t i = 0; i < sizeof feed_forward / sizeof *feed_forward; i++)
        if (strcmp(name, feed_forward[i]) == 0) return m->dense_layers;
    return strcmp(name, "layernorm") == 0 ? 2.0 * m->layers : m->layers;
}

static int64_t at_least_one(double x)
{
    return x < 1.0 ? 1 : (int64_t)(x + 0.5);
}

/* Experts of all layers on one of G GPUs.  Profiles that were made with a GPU's share of experts
 * say so (axis ep), and take all tokens; those of one GPU with all experts are met at a G-th of the
 * tokens, which have as many pairs of token and expert. */
static double experts_ns(const struct perf *perf, int64_t tokens, bool *outside)
{
    const struct perf_model *m = perf->model;
    const struct perf_points *table = &perf->tables->experts;
    int32_t gpus = perf->tp * replicas_of(perf);
    if (table->count == 0) return perf_roofline_experts_ns(perf, tokens);
    int64_t reached =
        at_least_one(perf_kernel_distinct(m->experts, m->active, tokens) / (double)gpus);
    int64_t at[PERF_AXES] = {gpus, reached, tokens};
    struct perf_answer a = perf_points_at(table, at, PERF_POINTS_NONE, experts_roof, perf);
    if (a.reach == PERF_ABSENT) {
        at[0] = 1;
        at[2] = at_least_one((double)tokens / gpus);
        a = perf_points_at(table, at, PERF_POINTS_NONE, experts_roof, perf);
    }
    *outside |= a.reach == PERF_OUTSIDE;
    return a.ns * (m->layers - m->dense_layers);
}

static double layers_ns(const struct perf *perf, const struct perf_layer *layers, uint32_t count,
                        bool per_sequence, int64_t x, bool *outside)
{
    double ns = 0.0;
    for (uint32_t i = 0; i < count; i++) {
        int64_t at[PERF_AXES] = {x};
        struct perf_answer a = perf_points_at(&layers[i].points, at, PERF_POINTS_NONE,
                                              per_sequence ? head_roof : dense_roof, perf);
        ns += a.ns * (per_sequence ? 1.0 : times(perf->model, layers[i].name));
        *outside |= a.reach == PERF_OUTSIDE;
    }
    return ns;
}

static struct perf_curve blank_curve(const int64_t *values, uint32_t known, int64_t top,
                                     struct arena *arena)
{
    struct perf_curve c = {.knots = perf_knots_of(values, known, top, arena)};
    c.ns = arena_alloc(arena, c.knots.count, sizeof *c.ns);
    c.outside = arena_alloc(arena, c.knots.count, sizeof *c.outside);
    return c;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* What any of the layers was measured at, each once. */
static uint32_t values_of(const struct perf_layer *layers, uint32_t count, struct arena *arena,
                          int64_t **values)
{
    int64_t *all = NULL, *known;
    uint32_t total = 0, distinct = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t more = perf_points_values(&layers[i].points, 0, arena, &known);
        all = arena_grow(arena, all, total, total + more, sizeof *all);
        memcpy(all + total, known, more * sizeof *all);
        total += more;
    }
    if (total > 0) qsort(all, total, sizeof *all, ascending);
    for (uint32_t i = 0; i < total; i++)
        if (distinct == 0 || all[distinct - 1] < all[i]) all[distinct++] = all[i];
    *values = all;
    return distinct;
}

static struct perf_curve curve_of(const struct perf *perf, bool per_sequence, struct arena *arena)
{
    const struct perf_tables *t = perf->tables;
    const struct perf_layer *layers = per_sequence ? t->sequence : t->dense;
    uint32_t count = per_sequence ? t->sequence_count : t->dense_count;
    int64_t *values;
    uint32_t known = values_of(layers, count, arena, &values);
    struct perf_curve c = blank_curve(values, known, per_sequence ? TOP_SEQS : TOP_TOK, arena);
    for (uint32_t i = 0; i < c.knots.count; i++)
        c.ns[i] = layers_ns(perf, layers, count, per_sequence, c.knots.x[i], &c.outside[i]);
    return c;
}

/* Experts reached grow fast at few tokens, where a table of powers of two would be too coarse. */
static struct perf_curve experts_curve(const struct perf *perf, struct arena *arena)
{
    enum { FINE = 64 };
    int64_t values[FINE];
    if (perf->model->experts == 0) return (struct perf_curve){0};
    for (int i = 0; i < FINE; i++)
        values[i] = i + 1;
    struct perf_curve c = blank_curve(values, FINE, TOP_TOK, arena);
    for (uint32_t i = 0; i < c.knots.count; i++)
        c.ns[i] = experts_ns(perf, c.knots.x[i], &c.outside[i]);
    return c;
}

/* ---- attention: the grid -------------------------------------------------------------------- */

static uint32_t index_of(const int64_t *x, uint32_t count, int64_t value)
{
    uint32_t i = 0;
    while (i + 1 < count && x[i + 1] <= value)
        i++;
    return i;
}

static uint32_t cell_of(const struct mixed *m, const uint32_t *index)
{
    uint32_t cell = 0;
    for (int a = 0; a < AXES; a++)
        cell += index[a] * m->stride[a];
    return cell;
}

static double roof_at(const struct profile *p, const uint32_t *index)
{
    int64_t at[PERF_AXES] = {0};
    for (int a = 0; a < AXES; a++)
        at[a] = p->mixed.x[a][index[a]];
    return perf_kernel_roof_ns(&p->roof, at);
}

/* The nearest measured cell along an axis, or false. */
static bool neighbour(const struct mixed *m, const bool *known, const uint32_t *index, int axis,
                      bool up, uint32_t *found)
{
    memcpy(found, index, AXES * sizeof *found);
    while (up ? found[axis] + 1 < m->count[axis] : found[axis] > 0) {
        found[axis] += up ? 1u : -1u;
        if (known[cell_of(m, found)]) return true;
    }
    return false;
}

/* A cell that was not measured: between two along one axis if there are, else one scaled by the
 * roofline, else the roofline. */
static double filled(const struct profile *p, const bool *known, const uint32_t *index,
                     bool *outside)
{
    static const int order[AXES] = {CONTEXT, SEQS, HISTORY, CHUNK};
    const struct mixed *m = &p->mixed;
    uint32_t low[AXES], high[AXES];
    *outside = false;
    for (int i = 0; i < AXES; i++) {
        int a = order[i];
        if (!neighbour(m, known, index, a, false, low) ||
            !neighbour(m, known, index, a, true, high))
            continue;
        double part = (double)(m->x[a][index[a]] - m->x[a][low[a]]) /
                      (double)(m->x[a][high[a]] - m->x[a][low[a]]);
        double base = m->ns[cell_of(m, low)];
        return base + part * (m->ns[cell_of(m, high)] - base);
    }
    *outside = true;
    for (int i = 0; i < 2 * AXES; i++)
        if (neighbour(m, known, index, order[i / 2], i % 2 == 1, low))
            return m->ns[cell_of(m, low)] * roof_at(p, index) / roof_at(p, low);
    return roof_at(p, index);
}

/* Where nothing is computed of one kind, the other axis of that kind means nothing: no prompt
 * tokens are as many whatever stands in KV, and no decoding sequences whatever their context. */
static void plain_index(const struct mixed *m, uint32_t *index)
{
    if (m->x[CHUNK][index[CHUNK]] == 0) index[HISTORY] = 0;
    if (m->x[SEQS][index[SEQS]] == 0) index[CONTEXT] = 0;
}

static void index_at(const struct mixed *m, uint32_t cell, uint32_t *index)
{
    for (int a = 0; a < AXES; a++)
        index[a] = cell / m->stride[a] % m->count[a];
}

static uint32_t axis_values(const struct perf_points *p, int axis, struct arena *arena,
                            int64_t **values)
{
    int64_t *known;
    uint32_t count = perf_points_values(p, (uint32_t)axis, arena, &known);
    *values = arena_alloc(arena, count + 1u, sizeof **values);
    uint32_t first = count == 0 || known[0] > 0;
    memcpy(*values + first, known, count * sizeof *known);
    return count + first;
}

static void build_mixed(struct profile *p, const struct perf_points *points, struct arena *arena)
{
    struct mixed *m = &p->mixed;
    uint32_t cells = 1, index[AXES];
    for (int a = AXES - 1; a >= 0; a--) {
        m->count[a] = axis_values(points, a, arena, &m->x[a]);
        m->stride[a] = cells;
        cells *= m->count[a];
    }
    bool *known = arena_alloc(arena, cells, sizeof *known);
    m->ns = arena_alloc(arena, cells, sizeof *m->ns);
    m->outside = arena_alloc(arena, cells, sizeof *m->outside);
    for (uint32_t i = 0; i < points->count; i++) {
        for (int a = 0; a < AXES; a++)
            index[a] = index_of(m->x[a], m->count[a], points->items[i].at[a]);
        plain_index(m, index);
        m->ns[cell_of(m, index)] = points->items[i].ns;
        known[cell_of(m, index)] = true;
    }
    for (uint32_t c = 0; c < cells; c++) {
        uint32_t plain[AXES];
        index_at(m, c, index);
        memcpy(plain, index, sizeof plain);
        plain_index(m, plain);
        bool same = cell_of(m, plain) == c;
        if (!same) {
            m->ns[c] = m->ns[cell_of(m, plain)];
            m->outside[c] = m->outside[cell_of(m, plain)];
        } else if (!known[c]) {
            m->ns[c] = filled(p, known, index, &m->outside[c]);
        }
    }
}

/* Linear along each axis; beyond the last value the roofline's ratio. */
static double mixed_ns(const struct profile *p, const int64_t *asked, bool *outside)
{
    const struct mixed *m = &p->mixed;
    uint32_t low[AXES];
    double part[AXES], ns = 0.0;
    int64_t at[PERF_AXES] = {0};
    bool beyond = false;
    for (int a = 0; a < AXES; a++) {
        int64_t last = m->x[a][m->count[a] - 1];
        at[a] = asked[a] < last ? asked[a] : last;
        beyond |= asked[a] > last;
        low[a] = index_of(m->x[a], m->count[a], at[a]);
        int64_t base = m->x[a][low[a]];
        part[a] =
            at[a] > base ? (double)(at[a] - base) / (double)(m->x[a][low[a] + 1] - base) : 0.0;
    }
    for (unsigned corner = 0; corner < 1u << AXES; corner++) {
        double weight = 1.0;
        uint32_t cell = cell_of(m, low);
        for (int a = 0; a < AXES; a++) {
            bool up = corner >> a & 1;
            weight *= up ? part[a] : 1.0 - part[a];
            if (up && part[a] > 0.0) cell += m->stride[a];
        }
        if (weight <= 0.0) continue;
        ns += weight * m->ns[cell];
        *outside |= m->outside[cell];
    }
    if (!beyond) return ns;
    *outside = true;
    int64_t far[PERF_AXES] = {0};
    memcpy(far, asked, AXES * sizeof *far);
    return ns * perf_kernel_roof_ns(&p->roof, far) / perf_kernel_roof_ns(&p->roof, at);
}

static void build_decode(const struct perf *perf, struct profile *p, struct arena *arena)
{
    const struct mixed *m = &p->mixed;
    struct perf_grid *g = &p->decode;
    uint32_t skip_seqs = m->x[SEQS][0] == 0, skip_context = m->x[CONTEXT][0] == 0;
    g->seqs = perf_knots_of(m->x[SEQS] + skip_seqs, m->count[SEQS] - skip_seqs, TOP_SEQS, arena);
    g->context = perf_knots_of(m->x[CONTEXT] + skip_context, m->count[CONTEXT] - skip_context,
                               TOP_CONTEXT, arena);
    uint32_t cells = g->seqs.count * g->context.count;
    g->ns = arena_alloc(arena, cells, sizeof *g->ns);
    g->outside = arena_alloc(arena, cells, sizeof *g->outside);
    for (uint32_t i = 0; i < cells; i++) {
        int64_t at[PERF_AXES] = {0, 0, g->seqs.x[i / g->context.count],
                                 g->context.x[i % g->context.count]};
        g->ns[i] = mixed_ns(p, at, &g->outside[i]) * perf->model->layers *
                   (1.0 + perf->roofline.tee_share);
    }
}

/* ---- attention: unequal contexts ------------------------------------------------------------ */

static void bucket_edges(const struct perf_skew_bucket *b, int64_t *edges)
{
    const int64_t values[SKEW_AXES] = {b->chunk, b->seqs, b->rate_percent, b->context, b->history};
    memcpy(edges, values, sizeof values);
}

/* Ascending, distinct. */
static void add_edge(int64_t *edges, uint32_t *count, int64_t edge)
{
    uint32_t i = *count;
    for (uint32_t k = 0; k < *count; k++)
        if (edges[k] == edge) return;
    for (; i > 0 && edges[i - 1] > edge; i--)
        edges[i] = edges[i - 1];
    edges[i] = edge;
    ++*count;
}

static int32_t fixed(double alpha)
{
    return (int32_t)(alpha * ALPHA_ONE + 0.5);
}

static void build_alphas(struct alphas *a, const struct perf_skew *skew, struct arena *arena)
{
    int64_t edges[SKEW_AXES];
    uint32_t cells = 1;
    a->pooled = fixed(skew->pooled);
    for (int k = 0; k < SKEW_AXES; k++)
        a->edges[k] = arena_alloc(arena, skew->count + 1u, sizeof *a->edges[k]);
    for (uint32_t i = 0; i < skew->count; i++) {
        bucket_edges(&skew->buckets[i], edges);
        for (int k = 0; k < SKEW_AXES; k++)
            add_edge(a->edges[k], &a->count[k], edges[k]);
    }
    for (int k = 0; k < SKEW_AXES; k++)
        cells *= a->count[k];
    a->value = arena_alloc(arena, cells + 1u, sizeof *a->value);
    for (uint32_t i = 0; i < cells; i++)
        a->value[i] = a->pooled;
    for (uint32_t i = 0; i < skew->count; i++) {
        uint32_t cell = 0;
        bucket_edges(&skew->buckets[i], edges);
        for (int k = 0; k < SKEW_AXES; k++)
            cell = cell * a->count[k] + index_of(a->edges[k], a->count[k], edges[k]);
        a->value[cell] = fixed(skew->buckets[i].alpha);
    }
}

/* The first bucket whose edge is not below, or `count`. */
static uint32_t bucket_of(const int64_t *edges, uint32_t count, int64_t value)
{
    uint32_t i = 0;
    while (i < count && edges[i] < value)
        i++;
    return i;
}

/* How far the mean stands from the smallest context on the way to the largest: the bucket of
 * (mean - min) / (max - min), compared without division. */
static uint32_t rate_bucket(const struct alphas *a, const struct perf_batch *b)
{
    int64_t above = 100 * (b->decode_context_tok - b->decode_seqs * b->decode_min_tok);
    int64_t whole = b->decode_seqs * (b->decode_max_tok - b->decode_min_tok);
    uint32_t i = 0;
    while (i < a->count[2] && a->edges[2][i] < INT64_MAX && above > a->edges[2][i] * whole)
        i++;
    return i;
}

static int32_t alpha_of(const struct alphas *a, uint32_t chunk, const struct perf_batch *b,
                        uint32_t context)
{
    const uint32_t index[SKEW_AXES] = {
        chunk, bucket_of(a->edges[1], a->count[1], b->decode_seqs), rate_bucket(a, b), context,
        bucket_of(a->edges[4], a->count[4], b->prefill_context_tok - b->prefill_tok)};
    uint32_t cell = 0;
    for (int k = 0; k < SKEW_AXES; k++) {
        if (index[k] >= a->count[k]) return a->pooled;
        cell = cell * a->count[k] + index[k];
    }
    return a->value[cell];
}

/* Chunks were profiled at a few sizes; a step of another size gets the pooled share. */
static double alpha_mixed(const struct alphas *a, const struct perf_batch *b)
{
    uint32_t chunk = index_of(a->edges[0], a->count[0], b->prefill_tok);
    uint32_t context = bucket_of(a->edges[3], a->count[3], b->decode_max_tok);
    bool profiled = a->edges[0][chunk] == b->prefill_tok;
    return (double)(profiled ? alpha_of(a, chunk, b, context) : a->pooled) / ALPHA_ONE;
}

static bool unequal(const struct profile *p, const struct perf_batch *b)
{
    return p->alphas.count[0] > 0 && b->decode_max_tok > b->decode_min_tok;
}

/* ---- a step --------------------------------------------------------------------------------- */

/* Where the call of this step's prompts stands on the axis of history; below 0, see above.  One
 * prompt of c tokens after h others has c h + c (c + 1) / 2 pairs. */
static int64_t history_of(const struct profile *p, const struct perf_batch *b)
{
    int64_t chunk = b->prefill_tok;
    if (chunk == 0) return 0;
    if (p->keys) {
        int64_t key = (b->prefill_pairs + chunk / 2) / chunk, least = p->mixed.x[HISTORY][1];
        return key > least ? key : least; /* 0 stands for steps without prompts */
    }
    int64_t before = b->prefill_pairs - chunk * (chunk + 1) / 2;
    return before < 0 ? -((chunk / 2 - before) / chunk) : (before + chunk / 2) / chunk;
}

static double prompts_ns(const struct profile *p, const int64_t *at, bool *outside)
{
    int64_t mirror[AXES], alone[AXES];
    if (at[HISTORY] >= 0) return mixed_ns(p, at, outside);
    memcpy(mirror, at, sizeof mirror);
    memcpy(alone, at, sizeof alone);
    mirror[HISTORY] = -at[HISTORY];
    alone[HISTORY] = alone[CHUNK] = 0;
    double floor_ns = at[SEQS] > 0 ? mixed_ns(p, alone, outside) : 0.0;
    int64_t plain[AXES] = {at[CHUNK], 0, at[SEQS], at[CONTEXT]};
    double ns = 2.0 * mixed_ns(p, plain, outside) - mixed_ns(p, mirror, outside);
    return ns > floor_ns ? ns : floor_ns;
}

static double mixed_step_ns(const struct profile *p, const struct perf_batch *b, bool *outside)
{
    int64_t seqs = b->decode_seqs > 0 ? b->decode_seqs : 1;
    int64_t at[PERF_AXES] = {b->prefill_tok, history_of(p, b), b->decode_seqs,
                             b->decode_context_tok / seqs};
    double mean = prompts_ns(p, at, outside);
    if (!unequal(p, b)) return mean;
    at[CONTEXT] = b->decode_max_tok;
    return mean + alpha_mixed(&p->alphas, b) * (prompts_ns(p, at, outside) - mean);
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The way from the mean to the largest context, from the last place where either met a knot or the
 * largest an edge.  All that the value hangs on is the state of the batch, never where a leap
 * began: `back` steps ago the same sequences stood at that place. */
static void add_skew(const struct profile *p, const struct perf_batch *b, struct perf_slope *mean,
                     struct perf_line *line)
{
    const struct alphas *a = &p->alphas;
    struct perf_slope top =
        perf_grid_slope(&p->decode, b->decode_seqs, b->decode_seqs * b->decode_max_tok);
    uint32_t bucket = bucket_of(a->edges[3], a->count[3], b->decode_max_tok);
    int64_t alpha = alpha_of(a, 0, b, bucket);
    int64_t edge = bucket > 0 ? a->edges[3][bucket - 1] + 1 : 1;
    int64_t back = lesser(lesser(mean->passed, top.passed), b->decode_max_tok - edge);
    int64_t gap = top.ticks - mean->ticks - back * (top.growth - mean->growth);
    int64_t growth = alpha * (top.growth - mean->growth) / ALPHA_ONE;
    line->first_ticks += alpha * gap / ALPHA_ONE + back * growth;
    line->growth_ticks += growth;
    line->outside |= top.outside;
    line->holds = lesser(line->holds, top.holds);
    if (bucket < a->count[3] && a->edges[3][bucket] < INT64_MAX)
        line->holds = lesser(line->holds, a->edges[3][bucket] - b->decode_max_tok + 1);
}

static int64_t padded(const struct perf *perf, int64_t tokens)
{
    const struct perf_engine *e = &perf->engine;
    if (e->graphs == 0 || tokens > e->graph_tok[e->graphs - 1]) return tokens;
    uint32_t i = 0;
    while (e->graph_tok[i] < tokens)
        i++;
    return e->graph_tok[i];
}

/* What one GPU of a ring of `gpus` waits for while each passes a part of `bytes` on `rounds` times
 * around. */
static double ring_ns(const struct perf *perf, double rounds, double gpus, double bytes)
{
    const struct perf_engine *e = &perf->engine;
    const struct perf_hardware *h = perf->hardware;
    bool stated = e->link_bytes_per_s > 0.0;
    double bandwidth = stated ? e->link_bytes_per_s : h->link_bytes_per_s * PERF_LINK_RATIO;
    double hops = rounds * (gpus - 1.0);
    double latency_ns = stated ? e->link_latency_ns : h->allreduce_ns / (2.0 * (gpus - 1.0));
    return hops * (latency_ns + bytes / gpus * 1e9 / bandwidth);
}

/* Two all-reduces per layer where GPUs share it.  Replicas that share experts gather the hidden
 * state and the router's scores of all tokens and scatter the sums back. */
static double exchange_ns(const struct perf *perf, int64_t tokens, int64_t all)
{
    const struct perf_model *m = perf->model;
    double gpus = perf->tp * replicas_of(perf), hidden = 2.0 * m->hidden, ns = 0.0;
    if (perf->tp > 1) ns = 2.0 * m->layers * ring_ns(perf, 2.0, perf->tp, hidden * (double)tokens);
    if (replicas_of(perf) == 1) return ns;
    double layer_ns = ring_ns(perf, 1.0, gpus, (hidden + 2.0 * m->experts) * (double)all) +
                      ring_ns(perf, 1.0, gpus, hidden * (double)all);
    return ns + layer_ns * (m->layers - m->dense_layers);
}

static double communication_ns(const struct perf *perf, int64_t tokens, int64_t all)
{
    bool stated = perf->engine.link_bytes_per_s > 0.0 || replicas_of(perf) > 1;
    struct perf_batch flat = {.decode_seqs = tokens};
    return stated ? exchange_ns(perf, tokens, all) : perf_roofline_parts(perf, &flat).allreduce_ns;
}

/* Everything but attention, with `tokens` (padded) in this rank and `all` in those of its group. */
static struct perf_parts flat_parts(const struct perf *perf, int64_t tokens, int64_t all,
                                    int64_t seqs, bool *outside)
{
    const struct profile *p = perf->data;
    struct perf_parts parts = {
        .allreduce_ns = communication_ns(perf, tokens, all),
        .linear_ns = perf_curve_at(&p->dense, tokens, outside),
        .head_ns = perf_curve_at(&p->sequence, seqs, outside),
    };
    if (p->experts.knots.count > 0) parts.linear_ns += perf_curve_at(&p->experts, all, outside);
    return parts;
}

static int64_t tokens_of(const struct perf_batch *b)
{
    return b->prefill_tok + b->decode_seqs;
}

static struct perf_line profile_line(const struct perf *perf, const struct perf_batch *batch)
{
    const struct profile *p = perf->data;
    struct perf_line line = {.holds = INT64_MAX};
    int64_t tokens = padded(perf, tokens_of(batch));
    struct perf_parts parts =
        flat_parts(perf, tokens, tokens, batch->prefill_seqs + batch->decode_seqs, &line.outside);
    bool decodes = batch->prefill_tok == 0 && batch->decode_seqs > 0;
    if (!decodes) {
        parts.attention_ns = perf->model->layers * mixed_step_ns(p, batch, &line.outside);
        line.holds = 1;
    }
    line.first_ticks = perf_ticks(perf_roofline_sum_ns(perf, &parts));
    if (!decodes) return line;
    struct perf_slope s =
        perf_grid_slope(&p->decode, batch->decode_seqs, batch->decode_context_tok);
    line.first_ticks += s.ticks;
    line.growth_ticks = s.growth;
    line.holds = s.holds;
    line.outside |= s.outside;
    if (unequal(p, batch)) add_skew(p, batch, &s, &line);
    return line;
}

int64_t perf_profile_group_ticks(const struct perf *perf, const struct perf_batch *batches,
                                 uint32_t count, bool *outside)
{
    const struct profile *p = perf->data;
    int64_t most = 1, sum = 0;
    double attention_ns = 0.0, head_ns = 0.0;
    for (uint32_t i = 0; i < count; i++) {
        int64_t tokens = tokens_of(&batches[i]);
        if (tokens > most) most = tokens;
        sum += tokens > 0 ? tokens : 1;
    }
    bool graph = perf->engine.graphs > 0 && most <= perf->engine.graph_tok[perf->engine.graphs - 1];
    most = padded(perf, most);
    struct perf_parts parts = {0};
    for (uint32_t i = 0; i < count; i++) {
        const struct perf_batch *b = &batches[i];
        if (tokens_of(b) == 0) continue;
        double ns = perf->model->layers * mixed_step_ns(p, b, outside);
        parts = flat_parts(perf, most, graph ? most * count : sum, b->prefill_seqs + b->decode_seqs,
                           outside);
        if (ns > attention_ns) attention_ns = ns;
        if (parts.head_ns > head_ns) head_ns = parts.head_ns;
    }
    parts.attention_ns = attention_ns;
    parts.head_ns = head_ns;
    double ns = perf_roofline_sum_ns(perf, &parts);
    return perf_ticks(ns < PERF_STEP_MOST_NS ? ns : PERF_STEP_MOST_NS);
}

const struct perf_source perf_profile_source = {
    .name = "profile", .spread = true, .line = profile_line};

void perf_profile_set(struct perf *perf, struct arena *arena)
{
    const struct perf_tables *t = perf->tables;
    const struct perf_model *m = perf->model;
    struct profile *p = arena_alloc(arena, 1, sizeof *p);
    int64_t kv_heads = m->kv_heads > perf->tp ? m->kv_heads / perf->tp : 1;
    p->roof =
        (struct perf_roof){perf->hardware, perf->dtype, PERF_MIXED, m->heads / perf->tp, kv_heads};
    p->dense = curve_of(perf, false, arena);
    p->experts = experts_curve(perf, arena);
    p->sequence = curve_of(perf, true, arena);
    p->keys = t->mixed_keys;
    build_mixed(p, &t->ops[PERF_MIXED], arena);
    build_decode(perf, p, arena);
    build_alphas(&p->alphas, &t->skew, arena);
    perf->source = &perf_profile_source;
    perf->data = p;
}
