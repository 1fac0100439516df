/* SPDX-License-Identifier: Apache-2.0
 * The formats of timing tables: columns, units, rows.
 *
 * Answers for: telling a format by its columns, and turning each row into a point.  Leaves out:
 * what is suspicious about a table as a whole (perf_tables.c). */
#include "models/perf_read.h"

#include <string.h>

#include "models/perf_csv.h"

enum { COLUMNS = 10, SHAPE_MAX = 1 << 30 };

struct reading {
    struct perf_csv csv;
    struct perf_tables *tables;
    struct arena *arena;
    int columns[COLUMNS]; /* of the format, in its order */
    int time;
    double ns_per_unit;
};

typedef void row_fn(struct reading *r);

struct format {
    const char *name;
    const char *columns[COLUMNS]; /* ends with NULL */
    row_fn *row;
    bool weights; /* its times hang on the number format of the weights */
};

/* ---- where a table comes from --------------------------------------------------------------- */

void perf_read_note(struct perf_tables *t, const char *key, const char *value, struct arena *arena)
{
    const struct {
        const char *key, **place, *label;
    } notes[] = {
        {"device", &t->device, ""},
        {"gpu", &t->device, ""},
        {"driver", &t->driver, ""},
        {"date", &t->date, ""},
        {"profiled_at", &t->date, ""},
        {"commit", &t->commit, ""},
        {"model", &t->model, ""},
        {"engine", &t->engine, ""},
        {"vllm_version", &t->engine, "vLLM "},
    };
    if (strcmp(key, "source") == 0 && strcmp(value, "modelled") == 0) t->modelled = true;
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (strcmp(key, notes[i].key) == 0 && *notes[i].place == NULL && value[0] != '\0')
            *notes[i].place = arena_print(arena, "%s%s", notes[i].label, value);
}

static void take_notes(struct reading *r)
{
    for (uint32_t i = 0; i < r->csv.note_count; i++)
        perf_read_note(r->tables, r->csv.notes[i][0], r->csv.notes[i][1], r->arena);
}

/* ---- columns -------------------------------------------------------------------------------- */

static bool find_time(struct reading *r)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"time_ns", 1.0}, {"ns", 1.0},      {"time_us", 1e3},
                 {"us", 1e3},      {"time_ms", 1e6}, {"ms", 1e6}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        r->time = perf_csv_column(&r->csv, units[i].name);
        r->ns_per_unit = units[i].ns;
        if (r->time >= 0) return true;
    }
    perf_csv_fail(&r->csv, -1,
                  "no column of times: expected one of time_ns, time_us, time_ms, ns, us, ms");
    return false;
}

static uint32_t match(const struct perf_csv *csv, const struct format *format, const char **missing,
                      uint32_t *asked)
{
    uint32_t found = 0;
    *missing = NULL;
    for (*asked = 0; *asked < COLUMNS && format->columns[*asked] != NULL; ++*asked) {
        if (perf_csv_column(csv, format->columns[*asked]) >= 0)
            found++;
        else if (*missing == NULL)
            *missing = format->columns[*asked];
    }
    return found;
}

/* The format all of whose columns are there; else NULL after a finding that names the column that
 * the nearest format misses. */
static const struct format *find_format(struct reading *r, const struct format *formats,
                                        size_t count)
{
    const struct format *near = NULL;
    const char *near_missing = NULL, *known = "";
    uint32_t near_found = 0;
    for (size_t i = 0; i < count; i++) {
        const char *missing;
        uint32_t asked, found = match(&r->csv, &formats[i], &missing, &asked);
        if (missing == NULL) return &formats[i];
        if (2 * found >= asked && found > near_found) {
            near = &formats[i];
            near_missing = missing;
            near_found = found;
        }
        known = arena_print(r->arena, "%s%s%s", known, i ? ", " : "", formats[i].name);
    }
    if (near != NULL)
        perf_csv_fail(&r->csv, -1, "column '%s' of a %s table is missing", near_missing,
                      near->name);
    else
        perf_csv_fail(&r->csv, -1, "these are not the columns of a timing table (known: %s)",
                      known);
    return NULL;
}

