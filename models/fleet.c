/* SPDX-License-Identifier: Apache-2.0
 * The fleet: inference nodes in the world.  They serve, sign heartbeats, go dark, and fall to
 * adversaries (fleet_engine.c: what they run; fleet_life.c: how they come, fail and go).  A node
 * knows nothing of how its answers are verified: it hands each finished one to outcome.c and to the
 * design. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "models/world.h"

enum { FLEET_BATCH = 64 };

/* ---- setup ---------------------------------------------------------------------------------- */

static void fleet_register(struct world *w, uint32_t index, const struct scenario_node *c)
{
    const struct world_node *node = &w->nodes[index];
    int64_t capacity =
        node->proxy ? c->proxy.concurrency : w->engines[node->engine].serving.max_num_seqs;
    struct registry_terms terms = {.class = node->class,
                                   .region = node->region,
                                   .model = node->model,
                                   .measurement = node->class,
                                   .role = (enum registry_role)c->role,
                                   .capacity = (uint32_t)capacity,
                                   .stake_opg = c->stake,
                                   .price_in_usd = w->params->payment.input,
                                   .price_out_usd = w->params->payment.output};
    uint32_t registered = registry_add(&w->registry, &terms);
    assert(registered == index);
}

static void fleet_add(struct world *w, uint32_t index, uint16_t class, struct fleet_points *points)
{
    const struct scenario_node *c = (const struct scenario_node *)w->params->nodes.items + class;
    struct world_node *node = &w->nodes[index];
    *node = (struct world_node){.class = class,
                                .region = (uint16_t)net_region_find(c->region),
                                .model = w->engines[class].model,
                                .engine = class,
                                .wake_ns = INT64_MAX,
                                .adversary = -1};
    fleet_engine_start(w, index);
    fleet_register(w, index, c);
    fleet_life_open(w, index, points);
    struct rng_stream s = world_stream(w, PURPOSE_HEARTBEAT, index);
    double phase = rng_unit(&s) * (double)w->params->registry.heartbeat_interval;
    event_schedule(&w->events, event_ns(phase), EV_HEARTBEAT, index, 0);
}

void fleet_open(struct world *w)
{
    const struct scenario *p = w->params;
    const struct scenario_node *classes = p->nodes.items;
    const struct adversary_params *adversaries = p->adversaries.items;
    registry_init(&w->registry, &p->registry, p->models.count, w->arena);
    w->node_count = scenario_node_total(p);
    w->nodes = arena_alloc(w->arena, w->node_count, sizeof *w->nodes);
    fleet_engine_open(w);
    uint32_t index = 0;
    for (uint16_t c = 0; c < p->nodes.count; c++) {
        struct fleet_points points = {0};
        for (int64_t k = 0; k < classes[c].count; k++) {
            fleet_add(w, index++, c, &points);
        }
    }
    for (uint32_t a = 0; a < p->adversaries.count; a++) {
        event_schedule(&w->events, adversaries[a].start, EV_ADVERSARY, a, 0);
    }
}

/* ---- serving -------------------------------------------------------------------------------- */

static void fleet_wake(struct world *w, uint32_t index)
{
    struct world_node *node = &w->nodes[index];
    int64_t next = fleet_engine_next_ns(node);
    if (next == node->wake_ns) return;
    event_cancel(&w->events, node->wake);
    node->wake = (struct event_handle){.slot = 0};
    node->wake_ns = next;
    if (next != INT64_MAX) {
        int64_t at = next < world_now(w) ? world_now(w) : next;
        node->wake = event_schedule_cancellable(&w->events, at, EV_SERVE, index, 0);
    }
}

/* Which stay at a node it is: a request that is tried again, or goes on elsewhere, waits anew. */
static uint32_t fleet_stay(const struct request *r)
{
    return r->attempt | (uint32_t)(r->prefill_node != UINT32_MAX) << 8 | (uint32_t)r->resent << 16;
}

