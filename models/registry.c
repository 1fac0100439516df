/* SPDX-License-Identifier: Apache-2.0
 * State of the node registry and the dense lists of active nodes.
 *
 * Answers for: registry.h.  A change of one node costs a binary search and a move in its model's
 * list: heartbeats, and what they cause, are rare beside requests, which only read the lists. */
#include "models/registry.h"

#include <assert.h>
#include <string.h>

#define HEARTBEAT_GAS "OpenGradient/inference-facilitator all_networks_shared.ts"

static const struct param registry_rows[] = {
    PARAM(registry_params, heartbeat_interval, PARAM_DURATION, "900 s", "1 s", "30 d",
          "time between two heartbeats of a node", "tee-gateway config.py (docs/sources.md OG)"),
    PARAM(registry_params, heartbeat_back_date, PARAM_DURATION, "300 s", "0", "30 d",
          "how far in the past the time lies that a node signs",
          "tee-gateway config.py (docs/sources.md OG)"),
    PARAM(registry_params, heartbeat_max_age, PARAM_DURATION, "1800 s", "1 s", "365 d",
          "a node is active while its last heartbeat is not older; nor may the signed time be",
          "og-evm TEERegistry.sol heartbeatMaxAge"),
    PARAM(registry_params, heartbeat_gas_used, PARAM_COUNT, "85000", "21000", "1000000000",
          "gas used by a heartbeat", "own estimate from the contract's steps (not executed)"),
    PARAM(registry_params, heartbeat_gas_limit, PARAM_COUNT, "500000", "21000", "1000000000",
          "gas limit that the relayer sets for a heartbeat", HEARTBEAT_GAS),
    PARAM(registry_params, heartbeat_fee_cap, PARAM_GAS_PRICE, "0.002 gwei", "0 wei",
          "1000000 gwei", "most the relayer pays per gas of a heartbeat", HEARTBEAT_GAS),
    PARAM(registry_params, heartbeat_tip, PARAM_GAS_PRICE, "0.001 gwei", "0 wei", "1000000 gwei",
          "its tip per gas", HEARTBEAT_GAS),
    PARAM(registry_params, heartbeat_bytes, PARAM_BYTES, "600 B", "1 B", "1 MB",
          "size of a heartbeat transaction", "assumption"),
};
const struct param_table registry_table = PARAM_TABLE("registry", registry_params, registry_rows);

enum { REGISTRY_SIDES = 2 }; /* lists of a model: who takes requests, who decodes */

void registry_init(struct registry *reg, const struct registry_params *params, uint32_t model_count,
                   struct arena *arena)
{
    *reg = (struct registry){
        .params = *params,
        .arena = arena,
        .actives = arena_alloc(arena, (size_t)REGISTRY_SIDES * model_count, sizeof *reg->actives),
        .model_count = model_count,
        .next_expiry_ns = INT64_MAX,
    };
}

/* Room for one more element of an array in the arena, doubling. */
static void *registry_room(struct arena *arena, void *items, uint32_t count, uint32_t *capacity,
                           size_t size)
{
    if (count < *capacity) return items;
    uint32_t larger = *capacity ? 2 * *capacity : 16;
    items = arena_grow(arena, items, *capacity, larger, size);
    *capacity = larger;
    return items;
}

uint32_t registry_add(struct registry *reg, const struct registry_terms *terms)
{
    assert(terms->model < reg->model_count && terms->capacity > 0);
    reg->nodes =
        registry_room(reg->arena, reg->nodes, reg->count, &reg->capacity, sizeof *reg->nodes);
    reg->nodes[reg->count] = (struct registry_node){.terms = *terms, .approved = true};
    return reg->count++;
}

/* ---- the lists of active nodes ------------------------------------------------------------- */