static void bind_columns(struct reading *r, const struct format *format)
{
    for (int i = 0; i < COLUMNS && format->columns[i] != NULL; i++)
        r->columns[i] = perf_csv_column(&r->csv, format->columns[i]);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static bool whole(struct reading *r, int column, int64_t low, int64_t *value)
{
    return perf_csv_whole(&r->csv, r->columns[column], low, SHAPE_MAX, value);
}

static bool time_of(struct reading *r, double *ns)
{
    if (!perf_csv_positive(&r->csv, r->time, ns)) return false;
    *ns *= r->ns_per_unit;
    return true;
}

static void add(struct reading *r, struct perf_points *points, const int64_t *at, double ns)
{
    r->tables->rows++;
    perf_points_add(points, r->arena, at, ns, r->csv.line);
    points->items[points->count - 1].file = r->tables->opened - 1;
}

static void gemm_row(struct reading *r)
{
    int64_t at[PERF_AXES] = {0};
    double ns;
    bool good = true;
    for (int i = 0; i < 3; i++)
        good &= whole(r, i, 1, &at[i]);
    if (time_of(r, &ns) && good) add(r, &r->tables->ops[PERF_GEMM], at, ns);
}

/* step 0: prompts of isl tokens; isl 1: one more token after step tokens. */
static void attention_row(struct reading *r)
{
    int64_t heads, kv_heads, batch, isl, step;
    double ns;
    bool good = whole(r, 0, 1, &heads);
    good &= whole(r, 1, 1, &kv_heads);
    good &= whole(r, 2, 1, &batch);
    good &= whole(r, 3, 1, &isl);
    good &= whole(r, 4, 0, &step);
    if (!time_of(r, &ns) || !good) return;
    if (step > 0 && isl > 1) {
        perf_csv_fail(&r->csv, r->columns[4],
                      "a row is either of prompts (step 0) or of decoding (isl 1)");
        return;
    }
    bool prompt = step == 0;
    int64_t at[PERF_AXES] = {kv_heads, heads, batch, prompt ? isl : isl + step};
    add(r, &r->tables->ops[prompt ? PERF_PREFILL : PERF_DECODE], at, ns);
}

/* power_law_1.2 is a skew of 120, balanced of 0. */
static bool skew_of(struct reading *r, int64_t *percent)
{
    const struct perf_csv_text *cell = &r->csv.cells[r->columns[6]];
    const char *why;
    double exponent;
    *percent = 0;
    if (perf_csv_is(&r->csv, r->columns[6], "balanced")) return true;
    bool law = cell->length > 10 && memcmp(cell->text, "power_law_", 10) == 0;
    if (law && param_scan(PARAM_REAL, cell->text + 10, cell->length - 10, &exponent, &why) == 0 &&
        exponent >= 0.0 && exponent < 100.0) {
        *percent = (int64_t)(100.0 * exponent + 0.5);
        return true;
    }
    perf_csv_fail(&r->csv, r->columns[6], "is neither balanced nor power_law_ and an exponent");
    return false;
}

static void moe_row(struct reading *r)
{
    int64_t at[PERF_AXES] = {0};
    double ns;
    bool good = true;
    for (int i = 0; i < 6; i++)
        good &= whole(r, i, 1, &at[i]);
    good &= skew_of(r, &at[6]);
    good &= whole(r, 7, 1, &at[7]);
    if (!time_of(r, &ns) || !good) return;
    if (at[3] > PERF_EXPERTS_MOST || at[2] > at[3] || at[3] % at[5] != 0) {
        perf_csv_fail(&r->csv, r->columns[3],
                      "%lld experts are above %d, fewer than topk, or do not divide among "
                      "moe_ep_size",
                      (long long)at[3], PERF_EXPERTS_MOST);
        return;
    }
    add(r, &r->tables->ops[PERF_MOE], at, ns);
}

/* A served engine replays graphs; launching each kernel anew ("eager") costs much more. */
static void allreduce_row(struct reading *r)
{
    int64_t at[PERF_AXES] = {0};
    double ns;
    bool good = whole(r, 0, 2, &at[0]);
    good &= whole(r, 2, 1, &at[1]);
    if (!time_of(r, &ns) || !good) return;
    if (perf_csv_is(&r->csv, r->columns[1], "vllm_eager")) return;
    add(r, &r->tables->ops[PERF_ALLREDUCE], at, ns);
}

/* Our own: which cells a row needs follows from its op. */
static void own_row(struct reading *r)
{
    static const struct {
        const char *name;
        enum perf_op op;
        int columns[4], count;
    } ops[] = {{"gemm", PERF_GEMM, {1, 2, 3}, 3},
               {"attn_prefill", PERF_PREFILL, {8, 7, 4, 5}, 4},
               {"attn_decode", PERF_DECODE, {8, 7, 4, 6}, 4}};
    int64_t at[PERF_AXES] = {0};
    double ns;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (!perf_csv_is(&r->csv, r->columns[0], ops[i].name)) continue;
        bool good = true;
        for (int c = 0; c < ops[i].count; c++)
            good &= whole(r, ops[i].columns[c], 1, &at[c]);
        if (time_of(r, &ns) && good) add(r, &r->tables->ops[ops[i].op], at, ns);
        return;
    }
    perf_csv_fail(&r->csv, r->columns[0], "is none of gemm, attn_prefill, attn_decode");
}

