/* SPDX-License-Identifier: Apache-2.0
 * Internal header of `hacasim calibrate`: measuring on a clock, and where to measure.
 *
 * A quantity is timed by a function that runs it once.  It runs a few times to warm up and then
 * `repeats` times; the median counts, and half the distance between the quartiles over the median
 * is its spread.  Along an axis the ends are measured, then the geometric middle of each interval;
 * where a table without it would have been wrong by more than `target`, both halves are looked at
 * in the same way.  So points are dense where interpolation errs.  What the table is worth is said
 * by points drawn at random afterwards, which it does not hold. */
#ifndef HACASIM_ANALYSIS_CALIBRATE_H
#define HACASIM_ANALYSIS_CALIBRATE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/sim.h"

enum { CALIBRATE_AXES = 2, CALIBRATE_REPEATS_MAX = 101, CALIBRATE_PURPOSE = 0x424c4143 };

/* Run once at (at[0], at[1]) and give the time. */
typedef enum status calibrate_fn(void *context, const int64_t *at, double *ns);

struct calibrate_rule {
    calibrate_fn *measure;
    void *context;
    uint32_t warmups, repeats;
    double target;       /* relative error above which an interval is split */
    uint32_t points_max; /* of an axis */
    bool squared;        /* the square root of time is linear along axis 1 (prompt length) */
};

struct calibrate_point {
    int64_t at[CALIBRATE_AXES];
    double ns, spread; /* spread: of the runs, relative */
};

/* A grid: every pair of xs (axis 0) and ys (axis 1), or those of `holds`. */
struct calibrate_grid {
    int64_t *axis[CALIBRATE_AXES]; /* ascending */
    uint32_t count[CALIBRATE_AXES];
    struct calibrate_point *points; /* [count[0]][count[1]]; ns 0: not measured */
    bool squared;
};

enum status calibrate_median(const struct calibrate_rule *rule, const int64_t *at,
                             struct calibrate_point *point);

/* Values between low and high at which to measure along `axis`, the other one fixed at `fixed`. */
enum status calibrate_axis(const struct calibrate_rule *rule, int axis, int64_t low, int64_t high,
                           int64_t fixed, struct arena *arena, int64_t **values, uint32_t *count);

/* One ascending list of the values of two. */
void calibrate_merge(struct arena *arena, int64_t **values, uint32_t *count, const int64_t *more,
                     uint32_t more_count);

/* Measure all pairs whose product is at most `product_max`. */
enum status calibrate_fill(const struct calibrate_rule *rule, struct calibrate_grid *grid,
                           int64_t product_max, struct arena *arena);

/* What a table of the grid says: linear along axis 1 between neighbours of one axis 0, then along
 * axis 0; 0: outside. */
double calibrate_at(const struct calibrate_grid *grid, const int64_t *at);

/* Relative errors of the grid at `count` pairs drawn inside it, evenly in their logarithms, which
 * the grid does not hold; ascending. */
enum status calibrate_held_out(const struct calibrate_rule *rule, const struct calibrate_grid *grid,
                               int64_t product_max, uint64_t seed, uint32_t stream, uint32_t count,
                               double *errors, uint32_t *found);

/* Between low and high, evenly in logarithms. */
int64_t calibrate_draw(struct rng_stream *s, int64_t low, int64_t high);
void calibrate_sort(double *values, uint32_t count);
/* Of ascending values; NaN of none. */
double calibrate_quantile(const double *values, uint32_t count, double share);

int calibrate_inference(int argc, char **argv); /* the verb's second word */

#endif
