/* SPDX-License-Identifier: Apache-2.0
 * Diagnostics: user errors, collected and printed like a compiler's.
 *
 *     scenarios/x.yaml:41:16: error: nodes[2].count: 3.7 is not a whole number (allowed: 1 to 99)
 *
 * Findings are sorted by source (in order of loading), line and column before printing, so one
 * run of the program shows all of them.  An override reports as `--set#2`. */
#ifndef HACASIM_SIM_DIAG_H
#define HACASIM_SIM_DIAG_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/arena.h"

struct diag_where {
    const char *file;      /* path as the user gave it, or "--set#N"; NULL: no place */
    uint32_t order;        /* order of loading, for sorting */
    uint32_t line, column; /* from 1; 0: the whole file */
};

struct diag_item {
    struct diag_where where;
    const char *key, *message;
};

/* Findings kept; a file of garbage could otherwise make millions, and nobody reads past these. */
enum { DIAG_LIMIT = 1000 };

struct diag {
    struct arena *arena;
    struct diag_item *items;
    uint32_t count, capacity;
    uint32_t dropped; /* beyond DIAG_LIMIT, only counted */
};

void diag_init(struct diag *diag, struct arena *arena);
/* `key` may be NULL.  Identical findings are kept once. */
void diag_add(struct diag *diag, struct diag_where where, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void diag_vadd(struct diag *diag, struct diag_where where, const char *key, const char *format,
               va_list arguments);
/* "file:line:column", or "file" where there is no line; "" where there is no place. */
const char *diag_place(struct arena *arena, struct diag_where where);
/* Sorted; then a last line "N errors" when there are several. */
void diag_print(struct diag *diag, FILE *out);

/* The candidate nearest to `word`, or NULL when none is likely meant: Damerau-Levenshtein distance
 * (an exchange of neighbours counts one) of at most a third of the length of `word`, but 1 at least
 * and always less than the length of the candidate.  The first of equals wins.  Where none is so
 * near, the first candidate that begins with `word` (3 letters at least) and a joint: a100 for
 * a100-80g. */
const char *diag_nearest(const char *word, const char *const *candidates, size_t count);

#endif
