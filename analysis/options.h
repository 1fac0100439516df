/* SPDX-License-Identifier: Apache-2.0
 * Command line pieces that several verbs share.
 *
 * A verb names these parsers as children of its own argp and hands each its input in
 * ARGP_KEY_INIT:
 *
 *     case ARGP_KEY_INIT: state->child_inputs[0] = &mine->simulate; ...
 *
 * A wrong command line never comes back: argp prints what was wrong and exits with code 2. */
#ifndef HACASIM_ANALYSIS_OPTIONS_H
#define HACASIM_ANALYSIS_OPTIONS_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "analysis/expect.h"
#include "analysis/stop.h"
#include "models/models.h"
#include "sim/sim.h"

/* --set --seed --reps --jobs --quiet: what a verb that simulates takes. */
struct options_simulate {
    struct arena *arena; /* given by the verb before parsing */
    const char **sets;   /* key=value, in order */
    size_t set_count;
    bool seed_given;
    uint64_t seed;
    uint32_t reps; /* 0: as the scenario says */
    int jobs;      /* 0: all cores */
    bool quiet;
};
extern const struct argp options_simulate_argp;

/* --db FILE; input: const char **, which the verb sets to STORE_DEFAULT before parsing. */
extern const struct argp options_db_argp;

/* --db --output --against: what a verb that draws stored runs takes. */
struct options_result {
    const char *db, *output, *against; /* db: STORE_DEFAULT before parsing; the others NULL */
};
extern const struct argp options_result_argp;

struct result; /* a stored run (result.h) */
/* Load run `name` into results[0] and the one to hold it against, if any, into results[1]. */
enum status options_load_results(const struct options_result *options, struct arena *arena,
                                 const char *name, struct result *results);

/* A whole number from `low` to `high`, or the program ends with exit 2. */
int64_t options_count(const struct argp_state *state, const char *option, const char *text,
                      int64_t low, int64_t high);

/* Load a scenario and read its `expect:` lines (*expects, as many as models_info says); on user
 * errors print them to standard error and return NULL. */
struct models_scenario *options_load(const struct options_simulate *options, const char *path,
                                     struct expect ***expects);
/* The same, but where nothing is wrong except that the trace file is not there, *absent is what
 * there is to say about it, nothing is printed and NULL comes back; else *absent is NULL. */
struct models_scenario *options_load_present(const struct options_simulate *options,
                                             const char *path, struct expect ***expects,
                                             const char **absent);

/* The seed and the number of replications that hold: command line before scenario. */
uint64_t options_seed(const struct options_simulate *options, const struct models_info *info);
uint32_t options_reps(const struct options_simulate *options, const struct models_info *info);

/* The rule of `reps: {until: ...}`, unless --reps gave a number (then its metric is NULL). */
struct stop_rule options_stop(const struct options_simulate *options,
                              const struct models_info *info);

/* The command line that runs replication `replication` again, quoted for a shell; OPTIONS_ALL: as
 * many as the scenario says. */
#define OPTIONS_ALL UINT32_MAX
const char *options_replay(const struct options_simulate *options, const struct models_info *info,
                           uint32_t replication);

/* The command line that checks `path` again. */
const char *options_check(const struct options_simulate *options, const char *path);

/* That command without --reps. */
const char *options_replay_stem(const struct options_simulate *options,
                                const struct models_info *info);

/* What of a scenario is the file `path`: "the scenario FILE", "KEY, which the scenario reads";
 * NULL: nothing.  The files are those that gave a value, and values that name one. */
const char *options_reads(const struct models_info *info, const char *path, struct arena *arena);

/* Print the status chain to standard error, if there is one, and give the exit code. */
int options_exit(enum status code);

#endif
