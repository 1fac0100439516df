/* SPDX-License-Identifier: Apache-2.0
 * The formats of timing tables, one file at a time.  Internal to models/perf_*.c.
 * Each function closes the file and reports to `diag`. */
#ifndef HACASIM_MODELS_PERF_READ_H
#define HACASIM_MODELS_PERF_READ_H

#include "models/perf_tables.h"

void perf_read_ops(struct perf_tables *tables, FILE *file, const char *path, struct arena *arena,
                   struct diag *diag);
/* `name`: which file of a profile it is. */
void perf_read_profile(struct perf_tables *tables, FILE *file, const char *path, const char *name,
                       struct arena *arena, struct diag *diag);
/* One "key: value" about where the tables come from. */
void perf_read_note(struct perf_tables *tables, const char *key, const char *value,
                    struct arena *arena);

#endif
