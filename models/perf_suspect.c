/* SPDX-License-Identifier: Apache-2.0
 * Warnings about tables. */
#include "models/perf_suspect.h"

#include <stdlib.h>
#include <string.h>

enum { LISTED = 20 };
/* No kernel is launched and done in less than this share of the smallest attention kernel. */
#define LAUNCH_SHARE 0.05
#define SLOW 200.0      /* times the roofline */
#define SMALLEST_NS 1e4 /* a roofline knows nothing of what a small kernel takes */

static const char *key_text(const struct perf_points *p, const int64_t *at, struct arena *arena)
{
    const char *text = "";
    for (uint32_t i = 0; i < p->axes; i++)
        text = arena_print(arena, "%s%s%s=%lld", text, i ? " " : "", p->axis_names[i],
                           (long long)at[i]);
    return text;
}

void perf_suspect_repeats(struct perf_tables *t, const struct perf_points *p, struct arena *arena)
{
    const struct perf_point *widest = p->items;
    if (p->repeated == 0) return;
    t->repeated += p->repeated;
    for (uint32_t i = 1; i < p->count; i++)
        if (p->items[i].spread_ns * widest->ns > widest->spread_ns * p->items[i].ns)
            widest = &p->items[i];
    perf_tables_warn(t, arena,
                     "%s: %u keys came more than once and were merged to their median; the widest "
                     "spread is %.1f %% over %u rows at %s",
                     p->name, p->repeated, 100.0 * widest->spread_ns / widest->ns, widest->count,
                     key_text(p, widest->at, arena));
}

static bool same_line(const struct perf_points *p, const struct perf_point *a,
                      const struct perf_point *b)
{
    for (uint32_t i = 0; i + 1 < p->axes; i++)
        if (a->at[i] != b->at[i]) return false;
    return true;
}

void perf_suspect_gaps(struct perf_tables *t, const struct perf_points *p, struct arena *arena)
{
    int64_t *values;
    uint32_t axis = p->axes - 1, gaps = 0, known = perf_points_values(p, axis, arena, &values);
    const char *list = "";
    uint32_t v = 0;
    for (uint32_t i = 0; i + 1 < p->count; i++) {
        const struct perf_point *a = &p->items[i], *b = &p->items[i + 1];
        if (!same_line(p, a, b)) continue;
        if (i == 0 || !same_line(p, a, a - 1)) v = 0;
        while (values[v] <= a->at[axis])
            v++;
        for (; v < known && values[v] < b->at[axis]; v++) {
            int64_t at[PERF_AXES];
            memcpy(at, a->at, sizeof at);
            at[axis] = values[v];
            if (gaps++ < LISTED)
                list = arena_print(arena, "%s%s%s", list, gaps > 1 ? "; " : "",
                                   key_text(p, at, arena));
        }
    }
    t->gaps += gaps;
    if (gaps > 0)
        perf_tables_warn(t, arena, "%s: %u gaps are interpolated over: %s%s", p->name, gaps, list,
                         gaps > LISTED ? "; ..." : "");
}

/* ---- times ---------------------------------------------------------------------------------- */

struct doubt { /* how many times too fast, or too slow, a point is */
    double times;
    const struct perf_point *point;
};

static int compare_doubts(const void *a, const void *b)
{
    const struct doubt *x = a, *y = b;
    if (x->times > y->times) return -1;
    if (x->times < y->times) return 1;
    return (x->point > y->point) - (x->point < y->point);
}

static const char *listed(const struct perf_tables *t, const struct perf_points *p,
                          const struct doubt *doubts, uint32_t count, const char *unit,
                          struct arena *arena)
{
    const char *text = "";
    for (uint32_t i = 0; i < count && i < LISTED; i++) {
        const struct perf_point *point = doubts[i].point;
        const char *path = point->file < PERF_TABLE_FILES ? t->paths[point->file] : t->folder;
        text = arena_print(arena, "%s%s%s:%u (%s): %.2f %s", text, i ? "; " : "", path, point->line,
                           key_text(p, point->at, arena), doubts[i].times, unit);
    }
    return count > LISTED ? arena_print(arena, "%s; ...", text) : text;
}

/* The doubts above `limit`, worst first; their number. */
static uint32_t worst(struct doubt *doubts, uint32_t count, double limit)
{
    uint32_t above = 0;
    qsort(doubts, count, sizeof *doubts, compare_doubts);
    while (above < count && doubts[above].times > limit)
        above++;
    return above;
}

