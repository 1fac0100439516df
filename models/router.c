/* SPDX-License-Identifier: Apache-2.0
 * The routing policies, one function each, and the table that names them.
 *
 * Answers for: the choice of a node from the registry's active nodes.  Leaves out: whether the node
 * answers (it may be down, full or in a region that is cut off), and retries (the world asks again
 * with the next attempt number). */
#include "models/router.h"

#include <assert.h>

/* What a policy may look at. */
struct router_view {
    struct router *router;
    const struct registry *reg;
    const struct net *net;
    const struct router_query *query;
    const uint32_t *nodes; /* active, sorted; at least one but for sticky */
    uint32_t count;
};

/* A further attempt is a further draw from the request's stream. */
static uint64_t router_draw(const struct router_view *view, uint64_t below)
{
    const struct router *router = view->router;
    struct rng_stream stream = rng_open(
        router->seed, router->replication,
        view->query->decode ? ROUTER_STREAM_DECODE : ROUTER_STREAM_PICK, view->query->request);
    for (uint32_t i = 0; i < view->query->attempt; i++)
        rng_u64(&stream);
    return rng_below(&stream, below);
}

static uint32_t router_random(const struct router_view *view)
{
    return view->nodes[router_draw(view, view->count)];
}

/* Negative when node a has less to do for its capacity than b. */
static int64_t router_compare_load(const struct router_view *view, uint32_t a, uint32_t b)
{
    const struct registry_node *x = &view->reg->nodes[a], *y = &view->reg->nodes[b];
    uint64_t left = (uint64_t)x->in_flight * y->terms.capacity;
    uint64_t right = (uint64_t)y->in_flight * x->terms.capacity;
    return left < right ? -1 : left > right;
}

/* The node with the least cost; of equals the least loaded, of those the lowest index (they are
 * walked in that order). */
static uint32_t router_least(const struct router_view *view,
                             money_t (*cost)(const struct router_view *view, uint32_t node))
{
    uint32_t best = view->nodes[0];
    money_t best_cost = cost(view, best);
    for (uint32_t i = 1; i < view->count; i++) {
        uint32_t node = view->nodes[i];
        money_t node_cost = cost(view, node);
        if (node_cost > best_cost ||
            (node_cost == best_cost && router_compare_load(view, node, best) >= 0))
            continue;
        best = node;
        best_cost = node_cost;
    }
    return best;
}

static money_t router_cost_none(const struct router_view *view, uint32_t node)
{
    (void)view, (void)node;
    return 0;
}

static money_t router_cost_price(const struct router_view *view, uint32_t node)
{
    const struct registry_terms *terms = &view->reg->nodes[node].terms;
    return terms->price_in_usd * view->query->prompt_tok +
           terms->price_out_usd * view->query->output_tok;
}

static money_t router_cost_distance(const struct router_view *view, uint32_t node)
{
    return net_base_ns(view->net, view->query->client_region, view->reg->nodes[node].terms.region);
}

static uint32_t router_least_loaded(const struct router_view *view)
{
    return router_least(view, router_cost_none);
}

static uint32_t router_cheapest(const struct router_view *view)
{
    return router_least(view, router_cost_price);
}

static uint32_t router_nearest(const struct router_view *view)
{
    return router_least(view, router_cost_distance);
}

static uint32_t router_stake_weighted(const struct router_view *view)
{
    money_t total = 0;
    for (uint32_t i = 0; i < view->count; i++)
        total += view->reg->nodes[view->nodes[i]].terms.stake_opg;
    if (total == 0) return router_random(view);
    /* A point in [0, total), as fine as the draw: 63 bits, so that it fits money_t. */
    uint64_t draw = router_draw(view, UINT64_C(1) << 63);
    money_t point = money_muldiv(total, (money_t)draw, (money_t)1 << 63, MONEY_FLOOR, NULL);
    uint32_t i = 0;
    for (; i + 1 < view->count; i++) {
        point -= view->reg->nodes[view->nodes[i]].terms.stake_opg;
        if (point < 0) break;
    }
    return view->nodes[i];
}

/* Whether the client stays with the node it holds: it looks only when a check is due, and finding
 * nothing better (no active node at all) it stays too, as the SDK does. */
static bool router_stays(const struct router_view *view, const struct router_client *client)
{
    const struct router_query *query = view->query;
    if (client->node_plus_1 == 0 || query->attempt > 0) return false;
    const struct registry_node *held = &view->reg->nodes[client->node_plus_1 - 1];
    if (held->terms.model != query->model) return false;
    return query->now_ns < client->check_ns || held->active || view->count == 0;
}

static uint32_t router_sticky(const struct router_view *view)
{
    int64_t now_ns = view->query->now_ns, refresh_ns = view->router->params.refresh;
    struct router_client *client = &view->router->clients[view->query->client];
    bool stays = router_stays(view, client);
    if (client->node_plus_1 == 0) client->check_ns = now_ns + refresh_ns;
    /* Checks come at a fixed period from the client's first request on. */
    if (now_ns >= client->check_ns)
        client->check_ns += ((now_ns - client->check_ns) / refresh_ns + 1) * refresh_ns;
    if (!stays) {
        if (view->count == 0) return UINT32_MAX;
        client->node_plus_1 = router_random(view) + 1;
    }
    return client->node_plus_1 - 1;
}

/* May the node get one more?  It may be above its part of all requests, that one included, by
 * `excess` of its own capacity. */
