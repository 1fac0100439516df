/* SPDX-License-Identifier: Apache-2.0
 * Tables of numbers in CSV: named columns, comments, and findings with file, line and column.
 *
 * The first line that is not a comment names the columns, in any order.  Lines that begin with #
 * are comments; those of the form "# key: value" can be asked for.  Lines end as on Unix or as on
 * Windows, cells may stand in double quotes, and a byte order mark is passed over.  A file is read
 * whole. */
#ifndef HACASIM_MODELS_PERF_CSV_H
#define HACASIM_MODELS_PERF_CSV_H

#include <stdio.h>

#include "sim/sim.h"

enum {
    PERF_CSV_COLUMNS = 32,
    PERF_CSV_NOTES = 16,
    PERF_CSV_FINDINGS = 20, /* then one "and more" */
    PERF_CSV_BYTES = 1 << 28,
};

struct perf_csv_text {
    const char *text;
    size_t length;
    uint32_t column; /* from 1 */
};

struct perf_csv {
    const char *path;
    struct diag *diag;
    uint32_t order;       /* of the file among those that findings are sorted by */
    const char *at, *end; /* of the text not yet read */
    uint64_t digest;      /* of the whole file */
    uint32_t line, found; /* of the current row; findings so far */
    struct perf_csv_text names[PERF_CSV_COLUMNS], cells[PERF_CSV_COLUMNS];
    uint32_t columns;
    const char *notes[PERF_CSV_NOTES][2]; /* key, value */
    uint32_t note_count;
};

/* Read and close `file`, and read the header.  False: not a table at all (findings say why). */
bool perf_csv_open(struct perf_csv *csv, FILE *file, const char *path, uint32_t order,
                   struct arena *arena, struct diag *diag);
/* The next row with as many cells as columns; false at the end.  Others are findings. */
bool perf_csv_next(struct perf_csv *csv);

int perf_csv_column(const struct perf_csv *csv, const char *name);      /* -1: there is none */
const char *perf_csv_note(const struct perf_csv *csv, const char *key); /* NULL: there is none */
bool perf_csv_is(const struct perf_csv *csv, int column, const char *text);

/* The cell as a whole number in a range, or as a positive number; false after a finding. */
bool perf_csv_whole(struct perf_csv *csv, int column, int64_t low, int64_t high, int64_t *value);
bool perf_csv_positive(struct perf_csv *csv, int column, double *value);
bool perf_csv_real(struct perf_csv *csv, int column, double *value);

/* A finding about the current row (`column` -1) or one of its cells. */
void perf_csv_fail(struct perf_csv *csv, int column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
