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
    const struct perf_point *widest = NULL;
    t->repeated += p->repeated;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct perf_point *point = &p->items[i];
        if (point->count < 2) continue;
        if (!widest || point->spread_ns * widest->ns > widest->spread_ns * point->ns)
            widest = point;
    }
    if (widest == NULL) return;
    perf_tables_warn(t, arena,
                     "%s: %u keys came more than once and were merged to their median; the widest "
                     "spread is %.1f %% over %u rows at %s",
                     p->name, p->repeated, 100.0 * widest->spread_ns / widest->ns, widest->count,
                     key_text(p, widest->at, arena));
}

/* ---- gaps ----------------------------------------------------------------------------------- */

enum { GAPS_MAX = 1 << 16, GRID = 10 };

struct key { /* of a point; while lines of an axis are looked at, that axis stands last */
    int64_t at[PERF_AXES];
};

struct holes {
    struct key *keys;
    uint32_t count, capacity;
};

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    for (int i = 0; i < PERF_AXES; i++)
        if (x->at[i] != y->at[i]) return x->at[i] < y->at[i] ? -1 : 1;
    return 0;
}

static void move_axis(struct key *key, uint32_t from, uint32_t to)
{
    int64_t value = key->at[from];
    for (; from < to; from++)
        key->at[from] = key->at[from + 1];
    for (; from > to; from--)
        key->at[from] = key->at[from - 1];
    key->at[to] = value;
}

static bool same_line(const struct key *a, const struct key *b, uint32_t last)
{
    return memcmp(a->at, b->at, last * sizeof *a->at) == 0;
}

static void put_hole(struct holes *h, const struct key *hole, struct arena *arena)
{
    if (h->count == h->capacity) {
        uint32_t more = h->capacity > 0 ? 2 * h->capacity : 64;
        h->keys = arena_grow(arena, h->keys, h->capacity, more, sizeof *h->keys);
        h->capacity = more;
    }
    h->keys[h->count++] = *hole;
}

/* Those along one axis. */
static void find_holes(struct holes *h, const struct perf_points *p, uint32_t axis,
                       struct arena *arena)
{
    int64_t *values;
    uint32_t last = p->axes - 1, known = perf_points_values(p, axis, arena, &values), v = 0;
    struct key *keys = arena_alloc(arena, p->count, sizeof *keys);
    for (uint32_t i = 0; i < p->count; i++) {
        memcpy(keys[i].at, p->items[i].at, sizeof keys[i].at);
        move_axis(&keys[i], axis, last);
    }
    qsort(keys, p->count, sizeof *keys, compare_keys);
    for (uint32_t i = 0; i + 1 < p->count; i++) {
        const struct key *a = &keys[i], *b = a + 1;
        if (!same_line(a, b, last)) continue;
        if (i == 0 || !same_line(a, a - 1, last)) v = 0;
        while (values[v] <= a->at[last])
            v++;
        for (; v < known && values[v] < b->at[last] && h->count < GAPS_MAX; v++) {
            struct key hole = *a;
            hole.at[last] = values[v];
            move_axis(&hole, last, axis);
            put_hole(h, &hole, arena);
        }
    }
}

