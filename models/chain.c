/* SPDX-License-Identifier: Apache-2.0
 * The chain in the world: transactions travel to the mempool, blocks are packed, decided by
 * consensus, executed and paid for.
 *
 * One height is two events: EV_HEIGHT packs a block and asks consensus when it commits, EV_COMMIT
 * executes it, moves the base fee, pays the emission and checks every invariant.  The chain never
 * calls into serving. */
#include "models/world.h"

enum { CHAIN_LEAST_GAS = 21000 }; /* of any transaction, so it bounds how many fit a block */

/* Gas of a block when the chain has run long under this load, for `start: steady`. */
static uint64_t chain_mean_gas(const struct world *w)
{
    const struct scenario *p = w->params;
    const struct verification_params *v = &p->verification;
    double interval_s = (double)p->consensus.timeout_commit * 1e-9 + 0.5; /* rough on purpose */
    double per_s = workload_mean_rate(&p->workload);
    double gas = 0;
    switch (v->design) {
    case VERIFICATION_HACA_TEE:
        gas = per_s * (double)feemarket_charged(&p->feemarket, (uint64_t)v->haca_tee.gas_limit,
                                                (uint64_t)v->haca_tee.gas_used);
        break;
    case VERIFICATION_OG_BATCH:
        gas = per_s / (double)p->facilitator.batch *
              (double)feemarket_charged(&p->feemarket, (uint64_t)v->og_batch.gas_limit,
                                        (uint64_t)v->og_batch.gas_used);
        break;
    case VERIFICATION_REPLICATED:
        gas = per_s * 1000.0 * (double)v->replicated.gas_per_token;
        break;
    }
    gas *= interval_s;
    double most = (double)p->consensus.max_gas;
    return (uint64_t)(gas < most ? gas : most);
}

static money_t chain_fee_cap(const struct world *w)
{
    const struct verification_params *v = &w->params->verification;
    const int64_t caps[] = {[VERIFICATION_HACA_TEE] = v->haca_tee.fee_cap,
                            [VERIFICATION_OG_BATCH] = v->og_batch.fee_cap,
                            [VERIFICATION_REPLICATED] = v->replicated.fee_cap};
    return caps[v->design];
}

void chain_open(struct world *w)
{
    const struct scenario *p = w->params;
    mempool_init(&w->mempool, &p->mempool, w->arena);
    w->base_fee = feemarket_open(&p->feemarket, chain_mean_gas(w), (uint64_t)p->consensus.max_gas,
                                 chain_fee_cap(w));
    w->consensus_params = p->consensus;
    consensus_init(&w->consensus, &w->consensus_params, &p->validators, &w->net, w->seed,
                   w->replication, w->arena);
    w->power = arena_alloc(w->arena, w->consensus.count, sizeof *w->power);
    for (uint32_t v = 0; v < w->consensus.count; v++) {
        w->power[v] = w->consensus.validators[v].power;
    }
    w->block.capacity = (uint32_t)(p->consensus.max_gas / CHAIN_LEAST_GAS) + 1;
    if (w->block.capacity > p->mempool.size) w->block.capacity = (uint32_t)p->mempool.size;
    w->block.txs = arena_alloc(w->arena, w->block.capacity, sizeof *w->block.txs);
    w->halt_since_ns = -1;
    event_schedule(&w->events, 0, EV_HEIGHT, 0, 0);
}

/* ---- transactions on their way --------------------------------------------------------------- */

static uint32_t chain_travel(struct world *w, const struct mempool_tx *tx)
{
    if (w->travelling_free_count == 0) {
        uint32_t old = w->travelling_capacity, now = old ? 2 * old : 64;
        w->travelling = arena_grow(w->arena, w->travelling, old, now, sizeof *w->travelling);
        w->travelling_free =
            arena_grow(w->arena, w->travelling_free, old, now, sizeof *w->travelling_free);
        for (uint32_t i = now; i > old; i--) {
            w->travelling[i - 1].kind = TX_KINDS;
            w->travelling_free[w->travelling_free_count++] = i - 1;
        }
        w->travelling_capacity = now;
    }
    uint32_t index = w->travelling_free[--w->travelling_free_count];
    w->travelling[index] = *tx;
    return index;
}

/* A validator to talk to, drawn; where it does not answer, the next one in the list that does.  If
 * none does, the chain stands still and any of them will keep the transaction. */
static uint32_t chain_entry(const struct world *w, struct rng_stream *stream)
{
    uint32_t count = w->consensus.count, drawn = (uint32_t)rng_below(stream, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t entry = (drawn + i) % count;
        if (consensus_is_live(&w->consensus, entry)) return entry;
    }
    return drawn;
}