/* Where `node` stands in a sorted list, or would stand. */
static uint32_t registry_position(const struct registry_list *list, uint32_t node)
{
    uint32_t low = 0, high = list->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (list->nodes[middle] < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void registry_insert(struct registry *reg, struct registry_list *list, uint32_t node)
{
    uint32_t at = registry_position(list, node);
    list->nodes =
        registry_room(reg->arena, list->nodes, list->count, &list->capacity, sizeof *list->nodes);
    memmove(list->nodes + at + 1, list->nodes + at, (list->count - at) * sizeof *list->nodes);
    list->nodes[at] = node;
    list->count++;
}

static void registry_remove(struct registry_list *list, uint32_t node)
{
    uint32_t at = registry_position(list, node);
    assert(at < list->count && list->nodes[at] == node);
    list->count--;
    memmove(list->nodes + at, list->nodes + at + 1, (list->count - at) * sizeof *list->nodes);
}

/* The last moment at which a node is still active; a heartbeat exactly max_age old is fresh. */
static int64_t registry_fresh_until_ns(const struct registry *reg, const struct registry_node *node)
{
    return node->last_heartbeat_ns + reg->params.heartbeat_max_age;
}

/* The role that keeps a node out of each of the lists of its model. */
static const enum registry_role registry_absent[REGISTRY_SIDES] = {REGISTRY_DECODE,
                                                                   REGISTRY_PREFILL};

/* Make the lists agree with the state of a node. */
static void registry_refresh(struct registry *reg, uint32_t index, int64_t now_ns)
{
    struct registry_node *node = &reg->nodes[index];
    struct registry_list *lists = &reg->actives[(size_t)REGISTRY_SIDES * node->terms.model];
    int64_t fresh_until_ns = registry_fresh_until_ns(reg, node);
    bool active = node->enabled && node->approved && now_ns <= fresh_until_ns;
    if (active && fresh_until_ns + 1 < reg->next_expiry_ns)
        reg->next_expiry_ns = fresh_until_ns + 1;
    if (active == node->active) return;
    node->active = active;
    for (uint32_t side = 0; side < REGISTRY_SIDES; side++) {
        if (node->terms.role == registry_absent[side]) continue;
        if (active)
            registry_insert(reg, &lists[side], index);
        else
            registry_remove(&lists[side], index);
    }
}

/* ---- transactions -------------------------------------------------------------------------- */

bool registry_register(struct registry *reg, uint32_t node, int64_t now_ns)
{
    struct registry_node *n = &reg->nodes[node];
    assert(node < reg->count && !n->registered);
    if (!n->approved) return false;
    n->registered = n->enabled = true;
    n->last_heartbeat_ns = now_ns;
    registry_refresh(reg, node, now_ns);
    return true;
}

bool registry_heartbeat(struct registry *reg, uint32_t node, int64_t signed_ns, int64_t now_ns)
{
    struct registry_node *n = &reg->nodes[node];
    assert(node < reg->count);
    if (!n->registered || !n->enabled || signed_ns > now_ns ||
        now_ns - signed_ns > reg->params.heartbeat_max_age)
        return false;
    n->last_heartbeat_ns = now_ns;
    registry_refresh(reg, node, now_ns);
    return true;
}

void registry_disable(struct registry *reg, uint32_t node)
{
    assert(node < reg->count);
    reg->nodes[node].enabled = false;
    registry_refresh(reg, node, 0);
}

bool registry_enable(struct registry *reg, uint32_t node, int64_t now_ns)
{
    struct registry_node *n = &reg->nodes[node];
    assert(node < reg->count);
    if (!n->registered || !n->approved) return false;
    n->enabled = true;
    registry_refresh(reg, node, now_ns);
    return true;
}

void registry_revoke(struct registry *reg, uint32_t measurement)
{
    for (uint32_t node = 0; node < reg->count; node++) {
        if (reg->nodes[node].terms.measurement != measurement) continue;
        reg->nodes[node].approved = false;
        registry_disable(reg, node);
    }
}

void registry_approve(struct registry *reg, uint32_t measurement)
{
    for (uint32_t node = 0; node < reg->count; node++)
        if (reg->nodes[node].terms.measurement == measurement) reg->nodes[node].approved = true;
}

/* ---- time ---------------------------------------------------------------------------------- */

uint32_t registry_expire(struct registry *reg, int64_t now_ns)
{
    uint32_t dropped = 0;
    if (now_ns < reg->next_expiry_ns) return 0;
    reg->next_expiry_ns = INT64_MAX;
    for (uint32_t node = 0; node < reg->count; node++) {
        if (!reg->nodes[node].active) continue;
        registry_refresh(reg, node, now_ns); /* notes the next expiry of those that stay */
        if (!reg->nodes[node].active) dropped++;
    }
    return dropped;
}

int64_t registry_next_expiry_ns(const struct registry *reg)
{
    return reg->next_expiry_ns;
}

const struct registry_list *registry_actives(const struct registry *reg, uint32_t model)
{
    assert(model < reg->model_count);
    return &reg->actives[(size_t)REGISTRY_SIDES * model];
}

const struct registry_list *registry_decoders(const struct registry *reg, uint32_t model)
{
    assert(model < reg->model_count);
    return &reg->actives[(size_t)REGISTRY_SIDES * model + 1];
}

void registry_begin(struct registry *reg, uint32_t node)
{
    assert(node < reg->count);
    reg->nodes[node].in_flight++;
}

void registry_end(struct registry *reg, uint32_t node)
{
    assert(node < reg->count && reg->nodes[node].in_flight > 0);
    reg->nodes[node].in_flight--;
}

/* ---- checkpoints --------------------------------------------------------------------------- */

void registry_snap(struct registry *reg, struct snap *snap)
{
    SNAP_COVERS(struct registry, 112);
    SNAP_COVERS(struct registry_node, 112);
    SNAP_COVERS(struct registry_list, 16);
    snap_begin(snap, "registry");
    snap_same(snap, reg->count, "nodes");
    snap_same(snap, reg->model_count, "models");
    for (uint32_t i = 0; i < reg->count; i++) {
        struct registry_node *node = &reg->nodes[i];
        snap_flag(snap, &node->registered);
        snap_flag(snap, &node->enabled);
        snap_flag(snap, &node->approved);
        snap_flag(snap, &node->active);
        snap_i64(snap, &node->last_heartbeat_ns);
        snap_u32(snap, &node->in_flight);
    }
    for (uint32_t m = 0; m < REGISTRY_SIDES * reg->model_count; m++) {
        struct registry_list *list = &reg->actives[m]; /* all were active when they registered */
        snap_count(snap, &list->count, list->capacity);
        snap_indices(snap, list->nodes, list->count, reg->count);
    }
    snap_i64(snap, &reg->next_expiry_ns);
    snap_end(snap);
}
