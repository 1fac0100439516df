/* SPDX-License-Identifier: Apache-2.0
 * Scattered points: merging, ordering, and interpolation axis by axis. */
#include "models/perf_points.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How many further values of an axis are tried on each side for one that can answer. */
enum { TRIES = 2 };

/* ---- merging -------------------------------------------------------------------------------- */

void perf_points_add(struct perf_points *p, struct arena *arena, const int64_t *at, double ns,
                     uint32_t line)
{
    if (p->count == p->capacity) {
        uint32_t more = p->capacity > 0 ? 2 * p->capacity : 256;
        p->items = arena_grow(arena, p->items, p->capacity, more, sizeof *p->items);
        p->capacity = more;
    }
    struct perf_point *point = &p->items[p->count++];
    *point = (struct perf_point){.ns = ns, .count = 1, .line = line};
    memcpy(point->at, at, p->axes * sizeof *at);
}

static int compare_keys(const struct perf_point *x, const struct perf_point *y)
{
    for (int i = 0; i < PERF_AXES; i++)
        if (x->at[i] != y->at[i]) return x->at[i] < y->at[i] ? -1 : 1;
    return 0;
}

/* By key, then time, then line: a total order, so the result does not hang on the order of rows. */
static int compare_rows(const void *a, const void *b)
{
    const struct perf_point *x = a, *y = b;
    int keys = compare_keys(x, y);
    if (keys != 0) return keys;
    if (x->ns < y->ns) return -1;
    if (x->ns > y->ns) return 1;
    if (x->file != y->file) return x->file < y->file ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

/* Rows first..first + count of one key, sorted by time. */
static struct perf_point merged(const struct perf_point *rows, uint32_t count)
{
    struct perf_point point = rows[count / 2];
    if (count % 2 == 0) point.ns = (rows[count / 2 - 1].ns + rows[count / 2].ns) / 2.0;
    point.spread_ns = rows[count - 1].ns - rows[0].ns;
    point.count = count;
    for (uint32_t i = 0; i < count; i++) {
        const struct perf_point *row = &rows[i];
        if (row->file > point.file || (row->file == point.file && row->line >= point.line))
            continue;
        point.file = row->file;
        point.line = row->line;
    }
    return point;
}

void perf_points_settle(struct perf_points *p)
{
    if (p->count == 0) return;
    qsort(p->items, p->count, sizeof *p->items, compare_rows);
    uint32_t kept = 0;
    for (uint32_t i = 0, end; i < p->count; i = end) {
        for (end = i + 1; end < p->count && compare_keys(&p->items[i], &p->items[end]) == 0;)
            end++;
        p->items[kept++] = merged(&p->items[i], end - i);
        p->repeated += end - i > 1;
    }
    p->count = kept;
}

static int compare_values(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

uint32_t perf_points_values(const struct perf_points *p, uint32_t axis, struct arena *arena,
                            int64_t **values)
{
    uint32_t kept = 0;
    int64_t *list = arena_alloc(arena, p->count > 0 ? p->count : 1, sizeof *list);
    for (uint32_t i = 0; i < p->count; i++)
        list[i] = p->items[i].at[axis];
    qsort(list, p->count, sizeof *list, compare_values);
    for (uint32_t i = 0; i < p->count; i++)
        if (kept == 0 || list[kept - 1] != list[i]) list[kept++] = list[i];
    *values = list;
    return kept;
}

/* ---- interpolation -------------------------------------------------------------------------- */

struct query {
    const struct perf_points *points;
    int64_t at[PERF_AXES]; /* moved to the place that is asked for while axes are crossed */
    int32_t skip;
    perf_points_roof *roof;
    const void *context;
};

struct range { /* of points that agree on the axes before some depth */
    uint32_t begin, end;
};

/* First point of the range whose `axis` is at least `value`. */
static uint32_t lower(const struct query *q, struct range r, uint32_t axis, int64_t value)
{
    while (r.begin < r.end) {
        uint32_t middle = r.begin + (r.end - r.begin) / 2;
        if (q->points->items[middle].at[axis] < value)
            r.begin = middle + 1;
        else
            r.end = middle;
    }
    return r.begin;
}

static bool empty(const struct query *q, struct range r)
{
    if (r.begin >= r.end) return true;
    return q->skip >= 0 && r.end - r.begin == 1 && r.begin == (uint32_t)q->skip;
}

/* The points of `r` next above (or below) `value` on `axis`; empty when there is none. */
static struct range next_group(const struct query *q, struct range r, uint32_t axis, int64_t value,
                               bool up)
{
    struct range group = {r.begin, r.begin};
    for (;;) {
        if (up) {
            group.begin = lower(q, r, axis, value + 1);
            if (group.begin == r.end) return (struct range){0, 0};
            value = q->points->items[group.begin].at[axis];
            group.end = lower(q, r, axis, value + 1);
        } else {
            group.end = lower(q, r, axis, value);
            if (group.end == r.begin) return (struct range){0, 0};
            value = q->points->items[group.end - 1].at[axis];
            group.begin = lower(q, r, axis, value);
        }
        if (!empty(q, group)) return group;
    }
}

static struct perf_answer ask(struct query *q, struct range r, uint32_t depth);

struct side {
    int64_t value;
    struct perf_answer answer;
};

static struct perf_answer ask_group(struct query *q, struct range group, uint32_t axis)
{
    int64_t asked = q->at[axis];
    q->at[axis] = q->points->items[group.begin].at[axis];
    struct perf_answer answer = ask(q, group, axis + 1);
    q->at[axis] = asked;
    return answer;
}

/* The nearest value on one side that answers from inside, among the first few; else the nearest
 * that answers at all. */
static struct side look(struct query *q, struct range r, uint32_t axis, bool up)
{
    struct side found = {0, {0.0, PERF_ABSENT}};
    int64_t value = q->at[axis];
    for (int i = 0; i <= TRIES; i++) {
        struct range group = next_group(q, r, axis, value, up);
        if (empty(q, group)) break;
        value = q->points->items[group.begin].at[axis];
        struct side now = {value, ask_group(q, group, axis)};
        if (now.answer.reach == PERF_INSIDE) return now;
        if (found.answer.reach == PERF_ABSENT) found = now;
    }
    return found;
}

static double between(const struct query *q, uint32_t axis, const struct side *low,
                      const struct side *high)
{
    double part = (double)(q->at[axis] - low->value) / (double)(high->value - low->value);
    if ((int32_t)axis != q->points->squared)
        return low->answer.ns + part * (high->answer.ns - low->answer.ns);
    double a = sqrt(low->answer.ns), b = sqrt(high->answer.ns);
    double root = a + part * (b - a);
    return root * root;
}

static struct perf_answer beyond(struct query *q, uint32_t axis, const struct side *near)
{
    if (near->answer.reach == PERF_ABSENT) return near->answer;
    int64_t asked = q->at[axis];
    double there = q->roof(q->context, q->at);
    q->at[axis] = near->value;
    double here = q->roof(q->context, q->at);
    q->at[axis] = asked;
    return (struct perf_answer){near->answer.ns * (there / here), PERF_OUTSIDE};
}

static struct perf_answer ask_axis(struct query *q, struct range r, uint32_t axis)
{
    struct range same = {lower(q, r, axis, q->at[axis]), lower(q, r, axis, q->at[axis] + 1)};
    struct perf_answer exact = {0.0, PERF_ABSENT};
    if (!empty(q, same)) exact = ask(q, same, axis + 1);
    if (exact.reach == PERF_INSIDE || axis < q->points->exact) return exact;
    struct side low = look(q, r, axis, false), high = look(q, r, axis, true);
    bool inside = low.answer.reach == PERF_INSIDE && high.answer.reach == PERF_INSIDE;
    if (inside) return (struct perf_answer){between(q, axis, &low, &high), PERF_INSIDE};
    if (exact.reach != PERF_ABSENT) return exact;
    if (low.answer.reach == PERF_ABSENT) return beyond(q, axis, &high);
    if (high.answer.reach == PERF_ABSENT) return beyond(q, axis, &low);
    return (struct perf_answer){between(q, axis, &low, &high), PERF_OUTSIDE};
}

static struct perf_answer ask(struct query *q, struct range r, uint32_t depth)
{
    if (depth == q->points->axes)
        return (struct perf_answer){q->points->items[r.begin].ns, PERF_INSIDE};
    return ask_axis(q, r, depth);
}

struct perf_answer perf_points_at(const struct perf_points *points, const int64_t *at, int32_t skip,
                                  perf_points_roof *roof, const void *context)
{
    struct query q = {.points = points, .skip = skip, .roof = roof, .context = context};
    memcpy(q.at, at, points->axes * sizeof *at);
    struct range all = {0, points->count};
    if (empty(&q, all)) return (struct perf_answer){0.0, PERF_ABSENT};
    return ask(&q, all, 0);
}
