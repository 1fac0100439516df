/* SPDX-License-Identifier: Apache-2.0
 * The life of a node: it joins, loads its model, attests, breaks down and is repaired, is swapped
 * to another engine, and leaves.
 *
 *     absent -> loading -> up -> broken -> loading ...      up -> leaving -> gone
 *
 * A node that is absent, broken or gone counts as down (like one in a dark region): it answers
 * nobody and signs no heartbeat, so the registry drops it when its last one is too old, and clients
 * find out by themselves before that.  Who joins is registered by a transaction that carries its
 * attestation.  A node that leaves has itself taken off the list, finishes what it has, and goes.
 *
 * Failures are an alternating renewal process of each node: up for an exponential time from each
 * repair on (loading included), then under repair for another.  Draws are keyed by node and cycle,
 * so that they move no other stream. */
#include <assert.h>

#include "models/world.h"
#include "sim/variate.h"

static const struct scenario_node *life_class(const struct world *w, uint32_t index)
{
    return (const struct scenario_node *)w->params->nodes.items + w->nodes[index].class;
}

/* ---- time ------------------------------------------------------------------------------------ */

void fleet_life_note(struct world *w, uint32_t index)
{
    struct fleet_life *life = &w->nodes[index].life;
    const struct metrics *m = &w->metrics;
    int64_t from = life->since_ns > m->start_ns ? life->since_ns : m->start_ns;
    int64_t to = world_now(w) < m->end_ns ? world_now(w) : m->end_ns;
    if (to > from) life->spent_ns[life->phase] += to - from;
    life->since_ns = world_now(w);
}

static void life_enter(struct world *w, uint32_t index, enum fleet_phase phase)
{
    fleet_life_note(w, index);
    w->nodes[index].life.phase = (uint8_t)phase;
}

static struct event_handle life_schedule(struct world *w, uint32_t index, int64_t after_ns,
                                         uint32_t change)
{
    struct event_handle none = {.slot = 0};
    if (after_ns >= INT64_MAX - world_now(w)) return none; /* never */
    return event_schedule_cancellable(&w->events, world_now(w) + after_ns, EV_LIFE, index, change);
}

static void life_cancel(struct world *w, struct event_handle *handle)
{
    event_cancel(&w->events, *handle);
    *handle = (struct event_handle){.slot = 0};
}

/* An exponential time, at least 1 ns and at most what the clock holds. */
static int64_t life_exponential_ns(struct rng_stream *s, double mean_ns)
{
    const double most_ns = 4e18;
    double ns = variate_exponential_inverse(s, mean_ns);
    return ns < 1.0 ? 1 : event_ns(ns < most_ns ? ns : most_ns);
}

/* ---- failures -------------------------------------------------------------------------------- */

/* The stream of the cycle at hand: first the time up, then that of the repair. */
static struct rng_stream life_cycle(const struct world *w, uint32_t index)
{
    struct rng_stream s = world_stream(w, PURPOSE_FAULT, index);
    rng_seek(&s, w->nodes[index].life.cycles);
    return s;
}

static void life_expect_fault(struct world *w, uint32_t index)
{
    const struct fleet_failures *f = &life_class(w, index)->failures;
    if (f->kind != FLEET_FAILS) return;
    struct rng_stream s = life_cycle(w, index);
    int64_t up_ns = life_exponential_ns(&s, (double)f->exponential.mtbf);
    w->nodes[index].life.fault = life_schedule(w, index, up_ns, FLEET_BREAKS);
}

static int64_t life_repair_ns(const struct world *w, uint32_t index)
{
    struct rng_stream s = life_cycle(w, index);
    rng_unit(&s);
    return life_exponential_ns(&s, (double)life_class(w, index)->failures.exponential.mttr);
}

/* ---- loading --------------------------------------------------------------------------------- */

static enum fleet_meanwhile life_meanwhile(const struct world *w, uint32_t index)
{
    const struct fleet_engine *e = &w->engines[w->nodes[index].engine];
    return e->perf ? (enum fleet_meanwhile)e->terms->load.meanwhile : FLEET_HOLD;
}