/* It waits as long as its class lets it. */
static void fleet_watch_queue(struct world *w, uint32_t slot)
{
    const struct request *r = world_request(w, slot);
    int64_t patience = w->engines[w->nodes[r->node].engine].terms->queue.timeout;
    if (patience == 0 || !fleet_engine_waits(w, slot)) return;
    world_hold(w, slot);
    event_schedule(&w->events, world_now(w) + patience, EV_QUEUE, slot, fleet_stay(r));
}

enum request_reason fleet_submit(struct world *w, uint32_t slot)
{
    enum request_reason why = fleet_engine_submit(w, slot);
    if (why != REASON_NONE) return why;
    world_hold(w, slot);
    fleet_watch_queue(w, slot);
    fleet_wake(w, world_request(w, slot)->node);
    invariant_node(w, world_request(w, slot)->node);
    return REASON_NONE;
}

bool fleet_receives(const struct world *w, uint32_t index)
{
    return w->nodes[index].down == 0 && !w->nodes[index].life.draining;
}

static void fleet_receive(struct world *w, uint32_t slot)
{
    world_set_state(w, slot, REQUEST_SERVED);
    enum request_reason why = fleet_submit(w, slot);
    if (why == REASON_NONE) return;
    registry_end(&w->registry, world_request(w, slot)->node);
    front_refuse(w, slot, why);
}

void fleet_deliver(struct world *w, uint32_t slot)
{
    struct request *r = world_request(w, slot);
    uint32_t index = r->node;
    if (r->state != REQUEST_SENT)
        registry_end(&w->registry, index); /* given up on the way */
    else if (!fleet_receives(w, index))
        front_unreached(w, slot);
    else
        fleet_receive(w, slot);
    fleet_life_idle(w, index);
}

static const struct adversary_params *fleet_master(const struct world *w, uint32_t node)
{
    int32_t a = w->nodes[node].adversary;
    return a < 0 ? NULL : (const struct adversary_params *)w->params->adversaries.items + a;
}

static void fleet_finished(struct world *w, uint32_t index, const struct serving_done *done)
{
    uint32_t slot = done->tag;
    struct request *r = world_request(w, slot);
    struct world_node *node = &w->nodes[index];
    const struct adversary_params *master = fleet_master(w, index);
    registry_end(&w->registry, index);
    if (done->outcome == SERVING_LOST) {
        front_lost(w, slot);
        return;
    }
    bool leaves = transfer_leaves(w, index, slot), came = r->prefill_node != UINT32_MAX;
    bool cheats = master && adversary_find(master->strategy)->cheats(w, master, slot);
    uint64_t tokens = (came ? 0U : (uint64_t)r->prompt_tok) + (leaves ? 0U : r->output_tok);
    r->cheated = r->cheated || cheats; /* on either of its two nodes */
    *(cheats ? &node->cheated_tok : &node->honest_tok) += tokens;
    if (leaves) {
        transfer_begin(w, slot, index, done->first_token_ns);
        return;
    }
    outcome_served(w, slot, came ? r->handoff_ns : done->first_token_ns, node->region);
    if (r->counted) w->metrics.submitted++;
    w->design->answered(w, slot);
}

static void fleet_serve_gpu(struct world *w, uint32_t index)
{
    struct serving_done done[FLEET_BATCH];
    uint32_t count;
    do {
        count = serving_advance(&w->nodes[index].serving, world_now(w), done, FLEET_BATCH);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t slot = done[i].tag;
            fleet_finished(w, index, &done[i]);
            world_drop(w, slot);
        }
    } while (count == FLEET_BATCH);
}

