/* SPDX-License-Identifier: Apache-2.0
 * Logs of single steps. */
#include "models/perf_log.h"

#include <inttypes.h>
#include <string.h>

#include "models/perf_csv.h"

static const char *const columns[] = {"replication",         "engine",        "decode_seqs",
                                      "decode_context_tok",  "prefill_seqs",  "prefill_tok",
                                      "prefill_context_tok", "prefill_pairs", "sampled",
                                      "image_tok",           "ticks"};
enum { COLUMNS = sizeof columns / sizeof *columns };

/* ---- answering ------------------------------------------------------------------------------ */

static void values_of(const struct perf_batch *b, int64_t *values)
{
    const int64_t all[PERF_LOG_VALUES] = {
        b->decode_seqs,         b->decode_context_tok, b->prefill_seqs, b->prefill_tok,
        b->prefill_context_tok, b->prefill_pairs,      b->sampled,      b->image_tok};
    memcpy(values, all, sizeof all);
}

static void fail(struct perf_log *log, const char *what)
{
    if (log->fault == NULL)
        log->fault = arena_print(log->arena, "step %" PRIu64 " of engine %u: %s", log->asked,
                                 log->engine, what);
}

static void replay(struct perf_log *log, const int64_t *values, int64_t *ticks)
{
    const struct perf_recording *from = log->replay;
    while (log->next < from->count && (from->rows[log->next].replication != log->replication ||
                                       from->rows[log->next].engine != log->engine))
        log->next++;
    if (log->fault != NULL) return;
    if (log->next == from->count) {
        fail(log, arena_print(log->arena, "%s ends before", from->path));
        return;
    }
    const struct perf_log_row *row = &from->rows[log->next++];
    if (memcmp(row->values, values, sizeof row->values) == 0)
        *ticks = row->ticks;
    else
        fail(log, arena_print(log->arena, "%s has another batch there: it is of another run",
                              from->path));
}

static void measure(struct perf_log *log, const struct perf *perf, const struct perf_batch *b,
                    int64_t *ticks)
{
    const struct models_step step = {.replication = log->replication,
                                     .class = log->class,
                                     .model = perf->model->name,
                                     .decode_seqs = b->decode_seqs,
                                     .decode_context_tok = b->decode_context_tok,
                                     .decode_min_tok = b->decode_min_tok,
                                     .decode_max_tok = b->decode_max_tok,
                                     .prefill_seqs = b->prefill_seqs,
                                     .prefill_tok = b->prefill_tok,
                                     .prefill_context_tok = b->prefill_context_tok,
                                     .prefill_pairs = b->prefill_pairs,
                                     .sampled = b->sampled,
                                     .image_tok = b->image_tok};
    int64_t ns = 0;
    if (log->fault != NULL) return;
    if (log->live->measure(log->live->context, &step, &ns) && ns > 0)
        *ticks = perf_ticks((double)ns);
    else
        fail(log, "the live source gave no time");
}

static void keep(struct perf_log *log, const int64_t *values, int64_t ticks)
{
    struct perf_recording *to = &log->kept;
    if (to->count == to->capacity) {
        uint64_t more = to->capacity > 0 ? 2 * to->capacity : 1024;
        to->rows = arena_grow(log->arena, to->rows, to->capacity, more, sizeof *to->rows);
        to->capacity = more;
    }
    struct perf_log_row *row = &to->rows[to->count++];
    *row = (struct perf_log_row){log->replication, log->engine, {0}, ticks};
    memcpy(row->values, values, sizeof row->values);
}

struct perf_line perf_log_line(const struct perf *perf, const struct perf_batch *batch,
                               const struct perf_line *line)
{
    struct perf_log *log = perf->log;
    int64_t values[PERF_LOG_VALUES], ticks = line->first_ticks;
    bool timed = log->replay != NULL || log->live != NULL;
    values_of(batch, values);
    log->asked++;
    if (log->replay != NULL)
        replay(log, values, &ticks);
    else if (log->live != NULL)
        measure(log, perf, batch, &ticks);
    if (log->keeping) keep(log, values, ticks);
    return (struct perf_line){.first_ticks = ticks, .holds = 1, .outside = !timed && line->outside};
}

static struct perf_line roofline(const struct perf *perf, const struct perf_batch *batch)
{
    return perf_roofline_source.line(perf, batch);
}

const struct perf_source perf_live_source = {.name = "live", .spread = true, .line = roofline};
const struct perf_source perf_recorded_source = {.name = "recorded", .line = roofline};

/* ---- the file ------------------------------------------------------------------------------- */

static bool read_row(struct perf_csv *csv, const int *at, struct perf_log_row *row)
{
    int64_t replication, engine;
    bool good = perf_csv_whole(csv, at[0], 0, UINT32_MAX, &replication);
    good &= perf_csv_whole(csv, at[1], 0, UINT32_MAX, &engine);
    for (int i = 0; i < PERF_LOG_VALUES; i++)
        good &= perf_csv_whole(csv, at[2 + i], 0, INT64_MAX, &row->values[i]);
    good &= perf_csv_whole(csv, at[COLUMNS - 1], 1, perf_ticks(PERF_STEP_MOST_NS), &row->ticks);
    if (!good) return false;
    row->replication = (uint32_t)replication;
    row->engine = (uint32_t)engine;
    return true;
}

static bool find_columns(struct perf_csv *csv, int *at)
{
    for (int i = 0; i < COLUMNS; i++) {
        at[i] = perf_csv_column(csv, columns[i]);
        if (at[i] >= 0) continue;
        perf_csv_fail(csv, -1, "column '%s' of recorded steps is missing", columns[i]);
        return false;
    }
    return true;
}

const struct perf_recording *perf_log_read(FILE *file, const char *path, struct arena *arena,
                                           struct diag *diag)
{
    struct perf_recording *r = arena_alloc(arena, 1, sizeof *r);
    struct perf_csv *csv = arena_alloc(arena, 1, sizeof *csv);
    int at[COLUMNS];
    uint32_t before = diag->count;
    r->path = path;
    if (!perf_csv_open(csv, file, path, 1000, arena, diag) || !find_columns(csv, at)) return NULL;
    r->digest = csv->digest;
    while (perf_csv_next(csv)) {
        if (r->count == r->capacity) {
            uint64_t more = r->capacity > 0 ? 2 * r->capacity : 1024;
            r->rows = arena_grow(arena, r->rows, r->capacity, more, sizeof *r->rows);
            r->capacity = more;
        }
        if (read_row(csv, at, &r->rows[r->count])) r->count++;
    }
    return diag->count == before ? r : NULL;
}

void perf_log_write_header(FILE *out)
{
    fprintf(out, "# hacasim: recorded steps\n");
    for (int i = 0; i < COLUMNS; i++)
        fprintf(out, "%s%s", i ? "," : "", columns[i]);
    fprintf(out, "\n");
}

void perf_log_write(const struct perf_recording *recording, FILE *out)
{
    for (uint64_t i = 0; i < recording->count; i++) {
        const struct perf_log_row *row = &recording->rows[i];
        fprintf(out, "%u,%u", row->replication, row->engine);
        for (int v = 0; v < PERF_LOG_VALUES; v++)
            fprintf(out, ",%" PRId64, row->values[v]);
        fprintf(out, ",%" PRId64 "\n", row->ticks);
    }
}
