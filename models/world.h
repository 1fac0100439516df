/* SPDX-License-Identifier: Apache-2.0
 * The world: one running replication, and the services its stages offer each other.
 *
 * The stages are files of their own: front (arrival, routing, time-outs), fleet* (nodes), outcome
 * (what becomes of an answer), relay (the facilitator), chain (transactions and blocks), incident
 * (scheduled events).  They meet only here: through the struct, the event kinds, and the functions
 * declared below.  world.c opens a world, dispatches its events and closes it; invariant.c checks
 * it after each block; record.c turns it into a record. */
#ifndef HACASIM_MODELS_WORLD_H
#define HACASIM_MODELS_WORLD_H

#include "models/metrics.h"
#include "models/purpose.h"
#include "models/request.h"
#include "models/scenario.h"
#include "models/transfer.h"

enum world_event {
    EV_ARRIVAL,   /* the next request */
    EV_DELIVER,   /* request `entity` reaches its node */
    EV_SERVE,     /* node `entity` has something finished */
    EV_ANSWER,    /* last token of request `entity` at the user */
    EV_ACT,       /* the user of request `entity` acts on it */
    EV_TIMEOUT,   /* the user of request `entity` gives up */
    EV_POST,      /* the record of request `entity` reaches the facilitator */
    EV_RELAY,     /* the facilitator has something due */
    EV_TX,        /* transaction `entity` reaches the mempool */
    EV_HEARTBEAT, /* node `entity` signs one */
    EV_LOST,      /* the proof of request `entity` is given up */
    EV_RELEASE,   /* jail of node `entity` ends */
    EV_HEIGHT,    /* a height starts */
    EV_COMMIT,    /* its block is final */
    EV_SESSION,   /* a payment session falls idle */
    EV_FEED,      /* price feed refresh */
    EV_MARKET,    /* market tick */
    EV_SAMPLE,    /* a row of the series */
    EV_INCIDENT,  /* scheduled event `entity` begins (arg 0) or ends (1) */
    EV_ADVERSARY, /* adversary `entity` starts */
    EV_WINDOW,    /* the measured window opens (arg 0) or closes (1) */
    EV_NOTICE,    /* the user of request `entity` finds that its node cannot be reached */
    EV_LIFE,      /* node `entity` changes (arg: enum fleet_change) */
    EV_QUEUE, /* request `entity` has waited at its node for as long as it may (arg: which stay) */
    EV_HANDOFF, /* the KV of request `entity` reaches the node that decodes it */
    EV_TURN,    /* the next request of session `entity` */
    EV_KINDS
};

enum world_tx { TX_PROOF, TX_BATCH, TX_HEARTBEAT, TX_INFERENCE, TX_ATTESTATION, TX_KINDS };

struct world_node {
    /* identity */
    uint16_t class, region, model; /* model: index in models[] */
    /* engine */
    uint32_t engine;         /* index in engines[] */
    const struct perf *perf; /* of its engine, or of what a cheater runs; NULL: a proxy */
    struct serving serving;  /* of a proxy always empty */
    struct proxy *proxy;     /* NULL: it has GPUs */
    struct event_handle wake;
    int64_t wake_ns;
    /* state */
    int32_t adversary; /* index in adversaries[], -1: honest */
    uint32_t down;     /* outages that cover it, its own failures and absence included */
    uint32_t breaks;   /* times that it lost the KV it held */
    struct fleet_life life;
    /* counters */
    int64_t honest_busy_ns;
    uint64_t honest_tok, cheated_tok;
    money_t slashed_atto;
    money_t paid_atto; /* gas and burns per proof, OPG, in and after the window */
    /* in the measured window */
    int64_t window_busy_ns; /* at its start; from its end on the difference */
    money_t income_before;  /* fees received before it */
};

struct world_fleet { /* what happened to nodes, whole run */
    uint64_t joined, left, failures, loads, swapped, attested;
    uint64_t retried; /* requests that lost their node and were tried again */
    uint64_t held;    /* requests that a swap took out of an engine */
};

struct gauge_work { /* of all engines, in the measured window; before its end as world_node's */
    uint64_t steps, computed_tok, held_tok, wasted_tok, preemptions; /* held: put or found in KV */
};

