/* SPDX-License-Identifier: Apache-2.0
 * What a node class says of its machines besides their GPU: the toll of confidential computing and
 * attestation, power, loading, failures, coming and going, its queue.
 *
 * The keys stand in tables of fleet_keys.c; a node class (scenario.h) holds one struct of each.
 * What the nodes do in a world is declared in world.h and written in fleet*.c. */
#ifndef HACASIM_MODELS_FLEET_H
#define HACASIM_MODELS_FLEET_H

#include "models/models.h"
#include "models/serving.h"
#include "sim/sim.h"

/* ---- parameters ----------------------------------------------------------------------------- */

enum fleet_kind { FLEET_GPU, FLEET_PROXY };
extern const char *const fleet_kind_names[];

enum fleet_toll_kind { FLEET_TOLL_NONE, FLEET_TOLL_NAIVE, FLEET_TOLL_CC_AWARE, FLEET_TOLL_CUSTOM };
struct fleet_toll_custom {
    int64_t step; /* ns, on each engine step */
    double share; /* of what the step computes */
    double load;  /* times as long to load a model */
};
struct fleet_toll {
    int kind; /* enum fleet_toll_kind */
    struct fleet_toll_custom custom;
};
/* What the profile stands for. */
struct fleet_toll_custom fleet_toll_terms(const struct fleet_toll *toll);

struct fleet_attestation {
    int64_t quote, evidence, exchange; /* ns, one after the other */
    int64_t refresh;                   /* ns; 0: never again */
};

struct fleet_power {
    double rated;      /* W of one GPU, or of a proxy's host; 0: the catalog's */
    double idle, busy; /* ratios of it */
};

enum fleet_meanwhile { FLEET_HOLD, FLEET_REFUSE, FLEET_DELIST };
struct fleet_load {
    double bandwidth;   /* B/s, of a node */
    int64_t time;       /* ns; 0: from the weights and the bandwidth */
    int64_t cold_start; /* ns */
    int meanwhile;      /* enum fleet_meanwhile */
};

enum fleet_failures_kind { FLEET_NEVER_FAILS, FLEET_FAILS };
struct fleet_mtbf {
    int64_t mtbf, mttr; /* ns */
};
struct fleet_failures {
    int kind; /* enum fleet_failures_kind */
    struct fleet_mtbf exponential;
};

enum fleet_join_kind { FLEET_AT_START, FLEET_JOIN_AT, FLEET_JOIN_RATE };
struct fleet_join {
    int kind; /* enum fleet_join_kind */
    int64_t at;
    double rate; /* nodes/s */
};

enum fleet_leave_kind { FLEET_STAYS, FLEET_LEAVE_AT, FLEET_LEAVE_RATE, FLEET_LEAVE_AFTER };
struct fleet_leave {
    int kind; /* enum fleet_leave_kind */
    int64_t at;
    double rate;   /* nodes/s */
    int64_t after; /* ns, mean */
};

struct fleet_queue {
    int64_t limit;   /* requests; 0: serving.max_waiting */
    int64_t timeout; /* ns; 0: none */
};

extern const struct param_table fleet_toll_table, fleet_attestation_table, fleet_power_table,
    fleet_load_table, fleet_failures_table, fleet_join_table, fleet_leave_table, fleet_queue_table;

struct scenario_node;

/* ---- a node's life -------------------------------------------------------------------------- */

enum fleet_phase {
    FLEET_ABSENT,  /* has not joined yet */
    FLEET_LOADING, /* its engine loads a model */
    FLEET_UP,
    FLEET_BROKEN,
    FLEET_LEAVING, /* takes no new requests and finishes what it has */
    FLEET_GONE,
    FLEET_PHASES
};

/* What an EV_LIFE says: the low byte of its arg; above it the event of a swap. */
enum fleet_change {
    FLEET_JOINS,
    FLEET_READY,
    FLEET_BREAKS,
    FLEET_REPAIRED,
    FLEET_LEAVES,
    FLEET_ATTESTS,
    FLEET_SWAPS,
    FLEET_CHANGES
};

struct fleet_engine { /* what a class runs, or what a swap makes it run */
    const struct scenario_node *terms;
    struct serving_params serving;
    const struct perf *perf; /* NULL: a proxy */
    uint16_t model;          /* of models[]: what it answers for */
    int64_t load_ns;         /* until it can serve, attestation included */
};

struct fleet_life {
    uint8_t phase;                  /* enum fleet_phase */
    bool registered, leaving;       /* leaving: as soon as it has loaded */
    bool refusing;                  /* counts as down while it loads */
    bool draining;                  /* takes nothing new: it will be swapped when it is empty */
    uint32_t next_engine;           /* to that one */
    uint32_t cycles;                /* failures so far: place in the stream */
    uint32_t attestations;          /* sent so far: likewise */
    struct event_handle fault;      /* the next failure, or the end of the repair */
    struct event_handle ready;      /* the end of loading */
    int64_t since_ns;               /* of the phase, or of the start of the window */
    int64_t spent_ns[FLEET_PHASES]; /* in the measured window */
    uint32_t *held;                 /* slots of requests that wait for the engine to load */
    uint32_t held_count, held_room; /* in order */
    struct serving_counters before; /* of the engines before the one that runs */
    uint64_t answered_tok;          /* of counted answers */
    money_t api_nano;               /* what an API charged for counted requests, nano-USD */
};

/* ---- metrics -------------------------------------------------------------------------------- */

/* Appends the metrics of each node class ("cost.class.eu.usd_per_mtok") to `metrics`, in order of
 * class.  `nodes`: of struct scenario_node. */
void fleet_cost_metrics(const struct param_list *nodes, struct models_metrics *metrics,
                        struct arena *arena);

#endif
