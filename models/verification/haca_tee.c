/* SPDX-License-Identifier: Apache-2.0
 * haca_tee: the architecture as promised.  Each answer carries a hardware attestation; the node
 * sends it to the chain in a transaction of its own; every validator checks it before it votes.
 *
 * A proof that is too old when its block is final is refused as expired.  A forged one (the node
 * ran something else than what was measured) is rejected unless it evades the check.  Leaves out
 * collateral fetches and the revocation of measurements. */
#include "models/world.h"

static const struct verification_haca_tee *haca_tee_params(const struct world *w)
{
    return &w->params->verification.haca_tee;
}

/* Time until a proof that goes to storage first is there, or given up. */
static int64_t haca_tee_upload_ns(const struct world *w, uint32_t id, bool *stored)
{
    const struct storage_params *storage = &w->params->storage;
    int64_t elapsed = 0;
    *stored = true;
    for (uint32_t attempt = 0; attempt < (uint32_t)storage->tries; attempt++) {
        struct storage_attempt a = storage_try(storage, w->seed, w->replication, id, attempt);
        elapsed += a.duration_ns;
        if (a.stored) return elapsed;
        elapsed += storage->pause;
    }
    *stored = false;
    return elapsed - storage->pause;
}

static void haca_tee_answered(struct world *w, uint32_t slot)
{
    const struct verification_haca_tee *p = haca_tee_params(w);
    struct request *r = world_request(w, slot);
    struct rng_stream s = world_stream(w, PURPOSE_PROOF, r->id);
    bool stored = true;
    int64_t upload = p->upload ? haca_tee_upload_ns(w, r->id, &stored) : 0;
    world_hold(w, slot);
    if (!stored) {
        event_schedule(&w->events, world_now(w) + p->sign + upload, EV_LOST, slot, r->id);
        return;
    }
    struct mempool_tx tx = {.kind = TX_PROOF,
                            .sender = CHAIN_NODES + r->node,
                            .gas_limit = (uint64_t)p->gas_limit,
                            .gas_used = (uint64_t)p->gas_used,
                            .fee_cap = p->fee_cap,
                            .tip = p->tip,
                            .bytes = p->bytes,
                            .reference = slot};
    chain_send(w, tx, w->nodes[r->node].region, p->sign + upload, &s);
}

static void haca_tee_executed(struct world *w, const struct mempool_tx *tx)
{
    uint32_t slot = tx->reference;
    struct request *r = world_request(w, slot);
    int32_t a = w->nodes[r->node].adversary;
    const struct adversary_params *master =
        (const struct adversary_params *)w->params->adversaries.items + (a < 0 ? 0 : a);
    enum request_proof end = PROOF_VERIFIED;
    if (world_now(w) - r->served_ns > haca_tee_params(w)->validity) {
        end = PROOF_EXPIRED;
    } else if (r->cheated && !adversary_find(master->strategy)->evades(w, master, slot)) {
        end = PROOF_REJECTED;
    }
    outcome_proof(w, slot, end);
    world_drop(w, slot);
}

static void haca_tee_dropped(struct world *w, const struct mempool_tx *tx)
{
    outcome_proof(w, tx->reference, PROOF_LOST);
    world_drop(w, tx->reference);
}

static int64_t haca_tee_check_ns(const struct world *w, const struct mempool_tx *tx)
{
    return tx->kind == TX_PROOF ? haca_tee_params(w)->check : 0;
}

static int64_t haca_tee_sign_ns(const struct verification_params *params)
{
    return params->haca_tee.sign;
}

static const char *haca_tee_refuse(const struct verification_params *params)
{
    const struct verification_haca_tee *p = &params->haca_tee;
    if (p->gas_used > p->gas_limit) return "gas_used is above gas_limit: every proof would revert";
    return NULL;
}

const struct verification_design verification_haca_tee_design = {
    .name = "haca_tee",
    .verifies = true,
    .refuse = haca_tee_refuse,
    .sign_ns = haca_tee_sign_ns,
    .answered = haca_tee_answered,
    .executed = haca_tee_executed,
    .dropped = haca_tee_dropped,
    .check_ns = haca_tee_check_ns,
};
