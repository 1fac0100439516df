/* SPDX-License-Identifier: Apache-2.0
 * The front door: a request arrives, is routed, sent, and perhaps given up by its client.
 *
 * A client behaves as the SDK does: it takes an active node from the registry, gives up after its
 * time-out, and tries again (client.retries) only when the node could not be reached at all, which
 * it notices client.connect after it has sent its request. */
#include "models/watch_internal.h"
#include "models/world.h"

/* No answer is worth more than 1e9 USD, so that sums over those in flight stay in 63 bits. */
#define FRONT_MOST_NANO ((money_t)1000000000 * MONEY_NANO)

enum { FRONT_REQUEST_BYTES = 500, FRONT_BYTES_PER_TOKEN = 4 }; /* HTTP and JSON around the text */

static enum status front_fetch(struct world *w)
{
    bool more;
    TRY(workload_next(&w->workload, &w->next_arrival, &more), "next request");
    w->arrivals_over = !more || w->next_arrival.time_ns > w->params->horizon;
    if (!w->arrivals_over) {
        event_schedule(&w->events, w->next_arrival.time_ns, EV_ARRIVAL, 0, w->next_arrival.request);
    }
    return STATUS_OK;
}

/* Surges must be known before the first arrival is drawn. */
static void front_surges(struct world *w)
{
    const struct scenario_event *events = w->params->events.items;
    for (uint32_t i = 0; i < w->params->events.count; i++) {
        const struct scenario_event *e = &events[i];
        if (e->what == EVENT_SURGE) {
            workload_surge(&w->workload, e->at, e->at + e->duration, e->factor);
        }
    }
}

enum status front_open(struct world *w)
{
    TRY(workload_open(&w->workload, &w->params->workload, w->seed, w->replication, w->arena),
        "workload");
    front_surges(w);
    router_init(&w->router, &w->params->router, w->seed, w->replication,
                (uint32_t)w->params->workload.clients, w->arena);
    return front_fetch(w);
}

/* Index of the first item whose cumulative share passes u. */
static uint16_t front_user_class(const struct scenario *p, double u)
{
    const struct scenario_user *users = p->users.items;
    double sum = 0;
    for (uint16_t i = 0; i + 1U < p->users.count; i++) {
        sum += users[i].share;
        if (u < sum) return i;
    }
    return (uint16_t)(p->users.count - 1);
}

static uint16_t front_model(const struct scenario *p, double u)
{
    const struct scenario_model *models = p->models.items;
    double sum = 0;
    for (uint16_t i = 0; i + 1U < p->models.count; i++) {
        sum += models[i].share;
        if (u < sum) return i;
    }
    return (uint16_t)(p->models.count - 1);
}

static void front_describe(struct world *w, const struct workload_arrival *a, struct request *r)
{
    struct rng_stream who = world_stream(w, PURPOSE_USER, a->who);
    struct rng_stream place = world_stream(w, PURPOSE_PLACE, a->client);
    r->id = a->request;
    r->user = a->client;
    r->class = front_user_class(w->params, rng_unit(&who));
    r->model = front_model(w->params, rng_unit(&who));
    r->region = (uint16_t)rng_below(&place, net_region_count());
    r->prompt_tok = a->prompt_tok;
    r->output_tok = a->output_tok;
    r->session = a->session;
    r->stream = a->stream;
    r->prefix = a->prefix;
    r->prefix_tok = a->prefix_tok;
    r->images = a->images;
    r->value_nano =
        (int64_t)(a->value_usd_nano < FRONT_MOST_NANO ? a->value_usd_nano : FRONT_MOST_NANO);
    r->arrived_ns = world_now(w);
    r->counted = r->arrived_ns >= w->params->warmup;
}

static void front_next_turn(struct world *w, const struct request *r, enum request_state state);

void front_end(struct world *w, uint32_t slot, enum request_state state)
{
    struct request *r = world_request(w, slot);
    struct metrics *m = &w->metrics;
    if (event_cancel(&w->events, r->timeout)) world_drop(w, slot);
    world_set_state(w, slot, state);
    if (r->session != UINT32_MAX) front_next_turn(w, r, state);
    if (!r->counted) return;
    m->completed += state == REQUEST_COMPLETED;
    m->rejected += state == REQUEST_REJECTED;
    m->failed += state == REQUEST_FAILED;
    m->timed_out += state == REQUEST_TIMED_OUT;
    if (state != REQUEST_COMPLETED) slo_unanswered(&w->slo, r->class);
}