void chain_send(struct world *w, struct mempool_tx tx, uint32_t region, int64_t delay_ns,
                struct rng_stream *stream)
{
    uint32_t entry = chain_entry(w, stream);
    delay_ns +=
        net_delay_ns(&w->net, region, w->consensus.validators[entry].region, tx.bytes, stream);
    uint32_t index = chain_travel(w, &tx);
    event_schedule(&w->events, world_now(w) + delay_ns, EV_TX, index, tx.kind);
}

/* These belong to the registry and have no design to mourn them. */
static void chain_dropped(struct world *w, const struct mempool_tx *tx)
{
    if (tx->kind == TX_HEARTBEAT || tx->kind == TX_ATTESTATION)
        w->heartbeats_lost++;
    else
        w->design->dropped(w, tx);
}

void chain_arrive(struct world *w, uint32_t index)
{
    struct mempool_tx tx = w->travelling[index];
    uint32_t handle;
    w->travelling[index].kind = TX_KINDS;
    w->travelling_free[w->travelling_free_count++] = index;
    if (tx.kind == TX_KINDS) return; /* withdrawn on the way */
    tx.arrived_ns = tx.ready_ns = world_now(w);
    if (!mempool_add(&w->mempool, &tx, &handle)) chain_dropped(w, &tx);
}

static bool chain_is(const struct world *w, uint32_t handle, uint32_t kind, uint32_t reference)
{
    const struct mempool_tx *tx = mempool_get(&w->mempool, handle);
    return tx->kind == kind && tx->reference == reference;
}

bool chain_withdraw(struct world *w, uint32_t kind, uint32_t reference, bool packed)
{
    uint32_t handle;
    for (uint32_t i = 0; packed && w->block.open && i < w->block.count; i++) {
        handle = w->block.txs[i];
        if (handle == UINT32_MAX || !chain_is(w, handle, kind, reference)) continue;
        mempool_remove(&w->mempool, handle);
        w->block.txs[i] = UINT32_MAX;
        return true;
    }
    for (uint32_t i = 0; i < w->travelling_capacity; i++) {
        struct mempool_tx *tx = &w->travelling[i];
        if (tx->kind != kind || tx->reference != reference) continue;
        tx->kind = TX_KINDS; /* chain_arrive lets it pass unseen */
        return true;
    }
    if (!mempool_find(&w->mempool, kind, reference, &handle)) return false;
    mempool_remove(&w->mempool, handle);
    return true;
}

/* ---- a height ---------------------------------------------------------------------------------
 */

static void chain_pack(struct world *w)
{
    struct mempool_tx old;
    while (mempool_expire(&w->mempool, world_now(w), &old)) {
        chain_dropped(w, &old);
    }
    struct mempool_block room = {.base_fee = w->base_fee,
                                 .max_gas = (uint64_t)w->params->consensus.max_gas,
                                 .max_bytes = w->params->consensus.max_bytes,
                                 .now_ns = world_now(w)};
    w->block.start_ns = world_now(w);
    w->block.count = mempool_pack(&w->mempool, &room, w->block.txs, w->block.capacity);
}

static struct consensus_input chain_input(struct world *w)
{
    struct consensus_input input = {.start_ns = w->block.start_ns};
    for (uint32_t i = 0; i < w->block.count; i++) {
        const struct mempool_tx *tx = mempool_get(&w->mempool, w->block.txs[i]);
        input.block_bytes += tx->bytes;
        input.check_ns += tx->kind == TX_ATTESTATION ? w->params->registry.attestation_check
                                                     : w->design->check_ns(w, tx);
    }
    if (w->design->execution_ns) {
        int64_t execution = w->design->execution_ns(w);
        input.proposal_delay_ns = execution;
        input.extra_check_ns = execution;
        /* A proposal cannot come before its execution; operators would raise the time-out. */
        w->consensus_params.timeout_propose = w->params->consensus.timeout_propose + execution;
    }
    return input;
}

static void chain_halted(struct world *w)
{
    for (uint32_t i = 0; i < w->block.count; i++) {
        mempool_requeue(&w->mempool, w->block.txs[i]);
    }
    if (w->halt_since_ns < 0) w->halt_since_ns = world_now(w);
    int64_t again = w->block.outcome.commit_ns;
    if (again <= world_now(w)) again = world_now(w) + 1;
    if (again <= world_end_ns(w)) event_schedule(&w->events, again, EV_HEIGHT, 0, 0);
}

/* Time without a quorum, as far as it lies in the measured window. */
void chain_halt_ends(struct world *w)
{
    struct metrics *m = &w->metrics;
    if (w->halt_since_ns < 0) return;
    int64_t from = w->halt_since_ns > m->start_ns ? w->halt_since_ns : m->start_ns;
    int64_t to = world_now(w) < m->end_ns ? world_now(w) : m->end_ns;
    if (to > from) m->halted_ns += to - from;
    w->halt_since_ns = -1;
}

