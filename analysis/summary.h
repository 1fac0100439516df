/* SPDX-License-Identifier: Apache-2.0
 * Statistics over the replications of a run, and how they are shown.
 *
 * A summary has one row per metric.  With one replication a row is its value; with several it is
 * the mean with the 95 % Student interval over the replications in which the metric is not null.
 * It is built from the values in memory after a run, or from the store, with the same result. */
#ifndef HACASIM_ANALYSIS_SUMMARY_H
#define HACASIM_ANALYSIS_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "analysis/store.h"
#include "models/models.h"

struct summary_row {
    const char *name;    /* "gap.s.p99" */
    const char *meaning; /* one line; "" for a stored metric of a class or of another version */
    uint32_t n;          /* replications in which it is not null */
    double mean;         /* NaN when n is 0 */
    double half_width;   /* of the 95 % interval; NaN when n < 2 */
    const char *text;    /* exact text when the only replication has one, else NULL */
};

struct summary {
    uint32_t reps; /* replications that went in */
    struct summary_row *rows;
    size_t count;
};

/* From `reps` arrays of models_metrics_count(metrics) values. */
struct summary *summary_build(struct arena *arena, const struct models_metrics *metrics,
                              const struct models_value *const *values, uint32_t reps);
/* From the database, in the arena of the store.  Metrics of classes, and those that this version
 * does not know, come last, by name. */
enum status summary_load(struct store *store, struct arena *arena, const struct store_run *run,
                         struct summary **out);
/* The row of a metric, or NULL. */
const struct summary_row *summary_find(const struct summary *summary, const char *name);

/* ---- units and digits ---------------------------------------------------------------------- */

enum summary_unit { SUMMARY_PLAIN, SUMMARY_SECONDS, SUMMARY_RATIO, SUMMARY_USD, SUMMARY_OPG };
enum { SUMMARY_TEXT = 64 };

/* The unit that a metric's name ends with. */
enum summary_unit summary_unit(const char *metric);
/* "4.21 s", "12.5 %", "$1,234.50", "12,345 OPG"; times in the unit that suits `largest` (give the
 * value itself, or the largest of a row that is to be compared).  Buffer of SUMMARY_TEXT bytes. */
char *summary_format(char *buffer, enum summary_unit unit, double value, double largest);
/* Half of an interval, in fewer digits. */
char *summary_format_half(char *buffer, enum summary_unit unit, double half, double largest);

/* The metrics that every summary shows, in order; `section` is set on the first of each group. */
struct summary_line {
    const char *section, *label, *metric;
};
const struct summary_line *summary_headline(size_t *count);
/* Does a run whose metric has `n` values of mean `value` want its row in the table?  Where none
 * does the row is left out: it belongs to a question that not every scenario asks, or counts what
 * did not happen. */
bool summary_shown(const char *metric, size_t n, double value);

/* ---- output -------------------------------------------------------------------------------- */

struct summary_column {
    const struct summary *summary;
    const char *title[3];   /* lines above the column; NULL: none */
    const char *price_rule; /* what its economic figures hang on */
};
/* Side by side: the headline metrics, or all of them; and the price rules. */
void summary_print(struct arena *arena, const struct summary_column *columns, size_t count,
                   bool all, FILE *out);
/* "Caveats" and one line each; nothing when there are none. */
void summary_print_caveats(const char *const *caveats, size_t count, FILE *out);

/* The object of `--json`. */
struct steady;
struct summary_object {
    const char *scenario, *trace_hash; /* trace_hash NULL: null */
    uint64_t seed;
    uint32_t reps;
    int64_t parent, parent_ns; /* the run it branched from, and when; 0: none, and not written */
    const struct summary *summary;
    const char *const *caveats;
    size_t caveat_count;
    const struct steady *steady; /* NULL: nothing is said about it */
};
/* Written to `path`, "-" for standard output. */
enum status summary_write_json(const struct summary_object *object, const char *path);

#endif
