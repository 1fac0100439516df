/* SPDX-License-Identifier: Apache-2.0
 * What is watched, and who hears of it. */
#include "models/watch.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "models/watch_internal.h"

_Static_assert((int)WATCH_KINDS == (int)EV_KINDS, "the filter names every kind of event");

const char *const watch_kind_names[WATCH_KINDS + 1] = {
    "arrival",   "deliver",   "serve",   "answer", "act",     "timeout", "post", "relay",  "tx",
    "heartbeat", "lost",      "release", "height", "commit",  "session", "feed", "market", "sample",
    "incident",  "adversary", "window",  "notice", "handoff", "turn",    NULL};

const char *const watch_track_names[WATCH_TRACKS + 1] = {"totals", "blocks",   "validators",
                                                         "nodes",  "requests", NULL};

const char *const watch_state_names[REQUEST_STATES] = {
    "sent", "at its node", "answer on its way", "completed", "rejected", "failed", "timed out"};

const char *const watch_proof_names[PROOF_LOST + 1] = {
    "none", "pending", "settled, never verified", "verified", "rejected", "expired", "lost"};

const char *const watch_tx_names[TX_KINDS + 1] = {"proof", "batch", "heartbeat", "inference",
                                                  "withdrawn"};

/* ---- filter ---------------------------------------------------------------------------------- */

struct watch_filter watch_filter_all(void)
{
    return (struct watch_filter){.kinds = UINT32_MAX, .tracks = UINT32_MAX, .to_ns = INT64_MAX};
}

static const char *watch_refuse_set(const struct watch_set *set, const char *noun, uint32_t count,
                                    struct arena *arena)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->ranges[i].high < count) continue;
        return arena_print(arena, "%s %" PRIu32 " does not exist; the scenario has 0 to %" PRIu32,
                           noun, set->ranges[i].high, count - 1);
    }
    return NULL;
}

const char *watch_refuse(const struct models_scenario *scenario, const struct watch_filter *filter,
                         struct arena *arena)
{
    const struct scenario *p = &scenario->params;
    const char *why = watch_refuse_set(&filter->nodes, "node", scenario_node_total(p), arena);
    if (why) return why;
    return watch_refuse_set(&filter->validators, "validator", (uint32_t)p->validators.count, arena);
}

/* ---- what an event is about ------------------------------------------------------------------ */

const struct scenario_node *watch_node_class(const struct world *w, uint32_t node)
{
    return (const struct scenario_node *)w->params->nodes.items + w->nodes[node].class;
}

static uint32_t watch_tx_slot(const struct mempool_tx *tx)
{
    return tx->kind == TX_PROOF || tx->kind == TX_INFERENCE ? tx->reference : UINT32_MAX;
}

