/* SPDX-License-Identifier: Apache-2.0
 * The smallest whole number from which on a condition holds.
 *
 * A search that asks for as few points as it can: upward in doubling steps until the condition
 * holds, then by halves, so that the answer and its neighbour below have both been looked at.  That
 * the condition goes on holding further up is not taken for granted and not proven either: the
 * answer says whether any two points that were looked at speak against it.
 *
 * A point is noisy: its slack (above 0: by how much the condition holds) is a mean over
 * replications with a half-width.  With one, the points around the answer are asked for until the
 * condition surely fails below and surely holds above, and these two are the interval. */
#ifndef HACASIM_ANALYSIS_THRESHOLD_H
#define HACASIM_ANALYSIS_THRESHOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/sim.h"

struct threshold_point {
    int64_t at;
    bool holds, known;  /* known: there was something to measure */
    double slack, half; /* half: of the 95 % interval; NaN: none */
    void *more;         /* of the caller */
};

struct threshold {
    int64_t low, high; /* where to look, both ends included */
    bool every;        /* ask for every point */
    enum status (*probe)(void *context, struct threshold_point *point);
    void *context;
    struct arena *arena;
    /* the answer */
    struct threshold_point *points; /* asked for, in order of `at` */
    size_t count;
    int64_t found;               /* smallest that holds; below `low`: none does */
    int64_t sure_low, sure_high; /* it lies above the first and not above the second, as far as the
                                  * intervals tell; below `low`, above `high`: not known */
    bool against;                /* a point holds, and one further up does not */
    int64_t against_low, against_high;
};

enum { THRESHOLD_WALK = 16 }; /* most points asked for on either side to find the interval */

/* A status other than STATUS_OK is the probe's. */
enum status threshold_find(struct threshold *t);
/* The point at `at`, or NULL when it was not asked for. */
const struct threshold_point *threshold_at(const struct threshold *t, int64_t at);

#endif
