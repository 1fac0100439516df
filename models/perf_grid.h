/* SPDX-License-Identifier: Apache-2.0
 * What a source works out from tables once, so that a step's time is a few look-ups: curves of one
 * whole number, and a polyline of decode attention in whole ticks.
 *
 * Knots are the values of the table, 1 below them, and doublings beyond them.  Values at knots
 * outside the table are extrapolated there (perf_points.h) and marked; between knots, and past the
 * last one, all is linear. */
#ifndef HACASIM_MODELS_PERF_GRID_H
#define HACASIM_MODELS_PERF_GRID_H

#include "models/perf_points.h"

struct perf_knots {
    const int64_t *x;
    uint32_t count;
};

/* 1, the given values (ascending, positive) and doublings beyond up to at least `top`. */
struct perf_knots perf_knots_of(const int64_t *values, uint32_t count, int64_t top,
                                struct arena *arena);
/* Index i with x[i] <= value < x[i + 1], at most count - 2; below the first knot 0. */
uint32_t perf_knots_find(const struct perf_knots *knots, int64_t value);

struct perf_curve { /* count 0: there is none */
    struct perf_knots knots;
    double *ns;
    bool *outside;
};
double perf_curve_at(const struct perf_curve *curve, int64_t x, bool *outside);

/* Time of decode attention against batch and context: cell [batch knot][context knot]. */
struct perf_grid {
    struct perf_knots seqs, context;
    double *ns;
    bool *outside;
};

/* The part of a step's time that grows with context, in ticks, for `seqs` sequences whose mean
 * context is total / seqs: linear between knots of mean context.  One more token for each sequence
 * adds exactly `growth`, for `holds` steps; `passed` such steps have led here from the last knot.
 */
struct perf_slope {
    int64_t ticks, growth, holds, passed;
    bool outside;
};
struct perf_slope perf_grid_slope(const struct perf_grid *grid, int64_t seqs, int64_t total);

#endif