/* The API has charged for every answer that came back, even if nobody waits for it any more. */
static void fleet_called(struct world *w, uint32_t index, const struct proxy_done *call)
{
    struct world_node *node = &w->nodes[index];
    const struct request *r = world_request(w, call->tag);
    struct serving_done done = {.tag = call->tag,
                                .outcome =
                                    call->outcome == PROXY_LOST ? SERVING_LOST : SERVING_DONE,
                                .first_token_ns = call->first_token_ns,
                                .done_ns = call->done_ns};
    if (call->outcome == PROXY_FAILED) {
        registry_end(&w->registry, index);
        front_refuse(w, call->tag, REASON_API);
        return;
    }
    if (call->outcome == PROXY_DONE && r->counted)
        node->life.api_nano += proxy_price(node->proxy->params, r->prompt_tok, r->output_tok);
    fleet_finished(w, index, &done);
}

static void fleet_serve_proxy(struct world *w, uint32_t index)
{
    struct proxy_done done[FLEET_BATCH];
    uint32_t count;
    do {
        count = proxy_advance(w->nodes[index].proxy, world_now(w), done, FLEET_BATCH);
        for (uint32_t i = 0; i < count; i++) {
            fleet_called(w, index, &done[i]);
            world_drop(w, done[i].tag);
        }
    } while (count == FLEET_BATCH);
}

void fleet_serve(struct world *w, uint32_t index)
{
    struct world_node *node = &w->nodes[index];
    event_cancel(&w->events, node->wake); /* an outage comes here before the wake-up fires */
    node->wake = (struct event_handle){.slot = 0};
    node->wake_ns = INT64_MAX;
    if (node->proxy)
        fleet_serve_proxy(w, index);
    else
        fleet_serve_gpu(w, index);
    fleet_wake(w, index);
    invariant_node(w, index);
    fleet_life_idle(w, index);
}

bool fleet_cancel(struct world *w, uint32_t slot)
{
    uint32_t index = world_request(w, slot)->node;
    if (world_request(w, slot)->moving) return true; /* no engine has it now */
    bool held = fleet_engine_cancel(w, slot);
    if (held) {
        registry_end(&w->registry, index);
        world_drop(w, slot);
    }
    fleet_wake(w, index);
    invariant_node(w, index);
    fleet_life_idle(w, index);
    return held;
}

/* It may be computed by now, or tried elsewhere. */
void fleet_overdue(struct world *w, uint32_t slot, uint32_t stay)
{
    const struct request *r = world_request(w, slot);
    if (r->state != REQUEST_SERVED || r->moving || fleet_stay(r) != stay) return;
    if (!fleet_engine_waits(w, slot) || !fleet_cancel(w, slot)) return;
    front_refuse(w, slot, REASON_QUEUE_TIMEOUT);
}

int64_t fleet_busy_ns(const struct world *w)
{
    int64_t busy = 0;
    for (uint32_t i = 0; i < w->node_count; i++) {
        busy += fleet_engine_count(w, i).busy_ns;
    }
    return busy;
}

void fleet_window(struct world *w, bool closes)
{
    for (uint32_t i = 0; i < w->node_count; i++) {
        struct world_node *node = &w->nodes[i];
        int64_t busy = fleet_engine_count(w, i).busy_ns;
        node->window_busy_ns = closes ? busy - node->window_busy_ns : busy;
        if (!closes) node->income_before = w->token.node_income[i];
    }
}

/* ---- heartbeats, breakdowns, adversaries ---------------------------------------------------- */