struct world_block { /* the height being decided */
    uint64_t height;
    int64_t start_ns;
    uint32_t *txs; /* handles of the mempool; UINT32_MAX: withdrawn meanwhile */
    uint32_t count, capacity;
    struct consensus_outcome outcome;
    bool open; /* between EV_HEIGHT and EV_COMMIT */
};

enum { WORLD_LAST = 32 }; /* events kept for a crash, a power of two */

/* Senders of transactions: the relayer, then the nodes, then the users. */
enum { CHAIN_RELAYER = 0, CHAIN_NODES = 1 };

struct world {
    const struct models_scenario *scenario;
    const struct scenario *params;
    uint64_t seed;
    uint32_t replication;
    struct arena *arena;
    struct event_list events;
    struct watch *watch; /* NULL: nobody watches */

    struct workload workload;
    struct workload_arrival next_arrival;
    bool arrivals_over;
    struct request_pool requests;
    uint64_t states[REQUEST_STATES]; /* how many requests are in each */
    uint64_t heartbeats_lost;        /* never got into a block */
    uint64_t arrived, overflowed;    /* overflowed: beyond limits.requests, rejected unseen */

    struct net net;
    struct registry registry;
    struct router router;
    struct world_node *nodes;
    uint32_t node_count;
    struct perf *perfs; /* per node class, then per adversary x class, then per event (swaps) */
    struct fleet_engine *engines; /* per node class, then per event (swaps) */
    struct world_fleet fleet;

    struct transfer transfer;

    struct facilitator facilitator;
    uint32_t facilitator_region;
    struct event_handle relay_wake;
    uint32_t relay_down; /* outages that cover it */

    struct mempool mempool;
    struct mempool_tx *travelling; /* transactions on their way to the mempool */
    uint32_t *travelling_free;
    uint32_t travelling_capacity, travelling_free_count;
    money_t base_fee;                         /* of the block being built, atto per gas */
    struct consensus_params consensus_params; /* with the time-out the design needs */
    struct consensus consensus;
    int64_t *power; /* of each validator */
    struct world_block block;
    int64_t halt_since_ns; /* -1: not halted */
    const struct verification_design *design;
    void *design_state;

    struct ledger ledger;
    struct staking staking;
    struct payment payment;
    struct price price;
    struct token token;
    uint32_t feed_down;
    struct event_handle session_wake;
    int64_t session_wake_ns;

    struct metrics metrics;
    struct slo slo;
    struct serving_gauges gauges; /* over metrics.hist */
    struct gauge_work work;
    money_t worst_residual;
    uint64_t sampled_arrived, sampled_completed; /* at the last row of the series */
    int64_t sampled_busy_ns;
    int64_t sample_step_ns;
    money_t window_burned, window_issued; /* at the start of the window; after it what fell in it */
    uint64_t window_queried_tok, window_hit_tok; /* likewise: of all prefix caches */
    uint64_t window_image_tok;                   /* and encoders */
    double last_interval_s;
    int64_t capacity_low_ns, price_low_ns; /* since when below `collapse:`; -1: not below */
    bool collapsed;
    char breach[256]; /* of the world's own invariants; empty while sound */
    uint64_t last_count;
    struct event last[WORLD_LAST]; /* the n-th event taken, from 0, at n % WORLD_LAST */
};

static inline int64_t world_now(const struct world *w)
{
    return w->events.now_ns;
}
static inline struct request *world_request(const struct world *w, uint32_t slot)
{
    return &w->requests.items[slot];
}
static inline struct rng_stream world_stream(const struct world *w, uint32_t purpose,
                                             uint32_t entity)
{
    return rng_open(w->seed, w->replication, purpose, entity);
}

/* ---- world.c -------------------------------------------------------------------------------- */
enum status world_open(struct world *w, const struct models_scenario *scenario, uint64_t seed,
                       uint32_t replication, struct arena *arena);
/* Fire events up to `until_ns`. */
enum status world_advance(struct world *w, int64_t until_ns, const struct models_options *options);
void world_close(struct world *w);
/* Hand an event that was taken from the list to its stage. */
enum status world_dispatch(struct world *w, const struct event *e);
int64_t world_end_ns(const struct world *w); /* horizon + drain */
/* A slot is kept while something names it, and returns to the pool when nothing does. */
void world_hold(struct world *w, uint32_t slot);
void world_drop(struct world *w, uint32_t slot);
void world_set_state(struct world *w, uint32_t slot, enum request_state state);

