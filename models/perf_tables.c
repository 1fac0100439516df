/* SPDX-License-Identifier: Apache-2.0
 * Loading timing tables: which files there are, and where they come from.  The formats are read by
 * perf_read.c; perf_suspect.c looks at the tables as a whole. */
#include "models/perf_tables.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "models/perf_read.h"
#include "models/perf_suspect.h"

enum { FILES_MAX = 256, DEPTH_MAX = 5 };

/* ---- definitions of operations -------------------------------------------------------------- */

/* GEMM: k innermost, in which it is most nearly linear.  Attention: heads first, which choose the
 * kernel, then batch, then length. */
static const struct perf_points definitions[PERF_OPS] = {
    [PERF_GEMM] = {.name = "gemm", .axes = 3, .squared = -1, .axis_names = {"m", "n", "k"}},
    [PERF_PREFILL] = {.name = "attn_prefill",
                      .axes = 4,
                      .squared = 3,
                      .axis_names = {"kv_heads", "heads", "batch", "seq"}},
    [PERF_DECODE] = {.name = "attn_decode",
                     .axes = 4,
                     .squared = -1,
                     .axis_names = {"kv_heads", "heads", "batch", "kv"}},
    [PERF_MOE] = {.name = "moe",
                  .axes = 8,
                  .exact = 7,
                  .squared = -1,
                  .axis_names = {"hidden", "inter", "topk", "experts", "tp", "ep", "skew",
                                 "tokens"}},
    [PERF_ALLREDUCE] = {.name = "allreduce",
                        .axes = 2,
                        .exact = 1,
                        .squared = -1,
                        .axis_names = {"gpus", "elements"}},
    [PERF_MIXED] = {.name = "attention",
                    .axes = 4,
                    .squared = -1,
                    .axis_names = {"prefill_chunk", "kv_prefill", "n_decode", "kv_decode"}},
};

void perf_tables_define(struct perf_points *points, enum perf_op op)
{
    *points = definitions[op];
}

/* ---- warnings ------------------------------------------------------------------------------- */

void perf_tables_warn(struct perf_tables *t, struct arena *arena, const char *format, ...)
{
    va_list arguments;
    if (t->warning_count == PERF_TABLE_WARNINGS) return;
    va_start(arguments, format);
    t->warnings[t->warning_count++] = arena_vprint(arena, format, arguments);
    va_end(arguments);
}

/* ---- settling ------------------------------------------------------------------------------- */

static int compare_shares(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void settle_ops(struct perf_tables *t, const struct perf_tables_ask *ask,
                       struct arena *arena, struct diag *diag)
{
    for (int op = 0; op < PERF_OPS; op++) {
        struct perf_points *p = &t->ops[op];
        struct perf_roof roof = {ask->hardware, t->dtype, (enum perf_op)op, 0, 0};
        if (p->count == 0) continue;
        bool heads = op != PERF_MIXED || perf_suspect_heads(ask, &roof);
        perf_points_settle(p);
        perf_suspect_repeats(t, p, arena);
        perf_suspect_gaps(t, p, arena);
        if (heads) perf_suspect_times(t, p, &roof, arena, diag);
    }
}

static void settle_layers(struct perf_tables *t, struct arena *arena)
{
    for (uint32_t i = 0; i < t->dense_count; i++) {
        perf_points_settle(&t->dense[i].points);
        perf_suspect_repeats(t, &t->dense[i].points, arena);
    }
    for (uint32_t i = 0; i < t->sequence_count; i++) {
        perf_points_settle(&t->sequence[i].points);
        perf_suspect_repeats(t, &t->sequence[i].points, arena);
    }
    perf_points_settle(&t->experts);
    perf_suspect_repeats(t, &t->experts, arena);
}

static int compare_buckets(const void *a, const void *b)
{
    const struct perf_skew_bucket *x = a, *y = b;
    const int64_t left[] = {x->chunk, x->seqs, x->rate_percent, x->context, x->history};
    const int64_t right[] = {y->chunk, y->seqs, y->rate_percent, y->context, y->history};
    for (int i = 0; i < 5; i++)
        if (left[i] != right[i]) return left[i] < right[i] ? -1 : 1;
    return 0;
}

/* A share of the way lies between nothing and all of it.  Fitted values outside come from pairs of
 * measurements that hardly differ.  For batches in no bucket: the median. */
static void settle_skew(struct perf_skew *skew, struct arena *arena)
{
    double *alphas = arena_alloc(arena, skew->count, sizeof *alphas);
    qsort(skew->buckets, skew->count, sizeof *skew->buckets, compare_buckets);
    for (uint32_t i = 0; i < skew->count; i++) {
        double *alpha = &skew->buckets[i].alpha;
        if (*alpha < 0.0) *alpha = 0.0;
        if (*alpha > 1.0) *alpha = 1.0;
        alphas[i] = *alpha;
    }
    qsort(alphas, skew->count, sizeof *alphas, compare_shares);
    if (!skew->stated) skew->pooled = alphas[skew->count / 2];
}

static struct perf_tables *blank(const struct perf_tables_ask *ask, struct arena *arena)
{
    struct perf_tables *t = arena_alloc(arena, 1, sizeof *t);
    t->folder = ask->folder;
    t->dtype = ask->dtype;
    t->tp = ask->tp;
    for (int op = 0; op < PERF_OPS; op++)
        perf_tables_define(&t->ops[op], (enum perf_op)op);
    t->experts = (struct perf_points){.name = "moe",
                                      .axes = 3,
                                      .exact = 1,
                                      .squared = -1,
                                      .axis_names = {"ep", "activated_experts", "tokens"}};
    return t;
}

const struct perf_tables *perf_tables_read(FILE *file, const char *path,
                                           const struct perf_tables_ask *ask, struct arena *arena,
                                           struct diag *diag)
{
    struct perf_tables *t = blank(ask, arena);
    uint32_t before = diag->count;
    perf_read_ops(t, file, path, arena, diag);
    if (diag->count == before) settle_ops(t, ask, arena, diag);
    return diag->count == before ? t : NULL;
}

/* ---- folders -------------------------------------------------------------------------------- */

/* A folder, or a plain file. */
static bool exists(const char *path, bool folder)
{
    struct stat about;
    return stat(path, &about) == 0 &&
           (folder ? S_ISDIR(about.st_mode) : S_ISREG(about.st_mode)) != 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in a folder, sorted, without those that begin with a point. */
static uint32_t names_in(const char *folder, struct arena *arena, const char **names)
{
    uint32_t count = 0;
    DIR *dir = opendir(folder);
    if (dir == NULL) return 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL && count < FILES_MAX;)
        if (entry->d_name[0] != '.')
            names[count++] = arena_text(arena, entry->d_name, strlen(entry->d_name));
    closedir(dir);
    qsort(names, count, sizeof *names, compare_names);
    return count;
}

static bool ends_in_csv(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".csv") == 0;
}

