/* SPDX-License-Identifier: Apache-2.0
 * Checkpoints of a running world.
 *
 * Answers for: which modules are stored and in which order (what others name by index comes
 * first), what belongs to the world itself, and when a checkpoint is taken.  Each module's fields
 * are listed beside its struct.  Leaves out where checkpoints go (the caller) and what a branch
 * may change (branch.c). */
#include "models/checkpoint.h"

#include "models/branch.h"
#include "models/engine.h"
#include "models/perf_tables.h"

/* ---- what indices are below ------------------------------------------------------------------ */

static uint32_t checkpoint_users(const struct world *w)
{
    return w->token.setup.users;
}

static uint32_t checkpoint_payees(const struct world *w)
{
    return w->token.setup.nodes + w->token.setup.validators;
}

static void checkpoint_tx_limits(const struct world *w, uint32_t references[TX_KINDS + 1])
{
    references[TX_PROOF] = references[TX_INFERENCE] = w->requests.capacity;
    references[TX_BATCH] = w->facilitator.batch_count;
    references[TX_HEARTBEAT] = references[TX_ATTESTATION] = w->node_count;
    references[TX_KINDS] = UINT32_MAX; /* withdrawn on the way: nobody looks */
}

/* ---- parts of the world ---------------------------------------------------------------------- */

static void checkpoint_tables(struct world *w, struct snap *snap)
{
    const struct scenario_node *classes = w->params->nodes.items;
    for (uint32_t i = 0; i < w->params->nodes.count; i++) {
        const struct perf_tables *tables = classes[i].tables;
        uint64_t here = tables ? tables->digest : 0, digest = here;
        snap_u64(snap, &digest);
        if (digest != here)
            snap_refuse(snap, "the timing tables of %s have changed since", classes[i].name);
    }
}

static void checkpoint_identity(struct world *w, struct snap *snap)
{
    snap_begin(snap, "identity");
    snap_same(snap, w->seed, "as its seed");
    snap_same(snap, w->replication, "as its replication");
    snap_same(snap, (uint64_t)w->params->verification.design, "as its design of verification");
    snap_same(snap, w->node_count, "nodes");
    snap_same(snap, w->consensus.count, "validators");
    snap_same(snap, checkpoint_users(w), "clients");
    checkpoint_tables(w, snap);
    snap_end(snap);
}

static void checkpoint_requests(struct world *w, struct snap *snap)
{
    struct request_limits limits = {.users = checkpoint_users(w),
                                    .payees = w->node_count + w->consensus.count,
                                    .classes = w->params->users.count,
                                    .models = w->params->models.count,
                                    .regions = w->net.region_count,
                                    .sessions = (uint32_t)w->params->workload.sessions.limit};
    request_pool_snap(&w->requests, snap, &limits);
}

static void checkpoint_block(struct world *w, struct snap *snap)
{
    SNAP_COVERS(struct world_block, 88);
    SNAP_COVERS(struct consensus_outcome, 48);
    struct world_block *b = &w->block;
    struct consensus_outcome *o = &b->outcome;
    snap_u64(snap, &b->height);
    snap_i64(snap, &b->start_ns);
    snap_flag(snap, &b->open);
    snap_count(snap, &b->count, b->capacity);
    for (uint32_t i = 0; i < b->count; i++)
        snap_link(snap, &b->txs[i], w->mempool.slot_count);
    snap_flag(snap, &o->decided);
    snap_i64(snap, &o->commit_ns);
    snap_u32(snap, &o->round);
    snap_below(snap, &o->proposer, w->consensus.count);
    snap_i64(snap, &o->quorum_prevote_delay_ns);
    snap_i64(snap, &o->full_prevote_delay_ns);
    snap_i64(snap, &o->validator_cpu_ns);
}

static void checkpoint_travelling(struct world *w, struct snap *snap,
                                  const struct mempool_limits *limits)
{
    snap_length(snap, &w->travelling_capacity, UINT32_MAX / 4);
    if (snap->reading) {
        uint32_t room = w->travelling_capacity;
        w->travelling = arena_alloc(w->arena, room, sizeof *w->travelling);
        w->travelling_free = arena_alloc(w->arena, room, sizeof *w->travelling_free);
    }
    for (uint32_t i = 0; i < w->travelling_capacity; i++)
        mempool_tx_snap(&w->travelling[i], snap, limits);
    snap_count(snap, &w->travelling_free_count, w->travelling_capacity);
    snap_indices(snap, w->travelling_free, w->travelling_free_count, w->travelling_capacity);
}