static void life_refuse(struct world *w, uint32_t index, bool refuse)
{
    struct fleet_life *life = &w->nodes[index].life;
    if (life->refusing == refuse) return;
    life->refusing = refuse;
    fleet_set_down(w, index, refuse);
}

bool fleet_life_delisted(const struct world *w, uint32_t index)
{
    const struct fleet_life *life = &w->nodes[index].life;
    bool away = life->refusing || life->draining;
    return life->phase >= FLEET_LEAVING || (away && life_meanwhile(w, index) == FLEET_DELIST);
}

static void life_list(struct world *w, uint32_t index, bool listed)
{
    if (!w->nodes[index].life.registered || life_meanwhile(w, index) != FLEET_DELIST) return;
    if (listed)
        fleet_release(w, index);
    else
        registry_disable(&w->registry, index);
}

static void life_load(struct world *w, uint32_t index)
{
    struct world_node *node = &w->nodes[index];
    const struct fleet_engine *e = &w->engines[node->engine];
    life_enter(w, index, FLEET_LOADING);
    life_cancel(w, &node->life.ready);
    w->fleet.loads += e->perf != NULL;
    life_list(w, index, false);
    if (life_meanwhile(w, index) != FLEET_HOLD) life_refuse(w, index, true);
    node->life.ready = life_schedule(w, index, e->load_ns, FLEET_READY);
}

static void life_gone(struct world *w, uint32_t index)
{
    struct fleet_life *life = &w->nodes[index].life;
    bool down = life->phase == FLEET_BROKEN || life->phase == FLEET_ABSENT; /* and stays so */
    life_enter(w, index, FLEET_GONE);
    life_cancel(w, &life->fault);
    life_cancel(w, &life->ready);
    w->fleet.left++;
    registry_disable(&w->registry, index);
    if (!down) fleet_set_down(w, index, true);
}

static bool life_is_idle(const struct world *w, uint32_t index)
{
    return w->registry.nodes[index].in_flight == 0;
}

static void life_depart(struct world *w, uint32_t index)
{
    w->nodes[index].life.draining = false;
    life_enter(w, index, FLEET_LEAVING);
    registry_disable(&w->registry, index);
    if (life_is_idle(w, index)) life_gone(w, index);
}

/* ---- attestation ----------------------------------------------------------------------------- */

void fleet_life_attest(struct world *w, uint32_t index)
{
    const struct registry_params *p = &w->params->registry;
    struct world_node *node = &w->nodes[index];
    struct rng_stream s = world_stream(w, PURPOSE_ATTEST, index);
    rng_seek(&s, node->life.attestations++ * 4);
    struct mempool_tx tx = {.kind = TX_ATTESTATION,
                            .sender = CHAIN_RELAYER,
                            .gas_limit = (uint64_t)p->attestation_gas_limit,
                            .gas_used = (uint64_t)p->attestation_gas_used,
                            .fee_cap = p->attestation_fee_cap,
                            .tip = p->attestation_tip,
                            .bytes = p->attestation_bytes,
                            .reference = index,
                            .signed_ns = world_now(w)};
    if (w->relay_down > 0) {
        w->heartbeats_lost++;
        return;
    }
    int64_t hop = net_delay_ns(&w->net, node->region, w->facilitator_region, tx.bytes, &s);
    chain_send(w, tx, w->facilitator_region, hop, &s);
}

void fleet_life_attested(struct world *w, uint32_t index)
{
    struct fleet_life *life = &w->nodes[index].life;
    w->fleet.attested++;
    if (life->registered) {
        registry_heartbeat(&w->registry, index, world_now(w), world_now(w));
        return;
    }
    life->registered = registry_register(&w->registry, index, world_now(w));
    if (life->phase == FLEET_LEAVING || life->phase == FLEET_GONE)
        registry_disable(&w->registry, index);
}

static bool life_attests(const struct world *w, uint32_t index)
{
    return life_class(w, index)->tee.kind != FLEET_TOLL_NONE;
}