struct watch_about watch_about(const struct world *w, const struct event *e)
{
    struct watch_about about = {UINT32_MAX, UINT32_MAX, UINT32_MAX};
    switch ((enum world_event)e->kind) {
    case EV_ARRIVAL:
    case EV_TURN:
        about.slot = w->watch->arrived;
        break;
    case EV_DELIVER:
    case EV_ANSWER:
    case EV_ACT:
    case EV_TIMEOUT:
    case EV_NOTICE:
    case EV_HANDOFF:
    case EV_LOST:
    case EV_POST:
        about.slot = e->entity;
        break;
    case EV_SERVE:
    case EV_HEARTBEAT:
    case EV_RELEASE:
        about.node = e->entity;
        break;
    case EV_TX:
        about.slot = watch_tx_slot(&w->watch->tx);
        if (w->watch->tx.kind == TX_HEARTBEAT) about.node = w->watch->tx.reference;
        break;
    case EV_COMMIT:
        about.validator = e->entity;
        break;
    case EV_HEIGHT:
        if (w->block.open) about.validator = w->block.outcome.proposer;
        break;
    default:
        break;
    }
    if (about.slot == UINT32_MAX) return about;
    uint32_t node = world_request(w, about.slot)->node;
    if (node < w->node_count) about.node = node;
    return about;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static void watch_look(struct world *w, uint32_t index)
{
    struct watch *watch = w->watch;
    struct watch_node *node = &watch->nodes[index];
    const struct serving *s = &w->nodes[index].serving;
    if (watch->tracing) watch_trace_node(w, index);
    watch->running += (int64_t)s->running.count - node->running;
    watch->waiting += (int64_t)s->waiting.count - node->waiting;
    node->running = s->running.count;
    node->waiting = s->waiting.count;
    node->admissions = s->admissions;
}

/* The nodes whose engine the event may have moved. */
static void watch_look_at(struct world *w, const struct event *e)
{
    if (e->kind == EV_INCIDENT || e->kind == EV_ADVERSARY) {
        for (uint32_t i = 0; i < w->node_count; i++)
            watch_look(w, i);
    } else if (e->kind == EV_DELIVER || e->kind == EV_SERVE || e->kind == EV_TIMEOUT) {
        uint32_t node = watch_about(w, e).node;
        if (node != UINT32_MAX) watch_look(w, node);
    }
}

/* ---- what the world calls -------------------------------------------------------------------- */

void watch_open(struct world *w, const struct watch_options *options)
{
    bool mine = options && options->replication == w->replication;
    if (!options || !(options->profile || (mine && (options->trace || options->log)))) return;
    struct watch *watch = arena_alloc(w->arena, 1, sizeof *watch);
    *watch = (struct watch){.options = options,
                            .filter = &options->filter,
                            .log = mine ? options->log : NULL,
                            .profile = options->profile,
                            .arrived = UINT32_MAX};
    watch->nodes = arena_alloc(w->arena, w->node_count, sizeof *watch->nodes);
    w->watch = watch;
    if (mine && options->trace) watch_trace_open(w);
    if (watch->log) watch_log_open(w);
    if (watch->profile) watch_profile_open(w);
}

static enum status watch_file_check(const struct watch_file *file, const char *what)
{
    if (!file || !ferror(file->stream)) return STATUS_OK;
    return status_fail(STATUS_OPERATING, "cannot write the %s to %s: %s", what, file->path,
                       strerror(errno));
}

/* The trace begins with the first event at or after from_ns and is cut at to_ns. */
static void watch_tracing(struct world *w, int64_t now_ns)
{
    struct watch *watch = w->watch;
    if (!watch->emit.file || watch->traced) return;
    watch->tracing = now_ns >= watch->filter->from_ns;
    if (now_ns <= watch->filter->to_ns) return;
    if (watch->tracing) watch_trace_cut(w, watch->filter->to_ns);
    watch->tracing = false;
    watch->traced = true;
}

enum status watch_dispatch(struct world *w, const struct event *e)
{
    struct watch *watch = w->watch;
    watch->event = e;
    watch->arrived = UINT32_MAX;
    if (e->kind == EV_TX) watch->tx = w->travelling[e->entity];
    errno = 0;
    watch_tracing(w, e->time_ns);
    TRY(world_dispatch(w, e), "event %s", watch_kind_names[e->kind]);
    if (watch->profile) watch_profile_event(w, e);
    watch_look_at(w, e);
    if (watch->tracing) watch_trace_event(w, e);
    if (watch->log) watch_log_event(w, e);
    if (watch->profile) watch_profile_levels(w);
    enum status status = watch_file_check(watch->emit.file, "trace");
    return status != STATUS_OK ? status : watch_file_check(watch->log, "events");
}

void watch_arrival(struct world *w, uint32_t slot)
{
    w->watch->arrived = slot;
    if (w->watch->tracing) watch_lane_arrival(w, slot);
}

void watch_request(struct world *w, uint32_t slot)
{
    if (w->watch->tracing) watch_lane_request(w, slot);
}

void watch_proof(struct world *w, uint32_t slot)
{
    if (w->watch->tracing) watch_lane_proof(w, slot);
    if (w->watch->log) watch_log_proof(w, slot);
}

void watch_close(struct world *w, const char *ended)
{
    struct watch *watch = w->watch;
    if (!watch) return;
    if (watch->emit.file) watch_trace_close(w, ended);
    if (watch->log) watch_log_close(w, ended);
    if (watch->profile) watch_profile_close(w);
}
