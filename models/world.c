/* SPDX-License-Identifier: Apache-2.0
 * A world: opened from a scenario, driven by its event list, closed into a record. */
#include "models/world.h"

#include <assert.h>
#include <time.h>

#include "models/checkpoint.h"
#include "models/engine.h"
#include "models/watch_internal.h"

int64_t world_end_ns(const struct world *w)
{
    return w->params->horizon + w->params->drain;
}

/* ---- records of requests --------------------------------------------------------------------- */

void world_hold(struct world *w, uint32_t slot)
{
    struct request *r = world_request(w, slot);
    assert(r->holds < UINT8_MAX);
    r->holds++;
}

void world_drop(struct world *w, uint32_t slot)
{
    struct request *r = world_request(w, slot);
    assert(r->holds > 0);
    if (--r->holds == 0) request_give(&w->requests, slot);
}

void world_set_state(struct world *w, uint32_t slot, enum request_state state)
{
    struct request *r = world_request(w, slot);
    assert(r->state < REQUEST_COMPLETED && r->state != (uint8_t)state &&
           "a terminal state is final");
    w->states[r->state]--;
    w->states[state]++;
    r->state = (uint8_t)state;
    if (w->watch) watch_request(w, slot);
}

/* ---- setup ----------------------------------------------------------------------------------- */

static enum status world_open_token(struct world *w)
{
    const struct scenario *p = w->params;
    struct token_setup setup = scenario_setup(p, w->arena);
    money_t *stake = arena_alloc(w->arena, w->consensus.count, sizeof *stake);
    for (uint32_t v = 0; v < w->consensus.count; v++) {
        stake[v] = scenario_validator_stake(p, &w->consensus, v);
    }
    setup.validator_stake = stake;
    setup.seed = w->seed;
    setup.replication = w->replication;
    ledger_init(&w->ledger, w->arena);
    payment_init(&w->payment, w->arena, &p->payment);
    staking_init(&w->staking, w->arena, &p->staking, &w->ledger, setup.nodes + setup.validators);
    if (!token_open(&w->token, w->arena, &p->token, &setup, &w->ledger, &w->payment, &w->staking,
                    &w->price)) {
        return status_fail(STATUS_BREACH, "genesis: %s", w->ledger.breach);
    }
    payment_feed_refresh(&w->payment, price_spot(&w->price), 0);
    return STATUS_OK;
}

static void world_open_timers(struct world *w)
{
    const struct scenario *p = w->params;
    w->session_wake_ns = INT64_MAX;
    w->sample_step_ns = world_end_ns(w) / (METRICS_SAMPLES - 1);
    event_schedule(&w->events, p->payment.feed_refresh, EV_FEED, 0, 0);
    event_schedule(&w->events, p->token.price.tick, EV_MARKET, 0, 0);
    event_schedule(&w->events, p->warmup, EV_WINDOW, 0, 0);
    event_schedule(&w->events, p->horizon, EV_WINDOW, 0, 1);
    event_schedule(&w->events, 0, EV_SAMPLE, 0, 0);
}

enum status world_open(struct world *w, const struct models_scenario *scenario, uint64_t seed,
                       uint32_t replication, struct arena *arena)
{
    const struct scenario *p = &scenario->params;
    *w = (struct world){.scenario = scenario,
                        .params = p,
                        .seed = seed,
                        .replication = replication,
                        .arena = arena,
                        .capacity_low_ns = -1,
                        .price_low_ns = -1};
    w->design = verification_find(p->verification.design);
    event_list_init(&w->events, arena, (uint32_t)p->limits.events);
    request_pool_init(&w->requests, arena, (uint32_t)p->limits.requests);
    metrics_init(&w->metrics, arena, p->warmup, p->horizon);
    slo_init(&w->slo, &p->users, p->horizon - p->warmup, arena);
    net_init(&w->net, &p->net, arena);
    gauge_open(w);
    fleet_open(w);
    transfer_open(w);
    relay_open(w);
    TRY(front_open(w), "replication %u", replication);
    chain_open(w);
    TRY(world_open_token(w), "replication %u", replication);
    if (w->design->open) w->design->open(w);
    incident_open(w);
    world_open_timers(w);
    return STATUS_OK;
}