void fleet_heartbeat(struct world *w, uint32_t index)
{
    struct world_node *node = &w->nodes[index];
    int64_t now = world_now(w);
    const struct registry_params *p = &w->params->registry;
    if (now + p->heartbeat_interval <= world_end_ns(w)) {
        event_schedule(&w->events, now + p->heartbeat_interval, EV_HEARTBEAT, index, 0);
    }
    if (node->down > 0 || w->relay_down > 0) return; /* the relayer carries heartbeats too */
    if (!node->life.registered) { /* that got lost: once more, if it is ready by now */
        if (node->life.phase == FLEET_UP) fleet_life_attest(w, index);
        return;
    }
    struct rng_stream s = world_stream(w, PURPOSE_HEARTBEAT, index);
    rng_seek(&s, 16 + (uint32_t)(now / p->heartbeat_interval) * 4);
    struct mempool_tx tx = {.kind = TX_HEARTBEAT,
                            .sender = CHAIN_RELAYER,
                            .gas_limit = (uint64_t)p->heartbeat_gas_limit,
                            .gas_used = (uint64_t)p->heartbeat_gas_used,
                            .fee_cap = p->heartbeat_fee_cap,
                            .tip = p->heartbeat_tip,
                            .bytes = p->heartbeat_bytes,
                            .reference = index,
                            .signed_ns = now - p->heartbeat_back_date};
    int64_t hop = net_delay_ns(&w->net, node->region, w->facilitator_region, tx.bytes, &s);
    chain_send(w, tx, w->facilitator_region, hop, &s);
}

void fleet_set_down(struct world *w, uint32_t index, bool down)
{
    struct world_node *node = &w->nodes[index];
    uint32_t before = node->down;
    node->down = down ? before + 1 : before - 1;
    if (!down || before > 0) return;
    node->breaks++;
    fleet_engine_fail(w, index);
    payment_drop_node(&w->payment, index);
}

struct fleet_draw {
    uint64_t draw;
    uint32_t node;
};

static int fleet_draw_order(const void *a, const void *b)
{
    const struct fleet_draw *x = a, *y = b;
    if (x->draw != y->draw) return x->draw < y->draw ? -1 : 1;
    return (x->node > y->node) - (x->node < y->node);
}

static void fleet_take(struct world *w, uint32_t adversary, uint32_t index)
{
    const struct adversary_params *a =
        (const struct adversary_params *)w->params->adversaries.items + adversary;
    struct world_node *node = &w->nodes[index];
    node->adversary = (int32_t)adversary;
    node->honest_busy_ns = fleet_engine_count(w, index).busy_ns;
    adversary_find(a->strategy)->take(w, a, index);
    fleet_wake(w, index);
}

/* The lowest draws among the nodes still honest fall, so a larger share contains a smaller one. */
void fleet_adversary(struct world *w, uint32_t adversary)
{
    const struct adversary_params *a =
        (const struct adversary_params *)w->params->adversaries.items + adversary;
    uint32_t taken = (uint32_t)(a->share * w->node_count + 0.5), honest = 0;
    struct fleet_draw *draws = arena_alloc(w->arena, w->node_count, sizeof *draws);
    for (uint32_t i = 0; i < w->node_count; i++) {
        struct rng_stream s = world_stream(w, PURPOSE_CHEATER + (adversary << 16), i);
        if (w->nodes[i].adversary >= 0) continue;
        draws[honest++] = (struct fleet_draw){.draw = rng_u64(&s), .node = i};
    }
    qsort(draws, honest, sizeof *draws, fleet_draw_order);
    for (uint32_t i = 0; i < taken && i < honest; i++) {
        fleet_take(w, adversary, draws[i].node);
    }
}

/* ---- jail ------------------------------------------------------------------------------------ */

void fleet_jail(struct world *w, uint32_t index)
{
    bool inside = !w->registry.nodes[index].enabled;
    registry_disable(&w->registry, index);
    int64_t until = w->staking.stakers[index].jailed_until_ns;
    if (!inside && until <= world_end_ns(w)) {
        int64_t at = until > world_now(w) ? until : world_now(w);
        event_schedule(&w->events, at, EV_RELEASE, index, 0);
    }
}

/* A later slash has lengthened the stay, or the node asks for traffic again. */
void fleet_release(struct world *w, uint32_t index)
{
    int64_t until = w->staking.stakers[index].jailed_until_ns;
    if (fleet_life_delisted(w, index)) return; /* it asks when it is ready, or never again */
    if (until > world_now(w)) {
        if (until <= world_end_ns(w)) event_schedule(&w->events, until, EV_RELEASE, index, 0);
        return;
    }
    registry_enable(&w->registry, index, world_now(w));
}
