/* SPDX-License-Identifier: Apache-2.0
 * A measured function of whole-number axes, known at scattered points.
 *
 * Rows come in any order; rows of one key become one point, the median of their times, with count
 * and spread kept.  Between points time is linear along each axis, or its square root is (for
 * prompt lengths, on which attention grows by the square).
 *
 * Axes are ordered from the outermost.  A question is answered along the innermost axis between
 * the two nearest points of the same outer values; an outer axis is crossed only where its exact
 * value has no answer, between the nearest values that have one.  So a hole in a grid is filled
 * along its innermost axis, and a table need not be a full grid.  The order is part of an
 * operation's definition (perf_tables.c): first what tells kernels apart, last what they are most
 * nearly linear in.
 *
 * Outside all points the nearest answer is scaled by the ratio of a roofline at the two places,
 * and the answer says that it lies outside. */
#ifndef HACASIM_MODELS_PERF_POINTS_H
#define HACASIM_MODELS_PERF_POINTS_H

#include <stdint.h>

#include "sim/sim.h"

enum { PERF_AXES = 8, PERF_POINTS_NONE = -1 };

struct perf_point {
    int64_t at[PERF_AXES];
    double ns;        /* median */
    double spread_ns; /* largest less smallest */
    uint32_t count;   /* rows that gave it */
    uint32_t line;    /* of the first of them in its file */
    uint32_t file;    /* which (perf_tables.h) */
};

struct perf_points {
    const char *name; /* "gemm" */
    uint32_t axes;
    uint32_t exact;  /* so many leading axes must be met exactly, or there is no answer */
    uint32_t kinds;  /* so many leading axes tell kernels apart: tables are no grid along them */
    int32_t squared; /* axis along which the square root of time is linear, or PERF_POINTS_NONE */
    const char *axis_names[PERF_AXES];
    struct perf_point *items; /* after perf_points_settle sorted, keys distinct */
    uint32_t count, capacity;
    uint32_t repeated; /* keys that came more than once */
};

enum perf_reach {
    PERF_INSIDE,
    PERF_OUTSIDE, /* scaled by the roofline */
    PERF_ABSENT,  /* no point has these values of the exact axes */
};

struct perf_answer {
    double ns;
    enum perf_reach reach;
};

/* Any unit: only ratios count. */
typedef double perf_points_roof(const void *context, const int64_t *at);

void perf_points_add(struct perf_points *points, struct arena *arena, const int64_t *at, double ns,
                     uint32_t line);
/* Sort and merge; once, after the last row. */
void perf_points_settle(struct perf_points *points);

/* `skip`: index of a point to be left out (for leave-one-out), or PERF_POINTS_NONE. */
struct perf_answer perf_points_at(const struct perf_points *points, const int64_t *at, int32_t skip,
                                  perf_points_roof *roof, const void *context);

/* Distinct values of `axis` over all points, ascending; the number of them. */
uint32_t perf_points_values(const struct perf_points *points, uint32_t axis, struct arena *arena,
                            int64_t **values);

#endif
