/* SPDX-License-Identifier: Apache-2.0
 * What is suspicious about a settled table as a whole: keys that came repeatedly, gaps, and times
 * that the card cannot have taken.  Internal to models/perf_*.c. */
#ifndef HACASIM_MODELS_PERF_SUSPECT_H
#define HACASIM_MODELS_PERF_SUSPECT_H

#include "models/perf_tables.h"

/* Each adds at most one warning, which lists the worst cases, and counts them in `tables`. */
void perf_suspect_repeats(struct perf_tables *tables, const struct perf_points *points,
                          struct arena *arena);
/* A gap: a value that other lines of an axis have, missing between two of this line.  An outer axis
 * along which more than a tenth of the points would be missing is not that of a grid. */
void perf_suspect_gaps(struct perf_tables *tables, const struct perf_points *points,
                       struct arena *arena);

/* Rows above the card's peak, and rows two hundred times below what its roofline promises, are
 * warned of.  Where that is so of half of a file's points, by twice or more, the unit must be
 * another: an error at the file's line 1, for a profile a warning. */
void perf_suspect_times(struct perf_tables *tables, const struct perf_points *points,
                        const struct perf_roof *roof, struct arena *arena, struct diag *diag);

/* The heads of a mixed call, which are those of the profile's model; false: it is not known. */
bool perf_suspect_heads(const struct perf_tables_ask *ask, struct perf_roof *roof);

/* Is the slowest layer of a profile two hundred times off the roofline of a whole layer?  A
 * warning that its unit may be another. */
void perf_suspect_layers(struct perf_tables *tables, const struct perf_tables_ask *ask,
                         struct arena *arena);

/* The device that a table names is not `hardware`. */
void perf_suspect_device(struct perf_tables *tables, const struct perf_hardware *hardware,
                         struct arena *arena);

#endif
