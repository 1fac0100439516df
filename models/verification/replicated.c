/* SPDX-License-Identifier: Apache-2.0
 * replicated: every validator runs the model inside consensus, the way an EVM runs a contract.
 *
 * A request is a transaction.  The proposer computes the answers of its block before it proposes,
 * every validator computes them again before it votes, and the answer is final when it is given:
 * the gap is 0 and the price is latency and GPUs.  A block's requests are computed as one
 * continuous batch on the validator's GPUs.  Honest replicas differ on an answer of n tokens with
 * probability 1 - (1 - divergence_per_token)^n; such an answer finds no quorum and is refused.
 * Leaves out cheating validators and outputs that differ by hardware. */
#include "models/scenario_own.h"
#include "models/serving_snap.h"
#include "models/world.h"

struct replicated_state {
    struct perf perf;
    struct serving engine; /* of one validator; all are alike */
    int64_t clock_ns;      /* of the engine */
};

static void replicated_open(struct world *w)
{
    const struct verification_replicated *p = &w->params->verification.replicated;
    struct replicated_state *state = arena_alloc(w->arena, 1, sizeof *state);
    state->perf =
        perf_build(scenario_own_hardware(w->params->own, p->gpu),
                   scenario_own_model(w->params->own, p->model), PERF_BF16, (int32_t)p->gpus, 0, 0);
    serving_init(&state->engine, &w->params->serving, &state->perf, w->arena);
    w->design_state = state;
}

/* Run the engine until it is empty; the time that took. */
static int64_t replicated_run(struct replicated_state *state)
{
    struct serving_done done[64];
    int64_t start = state->clock_ns, next;
    while ((next = serving_next_ns(&state->engine)) != INT64_MAX) {
        if (next > state->clock_ns) state->clock_ns = next;
        while (serving_advance(&state->engine, state->clock_ns, done, 64) == 64) {
        }
    }
    return state->clock_ns - start;
}

static int64_t replicated_execution_ns(struct world *w)
{
    struct replicated_state *state = w->design_state;
    for (uint32_t i = 0; i < w->block.count; i++) {
        const struct mempool_tx *tx = mempool_get(&w->mempool, w->block.txs[i]);
        if (tx->kind != TX_INFERENCE) continue;
        struct request *r = world_request(w, tx->reference);
        struct serving_terms terms = fleet_engine_terms(w, tx->reference, &w->params->serving);
        r->refused = !serving_submit(&state->engine, state->clock_ns, &terms, NULL);
    }
    return replicated_run(state);
}

static void replicated_answered(struct world *w, uint32_t slot)
{
    (void)w; /* no node ever answers under this design */
    (void)slot;
}

static bool replicated_agree(const struct world *w, const struct request *r)
{
    double h = w->params->verification.replicated.divergence_per_token;
    struct rng_stream s = world_stream(w, PURPOSE_AGREE, r->id);
    return rng_unit(&s) < dmath_exp((double)r->output_tok * dmath_log(1.0 - h)) || h == 0;
}

static void replicated_executed(struct world *w, const struct mempool_tx *tx)
{
    uint32_t slot = tx->reference, proposer = w->block.outcome.proposer;
    struct request *r = world_request(w, slot);
    if (r->state == REQUEST_SENT && r->refused) {
        front_refuse(w, slot, REASON_CHAIN);
    } else if (r->state == REQUEST_SENT) {
        r->node = w->node_count + proposer;
        world_set_state(w, slot, REQUEST_SERVED);
        if (replicated_agree(w, r)) {
            if (r->counted) w->metrics.submitted++;
            outcome_served(w, slot, world_now(w), w->consensus.validators[proposer].region);
            outcome_proof(w, slot, PROOF_VERIFIED);
        } else {
            front_refuse(w, slot, REASON_DISAGREED);
        }
    }
    world_drop(w, slot);
}

static void replicated_dropped(struct world *w, const struct mempool_tx *tx)
{
    uint32_t slot = tx->reference;
    if (world_request(w, slot)->state == REQUEST_SENT) front_refuse(w, slot, REASON_CHAIN);
    world_drop(w, slot);
}

static int64_t replicated_check_ns(const struct world *w, const struct mempool_tx *tx)
{
    (void)w; /* the work is on the GPU: execution_ns */
    (void)tx;
    return 0;
}

static void replicated_snap(struct world *w, struct snap *snap)
{
    struct replicated_state *state = w->design_state;
    SNAP_COVERS(struct replicated_state, sizeof(struct perf) + sizeof(struct serving) + 8);
    serving_snap(&state->engine, snap, &state->perf, 1, w->requests.capacity);
    snap_i64(snap, &state->clock_ns);
}

static const char *replicated_refuse(const struct verification_params *params)
{
    (void)params; /* that the model fits the validator's GPUs is checked with the nodes' */
    return NULL;
}

const struct verification_design verification_replicated_design = {
    .name = "replicated",
    .on_chain = true,
    .verifies = true,
    .refuse = replicated_refuse,
    .open = replicated_open,
    .execution_ns = replicated_execution_ns,
    .answered = replicated_answered,
    .executed = replicated_executed,
    .dropped = replicated_dropped,
    .check_ns = replicated_check_ns,
    .snap = replicated_snap,
};