/* Half of the file's points are that far off: an error. */
static void judge_unit(const struct perf_tables *t, const struct perf_points *p, uint32_t file,
                       const struct doubt *doubts, double limit, const char *what,
                       const struct perf_roof *roof, struct arena *arena, struct diag *diag)
{
    double *times = arena_alloc(arena, p->count, sizeof *times);
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->count; i++) /* sorted: the middle one is the median */
        if (doubts[i].point->file == file) times[count++] = doubts[i].times;
    if (count == 0 || times[count / 2] <= limit) return;
    struct diag_where where = {.file = file < PERF_TABLE_FILES ? t->paths[file] : t->folder,
                               .order = 1000 + file,
                               .line = 1,
                               .column = 1};
    diag_add(diag, where, NULL,
             "%s times cannot be of %s: half of the rows %s (by %.3g times); is their unit right?",
             p->name, roof->hardware->name, what, times[count / 2]);
}

/* The load of experts that is quickest to work out: a factor of 200 tells it from no other. */
static double even_roof_ns(const struct perf_roof *roof, const int64_t *at)
{
    int64_t even[PERF_AXES];
    memcpy(even, at, sizeof even);
    if (roof->op == PERF_MOE) even[6] = 0;
    return perf_kernel_roof_ns(roof, even);
}

void perf_suspect_times(struct perf_tables *t, const struct perf_points *p,
                        const struct perf_roof *roof, struct arena *arena, struct diag *diag)
{
    struct doubt *fast = arena_alloc(arena, p->count, sizeof *fast),
                 *launch = arena_alloc(arena, p->count, sizeof *launch),
                 *slow = arena_alloc(arena, p->count, sizeof *slow);
    double launch_ns = LAUNCH_SHARE * roof->hardware->attention_ns;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct perf_point *point = &p->items[i];
        double bound_ns = perf_kernel_bound_ns(roof, point->at);
        double roof_ns = even_roof_ns(roof, point->at);
        fast[i] = (struct doubt){bound_ns / point->ns, point};
        launch[i] =
            (struct doubt){(bound_ns > launch_ns ? bound_ns : launch_ns) / point->ns, point};
        slow[i] =
            (struct doubt){point->ns / (roof_ns > SMALLEST_NS ? roof_ns : SMALLEST_NS), point};
    }
    uint32_t above = worst(fast, p->count, 1.0), below = worst(slow, p->count, SLOW);
    worst(launch, p->count, 1.0);
    uint32_t before = diag->count;
    for (uint32_t file = 0; file < t->opened; file++) {
        judge_unit(t, p, file, launch, 2.0, "are faster than its peak", roof, arena, diag);
        judge_unit(t, p, file, slow, SLOW, "are slower than its roofline", roof, arena, diag);
    }
    t->above_peak += above;
    t->slow += below;
    if (diag->count > before) return;
    if (above > 0)
        perf_tables_warn(t, arena,
                         "%s: %u of %u points imply more than the peak of %s (a cache, or another "
                         "card): %s",
                         p->name, above, p->count, roof->hardware->name,
                         listed(t, p, fast, above, "x peak", arena));
    if (below > 0)
        perf_tables_warn(t, arena,
                         "%s: %u of %u points are over %.0f times slower than the "
                         "roofline of %s: %s",
                         p->name, below, p->count, SLOW, roof->hardware->name,
                         listed(t, p, slow, below, "x roofline", arena));
}

/* ---- whose ---------------------------------------------------------------------------------- */

/* Letters and digits of `text` in lower case, up to the first dash of a catalog name. */
static void squeeze(const char *text, bool to_dash, char *out, size_t size)
{
    size_t used = 0;
    for (; *text != '\0' && used + 1 < size && !(to_dash && *text == '-'); text++) {
        char c = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out[used++] = c;
    }
    out[used] = '\0';
}

void perf_suspect_device(struct perf_tables *t, const struct perf_hardware *hardware,
                         struct arena *arena)
{
    char device[128], name[64];
    if (t->device == NULL || perf_hardware_find(hardware->name) != hardware) return;
    squeeze(t->device, false, device, sizeof device);
    squeeze(hardware->name, true, name, sizeof name);
    if (strncmp(name, "cpu", 3) == 0 || strstr(device, name) != NULL) return;
    perf_tables_warn(t, arena, "the tables are of %s, and %s is to be timed by them", t->device,
                     hardware->name);
}