static const struct format op_formats[] = {
    {"own", {"op", "m", "n", "k", "batch", "seq", "kv", "heads", "kv_heads"}, own_row, true},
    {"gemm", {"m", "n", "k"}, gemm_row, true},
    {"attention", {"num_heads", "num_kv_heads", "batch_size", "isl", "step"}, attention_row, false},
    {"moe",
     {"hidden_size", "inter_size", "topk", "num_experts", "moe_tp_size", "moe_ep_size",
      "distribution", "num_tokens"},
     moe_row,
     true},
    {"allreduce", {"num_gpus", "backend", "message_size"}, allreduce_row, false},
};

/* ---- a file of op tables -------------------------------------------------------------------- */

/* Stated in a comment, or in the name of the file. */
static enum perf_dtype dtype_of(const struct perf_csv *csv)
{
    const char *note = perf_csv_note(csv, "dtype");
    return strstr(note ? note : csv->path, "fp8") ? PERF_FP8 : PERF_BF16;
}

/* Of our own format; others have comments of their own. */
static bool source_known(struct reading *r, const struct format *format)
{
    const char *source = perf_csv_note(&r->csv, "source");
    if (format->row != own_row || source == NULL || strcmp(source, "measured") == 0 ||
        strcmp(source, "modelled") == 0)
        return true;
    perf_csv_fail(&r->csv, -1, "source: '%s' is neither 'measured' nor 'modelled'", source);
    return false;
}

static void read_rows(struct reading *r, const struct format *format)
{
    uint32_t header = r->csv.line, found = r->csv.found;
    while (perf_csv_next(&r->csv))
        format->row(r);
    if (r->csv.line == header && r->csv.found == found)
        perf_tables_warn(r->tables, r->arena, "%s: only a header: the table has no rows",
                         r->csv.path);
}

static bool open_table(struct reading *r, FILE *file, const char *path, struct diag *diag)
{
    struct perf_tables *t = r->tables;
    if (t->opened < PERF_TABLE_FILES) t->paths[t->opened] = path;
    bool good = perf_csv_open(&r->csv, file, path, 1000 + t->opened++, r->arena, diag);
    uint64_t both[] = {t->digest, r->csv.digest};
    t->digest = snap_sum(both, sizeof both);
    return good;
}

