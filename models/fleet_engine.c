/* SPDX-License-Identifier: Apache-2.0
 * What a node runs: an engine on GPUs, or calls to an outside API; and the requests that wait for
 * an engine which is not there yet.
 *
 * Answers for: which timing and settings each class, adversary and swap has, and one face to both
 * kinds of node.  While an engine loads, requests are held by slot in order of arrival
 * (`life.held`) and submitted when it is up.  A swap takes the requests out of the old engine in
 * the same way: another model answers from the beginning, so nothing computed is kept. */
#include <assert.h>
#include <string.h>

#include "models/serving_snap.h"
#include "models/world.h"

/* ---- what classes run ------------------------------------------------------------------------ */

static uint16_t engine_model(const struct scenario *p, const char *name, uint16_t otherwise)
{
    const struct scenario_model *models = p->models.items;
    for (uint16_t i = 0; i < p->models.count; i++)
        if (strcmp(models[i].name, name) == 0) return i;
    return otherwise;
}

static struct perf engine_perf(struct world *w, const struct scenario_node *class,
                               const char *model)
{
    struct perf_terms terms = scenario_terms(class, model);
    struct fleet_toll_custom toll = fleet_toll_terms(&class->tee);
    terms.tee_step_ns = toll.step;
    terms.tee_share = toll.share;
    return perf_make(&terms, w->arena);
}

static int64_t engine_attest_ns(const struct scenario_node *class)
{
    const struct fleet_attestation *a = &class->attestation;
    return class->tee.kind == FLEET_TOLL_NONE ? 0 : a->quote + a->evidence + a->exchange;
}

/* A century bounds what a slow disk and a large toll can make of it. */
static int64_t engine_load_ns(const struct scenario_node *class, const struct perf *perf)
{
    const double most_s = 100.0 * 365.25 * 86400.0;
    const struct fleet_load *load = &class->load;
    int64_t attest_ns = engine_attest_ns(class);
    if (!perf) return attest_ns;
    struct perf_memory memory = perf_kv_blocks(perf, 1.0, 1, 1, 1); /* weights: of one GPU */
    double bytes = memory.weights_bytes * (double)perf->tp * perf->pp;
    double seconds = bytes / load->bandwidth * fleet_toll_terms(&class->tee).load;
    int64_t read_ns = event_ns((seconds < most_s ? seconds : most_s) * 1e9);
    return load->cold_start + (load->time > 0 ? load->time : read_ns) + attest_ns;
}

static void engine_make(struct world *w, uint32_t index, const struct scenario_node *terms,
                        const struct serving_params *serving, uint16_t otherwise)
{
    struct fleet_engine *e = &w->engines[index];
    *e = (struct fleet_engine){.terms = terms,
                               .serving = *serving,
                               .model = engine_model(w->params, terms->model, otherwise)};
    if (terms->queue.limit > 0) e->serving.max_waiting = terms->queue.limit;
}

/* One engine per class and one per swap; one timing for each, and one per adversary and class for
 * what a cheater runs instead.  An API cannot be cheated with that way. */
void fleet_engine_open(struct world *w)
{
    const struct scenario *p = w->params;
    const struct scenario_node *classes = p->nodes.items;
    const struct scenario_event *events = p->events.items;
    const struct adversary_params *adversaries = p->adversaries.items;
    uint32_t n = p->nodes.count, swaps = n * (1 + p->adversaries.count);
    w->perfs = arena_alloc(w->arena, (size_t)swaps + p->events.count, sizeof *w->perfs);
    w->engines = arena_alloc(w->arena, (size_t)n + p->events.count, sizeof *w->engines);
    for (uint32_t i = 0; i < n; i++) {
        engine_make(w, i, &classes[i], &p->serving, 0);
        if (classes[i].kind == FLEET_PROXY) continue;
        w->perfs[i] = engine_perf(w, &classes[i], classes[i].model);
        w->engines[i].perf = &w->perfs[i];
        for (uint32_t a = 0; a < p->adversaries.count; a++)
            w->perfs[(a + 1) * n + i] = engine_perf(w, &classes[i], adversaries[a].substitute);
    }
    for (uint32_t k = 0; k < p->events.count; k++) {
        const struct scenario_swap *swap = &events[k].swap;
        bool other = swap->engine.kind == SCENARIO_ENGINE_OTHER;
        if (events[k].what != EVENT_SWAP) continue;
        engine_make(w, n + k, &swap->terms, other ? &swap->engine.serving : &p->serving,
                    w->engines[swap->class].model);
        w->perfs[swaps + k] = engine_perf(w, &swap->terms, swap->terms.model);
        w->engines[n + k].perf = &w->perfs[swaps + k];
    }
    for (uint32_t i = 0; i < n + p->events.count; i++)
        if (w->engines[i].terms)
            w->engines[i].load_ns = engine_load_ns(w->engines[i].terms, w->engines[i].perf);
}

