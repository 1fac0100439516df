/* SPDX-License-Identifier: Apache-2.0
 * Loading timing tables: which files there are, and where they come from.  The formats are read by
 * perf_read.c; perf_suspect.c looks at the tables as a whole. */
#include "models/perf_tables.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "models/perf_find.h"
#include "models/perf_names.h"
#include "models/perf_read.h"
#include "models/perf_suspect.h"

/* ---- definitions of operations -------------------------------------------------------------- */

/* GEMM: k innermost, in which it is most nearly linear.  Attention: heads first, which choose the
 * kernel, then batch, then length. */
static const struct perf_points definitions[PERF_OPS] = {
    [PERF_GEMM] = {.name = "gemm", .axes = 3, .squared = -1, .axis_names = {"m", "n", "k"}},
    [PERF_PREFILL] = {.name = "attn_prefill",
                      .axes = 4,
                      .kinds = 2,
                      .squared = 3,
                      .axis_names = {"kv_heads", "heads", "batch", "seq"}},
    [PERF_DECODE] = {.name = "attn_decode",
                     .axes = 4,
                     .kinds = 2,
                     .squared = -1,
                     .axis_names = {"kv_heads", "heads", "batch", "kv"}},
    [PERF_MOE] = {.name = "moe",
                  .axes = 8,
                  .exact = 7,
                  .kinds = 7,
                  .squared = -1,
                  .axis_names = {"hidden", "inter", "topk", "experts", "tp", "ep", "skew",
                                 "tokens"}},
    [PERF_ALLREDUCE] = {.name = "allreduce",
                        .axes = 2,
                        .exact = 1,
                        .kinds = 1,
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

static bool fill_file(struct perf_tables *t, const struct perf_tables_ask *ask, struct arena *arena,
                      struct diag *diag)
{
    const char *slash = strrchr(ask->folder, '/'), *last = slash ? slash + 1 : ask->folder;
    if (perf_names_card(last, ask->hardware) == PERF_NAMES_OTHER)
        perf_tables_warn(t, arena, "%s is of another card by its name, and %s is to be timed by it",
                         last, ask->hardware->name);
    read_file(t, ask->folder, arena, diag);
    read_meta(t, t->folder, arena);
    return true;
}

static bool fill_ops(struct perf_tables *t, const struct perf_tables_ask *ask,
                     const struct perf_find_ops *ops, struct arena *arena, struct diag *diag)
{
    if (ops->other_count > 0)
        perf_tables_warn(t, arena, "left out, as their names say another card than %s: %s",
                         ask->hardware->name, ops->others);
    if (ops->packed)
        perf_tables_warn(t, arena, "compressed tables are not read, such as %s: unpack them",
                         ops->packed);
    for (uint32_t i = 0; i < ops->count; i++)
        read_file(t, arena_print(arena, "%s/%s", t->folder, ops->names[i]), arena, diag);
    read_meta(t, t->folder, arena);
    return true;
}

static bool fill_profile(struct perf_tables *t, const struct perf_tables_ask *ask,
                         const struct perf_find *found, struct arena *arena, struct diag *diag)
{
    read_profile(t, found->profile, arena, diag);
    read_meta(t, arena_print(arena, "%s/..", found->profile), arena);
    read_meta(t, t->folder, arena);
    if (found->card && t->device == NULL)
        perf_tables_warn(t, arena,
                         "the profile is of another card by its name (%s), and %s is to "
                         "be timed by it",
                         found->profile, ask->hardware->name);
    if (found->model && t->model == NULL)
        perf_tables_warn(t, arena,
                         "the profile is of another model by its name (%s), and %s is "
                         "to be timed by it",
                         found->profile, ask->model->name);
    if (found->dtype)
        perf_tables_warn(t, arena, "the profile is of another format than %s by its name (%s)",
                         perf_dtype_names[ask->dtype], found->profile);
    return true;
}

/* The profile of this card and model before op tables, and these before any other profile. */
static bool fill(struct perf_tables *t, const struct perf_tables_ask *ask, struct arena *arena,
                 struct diag *diag)
{
    struct perf_find_ops ops;
    if (perf_find_file(ask->folder) && perf_find_packed(ask->folder))
        return refuse(ask, diag, "%s is compressed: unpack it", ask->folder);
    if (perf_find_file(ask->folder)) return fill_file(t, ask, arena, diag);
    if (!perf_find_folder(ask->folder))
        return refuse(ask, diag, "there is no file or folder %s of timing tables", ask->folder);
    perf_find_ops(&ops, ask, arena);
    struct perf_find found = {0};
    if (ops.count == 0 || ask->model != NULL) found = perf_find_profile(ask, arena);
    if (ops.count > 0 && !ask->profile && (!found.sure || found.other))
        return fill_ops(t, ask, &ops, arena, diag);
    if (found.other)
        return refuse(ask, diag, "%s holds several profiles: name one of them, such as %s or %s",
                      ask->folder, found.profile, found.other);
    if (found.profile && !(found.card && ops.other_count > 0))
        return fill_profile(t, ask, &found, arena, diag);
    if (ops.count > 0) return fill_ops(t, ask, &ops, arena, diag);
    if (ops.other_count > 0)
        return refuse(ask, diag, "%s holds tables of other cards than %s by their names (%s)",
                      ask->folder, ask->hardware->name, ops.others);
    if (ops.packed)
        return refuse(ask, diag, "%s holds compressed tables, such as %s: unpack them", ask->folder,
                      ops.packed);
    return refuse(ask, diag, "%s holds neither op tables nor a profile for tp%d", ask->folder,
                  (int)ask->tp);
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

static bool has_layer(const struct perf_layer *layers, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(layers[i].name, name) == 0) return true;
    return false;
}

/* Products that every decoder of this shape has; latent attention goes by other names. */
static void check_layers(struct perf_tables *t, const struct perf_model *model, struct arena *arena)
{
    static const char *const always[] = {"qkv_proj", "o_proj"}, *const dense[] = {"gate_up_proj",
                                                                                  "down_proj"};
    const char *lacks = NULL;
    if (model == NULL || model->kv_rank > 0) return;
    for (size_t i = 0; i < 4; i++) {
        const char *name = i < 2 ? always[i] : dense[i - 2];
        if (i >= 2 && model->dense_layers == 0) break;
        if (has_layer(t->dense, t->dense_count, name)) continue;
        lacks = lacks ? arena_print(arena, "%s, %s", lacks, name) : name;
    }
    if (!has_layer(t->sequence, t->sequence_count, "lm_head"))
        lacks = lacks ? arena_print(arena, "%s, lm_head", lacks) : "lm_head";
    if (lacks) perf_tables_warn(t, arena, "the profile lacks %s: their time is not counted", lacks);
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
    if (t->profile) check_layers(t, ask->model, arena);
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
