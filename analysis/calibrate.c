/* SPDX-License-Identifier: Apache-2.0
 * Measuring on a clock, and where to measure. */
#include "analysis/calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- one point ------------------------------------------------------------------------------ */

static int compare_reals(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void calibrate_sort(double *values, uint32_t count)
{
    qsort(values, count, sizeof *values, compare_reals);
}

double calibrate_quantile(const double *values, uint32_t count, double share)
{
    if (count == 0) return NAN;
    double place = share * (count - 1);
    uint32_t below = (uint32_t)place;
    if (below + 1 >= count) return values[count - 1];
    return values[below] + (place - below) * (values[below + 1] - values[below]);
}

enum status calibrate_median(const struct calibrate_rule *rule, const int64_t *at,
                             struct calibrate_point *point)
{
    double runs[CALIBRATE_REPEATS_MAX], ignored;
    for (uint32_t i = 0; i < rule->warmups; i++)
        TRY(rule->measure(rule->context, at, &ignored), "calibration");
    for (uint32_t i = 0; i < rule->repeats; i++)
        TRY(rule->measure(rule->context, at, &runs[i]), "calibration");
    calibrate_sort(runs, rule->repeats);
    memcpy(point->at, at, sizeof point->at);
    point->ns = calibrate_quantile(runs, rule->repeats, 0.5);
    point->spread = (calibrate_quantile(runs, rule->repeats, 0.75) -
                     calibrate_quantile(runs, rule->repeats, 0.25)) /
                    2.0 / point->ns;
    return STATUS_OK;
}

/* ---- an axis -------------------------------------------------------------------------------- */

static double between(int64_t x, const struct calibrate_point *a, const struct calibrate_point *b,
                      int axis, bool squared)
{
    double share = (double)(x - a->at[axis]) / (double)(b->at[axis] - a->at[axis]);
    if (!squared) return a->ns + share * (b->ns - a->ns);
    double root = sqrt(a->ns) + share * (sqrt(b->ns) - sqrt(a->ns));
    return root * root;
}

struct line {
    const struct calibrate_rule *rule;
    int axis;
    int64_t fixed;
    struct calibrate_point *points; /* in the order of measuring */
    uint32_t count;
};

static enum status measure_at(struct line *line, int64_t x, uint32_t *index)
{
    int64_t at[CALIBRATE_AXES] = {line->fixed, line->fixed};
    at[line->axis] = x;
    *index = line->count;
    return calibrate_median(line->rule, at, &line->points[line->count++]);
}

/* Intervals wait in a queue, so that the points that are allowed go to the coarse ones first. */
static enum status refine(struct line *line, struct arena *arena)
{
    const struct calibrate_rule *rule = line->rule;
    uint32_t most = rule->points_max, head = 0, tail = 1;
    uint32_t(*queue)[2] = arena_alloc(arena, 2 * (size_t)most + 2, sizeof *queue);
    queue[0][0] = 0;
    queue[0][1] = 1;
    for (; head < tail && line->count < most; head++) {
        const struct calibrate_point *a = &line->points[queue[head][0]];
        const struct calibrate_point *b = &line->points[queue[head][1]];
        int64_t x = llround(sqrt((double)a->at[line->axis] * (double)b->at[line->axis]));
        uint32_t middle;
        if (x <= a->at[line->axis] || x >= b->at[line->axis]) continue;
        TRY(measure_at(line, x, &middle), "calibration");
        const struct calibrate_point *m = &line->points[middle];
        double guess = between(x, a, b, line->axis, rule->squared && line->axis == 1);
        /* What the runs themselves leave open is no reason to look closer. */
        if (fabs(guess - m->ns) / m->ns <= fmax(rule->target, 2.0 * m->spread)) continue;
        memcpy(queue[tail++], (uint32_t[2]){queue[head][0], middle}, sizeof *queue);
        memcpy(queue[tail++], (uint32_t[2]){middle, queue[head][1]}, sizeof *queue);
    }
    return STATUS_OK;
}

static int compare_wholes(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

enum status calibrate_axis(const struct calibrate_rule *rule, int axis, int64_t low, int64_t high,
                           int64_t fixed, struct arena *arena, int64_t **values, uint32_t *count)
{
    struct line line = {rule, axis, fixed, NULL, 0};
    uint32_t first, last;
    line.points = arena_alloc(arena, rule->points_max + 2, sizeof *line.points);
    TRY(measure_at(&line, low, &first), "calibration");
    if (high > low) {
        TRY(measure_at(&line, high, &last), "calibration");
        TRY(refine(&line, arena), "calibration");
    }
    *values = arena_alloc(arena, line.count, sizeof **values);
    *count = line.count;
    for (uint32_t i = 0; i < line.count; i++)
        (*values)[i] = line.points[i].at[axis];
    qsort(*values, *count, sizeof **values, compare_wholes);
    return STATUS_OK;
}

void calibrate_merge(struct arena *arena, int64_t **values, uint32_t *count, const int64_t *more,
                     uint32_t more_count)
{
    int64_t *all = arena_alloc(arena, *count + more_count, sizeof *all);
    uint32_t kept = 0, total = *count + more_count;
    memcpy(all, *values, *count * sizeof *all);
    memcpy(all + *count, more, more_count * sizeof *all);
    qsort(all, total, sizeof *all, compare_wholes);
    for (uint32_t i = 0; i < total; i++)
        if (i == 0 || all[i] != all[kept - 1]) all[kept++] = all[i];
    *values = all;
    *count = kept;
}

/* ---- a grid --------------------------------------------------------------------------------- */

enum status calibrate_fill(const struct calibrate_rule *rule, struct calibrate_grid *grid,
                           int64_t product_max, struct arena *arena)
{
    grid->squared = rule->squared;
    grid->points =
        arena_alloc(arena, (size_t)grid->count[0] * grid->count[1], sizeof *grid->points);
    for (uint32_t i = 0; i < grid->count[0]; i++)
        for (uint32_t j = 0; j < grid->count[1]; j++) {
            int64_t at[CALIBRATE_AXES] = {grid->axis[0][i], grid->axis[1][j]};
            if (at[0] * at[1] > product_max) continue;
            TRY(calibrate_median(rule, at, &grid->points[i * grid->count[1] + j]), "calibration");
        }
    return STATUS_OK;
}

/* Index i with values[i] <= x <= values[i + 1]; false: outside. */
static bool find(const int64_t *values, uint32_t count, int64_t x, uint32_t *at)
{
    if (x < values[0] || x > values[count - 1]) return false;
    for (*at = 0; *at + 2 < count && values[*at + 1] <= x; ++*at)
        continue;
    return true;
}

static double along(const struct calibrate_grid *g, uint32_t row, int64_t y)
{
    uint32_t j;
    if (!find(g->axis[1], g->count[1], y, &j)) return 0.0;
    const struct calibrate_point *p = &g->points[row * g->count[1] + j];
    if (p->ns <= 0.0 || y == p->at[1]) return p->ns;
    if (p[1].ns <= 0.0) return 0.0;
    return between(y, p, p + 1, 1, g->squared);
}

double calibrate_at(const struct calibrate_grid *g, const int64_t *at)
{
    uint32_t i;
    if (!find(g->axis[0], g->count[0], at[0], &i)) return 0.0;
    struct calibrate_point a = {{g->axis[0][i], at[1]}, along(g, i, at[1]), 0.0};
    if (a.ns <= 0.0 || at[0] == a.at[0]) return a.ns;
    struct calibrate_point b = {{g->axis[0][i + 1], at[1]}, along(g, i + 1, at[1]), 0.0};
    return b.ns <= 0.0 ? 0.0 : between(at[0], &a, &b, 0, false);
}

/* ---- held out ------------------------------------------------------------------------------- */

int64_t calibrate_draw(struct rng_stream *s, int64_t low, int64_t high)
{
    double a = dmath_log((double)low), b = dmath_log((double)high);
    return (int64_t)llround(dmath_exp(a + rng_unit(s) * (b - a)));
}

static bool holds(const struct calibrate_grid *g, const int64_t *at)
{
    uint32_t i, j;
    if (!find(g->axis[0], g->count[0], at[0], &i) || !find(g->axis[1], g->count[1], at[1], &j))
        return false;
    bool x = g->axis[0][i] == at[0] || (i + 1 < g->count[0] && g->axis[0][i + 1] == at[0]);
    bool y = g->axis[1][j] == at[1] || (j + 1 < g->count[1] && g->axis[1][j + 1] == at[1]);
    return x && y;
}

enum status calibrate_held_out(const struct calibrate_rule *rule, const struct calibrate_grid *grid,
                               int64_t product_max, uint64_t seed, uint32_t stream, uint32_t count,
                               double *errors, uint32_t *found)
{
    enum { TRIES = 64 };
    struct rng_stream s = rng_open(seed, 0, CALIBRATE_PURPOSE, stream);
    *found = 0;
    for (uint32_t t = 0; t < TRIES * count && *found < count; t++) {
        int64_t at[CALIBRATE_AXES];
        struct calibrate_point seen = {0};
        for (int a = 0; a < CALIBRATE_AXES; a++)
            at[a] = calibrate_draw(&s, grid->axis[a][0], grid->axis[a][grid->count[a] - 1]);
        double says = calibrate_at(grid, at);
        if (at[0] * at[1] > product_max || says <= 0.0 || holds(grid, at)) continue;
        TRY(calibrate_median(rule, at, &seen), "calibration");
        errors[(*found)++] = fabs(says - seen.ns) / seen.ns;
    }
    calibrate_sort(errors, *found);
    return STATUS_OK;
}
