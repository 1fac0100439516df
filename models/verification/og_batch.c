/* SPDX-License-Identifier: Apache-2.0
 * og_batch: OpenGradient's default as coded.  The gateway posts a signed record to the facilitator
 * from a background thread, once; the facilitator settles Merkle batches; the chain stores the
 * root in an event and checks nothing but the role of the caller.  So an answer can settle, and
 * can never be verified: a bad item has no consequence on chain. */
#include "models/world.h"

enum { OG_BATCH_RECORD_BYTES = 800 }; /* two hashes, signature, ids, in JSON */

static void og_batch_answered(struct world *w, uint32_t slot)
{
    struct request *r = world_request(w, slot);
    struct rng_stream s = world_stream(w, PURPOSE_PROOF, r->id);
    int64_t delay = w->params->verification.og_batch.sign +
                    net_delay_ns(&w->net, w->nodes[r->node].region, w->facilitator_region,
                                 OG_BATCH_RECORD_BYTES, &s);
    world_hold(w, slot);
    event_schedule(&w->events, world_now(w) + delay, EV_POST, slot, r->id);
}

static void og_batch_end(struct world *w, uint32_t batch, enum request_proof end)
{
    const struct facilitator_batch *b = facilitator_batch(&w->facilitator, batch);
    for (uint32_t i = 0; i < b->count; i++) {
        outcome_proof(w, b->items[i], end);
        world_drop(w, b->items[i]);
    }
    relay_receipt(w, batch);
}

static void og_batch_executed(struct world *w, const struct mempool_tx *tx)
{
    og_batch_end(w, tx->reference, PROOF_SETTLED);
}

static void og_batch_dropped(struct world *w, const struct mempool_tx *tx)
{
    relay_dropped(w, tx->reference);
}

static int64_t og_batch_check_ns(const struct world *w, const struct mempool_tx *tx)
{
    (void)w;
    (void)tx;
    return 0;
}

static int64_t og_batch_sign_ns(const struct verification_params *params)
{
    return params->og_batch.sign;
}

static const char *og_batch_refuse(const struct verification_params *params)
{
    const struct verification_og_batch *p = &params->og_batch;
    if (p->gas_used > p->gas_limit) return "gas_used is above gas_limit: every batch would revert";
    return NULL;
}

const struct verification_design verification_og_batch_design = {
    .name = "og_batch",
    .verifies = false,
    .refuse = og_batch_refuse,
    .sign_ns = og_batch_sign_ns,
    .answered = og_batch_answered,
    .executed = og_batch_executed,
    .dropped = og_batch_dropped,
    .check_ns = og_batch_check_ns,
};