struct search {
    const char *found, *other; /* profiles: the first, and a second one */
    const char *wanted;        /* "tp2" */
    struct arena *arena;
};

/* Profile folders of the wanted degree at or below `folder`. */
static void find_profiles(struct search *s, const char *folder, int depth)
{
    const char *names[FILES_MAX];
    const char *slash = strrchr(folder, '/'), *last = slash ? slash + 1 : folder;
    bool named = strncmp(last, "tp", 2) == 0 && strspn(last + 2, "0123456789") == strlen(last + 2);
    if (exists(arena_print(s->arena, "%s/dense.csv", folder), false)) {
        if (named && depth > 0 && strcmp(last, s->wanted) != 0) return;
        if (s->found)
            s->other = folder;
        else
            s->found = folder;
        return;
    }
    if (depth == DEPTH_MAX) return;
    uint32_t count = names_in(folder, s->arena, names);
    for (uint32_t i = 0; i < count; i++) {
        const char *path = arena_print(s->arena, "%s/%s", folder, names[i]);
        if (exists(path, true)) find_profiles(s, path, depth + 1);
    }
}

enum { EXPERTS = 3 }; /* index of moe.csv below */

static void read_profile(struct perf_tables *t, const char *folder, struct arena *arena,
                         struct diag *diag)
{
    static const char *const names[] = {"dense.csv", "per_sequence.csv", "attention.csv", "moe.csv",
                                        "skew_fit.csv"};
    t->profile = true;
    t->folder = folder;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *path = arena_print(arena, "%s/%s", folder, names[i]);
        FILE *file = fopen(path, "rb");
        if (file == NULL && i == EXPERTS) {
            path = arena_print(arena, "%s/../tp1/%s", folder, names[i]);
            file = fopen(path, "rb");
        }
        if (file != NULL)
            perf_read_profile(t, file, path, names[i], arena, diag);
        else if (i < 3)
            diag_add(diag, (struct diag_where){.file = path, .order = 1000}, NULL,
                     "cannot be read (%s); a profile needs it", strerror(errno));
    }
}

static void read_file(struct perf_tables *t, const char *path, struct arena *arena,
                      struct diag *diag)
{
    FILE *file = fopen(path, "rb");
    if (file != NULL)
        perf_read_ops(t, file, path, arena, diag);
    else
        diag_add(diag, (struct diag_where){.file = path, .order = 1000}, NULL,
                 "cannot be read (%s)", strerror(errno));
}

static void read_folder(struct perf_tables *t, struct arena *arena, struct diag *diag)
{
    const char *names[FILES_MAX];
    uint32_t count = names_in(t->folder, arena, names);
    for (uint32_t i = 0; i < count; i++) {
        if (ends_in_csv(names[i]))
            read_file(t, arena_print(arena, "%s/%s", t->folder, names[i]), arena, diag);
    }
}

static bool has_ops(const char *folder, struct arena *arena)
{
    const char *names[FILES_MAX];
    uint32_t count = names_in(folder, arena, names);
    bool any = false;
    for (uint32_t i = 0; i < count; i++)
        any = any || ends_in_csv(names[i]);
    return any && !exists(arena_print(arena, "%s/dense.csv", folder), false);
}

