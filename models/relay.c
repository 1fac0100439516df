/* SPDX-License-Identifier: Apache-2.0
 * The facilitator in the world: it wakes when something is due, sends its settlements to the chain
 * and, when it crashes, takes the records it held with it. */
#include "models/world.h"

void relay_open(struct world *w)
{
    const struct scenario *p = w->params;
    facilitator_init(&w->facilitator, &p->facilitator, &p->storage, w->seed, w->replication,
                     w->arena);
    w->facilitator_region = net_region_find(p->facilitator.region);
}

static void relay_schedule(struct world *w)
{
    int64_t next = facilitator_next_ns(&w->facilitator);
    event_cancel(&w->events, w->relay_wake);
    w->relay_wake = (struct event_handle){.slot = 0};
    if (next != INT64_MAX) {
        if (next < world_now(w)) next = world_now(w);
        w->relay_wake = event_schedule_cancellable(&w->events, next, EV_RELAY, 0, 0);
    }
}

static void relay_settle(struct world *w, uint32_t batch)
{
    const struct verification_og_batch *p = &w->params->verification.og_batch;
    uint32_t number = facilitator_batch(&w->facilitator, batch)->number;
    struct rng_stream s = world_stream(w, PURPOSE_RELAY, number);
    struct mempool_tx tx = {.kind = TX_BATCH,
                            .sender = CHAIN_RELAYER,
                            .gas_limit = (uint64_t)p->gas_limit,
                            .gas_used = (uint64_t)p->gas_used,
                            .fee_cap = p->fee_cap,
                            .tip = p->tip,
                            .bytes = p->bytes,
                            .reference = batch};
    chain_send(w, tx, w->facilitator_region, 0, &s);
}

static void relay_run(struct world *w)
{
    struct facilitator_action action;
    while ((action = facilitator_step(&w->facilitator, world_now(w))).kind != FACILITATOR_NOTHING) {
        if (action.kind == FACILITATOR_SETTLE)
            relay_settle(w, action.batch);
        else
            chain_withdraw(w, TX_BATCH, action.batch, true);
    }
    relay_schedule(w);
}

void relay_wake(struct world *w)
{
    w->relay_wake = (struct event_handle){.slot = 0};
    relay_run(w);
}

static void relay_lose(void *context, uint32_t slot)
{
    struct world *w = context;
    outcome_proof(w, slot, PROOF_LOST);
    world_drop(w, slot);
}

void relay_post(struct world *w, uint32_t slot)
{
    if (!facilitator_post(&w->facilitator, world_now(w), slot)) {
        relay_lose(w, slot);
        return;
    }
    relay_run(w);
}

void relay_receipt(struct world *w, uint32_t batch)
{
    facilitator_receipt(&w->facilitator, batch);
    relay_run(w);
}

/* The transaction of the batch is out: the chain still settles it, or drops it. */
static void relay_orphan(void *context, uint32_t batch)
{
    (void)context;
    (void)batch;
}

void relay_dropped(struct world *w, uint32_t batch)
{
    if (facilitator_forget(&w->facilitator, batch)) return; /* the worker's time-out puts it back */
    const struct facilitator_batch *b = facilitator_batch(&w->facilitator, batch);
    for (uint32_t i = 0; i < b->count; i++) {
        relay_lose(w, b->items[i]);
    }
    facilitator_receipt(&w->facilitator, batch);
}

void relay_set_down(struct world *w, bool down)
{
    uint32_t before = w->relay_down;
    w->relay_down = down ? before + 1 : before - 1;
    if (down && before == 0) {
        facilitator_crash(&w->facilitator, relay_lose, relay_orphan, w);
    } else if (!down && before == 1) {
        facilitator_recover(&w->facilitator);
    }
    relay_run(w);
}
