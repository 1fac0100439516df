/* SPDX-License-Identifier: Apache-2.0
 * Watching a run: a trace for a viewer, a log of events, a profile, and the last events when
 * something breaks.
 *
 * The door models.h includes this file; what needs the world is in watch_internal.h.  Watching
 * never changes a result: it reads the world between events, draws no random number and schedules
 * nothing.  Without it the loop pays one branch, and a copy of each event into a ring of 32.
 *
 *   trace    Trace Event Format in its object form (watch_trace.c), times in simulated microseconds
 *            with three decimals, so exact to the nanosecond; the same run gives the same bytes
 *   log      one line per event (watch_log.c)
 *   profile  events and wall time by kind, levels of the queues (watch_profile.c)
 *   crash    the last events on abort, a failed assertion, a bad access or a broken invariant
 *            (watch_crash.c) */
#ifndef HACASIM_MODELS_WATCH_H
#define HACASIM_MODELS_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/sim.h"

struct models_scenario;

/* ---- what is watched ------------------------------------------------------------------------- */

enum { WATCH_KINDS = 24, WATCH_RANGES = 32 };

enum watch_track { WATCH_TOTALS, WATCH_BLOCKS, WATCH_VALIDATORS, WATCH_NODES, WATCH_REQUESTS };
enum { WATCH_TRACKS = 5 };

/* Names of the kinds of events ("arrival", "deliver"...) and of the tracks; NULL-terminated. */
extern const char *const watch_kind_names[WATCH_KINDS + 1];
extern const char *const watch_track_names[WATCH_TRACKS + 1];

struct watch_range { /* both ends included */
    uint32_t low, high;
};

struct watch_set { /* empty: everything */
    struct watch_range ranges[WATCH_RANGES];
    uint32_t count;
};

/* A line or span is kept when it passes every part.  A part about nodes, requests or validators
 * passes only what has one: a node's track has no request, a request has its node. */
struct watch_filter {
    uint32_t kinds;  /* of the log: bit (1 << kind) */
    uint32_t tracks; /* of the trace: bit (1 << enum watch_track) */
    struct watch_set nodes, requests, validators;
    int64_t from_ns, to_ns; /* both ends included */
};

/* Everything, always. */
struct watch_filter watch_filter_all(void);

/* Why the scenario has nothing that the filter names (a node that does not exist), or NULL; the
 * text lies in `arena`. */
const char *watch_refuse(const struct models_scenario *scenario, const struct watch_filter *filter,
                         struct arena *arena);

/* ---- where it goes --------------------------------------------------------------------------- */

/* A trace on disk is whole JSON after about so many bytes, if the buffer of its stream
 * (WATCH_BUFFER_BYTES) holds them and one tail. */
enum { WATCH_WHOLE_BYTES = 1 << 20, WATCH_BUFFER_BYTES = WATCH_WHOLE_BYTES + (1 << 16) };

struct watch_file {
    FILE *stream;
    const char *path;           /* for messages */
    uint64_t limit;             /* most records (log: lines) */
    uint64_t written, left_out; /* left_out: beyond the limit */
};

enum watch_level {
    WATCH_PENDING,  /* events */
    WATCH_INFLIGHT, /* requests that are not finished */
    WATCH_RUNNING,  /* requests that compute, all nodes */
    WATCH_WAITING,  /* requests that wait in an engine, all nodes */
    WATCH_MEMPOOL,  /* transactions */
    WATCH_LEVELS
};

struct watch_profile { /* sums over replications */
    uint64_t count[WATCH_KINDS];
    int64_t wall_ns[WATCH_KINDS]; /* taking the event from the list included */
    uint64_t scheduled, fired, cancelled, ties, replications;
    int64_t peak[WATCH_LEVELS];
    double mean[WATCH_LEVELS]; /* over simulated time; here the sum over replications */
};
void watch_profile_add(struct watch_profile *sum, const struct watch_profile *one);

struct watch_options {
    struct watch_file *trace, *log; /* NULL: not wanted */
    uint32_t replication;           /* the one that trace and log are of */
    struct watch_filter filter;
    struct watch_profile *profile; /* NULL: not wanted; of one replication */
    const char *replay;            /* the command that runs the replications again; NULL: unknown */
    bool replay_whole;             /* it needs no --reps at its end */
};

/* On SIGABRT, SIGSEGV, SIGBUS, SIGFPE and SIGILL, print what the thread's world was doing and go on
 * to die of the signal.  Only functions that a signal handler may call are used, and no memory is
 * taken; each thread gets a stack of its own for it when it runs a world. */
void watch_crash_catch(void);

#endif