static bool router_below_bound(const struct router_view *view, uint32_t node, uint64_t load,
                               uint64_t capacity)
{
    const struct registry_node *n = &view->reg->nodes[node];
    double fair = (double)(load + 1) * n->terms.capacity / (double)capacity;
    return n->in_flight < fair + view->router->params.excess * n->terms.capacity;
}

/* Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam 2018): what shares a
 * name has a place on the ring of nodes and goes to the first active node from there that is not
 * loaded far above the mean.  Nodes that come and go move only what was theirs. */
static uint32_t router_prefix(const struct router_view *view)
{
    uint64_t load = 0, capacity = 0, name = view->query->shares;
    if (name == 0) return router_least_loaded(view);
    for (uint32_t i = 0; i < view->count; i++) {
        load += view->reg->nodes[view->nodes[i]].in_flight;
        capacity += view->reg->nodes[view->nodes[i]].terms.capacity;
    }
    name = (name ^ name >> 31) * UINT64_C(0x9e3779b97f4a7c15);
    name = (name ^ name >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    uint32_t place = (uint32_t)((name >> 32) % view->reg->count), first = 0;
    while (first < view->count && view->nodes[first] < place)
        first++;
    for (uint32_t i = 0; i < view->count; i++) {
        uint32_t node = view->nodes[(first + i) % view->count];
        if (router_below_bound(view, node, load, capacity)) return node;
    }
    return router_least_loaded(view); /* not met: one of them is below the mean */
}

/* ---- the table ----------------------------------------------------------------------------- */

static uint32_t (*const router_policies[])(const struct router_view *view) = {
    [ROUTER_RANDOM] = router_random,
    [ROUTER_LEAST_LOADED] = router_least_loaded,
    [ROUTER_CHEAPEST] = router_cheapest,
    [ROUTER_NEAREST] = router_nearest,
    [ROUTER_STAKE_WEIGHTED] = router_stake_weighted,
    [ROUTER_STICKY] = router_sticky,
    [ROUTER_PREFIX] = router_prefix,
};
static const char *const router_policy_names[] = {
    [ROUTER_RANDOM] = "random",
    [ROUTER_LEAST_LOADED] = "least_loaded",
    [ROUTER_CHEAPEST] = "cheapest",
    [ROUTER_NEAREST] = "nearest",
    [ROUTER_STAKE_WEIGHTED] = "stake_weighted",
    [ROUTER_STICKY] = "sticky",
    [ROUTER_PREFIX] = "prefix",
    NULL,
};
_Static_assert(sizeof router_policy_names == sizeof router_policies + sizeof(char *),
               "each policy has a name");

static const struct param router_rows[] = {
    {.key = "policy",
     .type = PARAM_ENUM,
     .offset = offsetof(struct router_params, policy),
     .def = "random",
     .meaning = "how a client chooses among the active nodes of a model",
     .source = "OpenGradient SDK tee_connection.py: uniformly at random (docs/sources.md OG)",
     .names = router_policy_names},
    PARAM(router_params, refresh, PARAM_DURATION, "300 s", "1 s", "30 d",
          "sticky: how often a client looks whether its node is still active",
          "OpenGradient SDK tee_connection.py _TEE_REFRESH_INTERVAL"),
    PARAM(
        router_params, excess, PARAM_RATIO, "10%", "0%", "10000%",
        "prefix: requests that a node may have above the mean before what shares a prefix goes on "
        "to the next, as a share of its capacity (serving.max_num_seqs)",
        "assumption"),
};
const struct param_table router_table = PARAM_TABLE("router", router_params, router_rows);

void router_init(struct router *router, const struct router_params *params, uint64_t seed,
                 uint32_t replication, uint32_t clients, struct arena *arena)
{
    *router = (struct router){
        .params = *params, .seed = seed, .replication = replication, .client_count = clients};
    if (params->policy == ROUTER_STICKY)
        router->clients = arena_alloc(arena, clients, sizeof *router->clients);
}

uint32_t router_pick(struct router *router, const struct registry *reg, const struct net *net,
                     const struct router_query *query)
{
    const struct registry_list *actives =
        query->decode ? registry_decoders(reg, query->model) : registry_actives(reg, query->model);
    bool sticky = router->params.policy == ROUTER_STICKY && !query->decode;
    bool looks = router->params.policy == ROUTER_STICKY || router->params.policy == ROUTER_PREFIX;
    assert(query->client < router->client_count);
    if (actives->count == 0 && !sticky) return UINT32_MAX;
    struct router_view view = {router, reg, net, query, actives->nodes, actives->count};
    if (query->decode && looks) return router_least_loaded(&view);
    return router_policies[router->params.policy](&view);
}

/* ---- checkpoints --------------------------------------------------------------------------- */

void router_snap(struct router *router, struct snap *snap, uint32_t nodes)
{
    SNAP_COVERS(struct router, 56);
    SNAP_COVERS(struct router_client, 16);
    uint32_t count = router->clients ? router->client_count : 0;
    snap_begin(snap, "router");
    snap_count(snap, &count, router->client_count);
    for (uint32_t i = 0; i < count; i++) {
        struct router_client dropped = {0},
                             *client = router->clients ? &router->clients[i] : &dropped;
        snap_count(snap, &client->node_plus_1, nodes);
        snap_i64(snap, &client->check_ns);
    }
    snap_end(snap);
}