void perf_suspect_gaps(struct perf_tables *t, const struct perf_points *p, struct arena *arena)
{
    struct holes h = {NULL, 0, 0};
    const char *list = "";
    uint32_t gaps = 0;
    for (uint32_t axis = p->kinds; axis < p->axes; axis++) {
        uint32_t before = h.count;
        find_holes(&h, p, axis, arena);
        if (axis + 1 < p->axes && (h.count - before) > p->count / GRID) h.count = before;
    }
    if (h.count > 0) qsort(h.keys, h.count, sizeof *h.keys, compare_keys);
    for (uint32_t i = 0; i < h.count; i++) {
        if (i > 0 && compare_keys(&h.keys[i - 1], &h.keys[i]) == 0) continue;
        if (gaps++ < LISTED)
            list = arena_print(arena, "%s%s%s", list, gaps > 1 ? "; " : "",
                               key_text(p, h.keys[i].at, arena));
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

/* Half of the file's points are that far off: an error.  A profile is taken at its word, with a
 * warning: its rows are shares of a step that only the profiler knows. */
static void judge_unit(struct perf_tables *t, const struct perf_points *p, uint32_t file,
                       const struct doubt *doubts, double limit, const char *what,
                       const struct perf_roof *roof, struct arena *arena, struct diag *diag)
{
    double *times = arena_alloc(arena, p->count, sizeof *times);
    const char *path = file < PERF_TABLE_FILES ? t->paths[file] : t->folder;
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->count; i++) /* sorted: the middle one is the median */
        if (doubts[i].point->file == file) times[count++] = doubts[i].times;
    if (count == 0 || times[count / 2] <= limit) return;
    struct diag_where where = {.file = path, .order = 1000 + file, .line = 1, .column = 1};
    const char *text = arena_print(arena,
                                   "%s times cannot be of %s: half of the rows %s (by %.3g times); "
                                   "is their unit right?",
                                   p->name, roof->hardware->name, what, times[count / 2]);
    if (roof->op == PERF_MIXED)
        perf_tables_warn(t, arena, "%s: %s", path, text);
    else
        diag_add(diag, where, NULL, "%s", text);
}

/* What a row should take about.  For experts the bound will do: a factor of 200 tells it from what
 * uneven loads and groups make of it, which takes long to work out. */
static double about_ns(const struct perf_roof *roof, const int64_t *at)
{
    double ns =
        roof->op == PERF_MOE ? perf_kernel_bound_ns(roof, at) : perf_kernel_roof_ns(roof, at);
    return ns > SMALLEST_NS ? ns : SMALLEST_NS;
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
        fast[i] = (struct doubt){bound_ns / point->ns, point};
        launch[i] =
            (struct doubt){(bound_ns > launch_ns ? bound_ns : launch_ns) / point->ns, point};
        slow[i] = (struct doubt){point->ns / about_ns(roof, point->at), point};
    }
    uint32_t above = worst(fast, p->count, 1.0), below = worst(slow, p->count, SLOW);
    worst(launch, p->count, 1.0);
    uint32_t before = diag->count + t->warning_count;
    for (uint32_t file = 0; file < t->opened; file++) {
        judge_unit(t, p, file, launch, 2.0, "are faster than its peak", roof, arena, diag);
        judge_unit(t, p, file, slow, SLOW, "are slower than its roofline", roof, arena, diag);
    }
    t->above_peak += above;
    t->slow += below;
    if (diag->count + t->warning_count > before) return;
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

/* ---- profiles ------------------------------------------------------------------------------- */

bool perf_suspect_heads(const struct perf_tables_ask *ask, struct perf_roof *roof)
{
    const struct perf_model *m = ask->model;
    if (m == NULL || ask->tp < 1 || m->kv_rank > 0 || m->head_dim != PERF_HEAD_DIM) return false;
    roof->heads = m->heads / ask->tp;
    roof->kv_heads = m->kv_heads > ask->tp ? m->kv_heads / ask->tp : 1;
    return roof->heads > 0;
}

static const struct perf_points *slowest_layer(const struct perf_tables *t)
{
    const struct perf_points *slowest = NULL;
    double most_ns = 0.0;
    for (uint32_t i = 0; i < t->dense_count; i++) {
        const struct perf_points *p = &t->dense[i].points;
        if (p->count == 0 || p->items[p->count - 1].ns <= most_ns) continue;
        most_ns = p->items[p->count - 1].ns;
        slowest = p;
    }
    return slowest;
}

/* One layer of the model on one GPU: weights read, or computed on so many tokens. */
static double layer_ns(const struct perf_tables *t, const struct perf_tables_ask *ask,
                       int64_t tokens)
{
    const struct perf_hardware *h = ask->hardware;
    struct perf_shape s = perf_shape_of(ask->model);
    double params = (s.attention + s.dense_ffn + s.router) / ask->model->layers / ask->tp;
    double bytes = params * (t->dtype == PERF_FP8 ? 1.0 : 2.0);
    double flops = t->dtype == PERF_FP8 ? h->fp8_flops : h->bf16_flops;
    double memory_ns = bytes * 1e9 / (h->bandwidth_bytes_per_s * h->weights_ratio);
    double compute_ns = 2.0 * params * (double)tokens * 1e9 / (flops * h->compute_ratio);
    double ns = memory_ns > compute_ns ? memory_ns : compute_ns;
    return ns > SMALLEST_NS ? ns : SMALLEST_NS;
}

void perf_suspect_layers(struct perf_tables *t, const struct perf_tables_ask *ask,
                         struct arena *arena)
{
    const struct perf_points *p = slowest_layer(t);
    if (p == NULL || ask->model == NULL || ask->tp < 1) return;
    struct doubt *doubts = arena_alloc(arena, p->count, sizeof *doubts);
    for (uint32_t i = 0; i < p->count; i++) {
        const struct perf_point *point = &p->items[i];
        doubts[i] = (struct doubt){point->ns / layer_ns(t, ask, point->at[0]), point};
    }
    worst(doubts, p->count, SLOW);
    double times = doubts[p->count / 2].times;
    if (times <= SLOW && times >= 1.0 / SLOW) return;
    uint32_t file = doubts[0].point->file;
    perf_tables_warn(t, arena,
                     "%s: %s times cannot be of %s on %s: half of the rows are %.3g times the "
                     "roofline of a whole layer; is their unit right?",
                     file < PERF_TABLE_FILES ? t->paths[file] : t->folder, p->name,
                     ask->model->name, ask->hardware->name, times);
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
