/* SPDX-License-Identifier: Apache-2.0
 * What the files of watch share (internal to models/watch*.c and the few places that tell it).
 *
 * watch.c hears of each event and of each change of a request, and hands it on: emit writes the
 * records of a trace, trace the tracks of chain, nodes and totals, lane those of requests; log
 * writes the lines; profile counts.  crash needs no watch and works in every run. */
#ifndef HACASIM_MODELS_WATCH_INTERNAL_H
#define HACASIM_MODELS_WATCH_INTERNAL_H

#include "models/watch.h"
#include "models/world.h"

/* ---- emit ------------------------------------------------------------------------------------ */

struct watch_emit { /* the file of a trace */
    struct watch_file *file;
    const char *tail;      /* what makes the file whole, should nothing follow */
    int64_t pending_bytes; /* since the file was last whole */
    bool begun, seeks;
    long end; /* of the file when it was last whole */
};

void watch_emit_open(struct watch_emit *emit, struct watch_file *file, const char *tail);
/* Is there room for `count` records?  They count as written, or as left out. */
bool watch_emit_room(struct watch_emit *emit, uint32_t count);
/* One record: what stands between its braces. */
void watch_emit_record(struct watch_emit *emit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void watch_emit_close(struct watch_emit *emit, const char *tail);
/* `text` as it stands between quotes in JSON. */
const char *watch_emit_text(struct arena *arena, const char *text);

/* Nanoseconds as microseconds with three decimals, for a format and its two arguments. */
#define WATCH_US "%" PRId64 ".%03d"
#define WATCH_US_OF(time_ns) (int64_t)(time_ns) / 1000, (int)((time_ns) % 1000)

/* ---- state ----------------------------------------------------------------------------------- */

enum watch_pid { WATCH_PID_TOTALS = 1, WATCH_PID_CHAIN, WATCH_PID_REQUESTS, WATCH_PID_NODES = 10 };
enum watch_tid { WATCH_TID_MAIN = 1, WATCH_TID_VALIDATORS = 10 }; /* pids and tids of 0 are taken */

struct watch_slot {      /* the request of a slot */
    const char *stage;   /* open in its lane; NULL: none */
    bool lane, flow;     /* its lane is open; an arrow has left its node */
    int64_t at_node_ns;  /* its engine took it; -1: not yet */
    int64_t admitted_ns; /* start of the first step that computed for it; -1: not yet */
};

struct watch_node {            /* as the last look found it */
    bool busy, step, named;    /* slices open in the trace; its tracks have names */
    int64_t start_ns, planned; /* of the step, and the equal ones after it */
    int64_t start_ticks;
    uint32_t running, waiting, admissions;
};

struct watch_shown { /* values of the counters last written */
    int64_t requests, mempool, unproven, risk_micro, price_nano;
};

struct watch {
    const struct watch_options *options;
    const struct watch_filter *filter;
    const struct event *event; /* the one at hand */
    struct mempool_tx tx;      /* of an EV_TX, which its handler lets go */
    uint32_t arrived;          /* slot of the last arrival that got one */
    struct watch_node *nodes;
    int64_t running, waiting; /* sums over nodes */
    /* trace */
    bool tracing, traced; /* tracing: inside from..to; traced: left it again */
    struct watch_emit emit;
    struct watch_shown shown;
    struct watch_slot *slots;
    uint32_t slot_count;
    bool block, arrows;        /* a height is open; arrows from nodes to blocks are drawn */
    int64_t *validator_end_ns; /* of its last span */
    uint64_t overlaps;         /* spans of validators left out */
    const char **user_names, **model_names; /* as JSON text */
    /* log, profile */
    struct watch_file *log;
    struct watch_profile *profile;
    struct level levels[WATCH_LEVELS];
    int64_t clock_ns; /* wall, when the last event was done with */
};

static inline bool watch_set_has(const struct watch_set *set, uint32_t value)
{
    bool has = set->count == 0;
    for (uint32_t i = 0; i < set->count; i++)
        has |= value >= set->ranges[i].low && value <= set->ranges[i].high;
    return has;
}

/* ---- what the world calls -------------------------------------------------------------------- */

/* After world_open; w->watch stays NULL when `options` (may be NULL) ask for nothing of this
 * replication.  `profile` of the options is filled by watch_close. */
void watch_open(struct world *w, const struct watch_options *options);
/* Dispatch the event and look on.  STATUS_OPERATING when a file cannot be written. */
enum status watch_dispatch(struct world *w, const struct event *e);
/* A request has come, and is on its way or refused. */
void watch_arrival(struct world *w, uint32_t slot);
/* The state of a request has changed. */
void watch_request(struct world *w, uint32_t slot);
/* Its proof came to its end. */
void watch_proof(struct world *w, uint32_t slot);
/* `ended` says in words why the run is over. */
void watch_close(struct world *w, const char *ended);

/* ---- crash ----------------------------------------------------------------------------------- */

/* From here on the thread runs `w`; NULL: none any more. */
void watch_crash_enter(const struct world *w, const struct watch_options *options);
/* The last events to standard error, in one write. */
void watch_crash_report(const char *why);

/* ---- between the files of watch -------------------------------------------------------------- */

/* Request, node and proposer that an event is about; UINT32_MAX: none. */
struct watch_about {
    uint32_t slot, node, validator;
};
struct watch_about watch_about(const struct world *w, const struct event *e);

void watch_trace_open(struct world *w);
void watch_trace_event(struct world *w, const struct event *e);
void watch_trace_name_node(struct world *w, uint32_t node);
void watch_trace_node(struct world *w, uint32_t node); /* before the look is noted */
/* Close what is open at `now_ns`. */
void watch_trace_cut(struct world *w, int64_t now_ns);
void watch_trace_close(struct world *w, const char *ended);

void watch_lane_arrival(struct world *w, uint32_t slot);
void watch_lane_request(struct world *w, uint32_t slot);
void watch_lane_proof(struct world *w, uint32_t slot);
void watch_lane_admitted(struct world *w, uint32_t node);
void watch_lane_cut(struct world *w, int64_t now_ns);

void watch_log_open(struct world *w);
void watch_log_event(struct world *w, const struct event *e);
void watch_log_proof(struct world *w, uint32_t slot);
void watch_log_close(struct world *w, const char *ended);

void watch_profile_open(struct world *w);
void watch_profile_event(struct world *w, const struct event *e); /* has just been handled */
void watch_profile_levels(struct world *w);                       /* and all is done with it */
void watch_profile_close(struct world *w);

extern const char *const watch_state_names[REQUEST_STATES];
extern const char *const watch_proof_names[PROOF_LOST + 1];
extern const char *const watch_tx_names[TX_KINDS + 1];
const struct scenario_node *watch_node_class(const struct world *w, uint32_t node);

#endif
