/* SPDX-License-Identifier: Apache-2.0
 * What a run says about its steady state.
 *
 * Answers for: that the same is said after a run, by `show` and by `export`, because all three
 * read it from the database.  Batch means are told for a run with one replication only: with
 * several, the interval over replications is the better one and stands beside each metric. */
#include "analysis/steady.h"

#include <math.h>
#include <string.h>

#include "analysis/stop.h"
#include "analysis/summary.h"
#include "analysis/table.h"

/* ---- loading ------------------------------------------------------------------------------ */

static enum status steady_load_warmup(struct store *store, int64_t run, struct steady *out)
{
    struct param_effective *keys;
    size_t count;
    const char *why;
    int64_t cut_ns;
    out->cut_s = (double)NAN;
    TRY(store_effective(store, run, &keys, &count), "the warm-up");
    for (size_t i = 0; i < count; i++) {
        bool cut = strcmp(keys[i].path, "warmup.cut") == 0;
        bool fixed =
            strcmp(keys[i].path, "warmup") == 0 || strcmp(keys[i].path, "warmup.fixed") == 0;
        if (!cut && !fixed) continue;
        const char *value = keys[i].value;
        if (param_scan(PARAM_DURATION, value, strlen(value), &cut_ns, &why) != 0) continue;
        out->cut_s = (double)cut_ns * 1e-9;
        out->mser5 = cut;
    }
    return STATUS_OK;
}

enum status steady_load(struct store *store, struct arena *arena, int64_t run, uint32_t reps,
                        struct steady *out)
{
    struct models_steady *rows;
    size_t count;
    *out = (struct steady){.count = 0};
    TRY(steady_load_warmup(store, run, out), "steady state");
    TRY(store_stopped(store, run, &out->stop, &out->stopped), "steady state");
    TRY(store_steady(store, run, 0, &rows, &count), "steady state");
    struct models_steady *kept = arena_alloc(arena, count, sizeof *kept);
    for (size_t i = 0; i < count && reps == 1; i++)
        if (!isnan(rows[i].mean)) kept[out->count++] = rows[i];
    out->rows = kept;
    return STATUS_OK;
}

/* ---- caveats ------------------------------------------------------------------------------ */

static const char *steady_too_short(const struct models_steady *rows, size_t count,
                                    struct arena *arena)
{
    const char *names = NULL;
    for (size_t i = 0; i < count; i++) {
        if (isnan(rows[i].mean) || rows[i].batches > 0) continue;
        names = arena_print(arena, "%s%s%s", names ? names : "", names ? ", " : "", rows[i].metric);
    }
    if (names == NULL) return NULL;
    return arena_print(arena,
                       "too short for an interval from one replication (neighbouring batches are "
                       "still correlated, or too few): %s",
                       names);
}

size_t steady_caveats(const struct models_info *info, const struct models_steady *rows,
                      size_t count, const struct store_stop *stop, struct arena *arena,
                      const char *out[STEADY_CAVEATS])
{
    const char *all[STEADY_CAVEATS] = {stop == NULL ? NULL : stop_caveat(arena, stop), NULL,
                                       steady_too_short(rows, count, arena)};
    size_t kept = 0;
    if (info->warmup.unsettled != NULL)
        all[1] = arena_print(arena,
                             "MSER-5 found no steady state in the first half of the pilot pass: %s",
                             info->warmup.unsettled);
    for (size_t i = 0; i < STEADY_CAVEATS; i++)
        if (all[i] != NULL) out[kept++] = all[i];
    return kept;
}

/* ---- for people --------------------------------------------------------------------------- */

static void steady_row(struct table *table, struct arena *arena, const struct models_steady *row)
{
    char mean[SUMMARY_TEXT], half[SUMMARY_TEXT];
    enum summary_unit unit = summary_unit(row->metric);
    const char *batches = "too short";
    summary_format(mean, unit, row->mean, row->mean);
    const char *value = arena_print(arena, "%s", mean);
    if (row->batches > 0) {
        summary_format_half(half, unit, row->half_width, row->mean);
        value = arena_print(arena, "%s \u00b1 %s", mean, half);
        batches =
            arena_print(arena, "%u x %llu", row->batches, (unsigned long long)row->batch_size);
    }
    table_row(table,
              (const char *const[]){arena_print(arena, "  %s", row->metric), value, batches});
}

void steady_print(const struct steady *steady, struct arena *arena, FILE *out)
{
    if (steady->mser5 || steady->stopped || steady->count > 0) fputc('\n', out);
    if (steady->mser5)
        fprintf(out, "warm-up of %.6g s, chosen by MSER-5 on a pilot pass\n", steady->cut_s);
    if (steady->stopped) fprintf(out, "%s\n", stop_sentence(arena, &steady->stop));
    if (steady->count == 0) return;
    struct table *table = table_create(arena, "lrr");
    table_row(table, (const char *const[]){"Means of this one run", "\u00b1 95 % by batch means",
                                           "batches"});
    for (size_t i = 0; i < steady->count; i++)
        steady_row(table, arena, &steady->rows[i]);
    table_print(table, out);
}

/* ---- for programs ------------------------------------------------------------------------- */

static struct json_node *steady_real(struct json *json, double value)
{
    return isnan(value) ? json_null(json) : json_real(json, value);
}

static struct json_node *steady_json_row(struct json *json, const struct models_steady *row)
{
    struct json_node *object = json_object(json);
    json_set(json, object, "metric", json_text(json, row->metric));
    json_set(json, object, "mean", steady_real(json, row->mean));
    json_set(json, object, "lo", steady_real(json, row->mean - row->half_width));
    json_set(json, object, "hi", steady_real(json, row->mean + row->half_width));
    json_set(json, object, "batches", json_integer(json, row->batches));
    json_set(json, object, "batch_size", json_integer(json, (int64_t)row->batch_size));
    json_set(json, object, "lag1", steady_real(json, row->lag1));
    return object;
}

static struct json_node *steady_json_stop(struct json *json, const struct store_stop *stop)
{
    struct json_node *object = json_object(json);
    json_set(json, object, "metric", json_text(json, stop->metric));
    json_set(json, object, "half_width", json_real(json, stop->half_width));
    json_set(json, object, "level", json_real(json, stop->level));
    json_set(json, object, "min", json_integer(json, stop->min));
    json_set(json, object, "max", json_integer(json, stop->max));
    json_set(json, object, "used", json_integer(json, stop->used));
    json_set(json, object, "mean", steady_real(json, stop->mean));
    json_set(json, object, "achieved", steady_real(json, stop->achieved));
    json_set(json, object, "reason", json_text(json, stop->reason));
    return object;
}

void steady_json(const struct steady *steady, struct json *json, struct json_node *root)
{
    struct json_node *warmup = json_object(json), *rows = json_array(json);
    json_set(json, warmup, "cut_s", steady_real(json, steady->cut_s));
    json_set(json, warmup, "rule", json_text(json, steady->mser5 ? "mser5" : "fixed"));
    json_set(json, root, "warmup", warmup);
    json_set(json, root, "stop",
             steady->stopped ? steady_json_stop(json, &steady->stop) : json_null(json));
    for (size_t i = 0; i < steady->count; i++)
        json_push(json, rows, steady_json_row(json, &steady->rows[i]));
    json_set(json, root, "steady_state", rows);
}