void fleet_engine_start(struct world *w, uint32_t index)
{
    struct world_node *node = &w->nodes[index];
    struct fleet_engine *e = &w->engines[node->engine];
    uint32_t classes = w->params->nodes.count;
    node->perf = e->perf;
    if (!e->perf) {
        if (!node->proxy) node->proxy = arena_alloc(w->arena, 1, sizeof *node->proxy);
        proxy_init(node->proxy, &e->terms->proxy, e->serving.max_waiting, w->arena);
        node->serving = (struct serving){.running = {SERVING_NONE, SERVING_NONE, 0},
                                         .waiting = {SERVING_NONE, SERVING_NONE, 0},
                                         .coming = {SERVING_NONE, SERVING_NONE, 0}};
        return;
    }
    if (node->adversary >= 0)
        node->perf = &w->perfs[((uint32_t)node->adversary + 1) * classes + node->class];
    serving_init(&node->serving, &e->serving, node->perf, w->arena);
    gauge_attach(w, index);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void engine_hold(struct world *w, struct fleet_life *life, uint32_t slot)
{
    if (life->held_count == life->held_room) {
        uint32_t room = life->held_room ? 2 * life->held_room : 16;
        life->held = arena_grow(w->arena, life->held, life->held_room, room, sizeof *life->held);
        life->held_room = room;
    }
    life->held[life->held_count++] = slot;
}

/* Keyed by the request and its attempt, so that the same call has the same fate in any queue. */
static enum request_reason engine_call(struct world *w, struct world_node *node, uint32_t slot)
{
    const struct request *r = world_request(w, slot);
    const struct proxy_params *p = node->proxy->params;
    struct rng_stream s = world_stream(w, PURPOSE_API, r->id);
    rng_seek(&s, 2U * r->attempt); /* two blocks of two draws */
    struct proxy_call call = {.tag = slot, .fails = rng_unit(&s) < p->failure};
    call.first_ns = proxy_latency_draw(&p->first_token, &s);
    rng_seek(&s, 2U * r->attempt + 1);
    int64_t token_ns = proxy_latency_draw(&p->token, &s);
    call.total_ns = call.first_ns + token_ns * (int64_t)(r->output_tok - 1);
    switch (proxy_submit(node->proxy, world_now(w), &call)) {
    case PROXY_QUEUE_FULL:
        return REASON_QUEUE_FULL;
    case PROXY_RATE_LIMITED:
        return REASON_RATE_LIMITED;
    case PROXY_TAKEN:
        break;
    }
    return REASON_NONE;
}

struct serving_terms fleet_engine_terms(const struct world *w, uint32_t slot,
                                        const struct serving_params *serving)
{
    const struct request *r = &w->requests.items[slot];
    const struct scenario_user *users = w->params->users.items;
    uint64_t draws = 0;
    if (serving->speculative.tokens > 0) {
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
                                  .priority = users[r->class].priority,
                                  .images = r->images.count,
                                  .image_tok = r->images.tok,
                                  .image_from_tok = r->images.from_tok};
}

/* What its node's engine is asked: the whole, the prompt alone when the rest is computed elsewhere,
 * or the rest, whose first token stands behind a prompt with its KV. */
static struct serving_terms engine_terms(const struct world *w, uint32_t slot)
{
    const struct request *r = &w->requests.items[slot];
    const struct fleet_engine *engine = &w->engines[w->nodes[r->node].engine];
    struct serving_terms terms = fleet_engine_terms(w, slot, &engine->serving);
    if (r->prefill_node != UINT32_MAX) {
        terms.ready_tok = terms.prompt_tok++;
        terms.output_tok--;
    } else if (transfer_leaves(w, r->node, slot)) {
        terms.handoff = true;
        terms.output_tok = 1;
    }
    return terms;
}

static enum request_reason engine_take(struct world *w, struct world_node *node, uint32_t slot,
                                       bool kept)
{
    static const enum request_reason reasons[] = {[SERVING_ACCEPTED] = REASON_NONE,
                                                  [SERVING_QUEUE_FULL] = REASON_QUEUE_FULL,
                                                  [SERVING_TOO_LONG] = REASON_TOO_LONG,
                                                  [SERVING_NO_ENCODER] = REASON_NO_ENCODER};
    enum serving_reject why;
    if (node->proxy) return engine_call(w, node, slot);
    struct serving_terms terms = engine_terms(w, slot);
    if (kept) terms.ready_tok = 0; /* KV does not wait for an engine */
    serving_submit(&node->serving, world_now(w), &terms, &why);
    return reasons[why];
}

enum request_reason fleet_engine_submit(struct world *w, uint32_t slot)
{
    struct world_node *node = &w->nodes[world_request(w, slot)->node];
    struct fleet_life *life = &node->life;
    if (life->phase != FLEET_LOADING) return engine_take(w, node, slot, false);
    if (life->held_count >= (uint64_t)w->engines[node->engine].serving.max_waiting)
        return REASON_QUEUE_FULL;
    engine_hold(w, life, slot);
    return REASON_NONE;
}

int64_t fleet_engine_next_ns(const struct world_node *node)
{
    return node->proxy ? proxy_next_ns(node->proxy) : serving_next_ns(&node->serving);
}

static uint32_t engine_held(const struct fleet_life *life, uint32_t slot)
{
    uint32_t i = 0;
    while (i < life->held_count && life->held[i] != slot)
        i++;
    return i;
}

bool fleet_engine_cancel(struct world *w, uint32_t slot)
{
    struct world_node *node = &w->nodes[world_request(w, slot)->node];
    struct fleet_life *life = &node->life;
    uint32_t at = engine_held(life, slot);
    if (at < life->held_count) {
        life->held_count--;
        memmove(life->held + at, life->held + at + 1, (life->held_count - at) * sizeof *life->held);
        return true;
    }
    return node->proxy ? proxy_cancel(node->proxy, world_now(w), slot)
                       : serving_cancel(&node->serving, world_now(w), slot);
}

bool fleet_engine_waits(struct world *w, uint32_t slot)
{
    struct world_node *node = &w->nodes[world_request(w, slot)->node];
    if (engine_held(&node->life, slot) < node->life.held_count) return true;
    return node->proxy ? proxy_waits(node->proxy, world_now(w), slot)
                       : serving_waits(&node->serving, world_now(w), slot);
}

uint32_t fleet_engine_waiting(const struct world_node *node)
{
    uint32_t inside = node->proxy ? node->proxy->waiting_count : node->serving.waiting.count;
    return node->life.held_count + inside;
}

void fleet_engine_fail(struct world *w, uint32_t index)
{
    struct world_node *node = &w->nodes[index];
    struct fleet_life *life = &node->life;
    if (node->proxy)
        proxy_fail(node->proxy, world_now(w));
    else
        serving_fail(&node->serving, world_now(w));
    fleet_serve(w, index);
    for (uint32_t i = 0; i < life->held_count; i++) {
        registry_end(&w->registry, index);
        front_lost(w, life->held[i]);
        world_drop(w, life->held[i]);
    }
    life->held_count = 0;
}

/* ---- from one engine to the next ------------------------------------------------------------- */

/* What has finished by now leaves first; what the engine then gives up is kept, running requests
 * before waiting ones. */
void fleet_engine_keep(struct world *w, uint32_t index)
{
    struct world_node *node = &w->nodes[index];
    struct serving_done done;
    assert(!node->proxy);
    fleet_serve(w, index);
    serving_fail(&node->serving, world_now(w));
    while (serving_advance(&node->serving, world_now(w), &done, 1) == 1) {
        assert(done.outcome == SERVING_LOST);
        engine_hold(w, &node->life, done.tag);
        w->fleet.held++;
    }
    invariant_node(w, index); /* its accounts close with it */
    struct serving_counters c = serving_count(&node->serving, world_now(w));
    serving_counters_add(&node->life.before, &c);
}

void fleet_engine_resume(struct world *w, uint32_t index)
{
    struct world_node *node = &w->nodes[index];
    struct fleet_life *life = &node->life;
    for (uint32_t i = 0; i < life->held_count; i++) {
        uint32_t slot = life->held[i];
        enum request_reason why = engine_take(w, node, slot, true);
        if (why == REASON_NONE) continue;
        registry_end(&w->registry, index);
        front_refuse(w, slot, why == REASON_TOO_LONG ? REASON_NO_ROOM : why);
        world_drop(w, slot);
    }
    life->held_count = 0;
}

struct serving_counters fleet_engine_count(const struct world *w, uint32_t index)
{
    struct world_node *node = &w->nodes[index];
    struct serving_counters sum = node->life.before, c = {0};
    if (node->proxy)
        c.busy_ns = proxy_busy_ns(node->proxy, world_now(w));
    else
        c = serving_count(&node->serving, world_now(w));
    serving_counters_add(&sum, &c);
    return sum;
}
