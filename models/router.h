/* SPDX-License-Identifier: Apache-2.0
 * Which node gets a request.
 *
 * A policy is one function and one line in the table of router.c.  All choose among the active
 * nodes of the model that is asked for:
 *
 *     random          uniformly, for each request
 *     least_loaded    fewest requests in flight per capacity; of equals the lowest index
 *     cheapest        lowest price of this request's tokens; of equals the least loaded
 *     nearest         shortest base delay from the client's region; of equals the least loaded
 *     stake_weighted  at random, in proportion to stake (uniformly when nobody has any)
 *     sticky          as the OpenGradient SDK does it: a client draws a node at random and stays;
 *                     every `refresh` it looks into the registry and draws anew if the node is no
 *                     longer active there, but stays when nothing is.  In between it does not
 *                     notice: the node it holds may be gone, and only a failed request makes
 *                     it draw again.
 *
 * Draws are keyed by the index of the request, so a request draws the same number under every
 * policy that draws and whatever else is in the scenario. */
#ifndef HACASIM_MODELS_ROUTER_H
#define HACASIM_MODELS_ROUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "models/registry.h"
#include "net/net.h"
#include "sim/sim.h"

/* Purposes of random streams; the entity is the request. */
enum { ROUTER_STREAM_PICK = 0x110, ROUTER_STREAM_DECODE };

enum router_policy {
    ROUTER_RANDOM,
    ROUTER_LEAST_LOADED,
    ROUTER_CHEAPEST,
    ROUTER_NEAREST,
    ROUTER_STAKE_WEIGHTED,
    ROUTER_STICKY,
    ROUTER_PREFIX,
};

struct router_params {
    int policy;      /* enum router_policy */
    int64_t refresh; /* ns */
    double excess;   /* ratio */
};
extern const struct param_table router_table;

struct router_client {    /* what a client remembers, under `sticky` */
    uint32_t node_plus_1; /* 0: none yet */
    int64_t check_ns;     /* when it looks into the registry again */
};

struct router {
    struct router_params params;
    uint64_t seed;
    uint32_t replication;
    struct router_client *clients;
    uint32_t client_count;
};

/* `clients`: those of the workload (workload_params.clients). */
void router_init(struct router *router, const struct router_params *params, uint64_t seed,
                 uint32_t replication, uint32_t clients, struct arena *arena);

struct router_query {
    uint32_t model, client_region, client;
    uint32_t request, attempt;       /* attempt: 0, then 1 for the retry after a failure, ... */
    uint32_t prompt_tok, output_tok; /* what the price is worked out for */
    uint64_t shares;                 /* name of what its prompt shares with others; 0: nothing */
    bool decode;                     /* its prompt was computed elsewhere: who goes on with it? */
    int64_t now_ns;
};

/* The node, or UINT32_MAX when none is active.  Among those that decode, policies that look
 * where prompts are (sticky, prefix) take the least loaded: the KV of the prompt comes along. */
uint32_t router_pick(struct router *router, const struct registry *reg, const struct net *net,
                     const struct router_query *query);

/* A policy without memory reads the archive of one that has it, and the other way round. */
void router_snap(struct router *router, struct snap *snap, uint32_t nodes);

#endif