void world_close(struct world *w)
{
    workload_close(&w->workload);
}

/* ---- timers ---------------------------------------------------------------------------------- */

static void world_repeat(struct world *w, int64_t period_ns, uint16_t kind)
{
    if (world_now(w) + period_ns <= world_end_ns(w)) {
        event_schedule(&w->events, world_now(w) + period_ns, kind, 0, 0);
    }
}

static void world_session(struct world *w)
{
    w->session_wake_ns = INT64_MAX;
    payment_expire(&w->payment, world_now(w));
}

/* Sessions only get later, so one wake-up at the earliest is enough. */
static void world_session_schedule(struct world *w)
{
    int64_t next = payment_next_ns(&w->payment);
    if (next == INT64_MAX || w->session_wake_ns <= next) return;
    event_cancel(&w->events, w->session_wake);
    w->session_wake = event_schedule_cancellable(&w->events, next, EV_SESSION, 0, 0);
    w->session_wake_ns = next;
}

static void world_feed(struct world *w)
{
    payment_feed_refresh(&w->payment, price_spot(&w->price), world_now(w));
    world_repeat(w, w->params->payment.feed_refresh, EV_FEED);
}

static void world_market(struct world *w)
{
    token_market(&w->token, world_now(w));
    world_repeat(w, w->params->token.price.tick, EV_MARKET);
}

static void world_window(struct world *w, bool closes)
{
    struct token_supply supply = token_supply(&w->token);
    money_t issued = supply.minted + w->ledger.total[LEDGER_OPG][LEDGER_EMISSION];
    fleet_window(w, closes);
    record_window(w, closes);
    gauge_window(w, closes);
    w->window_burned = closes ? supply.burned - w->window_burned : supply.burned;
    w->window_issued = closes ? issued - w->window_issued : issued;
    if (closes) metrics_close_window(&w->metrics);
}