/* A timer of the whole run, like that of heartbeats; without effect while the node is not up. */
static void life_attest_again(struct world *w, uint32_t index)
{
    int64_t refresh = life_class(w, index)->attestation.refresh;
    life_schedule(w, index, refresh, FLEET_ATTESTS);
    if (w->nodes[index].life.phase == FLEET_UP && w->nodes[index].down == 0)
        fleet_life_attest(w, index);
}

/* ---- changes --------------------------------------------------------------------------------- */

static void life_joins(struct world *w, uint32_t index)
{
    if (w->nodes[index].life.phase != FLEET_ABSENT) return; /* its time to leave came first */
    w->fleet.joined++;
    fleet_set_down(w, index, false);
    life_expect_fault(w, index);
    life_load(w, index);
}

static void life_ready(struct world *w, uint32_t index)
{
    struct world_node *node = &w->nodes[index];
    uint16_t model = w->engines[node->engine].model;
    node->life.ready = (struct event_handle){.slot = 0};
    life_enter(w, index, FLEET_UP);
    if (model != node->model) {
        node->model = model;
        registry_move(&w->registry, index, model, world_now(w));
    }
    fleet_engine_resume(w, index);
    life_refuse(w, index, false);
    life_list(w, index, true);
    if (!node->life.registered || life_attests(w, index)) fleet_life_attest(w, index);
    fleet_serve(w, index);
    if (node->life.leaving) life_depart(w, index);
}

static void life_breaks(struct world *w, uint32_t index)
{
    struct fleet_life *life = &w->nodes[index].life;
    bool leaves = life->leaving || life->phase == FLEET_LEAVING;
    life->fault = (struct event_handle){.slot = 0};
    w->fleet.failures++;
    life_cancel(w, &life->ready);
    life_enter(w, index, FLEET_BROKEN);
    fleet_set_down(w, index, true); /* which empties it: one that drains is swapped here */
    life_refuse(w, index, false);
    if (leaves) {
        life_gone(w, index);
        return;
    }
    life->fault = life_schedule(w, index, life_repair_ns(w, index), FLEET_REPAIRED);
    life->cycles++;
}

static void life_repaired(struct world *w, uint32_t index)
{
    w->nodes[index].life.fault = (struct event_handle){.slot = 0};
    life_expect_fault(w, index);
    life_load(w, index);
    fleet_set_down(w, index, false);
}

static void life_leaves(struct world *w, uint32_t index)
{
    struct fleet_life *life = &w->nodes[index].life;
    switch ((enum fleet_phase)life->phase) {
    case FLEET_ABSENT:
    case FLEET_BROKEN:
        life_gone(w, index);
        break;
    case FLEET_LOADING:
        life->leaving = true;
        break;
    case FLEET_UP:
        life_depart(w, index);
        break;
    case FLEET_LEAVING:
    case FLEET_GONE:
    case FLEET_PHASES:
        break;
    }
}

static void life_swap_now(struct world *w, uint32_t index, uint32_t engine)
{
    struct world_node *node = &w->nodes[index];
    enum fleet_phase phase = (enum fleet_phase)node->life.phase;
    w->fleet.swapped++;
    node->breaks++;
    node->life.draining = false;
    fleet_engine_keep(w, index);
    node->engine = engine;
    fleet_engine_start(w, index);
    fleet_serve(w, index);
    if (phase == FLEET_UP || phase == FLEET_LOADING) life_load(w, index);
}

/* A node that is not there gets the new engine when it comes (back). */
void fleet_life_swap(struct world *w, uint32_t index, uint32_t engine)
{
    struct fleet_life *life = &w->nodes[index].life;
    if (life->phase == FLEET_LEAVING || life->phase == FLEET_GONE) return;
    if (life->phase != FLEET_UP || life_meanwhile(w, index) == FLEET_HOLD ||
        life_is_idle(w, index)) {
        life_swap_now(w, index, engine);
        return;
    }
    life->draining = true;
    life->next_engine = engine;
    life_list(w, index, false);
}

