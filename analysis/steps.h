/* SPDX-License-Identifier: Apache-2.0
 * `run --record FILE`: the engine steps of all replications, written when the run is done.
 *
 * Replications finish in any order; the file has them by index, so that it is the same for any
 * number of threads. */
#ifndef HACASIM_ANALYSIS_STEPS_H
#define HACASIM_ANALYSIS_STEPS_H

#include "models/models.h"

struct steps {
    const char *path; /* NULL: nothing is recorded */
    struct steps_text {
        char *text;
        size_t length;
    } * parts; /* by replication */
    uint32_t reps;
};

void steps_open(struct steps *steps, uint32_t reps, struct arena *arena);
/* Keep the steps of a record; calls come one at a time. */
enum status steps_keep(struct steps *steps, const struct models_record *record);
/* Write the file, with the first `reps` replications; with fewer than that kept, nothing. */
enum status steps_write(const struct steps *steps, uint32_t reps);
void steps_close(struct steps *steps);

#endif