/* ---- front.c -------------------------------------------------------------------------------- */
enum status front_open(struct world *w);
enum status front_arrival(struct world *w);
/* A session goes on. */
void front_turn(struct world *w, uint32_t session);
void front_timeout(struct world *w, uint32_t slot);
/* The node cannot be reached, which its client notices in time. */
void front_unreached(struct world *w, uint32_t slot);
/* Its client has noticed: another attempt, or the end. */
void front_notice(struct world *w, uint32_t slot);
/* Its node has broken down under it: another attempt, or the end. */
void front_lost(struct world *w, uint32_t slot);
/* A request that will have no answer ends as `state`. */
void front_end(struct world *w, uint32_t slot, enum request_state state);
/* The same as rejected or failed, for a reason that is counted. */
void front_refuse(struct world *w, uint32_t slot, enum request_reason why);

/* ---- fleet.c -------------------------------------------------------------------------------- */
void fleet_open(struct world *w);
void fleet_deliver(struct world *w, uint32_t slot);
/* Is the node there, and does it take requests? */
bool fleet_receives(const struct world *w, uint32_t node);
/* Hand a request to its node, which holds it from then on, or what it is refused for. */
enum request_reason fleet_submit(struct world *w, uint32_t slot);
void fleet_serve(struct world *w, uint32_t node);
/* False: the node has just finished it. */
bool fleet_cancel(struct world *w, uint32_t slot);
/* The request has waited at its node for as long as it may. */
void fleet_overdue(struct world *w, uint32_t slot, uint32_t stay);
void fleet_heartbeat(struct world *w, uint32_t node);
void fleet_set_down(struct world *w, uint32_t node, bool down);
void fleet_adversary(struct world *w, uint32_t adversary);
/* A slashed node gets no requests until its jail ends. */
void fleet_jail(struct world *w, uint32_t node);
void fleet_release(struct world *w, uint32_t node);
int64_t fleet_busy_ns(const struct world *w);
/* The measured window opens or closes: note what the nodes had done by then. */
void fleet_window(struct world *w, bool closes);

/* ---- fleet_engine.c ------------------------------------------------------------------------- */
/* Timings and engines of all classes, adversaries and swaps. */
void fleet_engine_open(struct world *w);
/* What an engine with these keys is asked for a request, all of it: lengths, what is known of its
 * tokens, the priority of its class, and by what its speculation is drawn. */
struct serving_terms fleet_engine_terms(const struct world *w, uint32_t slot,
                                        const struct serving_params *serving);
/* An empty engine for a node, as its `engine` and its master want it. */
void fleet_engine_start(struct world *w, uint32_t node);
/* Give the request to the engine, or keep it until there is one; what it is refused for. */
enum request_reason fleet_engine_submit(struct world *w, uint32_t slot);
int64_t fleet_engine_next_ns(const struct world_node *node);
/* Let go of a request; false: it is not held. */
bool fleet_engine_cancel(struct world *w, uint32_t slot);
/* Does it wait for its turn? */
bool fleet_engine_waits(struct world *w, uint32_t slot);
/* Requests that wait at a node. */
uint32_t fleet_engine_waiting(const struct world_node *node);
/* Everything that is in the engine is lost, or kept for the next one. */
void fleet_engine_fail(struct world *w, uint32_t node);
void fleet_engine_keep(struct world *w, uint32_t node);
/* What was kept goes into the engine. */
void fleet_engine_resume(struct world *w, uint32_t node);
/* Of all engines that the node has had; of a proxy only busy_ns. */
struct serving_counters fleet_engine_count(const struct world *w, uint32_t node);

/* ---- fleet_life.c --------------------------------------------------------------------------- */
struct fleet_points { /* of the processes by which nodes of a class come and go, ns */
    double join_ns, leave_ns;
};
/* Called for each node of a class in turn; `points` is zero before the first. */
void fleet_life_open(struct world *w, uint32_t node, struct fleet_points *points);
void fleet_life_change(struct world *w, uint32_t node, uint32_t arg);
/* Has its operator taken it off the registry's list? */
bool fleet_life_delisted(const struct world *w, uint32_t node);
/* The node has nothing left to do: one that leaves is gone, one that drains is swapped. */
void fleet_life_idle(struct world *w, uint32_t node);
/* From now on, or when it is there again, the node runs engines[engine]. */
void fleet_life_swap(struct world *w, uint32_t node, uint32_t engine);
/* It sends an attestation to the chain, the way of heartbeats: through the relayer, if that is
 * there. */
