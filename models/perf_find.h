/* SPDX-License-Identifier: Apache-2.0
 * Which timing tables of a folder are meant: folders hold those of several cards and models.
 * Internal to models/perf_*.c. */
#ifndef HACASIM_MODELS_PERF_FIND_H
#define HACASIM_MODELS_PERF_FIND_H

#include "models/perf_tables.h"

enum { PERF_FIND_NAMES = 256 }; /* of a folder that are looked at */

/* Profiles lie in hardware/model/dtype/tp<N> as published.  Any of these folders may be given, or
 * one above them.  The names of folders say whose a profile is (perf_names.h), capitals or not;
 * those that the asking run states itself are met first. */
struct perf_find {
    const char *profile;     /* the folder with dense.csv; NULL: none of this degree */
    const char *other;       /* a second one that is meant as well; NULL: none */
    bool sure;               /* the names say that it is of this card and model */
    bool card, model, dtype; /* the names say that it is of another one */
};
struct perf_find perf_find_profile(const struct perf_tables_ask *ask, struct arena *arena);

/* Op tables of a folder, sorted: at most PERF_FIND_NAMES, without those named for another card,
 * which are counted, and listed for people. */
struct perf_find_ops {
    const char *names[PERF_FIND_NAMES];
    const char *others; /* "a100_gemm.csv, a100_moe.csv" */
    uint32_t count, other_count;
};
void perf_find_ops(struct perf_find_ops *found, const struct perf_tables_ask *ask,
                   struct arena *arena);

bool perf_find_file(const char *path);
bool perf_find_folder(const char *path);

#endif
