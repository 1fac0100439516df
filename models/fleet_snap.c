/* SPDX-License-Identifier: Apache-2.0
 * The state of the fleet in a checkpoint.
 *
 * Answers for: nodes, their engines and their lives.  What a node runs follows from the index of
 * its engine and its master.  Events of its life (EV_LIFE) are stored with the event list. */
#include "models/serving_snap.h"
#include "models/world.h"

static uint32_t snap_perf_count(const struct world *w)
{
    return w->params->nodes.count * (1 + w->params->adversaries.count) + w->params->events.count;
}

static uint32_t snap_engine_count(const struct world *w)
{
    return w->params->nodes.count + w->params->events.count;
}

/* Requests that wait for an engine are at this node. */
static void snap_held(struct world *w, uint32_t index, struct snap *snap)
{
    struct fleet_life *life = &w->nodes[index].life;
    snap_length(snap, &life->held_count, w->requests.capacity);
    if (snap->reading) {
        life->held_room = life->held_count;
        life->held = arena_alloc(w->arena, life->held_count, sizeof *life->held);
    }
    snap_indices(snap, life->held, life->held_count, w->requests.capacity);
    for (uint32_t i = 0; i < life->held_count; i++) {
        const struct request *r = world_request(w, life->held[i]);
        if (r->holds == 0 || r->node != index) snap_fail(snap, "node %u holds another's", index);
    }
}

static void snap_life(struct world *w, uint32_t index, struct snap *snap)
{
    struct fleet_life *life = &w->nodes[index].life;
    SNAP_COVERS(struct fleet_life, 152 + sizeof(struct serving_counters));
    snap_below_u8(snap, &life->phase, FLEET_PHASES);
    snap_flag(snap, &life->registered);
    snap_flag(snap, &life->leaving);
    snap_flag(snap, &life->refusing);
    snap_flag(snap, &life->draining);
    snap_below(snap, &life->next_engine, snap_engine_count(w));
    if (!w->engines[life->next_engine].terms) snap_fail(snap, "a swap to what there is not");
    snap_u32(snap, &life->cycles);
    snap_u32(snap, &life->attestations);
    snap_handle(snap, &life->fault);
    snap_handle(snap, &life->ready);
    snap_i64(snap, &life->since_ns);
    for (int i = 0; i < FLEET_PHASES; i++)
        snap_i64(snap, &life->spent_ns[i]);
    snap_held(w, index, snap);
    serving_counters_snap(&life->before, snap);
    snap_u64(snap, &life->answered_tok);
    snap_money(snap, &life->api_nano);
}

/* A GPU node never becomes a proxy, nor the other way round. */
static void snap_engine(struct world *w, uint32_t index, struct snap *snap)
{
    struct world_node *node = &w->nodes[index];
    uint32_t engine = node->engine, before = node->engine;
    snap_below(snap, &engine, snap_engine_count(w));
    if (!w->engines[engine].terms || !w->engines[engine].perf != !w->engines[before].perf) {
        snap_fail(snap, "node %u runs what there is not", index);
        engine = before;
    }
    node->engine = engine;
    if (snap->reading && engine != before) fleet_engine_start(w, index);
    if (node->proxy)
        proxy_snap(node->proxy, snap, w->requests.capacity);
    else
        serving_snap(&node->serving, snap, w->perfs, snap_perf_count(w), w->requests.capacity);
}

static void snap_node(struct world *w, uint32_t index, struct snap *snap)
{
    SNAP_COVERS(struct world_node,
                (176 + sizeof(struct serving) + sizeof(struct fleet_life)) / 16 * 16);
    struct world_node *node = &w->nodes[index];
    uint32_t model = node->model;
    snap_below(snap, &model, w->params->models.count);
    node->model = (uint16_t)model;
    snap_index(snap, &node->adversary, w->params->adversaries.count);
    snap_engine(w, index, snap);
    uint32_t perf = snap->reading || !node->perf ? 0 : (uint32_t)(node->perf - w->perfs);
    snap_below(snap, &perf, snap_perf_count(w));
    if (!node->proxy) node->perf = &w->perfs[perf];
    snap_life(w, index, snap);
    snap_handle(snap, &node->wake);
    snap_i64(snap, &node->wake_ns);
    snap_u32(snap, &node->down);
    snap_u32(snap, &node->breaks);
    snap_i64(snap, &node->honest_busy_ns);
    snap_u64(snap, &node->honest_tok);
    snap_u64(snap, &node->cheated_tok);
    snap_money(snap, &node->slashed_atto);
    snap_money(snap, &node->paid_atto);
    snap_i64(snap, &node->window_busy_ns);
    snap_money(snap, &node->income_before);
}

bool fleet_snap_sound(const struct world *w, uint32_t arg)
{
    uint32_t change = arg & 0xff, engine = arg >> 8;
    if (change != FLEET_SWAPS) return change < FLEET_CHANGES && engine == 0;
    return engine < snap_engine_count(w) && w->engines[engine].perf;
}

void fleet_snap(struct world *w, struct snap *snap)
{
    SNAP_COVERS(struct world_fleet, 64);
    struct world_fleet *f = &w->fleet;
    uint64_t *const counts[] = {&f->joined,  &f->left,     &f->failures, &f->loads,
                                &f->swapped, &f->attested, &f->retried,  &f->held};
    snap_begin(snap, "nodes");
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        snap_u64(snap, counts[i]);
    for (uint32_t i = 0; i < w->node_count; i++)
        snap_node(w, i, snap);
    snap_end(snap);
}
