/* SPDX-License-Identifier: Apache-2.0
 * The on-chain registry of inference nodes, by the rules of TEERegistry.sol.
 *
 * A node is registered once, by an attestation; that counts as its first heartbeat. It is *active*
 * while it is enabled, its measurement is approved, and its last heartbeat is at most max_age old.
 * A heartbeat is refused when its node is disabled or its signed time lies in the future or more
 * than max_age back; an accepted one counts from the block in which it lands, not from the signed
 * time.  Revoking a measurement disables every node that runs it; approving it again enables none.
 *
 * Actives of each model stand in two dense arrays, sorted by node: those that take requests, and
 * those that decode what another node has begun.  Picking one is O(1), and the
 * order depends on the set alone, not on how it came about.  They are kept up to date by
 * registry_expire, which the world calls at registry_next_expiry_ns.
 *
 * Node indices are given in order of registry_add and never reused.  Left out: who may call what
 * (roles), and checking signatures (the world spends validator time on that). */
#ifndef HACASIM_MODELS_REGISTRY_H
#define HACASIM_MODELS_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/sim.h"

struct registry_params {
    int64_t heartbeat_interval;  /* ns; between two heartbeats of a node */
    int64_t heartbeat_back_date; /* ns; a node signs a time this much in the past */
    int64_t heartbeat_max_age;   /* ns */
    int64_t heartbeat_gas_used, heartbeat_gas_limit;
    int64_t heartbeat_fee_cap, heartbeat_tip; /* wei per gas, of the relayer */
    uint64_t heartbeat_bytes;                 /* of the transaction */
};
extern const struct param_table registry_table;

/* The part of a request's work that a node takes: all of it, its prompt, or what follows. */
enum registry_role { REGISTRY_BOTH, REGISTRY_PREFILL, REGISTRY_DECODE, REGISTRY_ROLES };

struct registry_terms { /* what a node is and asks for */
    uint32_t class;     /* of the scenario's nodes: */
    uint32_t region, model, measurement;
    enum registry_role role;
    uint32_t capacity; /* weight of a node among others, at least 1; requests at once, say */
    money_t stake_opg; /* 1e-18 OPG */
    money_t price_in_usd, price_out_usd; /* 1e-9 USD per 1e6 tokens of prompt and answer */
};

struct registry_node {
    struct registry_terms terms;
    bool registered, enabled, approved, active;
    int64_t last_heartbeat_ns;
    uint32_t in_flight; /* requests at the node now */
};

struct registry_list {
    uint32_t *nodes; /* sorted */
    uint32_t count, capacity;
};

struct registry {
    struct registry_params params;
    struct arena *arena;
    struct registry_node *nodes;
    uint32_t count, capacity;
    struct registry_list *actives; /* per model: who takes requests, then who decodes */
    uint32_t model_count;
    int64_t next_expiry_ns; /* no active node expires before */
};

void registry_init(struct registry *reg, const struct registry_params *params, uint32_t model_count,
                   struct arena *arena);
/* Make a node known; it is not registered yet, and its measurement counts as approved until the
 * next registry_revoke.  Gives its index. */
uint32_t registry_add(struct registry *reg, const struct registry_terms *terms);

/* Transactions, each as it takes effect in a block at `now`.  False: it reverts. */
bool registry_register(struct registry *reg, uint32_t node, int64_t now_ns);
bool registry_heartbeat(struct registry *reg, uint32_t node, int64_t signed_ns, int64_t now_ns);
void registry_disable(struct registry *reg, uint32_t node);
bool registry_enable(struct registry *reg, uint32_t node, int64_t now_ns);
void registry_revoke(struct registry *reg, uint32_t measurement);
void registry_approve(struct registry *reg, uint32_t measurement);

/* Drop the nodes whose heartbeat is too old at `now`; gives how many. */
uint32_t registry_expire(struct registry *reg, int64_t now_ns);
/* A time before which no active node expires, INT64_MAX when there is none.  It is a bound: at that
 * time registry_expire may find that a later heartbeat has landed; ask again then. */
int64_t registry_next_expiry_ns(const struct registry *reg);

/* Those that requests are sent to: all but the decode nodes. */
const struct registry_list *registry_actives(const struct registry *reg, uint32_t model);
/* Those that go on with what was begun on a prefill node: all but the prefill nodes. */
const struct registry_list *registry_decoders(const struct registry *reg, uint32_t model);

/* A request begins and ends at a node. */
void registry_begin(struct registry *reg, uint32_t node);
void registry_end(struct registry *reg, uint32_t node);

/* The nodes and their terms are added again before it reads. */
void registry_snap(struct registry *reg, struct snap *snap);

#endif
