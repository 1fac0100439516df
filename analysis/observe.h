/* SPDX-License-Identifier: Apache-2.0
 * Looking into a run: --trace, --events, --profile and their filter, as a verb that simulates takes
 * them (models/watch.h says what they show).
 *
 *     child input: &observe, with .arena set and the rest zero
 *     observe_refused   after the scenario is loaded, before anything is written
 *     observe_open      the files
 *     pool_job.watch = &observe.options
 *     observe_close     the files, whatever came of the run
 *     observe_print     the profile, to standard error
 *
 * The files grow in place while the run goes on: a trace is meant to be looked at early, and after
 * a full disk or a kill what was written is still there. */
#ifndef HACASIM_ANALYSIS_OBSERVE_H
#define HACASIM_ANALYSIS_OBSERVE_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "models/models.h"
#include "sim/sim.h"

/* About 230 MB of trace. */
enum { OBSERVE_LIMIT = 2000000 };

struct observe {
    struct arena *arena; /* given by the verb before parsing */
    const char *trace, *events;
    const char *narrowing; /* the last option given that only makes sense with a file; or NULL */
    bool profile, kinds_given, tracks_given, to_given;
    uint64_t limit;
    struct watch_file trace_file, events_file;
    struct watch_profile sum;
    struct watch_options options;
};
extern const struct argp observe_argp;

/* Combinations that cannot be: call at ARGP_KEY_END.  `json` is the argument of --json, or NULL. */
void observe_check(const struct argp_state *state, const struct observe *observe, const char *json);
/* True, and said on standard error, when the scenario or its number of replications has nothing of
 * what was asked for. */
bool observe_refused(const struct observe *observe, const struct models_scenario *scenario,
                     uint32_t reps);
enum status observe_open(struct observe *observe);
/* A failure of `status` is passed on, with its chain. */
enum status observe_close(struct observe *observe, enum status status, bool quiet);
void observe_print(const struct observe *observe, FILE *out);

#endif