void fleet_life_attest(struct world *w, uint32_t node);
/* Its attestation is in a final block. */
void fleet_life_attested(struct world *w, uint32_t node);
/* Book the time since the last change on the phase that lasts. */
void fleet_life_note(struct world *w, uint32_t node);

/* ---- fleet_cost.c --------------------------------------------------------------------------- */
double fleet_cost_rent_usd_per_h(const struct world *w, uint32_t node);
/* Of the measured window, after fleet_life_note; rent of the time it was a member. */
double fleet_cost_rent_usd(const struct world *w, uint32_t node);
double fleet_cost_api_usd(const struct world *w, uint32_t node);
double fleet_cost_kwh(const struct world *w, uint32_t node);
void fleet_cost_fill(struct world *w, struct models_value *values);

/* ---- fleet_snap.c --------------------------------------------------------------------------- */
void fleet_snap(struct world *w, struct snap *snap);
/* Can the arg of an EV_LIFE be what it says? */
bool fleet_snap_sound(const struct world *w, uint32_t arg);

/* ---- outcome.c ------------------------------------------------------------------------------ */
/* An answer is computed and starts its way to the user at the current time; its first token was
 * there at `first_token_ns`, on the prefill node of the request if it had one. */
void outcome_served(struct world *w, uint32_t slot, int64_t first_token_ns, uint32_t from_region);
void outcome_answered(struct world *w, uint32_t slot);
void outcome_act(struct world *w, uint32_t slot);
/* The proof of a served answer came to its end now. */
void outcome_proof(struct world *w, uint32_t slot, enum request_proof end);

/* ---- relay.c -------------------------------------------------------------------------------- */
void relay_open(struct world *w);
void relay_post(struct world *w, uint32_t slot);
void relay_wake(struct world *w);
void relay_set_down(struct world *w, bool down);
void relay_receipt(struct world *w, uint32_t batch);
/* The settlement of `batch` will never be executed. */
void relay_dropped(struct world *w, uint32_t batch);

/* ---- chain.c -------------------------------------------------------------------------------- */
void chain_open(struct world *w);
/* A transaction leaves `region` after `delay_ns` and reaches the mempool of a validator. */
void chain_send(struct world *w, struct mempool_tx tx, uint32_t region, int64_t delay_ns,
                struct rng_stream *stream);
void chain_arrive(struct world *w, uint32_t tx);
void chain_height(struct world *w);
void chain_commit(struct world *w);
/* Take back a transaction that travels, waits, or (`packed`) stands in the block being decided.
 * False: there is none. */
bool chain_withdraw(struct world *w, uint32_t kind, uint32_t reference, bool packed);
void chain_halt_ends(struct world *w);

/* ---- incident.c ----------------------------------------------------------------------------- */
void incident_open(struct world *w);
void incident_fire(struct world *w, uint32_t index, bool end);

/* ---- invariant.c ---------------------------------------------------------------------------- */
/* True while every invariant holds; else w->breach (or the ledger's) says which does not. */
bool invariant_check(struct world *w);
bool invariant_final(struct world *w); /* with all that is too long for each block */
/* The laws of one node, after an event that touched it. */
void invariant_node(struct world *w, uint32_t node);
const char *invariant_text(const struct world *w);

/* ---- gauge.c -------------------------------------------------------------------------------- */
void gauge_open(struct world *w);
/* The engine of a node is new: its gauges are read from now on. */
void gauge_attach(struct world *w, uint32_t node);
/* The engines at a row of the series. */
void gauge_sample(struct world *w, double row[SERIES_COUNT]);
void gauge_window(struct world *w, bool closes);
void gauge_fill(struct world *w, struct models_value *values);
void gauge_snap(struct world *w, struct snap *snap);

/* ---- record.c ------------------------------------------------------------------------------- */
void record_sample(struct world *w);
/* The measured window opens or closes: note what the prefix caches had done by then. */
void record_window(struct world *w, bool closes);
void record_fill(struct world *w, struct models_record *record);

#endif