/* A line of the block skew_fit: is it in use, and the share for batches in no bucket, which stands
 * below per_tp and the degree. */
static void read_skew_note(struct perf_tables *t, const char *line, long *degree)
{
    char *end;
    const char *word = line + strspn(line, " '\"");
    long number = strtol(word, &end, 10);
    if (strncmp(line, "  enabled: false", 16) == 0) t->skew.off = true;
    if (end > word && *(end + strspn(end, "'\"")) == ':') *degree = number;
    if (*degree != t->tp || strncmp(word, "alpha_default:", 14) != 0) return;
    double alpha = strtod(word + 14, &end);
    t->skew.stated = end > word + 14 && alpha >= 0.0 && alpha <= 1.0;
    if (t->skew.stated) t->skew.pooled = alpha;
}

/* Top-level "key: value" lines of a meta.yaml, and what it says of skew_fit.csv. */
static void read_meta(struct perf_tables *t, const char *folder, struct arena *arena)
{
    FILE *file = fopen(arena_print(arena, "%s/meta.yaml", folder), "rb");
    char line[512];
    bool skew = false;
    long degree = 0;
    if (file == NULL) return;
    while (fgets(line, sizeof line, file) != NULL) {
        char *colon = strchr(line, ':');
        if (line[0] != ' ' && line[0] != '-') skew = strncmp(line, "skew_fit:", 9) == 0;
        if (skew) read_skew_note(t, line, &degree);
        if (colon == NULL || line[0] == ' ' || line[0] == '#') continue;
        *colon = '\0';
        char *value = colon + 1 + strspn(colon + 1, " '\"");
        value[strcspn(value, "'\"\r\n")] = '\0';
        perf_read_note(t, line, value, arena);
    }
    fclose(file);
}

static bool refuse(const struct perf_tables_ask *ask, struct diag *diag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool refuse(const struct perf_tables_ask *ask, struct diag *diag, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    diag_vadd(diag, ask->where, ask->key, format, arguments);
    va_end(arguments);
    return false;
}

static bool fill(struct perf_tables *t, const struct perf_tables_ask *ask, struct arena *arena,
                 struct diag *diag)
{
    if (exists(ask->folder, false)) {
        read_file(t, ask->folder, arena, diag);
        return true;
    }
    if (!exists(ask->folder, true))
        return refuse(ask, diag, "there is no file or folder %s of timing tables", ask->folder);
    if (has_ops(ask->folder, arena)) {
        read_folder(t, arena, diag);
    } else {
        struct search s = {.wanted = arena_print(arena, "tp%d", (int)ask->tp), .arena = arena};
        find_profiles(&s, ask->folder, 0);
        if (s.other)
            return refuse(ask, diag,
                          "%s holds several profiles: name one of them, such as %s or %s",
                          ask->folder, s.found, s.other);
        if (!s.found)
            return refuse(ask, diag, "%s holds neither op tables nor a profile for %s", ask->folder,
                          s.wanted);
        read_profile(t, s.found, arena, diag);
        read_meta(t, arena_print(arena, "%s/..", s.found), arena);
    }
    read_meta(t, t->folder, arena);
    return true;
}

/* The source of a catalog entry begins with the published name, of which a checkpoint may be a
 * variant (-Instruct, -2507). */
static void check_model(struct perf_tables *t, const struct perf_tables_ask *ask,
                        struct arena *arena)
{
    if (ask->model == NULL || t->model == NULL) return;
    size_t length = strcspn(ask->model->source, " ");
    if (strncmp(ask->model->source, t->model, length) != 0)
        perf_tables_warn(t, arena, "the profile is of %s, and %s is to be timed by it", t->model,
                         ask->model->name);
}

const struct perf_tables *perf_tables_load(const struct perf_tables_ask *ask, struct arena *arena,
                                           struct diag *diag)
{
    struct perf_tables *t = blank(ask, arena);
    uint32_t before = diag->count;
    if (!fill(t, ask, arena, diag) || diag->count > before) return NULL;
    settle_ops(t, ask, arena, diag);
    settle_layers(t, arena);
    perf_suspect_layers(t, ask, arena);
    if (t->profile) check_model(t, ask, arena);
    if (t->skew.off) t->skew.count = 0;
    perf_suspect_device(t, ask->hardware, arena);
    if (t->skew.count > 0) settle_skew(&t->skew, arena);
    return diag->count == before ? t : NULL;
}

const char *perf_tables_text(const struct perf_tables *t, struct arena *arena)
{
    const char *parts[] = {t->device, t->driver, t->engine, t->date, t->commit};
    static const char *const labels[] = {"", "driver ", "", "", "commit "};
    const char *text = t->modelled ? "modelled" : "measured";
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i]) text = arena_print(arena, "%s, %s%s", text, labels[i], parts[i]);
    if (!t->device) text = arena_print(arena, "%s, device not stated", text);
    return arena_print(arena, "%s (%s: %u files, %u rows)", text, t->folder, t->files, t->rows);
}