static void checkpoint_chain(struct world *w, struct snap *snap)
{
    uint32_t references[TX_KINDS + 1];
    struct mempool_limits limits = {.kinds = TX_KINDS + 1,
                                    .senders = CHAIN_NODES + w->node_count + checkpoint_users(w),
                                    .references = references};
    checkpoint_tx_limits(w, references);
    mempool_snap(&w->mempool, snap, &limits);
    snap_begin(snap, "chain");
    checkpoint_travelling(w, snap, &limits);
    checkpoint_block(w, snap);
    snap_money(snap, &w->base_fee);
    snap_i64(snap, &w->halt_since_ns);
    snap_u64(snap, &w->heartbeats_lost);
    /* Raised by the design for the block at hand; elsewhere it is what the scenario says. */
    if (w->design->execution_ns) snap_i64(snap, &w->consensus_params.timeout_propose);
    snap_end(snap);
}

static void checkpoint_design(struct world *w, struct snap *snap)
{
    snap_begin(snap, w->design->name);
    if (w->design->snap) w->design->snap(w, snap);
    snap_end(snap);
}

static void checkpoint_economy(struct world *w, struct snap *snap)
{
    ledger_snap(&w->ledger, snap);
    staking_snap(&w->staking, snap);
    payment_snap(&w->payment, snap, checkpoint_users(w), checkpoint_payees(w));
    price_snap(&w->price, snap);
    token_snap(&w->token, snap);
}

static void checkpoint_rest(struct world *w, struct snap *snap)
{
    SNAP_COVERS(struct world, 51184);
    snap_begin(snap, "world");
    workload_arrival_snap(&w->next_arrival, snap, checkpoint_users(w));
    snap_flag(snap, &w->arrivals_over);
    for (int s = 0; s < REQUEST_STATES; s++)
        snap_u64(snap, &w->states[s]);
    snap_u64(snap, &w->arrived);
    snap_u64(snap, &w->overflowed);
    snap_handle(snap, &w->relay_wake);
    snap_u32(snap, &w->relay_down);
    snap_u32(snap, &w->feed_down);
    snap_handle(snap, &w->session_wake);
    snap_i64(snap, &w->session_wake_ns);
    snap_money(snap, &w->worst_residual);
    snap_u64(snap, &w->sampled_arrived);
    snap_u64(snap, &w->sampled_completed);
    snap_i64(snap, &w->sampled_busy_ns);
    snap_i64(snap, &w->sample_step_ns);
    gauge_snap(w, snap);
    snap_money(snap, &w->window_burned);
    snap_money(snap, &w->window_issued);
    snap_u64(snap, &w->window_queried_tok);
    snap_u64(snap, &w->window_hit_tok);
    snap_u64(snap, &w->window_image_tok);
    snap_real(snap, &w->last_interval_s);
    snap_i64(snap, &w->capacity_low_ns);
    snap_i64(snap, &w->price_low_ns);
    snap_flag(snap, &w->collapsed);
    snap_end(snap);
}

static void checkpoint_snap(struct world *w, struct snap *snap)
{
    checkpoint_identity(w, snap);
    checkpoint_requests(w, snap);
    net_snap(&w->net, snap);
    registry_snap(&w->registry, snap);
    router_snap(&w->router, snap, w->node_count);
    facilitator_snap(&w->facilitator, snap, w->requests.capacity);
    consensus_snap(&w->consensus, snap);
    checkpoint_chain(w, snap);
    fleet_snap(w, snap);
    transfer_snap(&w->transfer, snap, w->node_count);
    engine_snap(w, snap);
    checkpoint_design(w, snap);
    checkpoint_economy(w, snap);
    metrics_snap(&w->metrics, snap);
    slo_snap(&w->slo, snap);
    workload_snap(&w->workload, snap);
    checkpoint_rest(w, snap);
    snap_events(snap, &w->events);
}

/* ---- save and restore ------------------------------------------------------------------------ */

struct snap checkpoint_save(struct world *w, struct arena *arena)
{
    struct snap snap;
    snap_write(&snap, arena);
    checkpoint_snap(w, &snap);
    snap_seal(&snap);
    return snap;
}