void perf_read_ops(struct perf_tables *tables, FILE *file, const char *path, struct arena *arena,
                   struct diag *diag)
{
    struct reading *r = arena_alloc(arena, 1, sizeof *r);
    r->tables = tables;
    r->arena = arena;
    if (!open_table(r, file, path, diag)) return;
    const struct format *format =
        find_format(r, op_formats, sizeof op_formats / sizeof *op_formats);
    if (format == NULL || !find_time(r)) return;
    if (format->weights && dtype_of(&r->csv) != tables->dtype) {
        perf_tables_warn(tables, arena, "%s is of %s weights and was left out (these are %s)", path,
                         perf_dtype_names[dtype_of(&r->csv)], perf_dtype_names[tables->dtype]);
        return;
    }
    if (!source_known(r, format)) return;
    tables->files++;
    take_notes(r);
    bind_columns(r, format);
    read_rows(r, format);
}

/* ---- a profile ------------------------------------------------------------------------------ */

/* The layer named by the first column; NULL after a finding, when there are too many. */
static struct perf_layer *layer_of(struct reading *r, struct perf_layer *layers, uint32_t *count,
                                   const char *axis)
{
    const struct perf_csv_text *cell = &r->csv.cells[r->columns[0]];
    for (uint32_t i = 0; i < *count; i++)
        if (perf_csv_is(&r->csv, r->columns[0], layers[i].name)) return &layers[i];
    if (*count == PERF_LAYERS || cell->length == 0) {
        perf_csv_fail(&r->csv, r->columns[0],
                      cell->length == 0 ? "is empty" : "is one kind of layer too many");
        return NULL;
    }
    struct perf_layer *layer = &layers[(*count)++];
    layer->name = arena_text(r->arena, cell->text, cell->length);
    layer->points = (struct perf_points){
        .name = layer->name, .axes = 1, .squared = PERF_POINTS_NONE, .axis_names = {axis}};
    return layer;
}

static void layer_row(struct reading *r, struct perf_layer *layers, uint32_t *count,
                      const char *axis)
{
    int64_t at[PERF_AXES] = {0};
    double ns;
    struct perf_layer *layer = layer_of(r, layers, count, axis);
    if (layer == NULL) return;
    bool good = whole(r, 1, 1, &at[0]);
    if (time_of(r, &ns) && good) add(r, &layer->points, at, ns);
}

static void dense_row(struct reading *r)
{
    layer_row(r, r->tables->dense, &r->tables->dense_count, "tokens");
}

static void sequence_row(struct reading *r)
{
    layer_row(r, r->tables->sequence, &r->tables->sequence_count, "sequences");
}

/* Models with several kernels in one table name them; the plain one is called attention.  Rows of
 * speculative decoding, with several tokens for each decoding sequence, are left out. */
static void add_mixed(struct reading *r, const int64_t *at, double ns)
{
    int layer = perf_csv_column(&r->csv, "layer"), q = perf_csv_column(&r->csv, "decode_q_len");
    if (layer >= 0 && !perf_csv_is(&r->csv, layer, "attention")) return;
    if (q >= 0 && !perf_csv_is(&r->csv, q, "1")) return;
    add(r, &r->tables->ops[PERF_MIXED], at, ns);
}

static void mixed_row(struct reading *r)
{
    int64_t at[PERF_AXES] = {0};
    double ns;
    bool good = true;
    for (int i = 0; i < 4; i++)
        good &= whole(r, i, 0, &at[i]);
    if (time_of(r, &ns) && good) add_mixed(r, at, ns);
}

/* Newer profiles name the mean number of tokens that a prompt's token attends to, with halves. */
static void keyed_row(struct reading *r)
{
    int64_t at[PERF_AXES] = {0};
    double ns, key;
    bool good = perf_csv_real(&r->csv, r->columns[1], &key);
    for (int i = 0; i < 4; i++)
        if (i != 1) good &= whole(r, i, 0, &at[i]);
    if (good && (key < 0.0 || key > SHAPE_MAX)) {
        perf_csv_fail(&r->csv, r->columns[1], "is out of range");
        return;
    }
    if (!time_of(r, &ns) || !good) return;
    at[1] = (int64_t)(key + 0.5);
    r->tables->mixed_keys = true;
    add_mixed(r, at, ns);
}