void chain_height(struct world *w)
{
    struct world_block *block = &w->block;
    chain_pack(w);
    struct consensus_input input = chain_input(w);
    consensus_decide(&w->consensus, &input, &block->outcome);
    if (!block->outcome.decided) {
        chain_halted(w);
        return;
    }
    chain_halt_ends(w);
    block->open = true;
    event_schedule(&w->events, block->outcome.commit_ns, EV_COMMIT, block->outcome.proposer,
                   block->outcome.round);
}

/* ---- execution --------------------------------------------------------------------------------
 */

static uint32_t chain_payer(const struct world *w, const struct mempool_tx *tx)
{
    if (w->token.design->gas_asset == LEDGER_GAS || tx->sender == CHAIN_RELAYER) {
        return w->token.at.relayer;
    }
    uint32_t index = tx->sender - CHAIN_NODES;
    if (index < w->node_count) return token_operator(&w->token, index);
    return token_user(&w->token, index - w->node_count);
}

static bool chain_pay(struct world *w, const struct mempool_tx *tx, uint64_t gas)
{
    money_t base = w->base_fee, room = tx->fee_cap - base;
    money_t tip = tx->tip < room ? tx->tip : room;
    bool paid = token_gas(&w->token, chain_payer(w, tx), w->block.outcome.proposer,
                          base * (money_t)gas, tip * (money_t)gas);
    bool by_node = tx->sender >= CHAIN_NODES && tx->sender - CHAIN_NODES < w->node_count;
    if (paid && by_node && w->token.design->gas_asset == LEDGER_OPG &&
        world_now(w) >= w->params->warmup) {
        w->nodes[tx->sender - CHAIN_NODES].paid_atto += (base + tip) * (money_t)gas;
    }
    return paid;
}

static void chain_execute(struct world *w, const struct mempool_tx *tx)
{
    if (tx->kind == TX_HEARTBEAT)
        registry_heartbeat(&w->registry, tx->reference, tx->signed_ns, world_now(w));
    else if (tx->kind == TX_ATTESTATION)
        fleet_life_attested(w, tx->reference);
    else
        w->design->executed(w, tx);
}

static uint64_t chain_execute_all(struct world *w)
{
    uint64_t charged = 0;
    for (uint32_t i = 0; i < w->block.count; i++) {
        if (w->block.txs[i] == UINT32_MAX) continue;
        struct mempool_tx tx = *mempool_get(&w->mempool, w->block.txs[i]);
        uint64_t gas = feemarket_charged(&w->params->feemarket, tx.gas_limit, tx.gas_used);
        mempool_remove(&w->mempool, w->block.txs[i]);
        if (!chain_pay(w, &tx, gas)) {
            chain_dropped(w, &tx);
            continue;
        }
        charged += gas;
        chain_execute(w, &tx);
    }
    return charged;
}

static void chain_measure(struct world *w, uint64_t charged)
{
    struct metrics *m = &w->metrics;
    const struct consensus_outcome *o = &w->block.outcome;
    int64_t now = world_now(w), interval = now - m->last_block_ns;
    bool first = m->blocks_total++ == 0;
    m->last_block_ns = now;
    w->last_interval_s = (double)interval * 1e-9;
    if (now < m->start_ns || now > m->end_ns) return;
    m->blocks++;
    m->gas_charged += (money_t)charged;
    m->gas_limit += w->params->consensus.max_gas;
    hist_add(&m->hist[HIST_BLOCK_COMMIT], now - w->block.start_ns, 1);
    hist_add(&m->hist[HIST_ROUNDS], (int64_t)o->round + 1, 1);
    if (first || interval <= 0) return;
    hist_add(&m->hist[HIST_BLOCK_INTERVAL], interval, 1);
    double share =
        (double)o->validator_cpu_ns / ((double)w->consensus.machine.cores * (double)interval);
    hist_add(&m->hist[HIST_CPU], (int64_t)(share * 1e9), 1);
}

void chain_commit(struct world *w)
{
    w->block.height++;
    /* Consensus counts its decisions on its own: one more, or one height was decided twice. */
    w->metrics.safety_violations += w->consensus.height != w->block.height + 1;
    uint64_t charged = chain_execute_all(w);
    w->block.open = false;
    chain_measure(w, charged);
    w->base_fee = feemarket_step(&w->params->feemarket, w->base_fee, charged,
                                 (uint64_t)w->params->consensus.max_gas);
    token_block(&w->token, w->power, world_now(w));
    invariant_check(w);
    int64_t next = consensus_next_start_ns(&w->consensus, world_now(w), 0);
    if (next <= world_end_ns(w)) event_schedule(&w->events, next, EV_HEIGHT, 0, 0);
}