/* What the entity of an event of this kind is below. */
static uint32_t checkpoint_entities(const struct world *w, const struct scenario *past,
                                    uint16_t kind)
{
    switch ((enum world_event)kind) {
    case EV_DELIVER:
    case EV_ANSWER:
    case EV_ACT:
    case EV_TIMEOUT:
    case EV_NOTICE:
    case EV_HANDOFF:
    case EV_LOST:
    case EV_POST:
    case EV_QUEUE:
        return w->requests.capacity;
    case EV_SERVE:
    case EV_HEARTBEAT:
    case EV_RELEASE:
    case EV_LIFE:
        return w->node_count;
    case EV_TX:
        return w->travelling_capacity;
    case EV_INCIDENT:
        return past->events.count;
    case EV_ADVERSARY:
        return past->adversaries.count;
    case EV_TURN:
        return w->workload.sessions.capacity;
    default:
        return kind < EV_KINDS ? UINT32_MAX : 0;
    }
}

static void checkpoint_check_events(const struct world *w, const struct scenario *past,
                                    struct snap *snap)
{
    struct event_list_image image;
    event_list_export(&w->events, w->arena, &image);
    for (uint32_t i = 0; i < image.count; i++) {
        const struct event *e = &image.events[i];
        if (e->entity >= checkpoint_entities(w, past, e->kind))
            snap_fail(snap, "event of kind %u names %u", e->kind, e->entity);
        if (e->kind == EV_LIFE && !fleet_snap_sound(w, e->arg))
            snap_fail(snap, "a node is to change by %u", e->arg);
    }
}

enum status checkpoint_restore(struct world *w, const struct models_checkpoint *from,
                               const struct scenario *past)
{
    struct snap snap;
    if (snap_read(&snap, w->arena, from->state, from->bytes)) {
        checkpoint_snap(w, &snap);
        if (snap_sound(&snap)) checkpoint_check_events(w, past, &snap);
    }
    if (snap_done(&snap)) return STATUS_OK;
    enum status code = snap.refused ? STATUS_USER : STATUS_OPERATING;
    return status_fail(code, "the checkpoint of replication %u cannot be used: %s", w->replication,
                       snap_fault(&snap));
}

/* ---- when ------------------------------------------------------------------------------------ */

static enum status checkpoint_give(struct world *w, const struct models_options *options,
                                   bool timed)
{
    struct arena arena;
    arena_init(&arena, "checkpoint", 0);
    struct snap snap = checkpoint_save(w, &arena);
    struct models_checkpoint checkpoint = {.replication = w->replication,
                                           .now_ns = world_now(w),
                                           .timed = timed,
                                           .state = snap.bytes,
                                           .bytes = snap.length};
    enum status status = options->checkpoint(options->context, &checkpoint);
    arena_free(&arena);
    return status;
}

enum status checkpoint_periodic(struct world *w, const struct models_options *options)
{
    if (!options->checkpoint || !options->checkpoint_due) return STATUS_OK;
    if (!options->checkpoint_due(options->context)) return STATUS_OK;
    return checkpoint_give(w, options, false);
}

/* From one multiple of the period to the next; what happens at a multiple is in its checkpoint. */
static enum status checkpoint_laps(struct world *w, const struct models_options *options)
{
    int64_t end_ns = world_end_ns(w), every_ns = options->checkpoint_every_ns;
    while (every_ns > 0 && options->checkpoint && every_ns < end_ns - world_now(w)) {
        int64_t lap_ns = (world_now(w) / every_ns + 1) * every_ns;
        if (lap_ns >= end_ns) break;
        enum status status = world_advance(w, lap_ns, options);
        if (status == STATUS_OK) status = checkpoint_give(w, options, true);
        if (status == STATUS_OK && options->stop && *options->stop) status = STATUS_INTERRUPTED;
        if (status != STATUS_OK) return status;
    }
    return world_advance(w, end_ns, options);
}

enum status checkpoint_begin(struct world *w, const struct models_options *options)
{
    if (!options || !options->from) return STATUS_OK;
    const struct scenario *past = options->past ? &options->past->params : w->params;
    TRY(checkpoint_restore(w, options->from, past), "going on from a checkpoint");
    if (options->past) branch_apply(w, past);
    return STATUS_OK;
}

enum status checkpoint_run(struct world *w, const struct models_options *options)
{
    if (!options) return world_advance(w, world_end_ns(w), NULL);
    enum status status = checkpoint_laps(w, options);
    if (status != STATUS_INTERRUPTED || !options->checkpoint) return status;
    TRY(checkpoint_give(w, options, false), "keeping the state of replication %u", w->replication);
    return STATUS_INTERRUPTED;
}