void fleet_life_idle(struct world *w, uint32_t index)
{
    struct fleet_life *life = &w->nodes[index].life;
    if (!life_is_idle(w, index)) return;
    if (life->phase == FLEET_LEAVING) life_gone(w, index);
    if (life->draining) life_swap_now(w, index, life->next_engine);
}

void fleet_life_change(struct world *w, uint32_t index, uint32_t arg)
{
    switch ((enum fleet_change)(arg & 0xff)) {
    case FLEET_JOINS:
        life_joins(w, index);
        break;
    case FLEET_READY:
        life_ready(w, index);
        break;
    case FLEET_BREAKS:
        life_breaks(w, index);
        break;
    case FLEET_REPAIRED:
        life_repaired(w, index);
        break;
    case FLEET_LEAVES:
        life_leaves(w, index);
        break;
    case FLEET_ATTESTS:
        life_attest_again(w, index);
        break;
    case FLEET_SWAPS:
        fleet_life_swap(w, index, arg >> 8);
        break;
    case FLEET_CHANGES:
        break;
    }
}

/* ---- setup ----------------------------------------------------------------------------------- */

/* The time of the n-th node of a class at a rate is a sum of n gaps, each drawn by its own node; so
 * more nodes or another rate move no earlier one's draw. */
static double life_gap_ns(const struct world *w, uint32_t index, double rate, uint32_t block)
{
    struct rng_stream s = world_stream(w, PURPOSE_JOIN, index);
    rng_seek(&s, block);
    return variate_exponential_inverse(&s, 1e9 / rate);
}

static int64_t life_clip_ns(double ns)
{
    const double most_ns = 4e18;
    return event_ns(ns < most_ns ? ns : most_ns);
}

static int64_t life_join_ns(const struct world *w, uint32_t index, struct fleet_points *points)
{
    const struct fleet_join *join = &life_class(w, index)->join;
    if (join->kind == FLEET_AT_START) return 0;
    if (join->kind == FLEET_JOIN_AT) return join->at;
    points->join_ns += life_gap_ns(w, index, join->rate, 0);
    return life_clip_ns(points->join_ns);
}

/* INT64_MAX: it stays. */
static int64_t life_leave_ns(const struct world *w, uint32_t index, int64_t join_ns,
                             struct fleet_points *points)
{
    const struct fleet_leave *leave = &life_class(w, index)->leave;
    struct rng_stream s = world_stream(w, PURPOSE_JOIN, index);
    int64_t at = INT64_MAX;
    rng_seek(&s, 1);
    if (leave->kind == FLEET_LEAVE_AT) at = leave->at;
    if (leave->kind == FLEET_LEAVE_RATE) {
        points->leave_ns += life_gap_ns(w, index, leave->rate, 1);
        at = life_clip_ns(points->leave_ns);
    }
    if (leave->kind == FLEET_LEAVE_AFTER)
        at = join_ns + life_exponential_ns(&s, (double)leave->after);
    return at > join_ns ? at : join_ns;
}

void fleet_life_open(struct world *w, uint32_t index, struct fleet_points *points)
{
    struct world_node *node = &w->nodes[index];
    int64_t join_ns = life_join_ns(w, index, points);
    int64_t leave_ns = life_leave_ns(w, index, join_ns, points);
    int64_t refresh = life_class(w, index)->attestation.refresh;
    node->life = (struct fleet_life){.phase = FLEET_UP};
    if (life_class(w, index)->join.kind == FLEET_AT_START) {
        node->life.registered = registry_register(&w->registry, index, 0);
        life_expect_fault(w, index);
    } else {
        node->life.phase = FLEET_ABSENT;
        node->down = 1;
        life_schedule(w, index, join_ns, FLEET_JOINS);
    }
    life_schedule(w, index, leave_ns, FLEET_LEAVES);
    if (refresh > 0 && life_attests(w, index)) life_schedule(w, index, refresh, FLEET_ATTESTS);
}
