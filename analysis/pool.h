/* SPDX-License-Identifier: Apache-2.0
 * Replications on threads.
 *
 * Each replication is single-threaded and keyed by its index; threads take the next index when
 * they are free.  What comes back lies by index, so results are the same for any number of
 * threads.  A finished replication goes to `keep` at once, one at a time, in order of finishing.
 *
 * With a stop rule the number of replications is not known before.  The rule is asked about the
 * replications in index order, each time the unbroken stretch of finished ones from 0 on grows;
 * what threads have computed beyond the last one is dropped, and a failure beyond it never
 * happened.
 *
 * Ctrl-C starts no new replication and gives those under way POOL_GRACE_S seconds to finish; after
 * that, or at a second Ctrl-C or SIGTERM, they stop, and their state goes to the checkpoints. */
#ifndef HACASIM_ANALYSIS_POOL_H
#define HACASIM_ANALYSIS_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/progress.h"
#include "analysis/stop.h"
#include "models/models.h"

enum { POOL_GRACE_S = 10 };

/* What outlives an interruption.  Calls come one at a time. */
struct pool_checkpoints {
    int64_t every_ns; /* simulated time between two that are kept; 0: none */
    double wall_s;    /* wall time between two, of which the newest is kept; 0: none */
    enum status (*store)(void *context, const struct models_checkpoint *checkpoint);
    /* Where `replication` goes on: fill options->from (in `arena`) and options->past, or leave
     * them.  May be NULL. */
    enum status (*load)(void *context, uint32_t replication, struct arena *arena,
                        struct models_options *options);
    void *context;
    const bool *finished; /* [replication] not to be run again; NULL: none */
    const uint64_t *trace_hash;
    const struct models_value *watched; /* [replication] what the stop rule asks for, if any */
};

struct pool_job {
    const struct models_scenario *scenario;
    uint64_t seed;
    uint32_t reps;                     /* with a rule: the most */
    struct stop_rule until;            /* metric NULL: none */
    int jobs;                          /* threads; 0: all cores */
    bool quiet;                        /* no progress */
    bool record_steps;                 /* models_options.record_steps */
    const struct watch_options *watch; /* may be NULL; its profile is the sum over replications */
    enum status (*keep)(void *context, const struct models_record *record); /* may be NULL */
    void *context;
    const struct pool_checkpoints *checkpoints; /* may be NULL */
};

struct pool_result {
    uint32_t reps, done; /* asked for, or what the rule came to; finished and kept */
    struct stop stop;    /* reason STOP_NOT_YET without a rule, or when it was cut short */
    uint32_t threads;
    double wall_s;
    bool *finished;              /* [replication] */
    uint64_t *trace_hash;        /* [replication] */
    size_t metrics;              /* models_metrics_count() of the scenario */
    struct models_value *values; /* [replication * metrics + metric] */
    uint32_t failed;             /* replication that failed, when pool_run did */
};

/* Find the cut of `warmup: mser5`, when the scenario asks for it, before pool_run.  `watch`: only
 * for a crash; the pilot is not traced. */
enum status pool_settle(struct models_scenario *scenario, uint64_t seed, bool quiet,
                        const struct watch_options *watch, struct arena *arena);

/* Run them all.  STATUS_BREACH and STATUS_OPERATING come with the chain of the failing replication
 * of lowest index; STATUS_INTERRUPTED when a signal arrived.  The result is valid in any case and
 * lies in `arena`. */
enum status pool_run(const struct pool_job *job, struct arena *arena, struct pool_result *result);

/* The threads that `reps` replications are run on when `jobs` are allowed (0: all cores). */
uint32_t pool_threads(int jobs, uint32_t reps);

/* The values of the finished replications only, in index order, and how many there are. */
uint32_t pool_finished(const struct pool_result *result, struct arena *arena,
                       const struct models_value ***out);

/* Fold of the hashes in index order; with one replication its own.  All must be finished. */
uint64_t pool_trace_hash(const struct pool_result *result);

/* Catch SIGINT and SIGTERM from here on, and say what a world was doing that crashes. */
void pool_catch_signals(void);

#endif