void front_refuse(struct world *w, uint32_t slot, enum request_reason why)
{
    if (world_request(w, slot)->counted) w->metrics.reasons[why]++;
    front_end(w, slot, why < REASON_FAILED ? REQUEST_REJECTED : REQUEST_FAILED);
}

/* Text and images on the way to the node. */
static uint64_t front_bytes(const struct world *w, const struct request *r)
{
    uint32_t image_tok = r->images.count * r->images.tok;
    return FRONT_REQUEST_BYTES + (uint64_t)FRONT_BYTES_PER_TOKEN * (r->prompt_tok - image_tok) +
           r->images.count * w->params->workload.images.size;
}

/* Choose a node and send the request there; false when none is active. */
static bool front_route(struct world *w, uint32_t slot)
{
    struct request *r = world_request(w, slot);
    if (world_now(w) >= registry_next_expiry_ns(&w->registry)) {
        registry_expire(&w->registry, world_now(w));
    }
    struct router_query query = {.model = r->model,
                                 .client_region = r->region,
                                 .client = r->user,
                                 .request = r->id,
                                 .attempt = r->attempt,
                                 .prompt_tok = r->prompt_tok,
                                 .output_tok = r->output_tok,
                                 .shares = r->stream ? r->stream : r->prefix,
                                 .now_ns = world_now(w)};
    r->node = router_pick(&w->router, &w->registry, &w->net, &query);
    if (r->node == UINT32_MAX) return false;
    registry_begin(&w->registry, r->node);
    r->sent_ns = world_now(w);
    struct rng_stream s = world_stream(w, PURPOSE_UPLINK, r->id);
    rng_seek(&s, r->attempt); /* one block of two draws per message */
    int64_t delay =
        w->params->serving.api +
        net_delay_ns(&w->net, r->region, w->nodes[r->node].region, front_bytes(w, r), &s);
    world_hold(w, slot);
    event_schedule(&w->events, world_now(w) + delay, EV_DELIVER, slot, r->id);
    return true;
}

/* Under a design that runs the model on chain the request itself is a transaction. */
static bool front_to_chain(struct world *w, uint32_t slot)
{
    struct request *r = world_request(w, slot);
    const struct verification_replicated *p = &w->params->verification.replicated;
    int64_t gas = p->gas_per_token * ((int64_t)r->prompt_tok + r->output_tok) + 21000;
    if (gas > w->params->consensus.max_gas) return false;
    struct rng_stream s = world_stream(w, PURPOSE_UPLINK, r->id);
    struct mempool_tx tx = {.kind = TX_INFERENCE,
                            .sender = CHAIN_NODES + w->node_count + r->user,
                            .gas_limit = (uint64_t)gas,
                            .gas_used = (uint64_t)gas,
                            .fee_cap = p->fee_cap,
                            .tip = p->tip,
                            .bytes = FRONT_REQUEST_BYTES +
                                     (uint64_t)FRONT_BYTES_PER_TOKEN * r->prompt_tok,
                            .reference = slot};
    world_hold(w, slot);
    chain_send(w, tx, r->region, 0, &s);
    return true;
}

static void front_begin(struct world *w, uint32_t slot)
{
    struct request *r = world_request(w, slot);
    int64_t limit = w->params->client.timeout;
    bool priced =
        payment_quote(&w->payment, r->prompt_tok, r->output_tok, world_now(w), &r->fee.amount);
    bool sent = priced && (w->design->on_chain ? front_to_chain(w, slot) : front_route(w, slot));
    if (!sent) {
        enum request_reason why = w->design->on_chain ? REASON_CHAIN : REASON_NO_NODE;
        front_refuse(w, slot, priced ? why : REASON_UNPRICED);
        return;
    }
    world_hold(w, slot);
    r->timeout =
        event_schedule_cancellable(&w->events, world_now(w) + limit, EV_TIMEOUT, slot, r->id);
}

/* Rejected unseen: there is no record of it, but its class follows from its number. */
static void front_overflow(struct world *w, const struct workload_arrival *a)
{
    if (a->session != UINT32_MAX) workload_leave(&w->workload, a->session);
    w->overflowed++;
    w->states[REQUEST_REJECTED]++;
    if (world_now(w) < w->params->warmup) return;
    struct rng_stream who = world_stream(w, PURPOSE_USER, a->who);
    w->metrics.rejected++;
    w->metrics.reasons[REASON_NO_RECORD]++;
    slo_unanswered(&w->slo, front_user_class(w->params, rng_unit(&who)));
}