static void experts_row(struct reading *r)
{
    int64_t at[PERF_AXES] = {1};
    double ns;
    int ep = perf_csv_column(&r->csv, "ep");
    bool good = whole(r, 0, 1, &at[1]);
    good &= whole(r, 1, 1, &at[2]);
    if (ep >= 0) good &= perf_csv_whole(&r->csv, ep, 1, SHAPE_MAX, &at[0]);
    if (time_of(r, &ns) && good) add(r, &r->tables->experts, at, ns);
}

/* "kvB<=4k" is 4096, "kvB>16k" and "sr>70%" have no edge, "kp=0" is 0. */
static bool edge_of(struct reading *r, int column, int64_t *edge)
{
    const struct perf_csv_text *cell = &r->csv.cells[r->columns[column]];
    size_t at = 0, digits;
    while (at < cell->length && (cell->text[at] < '0' || cell->text[at] > '9'))
        at++;
    bool open = memchr(cell->text, '>', at) != NULL;
    for (digits = at, *edge = 0; digits < cell->length && digits < at + 9; digits++) {
        if (cell->text[digits] < '0' || cell->text[digits] > '9') break;
        *edge = 10 * *edge + (cell->text[digits] - '0');
    }
    if (digits == at || at == 0) {
        perf_csv_fail(&r->csv, r->columns[column], "is no bucket such as n<=8, sr<=5%% or kp=0");
        return false;
    }
    if (digits < cell->length && cell->text[digits] == 'k') *edge *= 1024;
    if (open) *edge = INT64_MAX;
    return true;
}

static void skew_row(struct reading *r)
{
    struct perf_skew *skew = &r->tables->skew;
    struct perf_skew_bucket b;
    int layer = perf_csv_column(&r->csv, "layer");
    bool good = whole(r, 0, 0, &b.chunk);
    good &= edge_of(r, 1, &b.seqs);
    good &= edge_of(r, 2, &b.rate_percent);
    good &= edge_of(r, 3, &b.context);
    good &= edge_of(r, 4, &b.history);
    good &= perf_csv_real(&r->csv, r->columns[5], &b.alpha);
    if (!good || (layer >= 0 && !perf_csv_is(&r->csv, layer, "attention"))) return;
    if ((skew->count & (skew->count - 1)) == 0)
        skew->buckets = arena_grow(r->arena, skew->buckets, skew->count,
                                   skew->count ? 2 * skew->count : 1, sizeof b);
    skew->buckets[skew->count++] = b;
    r->tables->rows++;
}

static const struct {
    const char *file;
    struct format format;
} profile_formats[] = {
    {"dense.csv", {"dense", {"layer", "tokens"}, dense_row, true}},
    {"per_sequence.csv", {"per_sequence", {"layer", "sequences"}, sequence_row, true}},
    {"attention.csv",
     {"attention", {"prefill_chunk", "kv_prefill", "n_decode", "kv_decode"}, mixed_row, true}},
    {"attention.csv",
     {"attention", {"prefill_chunk", "prefill_key", "n_decode", "kv_decode"}, keyed_row, true}},
    {"moe.csv", {"moe", {"activated_experts", "tokens"}, experts_row, true}},
    {"skew_fit.csv",
     {"skew_fit",
      {"pc", "n_label", "skew_rate_label", "kv_big_label", "kp_label", "alpha"},
      skew_row,
      true}},
};

void perf_read_profile(struct perf_tables *tables, FILE *file, const char *path, const char *name,
                       struct arena *arena, struct diag *diag)
{
    struct reading *r = arena_alloc(arena, 1, sizeof *r);
    r->tables = tables;
    r->arena = arena;
    if (!open_table(r, file, path, diag)) return;
    struct format formats[sizeof profile_formats / sizeof *profile_formats];
    size_t count = 0;
    for (size_t i = 0; i < sizeof profile_formats / sizeof *profile_formats; i++)
        if (strcmp(name, profile_formats[i].file) == 0)
            formats[count++] = profile_formats[i].format;
    const struct format *format = find_format(r, formats, count);
    if (format == NULL || (format->row != skew_row && !find_time(r))) return;
    tables->files++;
    take_notes(r);
    bind_columns(r, format);
    read_rows(r, format);
}
