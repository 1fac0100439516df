/* SPDX-License-Identifier: Apache-2.0
 * How far a set of replications is: a bar on a terminal, plain lines otherwise.
 *
 * Goes to standard error and into no result.  Not safe against concurrent calls: the pool holds
 * its lock while it calls. */
#ifndef HACASIM_ANALYSIS_PROGRESS_H
#define HACASIM_ANALYSIS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/sim.h"

struct progress {
    const char *name; /* of the scenario */
    bool quiet, tty;
    bool ruled;          /* `reps` is the most, and how many it will be is not known */
    uint32_t reps, done; /* replications */
    int64_t *now_ns;     /* simulated time reached, by replication */
    int64_t end_ns;      /* simulated time of one replication */
    double start_s;      /* wall clock */
    double shown_s;      /* when the last line was printed; 0: none yet */
};

void progress_open(struct progress *progress, struct arena *arena, const char *name, uint32_t reps,
                   bool quiet);
void progress_update(struct progress *progress, uint32_t replication, int64_t now_ns,
                     int64_t end_ns);
void progress_done(struct progress *progress, uint32_t replication);
/* Take the bar away. */
void progress_close(struct progress *progress);

/* Seconds of a clock that only goes forward, for rates and wall times. */
double progress_clock(void);

#endif
