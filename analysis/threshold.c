/* SPDX-License-Identifier: Apache-2.0
 * Doubling, halving, and a look to both sides. */
#include "analysis/threshold.h"

#include <math.h>
#include <string.h>

const struct threshold_point *threshold_at(const struct threshold *t, int64_t at)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->points[i].at == at) return &t->points[i];
    return NULL;
}

/* Ask for a point, once. */
static enum status threshold_ask(struct threshold *t, int64_t at,
                                 const struct threshold_point **out)
{
    size_t place = 0;
    *out = threshold_at(t, at);
    if (*out != NULL) return STATUS_OK;
    struct threshold_point point = {.at = at};
    TRY(t->probe(t->context, &point), "at %lld", (long long)at);
    t->points = arena_grow(t->arena, t->points, t->count, t->count + 1, sizeof *t->points);
    while (place < t->count && t->points[place].at < at)
        place++;
    memmove(t->points + place + 1, t->points + place, (t->count - place) * sizeof *t->points);
    t->points[place] = point;
    t->count++;
    *out = &t->points[place];
    return STATUS_OK;
}

/* *fails: the highest point looked at that does not hold (below `low`: none); *holds: one above it
 * that does (above `high`: none). */
static enum status threshold_bracket(struct threshold *t, int64_t *fails, int64_t *holds)
{
    const struct threshold_point *point;
    int64_t step = 1, at = t->low;
    *fails = t->low - 1;
    *holds = t->high + 1;
    for (;;) {
        TRY(threshold_ask(t, at, &point), "going up");
        if (point->holds) {
            *holds = at;
            return STATUS_OK;
        }
        *fails = at;
        if (at == t->high) return STATUS_OK;
        at = t->high - at > step ? at + step : t->high;
        step *= 2;
    }
}

static enum status threshold_halve(struct threshold *t, int64_t fails, int64_t holds)
{
    const struct threshold_point *point;
    while (holds - fails > 1) {
        int64_t middle = fails + (holds - fails) / 2;
        TRY(threshold_ask(t, middle, &point), "by halves");
        if (point->holds)
            holds = middle;
        else
            fails = middle;
    }
    t->found = holds;
    return STATUS_OK;
}

/* Does the interval of the point lie wholly on the side that its mean is on? */
static bool threshold_sure(const struct threshold_point *point)
{
    return point->known && (point->half == 0 || fabs(point->slack) > point->half);
}

/* From the answer outward, to where chance is no explanation any more. */
static enum status threshold_interval(struct threshold *t)
{
    const struct threshold_point *point;
    int64_t at = t->found;
    t->sure_low = t->low - 1;
    t->sure_high = t->high + 1;
    for (int i = 0; i < THRESHOLD_WALK && at <= t->high; i++, at++) {
        TRY(threshold_ask(t, at, &point), "above the answer");
        if (!point->holds || !threshold_sure(point)) continue;
        t->sure_high = at;
        break;
    }
    at = t->found - 1;
    for (int i = 0; i < THRESHOLD_WALK && at >= t->low; i++, at--) {
        TRY(threshold_ask(t, at, &point), "below the answer");
        if (point->holds || !threshold_sure(point)) continue;
        t->sure_low = at;
        break;
    }
    return STATUS_OK;
}

/* The first pair of points that speaks against "once it holds, it goes on holding". */
static void threshold_doubt(struct threshold *t)
{
    for (size_t i = 0; i < t->count; i++) {
        for (size_t k = i + 1; k < t->count && t->points[i].holds; k++) {
            if (t->points[k].holds) continue;
            t->against = true;
            t->against_low = t->points[i].at;
            t->against_high = t->points[k].at;
            return;
        }
    }
}

static enum status threshold_every(struct threshold *t)
{
    const struct threshold_point *point;
    for (int64_t at = t->low; at <= t->high; at++)
        TRY(threshold_ask(t, at, &point), "one by one");
    return STATUS_OK;
}

enum status threshold_find(struct threshold *t)
{
    int64_t fails, holds;
    bool one = false;
    t->points = NULL;
    t->count = 0;
    t->against = false;
    t->found = t->low - 1;
    if (t->every) TRY(threshold_every(t), "looking at every point");
    TRY(threshold_bracket(t, &fails, &holds), "looking for the threshold");
    if (holds <= t->high) TRY(threshold_halve(t, fails, holds), "looking for the threshold");
    for (size_t i = 0; i < t->count; i++)
        one = one || (t->points[i].known && !isnan(t->points[i].half));
    if (t->found >= t->low && one) TRY(threshold_interval(t), "looking for the interval");
    for (size_t i = t->count; i > 0; i--) /* where the points disagree, the smallest of them */
        if (t->points[i - 1].holds) t->found = t->points[i - 1].at;
    threshold_doubt(t);
    return STATUS_OK;
}
