/* SPDX-License-Identifier: Apache-2.0
 * Curves and polylines worked out from tables. */
#include "models/perf_grid.h"

#include "models/perf.h"

struct perf_knots perf_knots_of(const int64_t *values, uint32_t count, int64_t top,
                                struct arena *arena)
{
    enum { DOUBLINGS = 64 };
    int64_t *x = arena_alloc(arena, (size_t)count + DOUBLINGS, sizeof *x);
    uint32_t kept = 0;
    x[kept++] = 1;
    for (uint32_t i = 0; i < count; i++)
        if (values[i] > x[kept - 1]) x[kept++] = values[i];
    while (x[kept - 1] < top || kept < 2) {
        x[kept] = 2 * x[kept - 1];
        kept++;
    }
    return (struct perf_knots){x, kept};
}

uint32_t perf_knots_find(const struct perf_knots *knots, int64_t value)
{
    uint32_t low = 0, left = knots->count - 1; /* among x[low..low + left), without branches */
    while (left > 1) {
        uint32_t half = left / 2;
        low += knots->x[low + half] <= value ? half : 0;
        left -= half;
    }
    return low;
}

double perf_curve_at(const struct perf_curve *c, int64_t x, bool *outside)
{
    uint32_t i = perf_knots_find(&c->knots, x);
    int64_t low = c->knots.x[i], high = c->knots.x[i + 1];
    *outside |= c->outside[i] || (x > low && c->outside[i + 1]);
    if (x <= low) return c->ns[i];
    double part = (double)(x - low) / (double)(high - low);
    return c->ns[i] + part * (c->ns[i + 1] - c->ns[i]);
}

/* At a knot of context, between knots of the number of sequences. */
static int64_t knot_ticks(const struct perf_grid *g, uint32_t row, double part, uint32_t column)
{
    const double *low = &g->ns[row * g->context.count + column];
    double ns = low[0] + part * (low[g->context.count] - low[0]);
    return perf_ticks(ns < PERF_LEAP_MOST_NS ? ns : PERF_LEAP_MOST_NS);
}

/* Mean context is total / seqs, but only whole numbers are compared and added: with the knot at
 * seqs x x[j] tokens, `over` of them lie above it, each whole `seqs` of them add `growth`, and the
 * remainder, which stays the same while the sequences decode on, its share of one growth. */
struct perf_slope perf_grid_slope(const struct perf_grid *g, int64_t seqs, int64_t total)
{
    uint32_t row = perf_knots_find(&g->seqs, seqs);
    uint32_t j = perf_knots_find(&g->context, total / seqs);
    double part = (double)(seqs - g->seqs.x[row]) / (double)(g->seqs.x[row + 1] - g->seqs.x[row]);
    int64_t here = knot_ticks(g, row, part, j), next = knot_ticks(g, row, part, j + 1);
    int64_t width = g->context.x[j + 1] - g->context.x[j];
    int64_t over = total - seqs * g->context.x[j];
    struct perf_slope s = {.growth = (next - here) / width, .passed = over / seqs};
    s.ticks = here + s.passed * s.growth + over % seqs * s.growth / seqs;
    s.holds = j + 2 == g->context.count ? INT64_MAX : width - s.passed;
    const bool *low = &g->outside[row * g->context.count + j], *high = low + g->context.count;
    bool at_knot = low[0] || (part > 0.0 && high[0]);
    bool above = at_knot || low[1] || (part > 0.0 && high[1]);
    s.outside = over > 0 ? above : at_knot;
    if (over == 0 && above != at_knot) s.holds = 1; /* the next step is outside */
    return s;
}
