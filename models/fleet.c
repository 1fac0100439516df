/* SPDX-License-Identifier: Apache-2.0
 * The fleet: inference nodes in the world.  They serve, sign heartbeats, break down, and fall to
 * adversaries.  A node knows nothing of how its answers are verified: it hands each finished one
 * to outcome.c and to the design. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "models/world.h"

enum { FLEET_BATCH = 64 };

/* ---- setup ---------------------------------------------------------------------------------- */

static uint16_t fleet_model_index(const struct scenario *p, const char *name)
{
    const struct scenario_model *models = p->models.items;
    uint16_t i = 0;
    while (models[i].name != name && strcmp(models[i].name, name) != 0)
        i++;
    return i;
}

static struct perf fleet_perf(struct world *w, const struct scenario_node *class, const char *model)
{
    struct perf_terms terms = scenario_terms(class, model);
    terms.tee_step_ns = w->params->serving.tee.step;
    terms.tee_share = w->params->serving.tee.share;
    return perf_make(&terms, w->arena);
}

/* One timing per node class, and one per adversary and class for what a cheater runs instead. */
static void fleet_timings(struct world *w)
{
    const struct scenario *p = w->params;
    const struct scenario_node *classes = p->nodes.items;
    const struct adversary_params *adversaries = p->adversaries.items;
    uint32_t n = p->nodes.count;
    w->perfs = arena_alloc(w->arena, (size_t)n * (1 + p->adversaries.count), sizeof *w->perfs);
    for (uint32_t i = 0; i < n; i++) {
        w->perfs[i] = fleet_perf(w, &classes[i], classes[i].model);
        for (uint32_t a = 0; a < p->adversaries.count; a++) {
            w->perfs[(a + 1) * n + i] = fleet_perf(w, &classes[i], adversaries[a].substitute);
        }
    }
}

static void fleet_add(struct world *w, uint32_t index, uint16_t class)
{
    const struct scenario_node *c = (const struct scenario_node *)w->params->nodes.items + class;
    struct world_node *node = &w->nodes[index];
    *node = (struct world_node){.class = class,
                                .region = (uint16_t)net_region_find(c->region),
                                .model = fleet_model_index(w->params, c->model),
                                .perf = &w->perfs[class],
                                .wake_ns = INT64_MAX,
                                .adversary = -1};
    serving_init(&node->serving, &w->params->serving, node->perf, w->arena);
    gauge_attach(w, index);
    struct registry_terms terms = {.class = class,
                                   .region = node->region,
                                   .model = node->model,
                                   .measurement = class,
                                   .role = (enum registry_role)c->role,
                                   .capacity = (uint32_t)w->params->serving.max_num_seqs,
                                   .stake_opg = c->stake,
                                   .price_in_usd = w->params->payment.input,
                                   .price_out_usd = w->params->payment.output};
    uint32_t registered = registry_add(&w->registry, &terms);
    assert(registered == index);
    registry_register(&w->registry, index, 0);
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
    fleet_timings(w);
    uint32_t index = 0;
    for (uint16_t c = 0; c < p->nodes.count; c++) {
        for (int64_t k = 0; k < classes[c].count; k++) {
            fleet_add(w, index++, c);
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
    int64_t next = serving_next_ns(&node->serving);
    if (next == node->wake_ns) return;
    event_cancel(&w->events, node->wake);
    node->wake = (struct event_handle){.slot = 0};
    node->wake_ns = next;
    if (next != INT64_MAX) {
        int64_t at = next < world_now(w) ? world_now(w) : next;
        node->wake = event_schedule_cancellable(&w->events, at, EV_SERVE, index, 0);
    }
}

struct serving_terms fleet_terms(const struct world *w, uint32_t slot)
{
    const struct request *r = &w->requests.items[slot];
    const struct scenario_user *users = w->params->users.items;
    uint64_t draws = 0;
    if (w->params->serving.speculative.tokens > 0) {
        struct rng_stream s = world_stream(w, PURPOSE_SPECULATE, r->id);
        draws = rng_u64(&s) | 1;
    }
    return (struct serving_terms){.tag = slot,
                                  .draws = draws,
                                  .prompt_tok = r->prompt_tok,
                                  .output_tok = r->output_tok,
                                  .stream = r->stream,
                                  .prefix = r->prefix,
                                  .prefix_tok = r->prefix_tok,
                                  .priority = users[r->class].priority};
}

bool fleet_submit(struct world *w, uint32_t index, const struct serving_terms *terms)
{
    if (!serving_submit(&w->nodes[index].serving, world_now(w), terms, NULL)) return false;
    world_hold(w, terms->tag);
    fleet_wake(w, index);
    invariant_node(w, index);
    return true;
}

void fleet_deliver(struct world *w, uint32_t slot)
{
    struct request *r = world_request(w, slot);
    struct world_node *node = &w->nodes[r->node];
    if (r->state != REQUEST_SENT) { /* given up on the way */
        registry_end(&w->registry, r->node);
        return;
    }
    if (node->down > 0) {
        front_unreached(w, slot);
        return;
    }
    world_set_state(w, slot, REQUEST_SERVED);
    struct serving_terms terms = fleet_terms(w, slot);
    terms.handoff = transfer_leaves(w, r->node, slot);
    if (terms.handoff) terms.output_tok = 1;
    if (fleet_submit(w, r->node, &terms)) return;
    registry_end(&w->registry, r->node);
    front_end(w, slot, REQUEST_REJECTED);
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
        front_end(w, slot, REQUEST_FAILED);
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

void fleet_serve(struct world *w, uint32_t index)
{
    struct serving_done done[FLEET_BATCH];
    struct world_node *node = &w->nodes[index];
    uint32_t count;
    event_cancel(&w->events, node->wake); /* an outage comes here before the wake-up fires */
    node->wake = (struct event_handle){.slot = 0};
    node->wake_ns = INT64_MAX;
    do {
        count = serving_advance(&node->serving, world_now(w), done, FLEET_BATCH);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t slot = done[i].tag;
            fleet_finished(w, index, &done[i]);
            world_drop(w, slot);
        }
    } while (count == FLEET_BATCH);
    fleet_wake(w, index);
    invariant_node(w, index);
}

bool fleet_cancel(struct world *w, uint32_t slot)
{
    uint32_t index = world_request(w, slot)->node;
    if (world_request(w, slot)->moving) return true; /* no engine has it now */
    bool held = serving_cancel(&w->nodes[index].serving, world_now(w), slot);
    if (held) {
        registry_end(&w->registry, index);
        world_drop(w, slot);
    }
    fleet_wake(w, index);
    invariant_node(w, index);
    return held;
}

int64_t fleet_busy_ns(const struct world *w)
{
    int64_t busy = 0;
    for (uint32_t i = 0; i < w->node_count; i++) {
        busy += serving_count(&w->nodes[i].serving, world_now(w)).busy_ns;
    }
    return busy;
}

void fleet_window(struct world *w, bool closes)
{
    for (uint32_t i = 0; i < w->node_count; i++) {
        struct world_node *node = &w->nodes[i];
        int64_t busy = serving_count(&node->serving, world_now(w)).busy_ns;
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
    serving_fail(&node->serving, world_now(w));
    payment_drop_node(&w->payment, index);
    fleet_serve(w, index);
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
    node->honest_busy_ns = serving_count(&node->serving, world_now(w)).busy_ns;
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
    if (until > world_now(w)) {
        if (until <= world_end_ns(w)) event_schedule(&w->events, until, EV_RELEASE, index, 0);
        return;
    }
    registry_enable(&w->registry, index, world_now(w));
}