static void world_sample(struct world *w)
{
    record_sample(w);
    if (w->sample_step_ns > 0) world_repeat(w, w->sample_step_ns, EV_SAMPLE);
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* Events that name a request hold its record; it is let go after the handler. */
static void world_dispatch_request(struct world *w, const struct event *e)
{
    uint32_t slot = e->entity;
    switch ((enum world_event)e->kind) {
    case EV_DELIVER:
        fleet_deliver(w, slot);
        break;
    case EV_ANSWER:
        outcome_answered(w, slot);
        break;
    case EV_ACT:
        outcome_act(w, slot);
        break;
    case EV_TIMEOUT:
        front_timeout(w, slot);
        break;
    case EV_NOTICE:
        front_notice(w, slot);
        break;
    case EV_HANDOFF:
        transfer_arrive(w, slot);
        break;
    case EV_LOST:
        outcome_proof(w, slot, PROOF_LOST);
        break;
    case EV_POST:
        relay_post(w, slot);
        return; /* its hold goes to the facilitator */
    default:
        assert(0 && "not an event of a request");
    }
    world_drop(w, slot);
}

enum status world_dispatch(struct world *w, const struct event *e)
{
    switch ((enum world_event)e->kind) {
    case EV_ARRIVAL:
        return front_arrival(w);
    case EV_DELIVER:
    case EV_ANSWER:
    case EV_ACT:
    case EV_TIMEOUT:
    case EV_NOTICE:
    case EV_HANDOFF:
    case EV_LOST:
    case EV_POST:
        world_dispatch_request(w, e);
        break;
    case EV_TURN:
        front_turn(w, e->entity);
        break;
    case EV_SERVE:
        fleet_serve(w, e->entity);
        break;
    case EV_RELAY:
        relay_wake(w);
        break;
    case EV_TX:
        chain_arrive(w, e->entity);
        break;
    case EV_HEARTBEAT:
        fleet_heartbeat(w, e->entity);
        break;
    case EV_RELEASE:
        fleet_release(w, e->entity);
        break;
    case EV_HEIGHT:
        chain_height(w);
        break;
    case EV_COMMIT:
        chain_commit(w);
        break;
    case EV_SESSION:
        world_session(w);
        break;
    case EV_FEED:
        world_feed(w);
        break;
    case EV_MARKET:
        world_market(w);
        break;
    case EV_SAMPLE:
        world_sample(w);
        break;
    case EV_INCIDENT:
        incident_fire(w, e->entity, e->arg == 1);
        break;
    case EV_ADVERSARY:
        fleet_adversary(w, e->entity);
        break;
    case EV_WINDOW:
        world_window(w, e->arg == 1);
        break;
    case EV_KINDS:
        break;
    }
    return STATUS_OK;
}

static enum status world_breach(const struct world *w)
{
    return status_fail(STATUS_BREACH, "block %llu at %.9f s, seed %llu, replication %u: %s",
                       (unsigned long long)w->block.height, (double)world_now(w) * 1e-9,
                       (unsigned long long)w->seed, w->replication, invariant_text(w));
}

/* Progress is shown about once a second of wall time; the clock is read every 4096 events. */
static void world_progress(const struct world *w, const struct models_options *options,
                           time_t *shown)
{
    time_t now = time(NULL);
    if (!options->progress || now == *shown) return;
    *shown = now;
    options->progress(options->context, world_now(w), world_end_ns(w));
}

enum status world_advance(struct world *w, int64_t until_ns, const struct models_options *options)
{
    struct event e;
    time_t shown = time(NULL);
    while (event_next(&w->events, until_ns, &e)) {
        w->last[w->last_count++ % WORLD_LAST] = e;
        TRY(w->watch ? watch_dispatch(w, &e) : world_dispatch(w, &e), "at %.9f s",
            (double)world_now(w) * 1e-9);
        world_session_schedule(w);
        if (invariant_text(w)) return world_breach(w);
        if ((w->last_count & 4095) != 0 || !options) continue;
        if (options->stop && *options->stop) {
            return status_fail(STATUS_INTERRUPTED, "stopped at %.3f s of simulated time",
                               (double)world_now(w) * 1e-9);
        }
        TRY(checkpoint_periodic(w, options), "at %.9f s", (double)world_now(w) * 1e-9);
        world_progress(w, options, &shown);
    }
    return STATUS_OK;
}

static const char *world_ended(const struct world *w, enum status status)
{
    if (status == STATUS_BREACH) return "an invariant broke";
    if (status == STATUS_INTERRUPTED) return "interrupted";
    if (status != STATUS_OK) return "failed";
    return w->events.pending > 0 ? "horizon and drain are over" : "nothing was left to happen";
}

enum status models_run(const struct models_scenario *scenario, uint64_t seed, uint32_t replication,
                       const struct models_options *options, struct arena *arena,
                       struct models_record *record)
{
    struct world *w = arena_alloc(arena, 1, sizeof *w);
    const struct watch_options *watch = options ? options->watch : NULL;
    watch_crash_enter(w, watch);
    enum status status = world_open(w, scenario, seed, replication, arena);
    if (status == STATUS_OK) status = engine_attach(w, options);
    if (status == STATUS_OK) {
        status = checkpoint_begin(w, options);
        watch_open(w, watch);
        if (status == STATUS_OK) status = checkpoint_run(w, options);
    }
    if (status == STATUS_OK) {
        payment_flush(&w->payment);
        if (!invariant_final(w)) status = world_breach(w);
    }
    if (status == STATUS_OK) status = engine_status(w);
    if (status == STATUS_BREACH) watch_crash_report("an invariant broke");
    watch_close(w, world_ended(w, status));
    if (status == STATUS_OK) record_fill(w, record);
    if (status == STATUS_OK && options && options->record_steps) record->steps = engine_steps(w);
    world_close(w);
    watch_crash_enter(NULL, NULL);
    return status;
}