static void front_count(struct world *w, const struct workload_arrival *a)
{
    struct metrics *m = &w->metrics;
    w->arrived++;
    if (world_now(w) < w->params->warmup) return;
    m->arrived++;
    m->asked_tok += a->prompt_tok;
    m->shared_tok += a->shared_tok;
}

static void front_take(struct world *w, const struct workload_arrival *a)
{
    uint32_t slot = request_take(&w->requests);
    front_count(w, a);
    if (slot == UINT32_MAX) {
        front_overflow(w, a);
        return;
    }
    struct request *r = world_request(w, slot);
    w->states[REQUEST_SENT]++;
    r->holds = 1;
    front_describe(w, a, r);
    front_begin(w, slot);
    if (w->watch) watch_arrival(w, slot);
    world_drop(w, slot);
}

enum status front_arrival(struct world *w)
{
    front_take(w, &w->next_arrival);
    return front_fetch(w);
}

/* ---- sessions -------------------------------------------------------------------------------- */

void front_turn(struct world *w, uint32_t session)
{
    struct workload_arrival arrival;
    if (world_now(w) > w->params->horizon)
        workload_leave(&w->workload, session);
    else if (workload_turn(&w->workload, session, world_now(w), &arrival))
        front_take(w, &arrival);
}

/* A turn has ended: after an answer the user thinks and goes on, after anything else he leaves.
 * Nothing arrives after the horizon, but the turn is kept: a branch may move the horizon. */
static void front_next_turn(struct world *w, const struct request *r, enum request_state state)
{
    struct workload *workload = &w->workload;
    int64_t think_ns;
    if (state != REQUEST_COMPLETED) {
        workload_leave(workload, r->session);
        return;
    }
    if (!workload_answered(workload, r->session, r->prompt_tok, r->output_tok, &think_ns)) return;
    int64_t most_ns = INT64_MAX - 1 - world_now(w);
    event_schedule(&w->events, world_now(w) + (think_ns < most_ns ? think_ns : most_ns), EV_TURN,
                   r->session, workload->sessions.items[r->session].next_id);
}

void front_unreached(struct world *w, uint32_t slot)
{
    struct request *r = world_request(w, slot);
    int64_t noticed = r->sent_ns + w->params->client.connect;
    registry_end(&w->registry, r->node);
    world_hold(w, slot);
    event_schedule(&w->events, noticed > world_now(w) ? noticed : world_now(w), EV_NOTICE, slot,
                   r->id);
}

void front_notice(struct world *w, uint32_t slot)
{
    struct request *r = world_request(w, slot);
    if (r->state != REQUEST_SENT) return; /* given up meanwhile */
    if (r->attempt < w->params->client.retries) {
        r->attempt++;
        if (front_route(w, slot)) return;
    }
    front_refuse(w, slot, REASON_UNREACHABLE);
}

/* The client sees its connection break at once. */
void front_lost(struct world *w, uint32_t slot)
{
    struct request *r = world_request(w, slot);
    const struct scenario_client *client = &w->params->client;
    if (client->lost == SCENARIO_LOST_RETRIED && r->attempt < client->retries) {
        r->attempt++;
        r->prefill_node = UINT32_MAX; /* from the beginning */
        r->resent = 0;
        r->cheated = false;
        w->fleet.retried++;
        world_set_state(w, slot, REQUEST_SENT);
        if (front_route(w, slot)) return;
    }
    front_refuse(w, slot, REASON_NODE_LOST);
}

/* A request on chain is valid only as long as its client waits (cosmos-sdk's timeout_height): it
 * leaves the mempool with him, unless a block being decided has it already. */
static void front_withdraw(struct world *w, uint32_t slot)
{
    if (chain_withdraw(w, TX_INFERENCE, slot, false)) world_drop(w, slot);
}

void front_timeout(struct world *w, uint32_t slot)
{
    struct request *r = world_request(w, slot);
    r->timeout = (struct event_handle){.slot = 0};
    if (r->state == REQUEST_RETURN) return; /* the last token is on its way */
    if (w->design->on_chain)
        front_withdraw(w, slot);
    else if (r->state == REQUEST_SERVED && !fleet_cancel(w, slot))
        return; /* it was finished just now */
    front_end(w, slot, REQUEST_TIMED_OUT);
}
