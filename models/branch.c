/* SPDX-License-Identifier: Apache-2.0
 * Branches: what a checkpoint leaves open.
 *
 * Answers for: which keys may change at a checkpoint, and for the events that the past had already
 * scheduled from them.  A key may change when the model reads it at the moment of use; it may not
 * when a structure was built from it (accounts, nodes, queues), when draws are keyed by it, or when
 * a timer that runs was set by it.  Incidents and adversaries may change as long as they have not
 * begun.  Leaves out keys whose change would ask for work on what waits (order of the mempool,
 * size of a batch): those are refused. */
#include "models/branch.h"

#include <string.h>

/* ---- which keys ------------------------------------------------------------------------------ */

static const char branch_built[] = "the world was built with it";
static const char branch_keyed[] = "the draws so far are keyed by it";
static const char branch_timed[] = "a timer that runs was set by it";
static const char branch_past[] = "what has happened hangs on it";

/* The first row that a key begins with decides; indices of lists are left out of it. */
static const struct branch_rule {
    const char *key;
    const char *refused; /* why; NULL: may change */
} branch_rules[] = {
    {"name", NULL},
    {"doc", NULL},
    {"expect", NULL},
    {"seed", branch_keyed},
    {"horizon", NULL},
    {"drain", NULL},
    {"workload.arrivals.trace", "the place in the file belongs to it"},
    {"workload.arrivals", NULL},
    {"workload.lengths", NULL},
    {"workload.value", NULL},
    {"users[].share", NULL},
    {"users[].acts", NULL},
    {"client", NULL},
    {"models[].share", NULL},
    {"nodes", branch_built},
    {"registry.heartbeat_interval", branch_keyed},
    {"registry.heartbeat_max_age", branch_timed},
    {"registry", NULL},
    {"router", NULL},
    {"payment.idle", branch_timed},
    {"payment.wallet", branch_built},
    {"payment.sessions", branch_built},
    {"payment", NULL},
    {"net.regions", branch_built},
    {"net", NULL},
    {"transfer", NULL},
    {"serving.api", NULL},
    {"serving.tee", NULL},
    {"serving", branch_built},
    {"verification.design", branch_built},
    {"verification.replicated.gpu", branch_built},
    {"verification.replicated.gpus", branch_built},
    {"verification.replicated.model", branch_built},
    {"verification", NULL},
    {"facilitator.receipt", NULL},
    {"facilitator.batch", branch_built},
    {"facilitator.idle", branch_timed},
    {"facilitator.age", branch_timed},
    {"storage", NULL},
    {"mempool.fit", NULL},
    {"mempool.lifetime", NULL},
    {"feemarket.initial_base_fee", branch_past},
    {"feemarket.start", branch_past},
    {"feemarket", NULL},
    {"validators.hardware", NULL},
    {"validators", branch_built},
    {"consensus.fidelity", branch_built},
    {"consensus.max_gas", branch_built},
    {"consensus", NULL},
    {"token.burn_share", NULL},
    {"token.burn_per_proof", NULL},
    {"token.lost_fee", NULL},
    {"token.price.tick", NULL},
    {"token.price.sell_share", NULL},
    {"token.price.gbm", NULL},
    {"token.price.amm.fee", NULL},
    {"token.price.amm.slippage", NULL},
    {"token", branch_built},
    {"staking.insurance", branch_built},
    {"staking", NULL},
    {"adversaries", NULL}, /* one by one: branch_check_adversaries */
    {"events", NULL},      /* likewise */
    {"collapse", NULL},
};

/* "users[1].share" begins with "users[].share", and with "users", but not with "user". */
static bool branch_begins(const char *path, const char *key)
{
    while (*key) {
        if (*path != *key) return false;
        path++, key++;
        if (path[-1] == '[' && *key == ']') path += strspn(path, "0123456789");
    }
    return *path == '\0' || *path == '.' || *path == '[';
}

static const char *branch_refusal(const char *path)
{
    for (size_t i = 0; i < sizeof branch_rules / sizeof branch_rules[0]; i++)
        if (branch_begins(path, branch_rules[i].key)) return branch_rules[i].refused;
    return branch_past;
}

static const struct param_effective *branch_find(const struct models_info *info, const char *path)
{
    for (size_t i = 0; i < info->effective_count; i++)
        if (strcmp(info->effective[i].path, path) == 0) return &info->effective[i];
    return NULL;
}

static void branch_check_key(const struct models_scenario *branch, const char *path,
                             struct diag *diag)
{
    const char *why = branch_refusal(path);
    if (why) param_error(branch->doc, diag, path, "cannot change in a branch: %s", why);
}

/* Every key that one side has and the other has not, or has with another value. */
static void branch_check_keys(const struct models_scenario *past,
                              const struct models_scenario *branch, struct diag *diag)
{
    const struct models_info *a = &past->info, *b = &branch->info;
    for (size_t i = 0; i < b->effective_count; i++) {
        const struct param_effective *before = branch_find(a, b->effective[i].path);
        if (before && strcmp(before->value, b->effective[i].value) == 0) continue;
        branch_check_key(branch, b->effective[i].path, diag);
    }
    for (size_t i = 0; i < a->effective_count; i++)
        if (!branch_find(b, a->effective[i].path))
            branch_check_key(branch, a->effective[i].path, diag);
}

/* ---- times ----------------------------------------------------------------------------------- */

struct branch_checker {
    const struct scenario *past, *branch;
    struct param_doc *doc;
    struct diag *diag;
    int64_t now_ns;
    const char *now; /* as text */
};

static void branch_check_end(struct branch_checker *c)
{
    const struct scenario *a = c->past, *b = c->branch;
    if (a->horizon <= c->now_ns && b->horizon != a->horizon)
        param_error(c->doc, c->diag, "horizon", "cannot change: it was over at %s", c->now);
    else if (a->horizon > c->now_ns && b->horizon <= c->now_ns)
        param_error(c->doc, c->diag, "horizon", "must come after the checkpoint at %s", c->now);
    else if (b->horizon + b->drain <= c->now_ns)
        param_error(c->doc, c->diag, "drain", "must end after the checkpoint at %s", c->now);
}

/* Something that begins at `before` in the past and at `after` in the branch (INT64_MAX: not at
 * all) and otherwise stays as it is, or not. */
static void branch_check_item(struct branch_checker *c, const char *list, uint32_t index,
                              int64_t before, int64_t after, bool same)
{
    const char *path = arena_print(c->diag->arena, "%s[%u]", list, index);
    if (before <= c->now_ns && !same)
        param_error(c->doc, c->diag, path, "cannot change: it had begun at %s", c->now);
    else if (before > c->now_ns && after <= c->now_ns)
        param_error(c->doc, c->diag, path, "must begin after the checkpoint at %s", c->now);
}

static void branch_check_adversaries(struct branch_checker *c)
{
    const struct adversary_params *a = c->past->adversaries.items;
    const struct adversary_params *b = c->branch->adversaries.items;
    uint32_t before = c->past->adversaries.count, after = c->branch->adversaries.count;
    for (uint32_t i = 0; i < before || i < after; i++) {
        bool same = i < before && i < after && a[i].start == b[i].start &&
                    a[i].strategy == b[i].strategy && a[i].share == b[i].share &&
                    strcmp(a[i].substitute, b[i].substitute) == 0;
        branch_check_item(c, "adversaries", i, i < before ? a[i].start : INT64_MAX,
                          i < after ? b[i].start : INT64_MAX, same);
    }
}

static void branch_check_events(struct branch_checker *c)
{
    const struct scenario_event *a = c->past->events.items, *b = c->branch->events.items;
    uint32_t before = c->past->events.count, after = c->branch->events.count;
    for (uint32_t i = 0; i < before || i < after; i++) {
        bool same = i < before && i < after && a[i].at == b[i].at && a[i].what == b[i].what &&
                    a[i].factor == b[i].factor && strcmp(a[i].region, b[i].region) == 0;
        if (same && a[i].duration != b[i].duration)
            same = a[i].at + a[i].duration > c->now_ns && b[i].at + b[i].duration > c->now_ns;
        branch_check_item(c, "events", i, i < before ? a[i].at : INT64_MAX,
                          i < after ? b[i].at : INT64_MAX, same);
    }
}

void branch_check(const struct models_scenario *past, const struct models_scenario *branch,
                  int64_t now_ns, struct diag *diag)
{
    struct branch_checker c = {.past = &past->params,
                               .branch = &branch->params,
                               .doc = branch->doc,
                               .diag = diag,
                               .now_ns = now_ns,
                               .now = param_print(diag->arena, PARAM_DURATION, &now_ns)};
    branch_check_keys(past, branch, diag);
    branch_check_end(&c);
    branch_check_adversaries(&c);
    branch_check_events(&c);
}

/* ---- what was scheduled ---------------------------------------------------------------------- */

static bool branch_is(const struct event *e, uint16_t kind, uint32_t entity)
{
    return e->kind == kind && (entity == UINT32_MAX || e->entity == entity);
}

static bool branch_pending(const struct world *w, uint16_t kind, uint32_t entity)
{
    struct event_list_image image;
    event_list_export(&w->events, w->arena, &image);
    for (uint32_t i = 0; i < image.count; i++)
        if (branch_is(&image.events[i], kind, entity)) return true;
    return false;
}

/* Take out what is pending of this kind, entity and arg. */
static void branch_drop(struct world *w, uint16_t kind, uint32_t entity, uint32_t arg)
{
    struct event_list_image image;
    uint32_t kept = 0;
    event_list_export(&w->events, w->arena, &image);
    for (uint32_t i = 0; i < image.count; i++) {
        const struct event *e = &image.events[i];
        if (branch_is(e, kind, entity) && (arg == UINT32_MAX || e->arg == arg)) continue;
        image.events[kept++] = *e;
    }
    if (kept == image.count) return;
    image.count = kept;
    event_list_import(&w->events, w->arena, &image);
}

static void branch_move(struct world *w, uint16_t kind, uint32_t entity, uint32_t arg, int64_t to)
{
    branch_drop(w, kind, entity, arg);
    if (to > world_now(w) && to != INT64_MAX) event_schedule(&w->events, to, kind, entity, arg);
}

/* ---- a later or an earlier end --------------------------------------------------------------- */

/* A timer whose next time was after the old end had stopped. */
static void branch_revive(struct world *w, uint16_t kind, uint32_t entity, int64_t first_ns,
                          int64_t period_ns)
{
    int64_t now = world_now(w), at = first_ns;
    if (period_ns <= 0 || branch_pending(w, kind, entity)) return;
    if (at <= now) at += ((now - at) / period_ns + 1) * period_ns;
    if (at <= world_end_ns(w)) event_schedule(&w->events, at, kind, entity, 0);
}

static void branch_revive_nodes(struct world *w, int64_t past_end_ns)
{
    int64_t interval = w->params->registry.heartbeat_interval;
    for (uint32_t i = 0; i < w->node_count; i++) {
        struct rng_stream s = world_stream(w, PURPOSE_HEARTBEAT, i);
        branch_revive(w, EV_HEARTBEAT, i, (int64_t)(rng_unit(&s) * (double)interval), interval);
        int64_t until = w->staking.stakers[i].jailed_until_ns;
        if (w->registry.nodes[i].enabled || until <= past_end_ns || until > world_end_ns(w))
            continue;
        event_schedule(&w->events, until, EV_RELEASE, i, 0);
    }
}

static void branch_revive_chain(struct world *w)
{
    int64_t next = consensus_next_start_ns(&w->consensus, w->metrics.last_block_ns, 0);
    if (w->block.open || branch_pending(w, EV_HEIGHT, UINT32_MAX)) return;
    if (w->halt_since_ns >= 0) next = w->block.outcome.commit_ns;
    if (next <= world_now(w)) next = world_now(w) + 1;
    if (next <= world_end_ns(w)) event_schedule(&w->events, next, EV_HEIGHT, 0, 0);
}

/* Rows of the series are few: those that are left are spread over the rest. */
static void branch_resample(struct world *w)
{
    int64_t left = METRICS_SAMPLES - (int64_t)w->metrics.samples;
    int64_t rest_ns = world_end_ns(w) - world_now(w);
    w->sample_step_ns = left > 1 ? rest_ns / (left - 1) + 1 : rest_ns + 1;
    branch_revive(w, EV_SAMPLE, UINT32_MAX, world_now(w) + w->sample_step_ns, w->sample_step_ns);
}

static void branch_end(struct world *w, const struct scenario *past)
{
    const struct scenario *p = w->params;
    int64_t past_end_ns = past->horizon + past->drain;
    if (world_end_ns(w) == past_end_ns) return;
    branch_resample(w);
    if (world_end_ns(w) < past_end_ns) return;
    branch_revive(w, EV_FEED, UINT32_MAX, p->payment.feed_refresh, p->payment.feed_refresh);
    branch_revive(w, EV_MARKET, UINT32_MAX, p->token.price.tick, p->token.price.tick);
    branch_revive_nodes(w, past_end_ns);
    branch_revive_chain(w);
}

/* The request that was drawn last stands between two horizons, or beyond the one that holds now. */
static void branch_horizon(struct world *w, const struct scenario *past)
{
    int64_t horizon = w->params->horizon, next = w->next_arrival.time_ns;
    if (horizon == past->horizon) return;
    branch_move(w, EV_WINDOW, UINT32_MAX, 1, horizon);
    if (!w->arrivals_over && next > horizon) {
        branch_drop(w, EV_ARRIVAL, UINT32_MAX, UINT32_MAX);
        w->arrivals_over = true;
    } else if (w->arrivals_over && next > past->horizon && next <= horizon) {
        event_schedule(&w->events, next, EV_ARRIVAL, 0, w->next_arrival.request);
        w->arrivals_over = false;
    }
}

/* ---- incidents and adversaries --------------------------------------------------------------- */

static void branch_adversaries(struct world *w, const struct scenario *past)
{
    const struct adversary_params *a = past->adversaries.items;
    const struct adversary_params *b = w->params->adversaries.items;
    uint32_t before = past->adversaries.count, after = w->params->adversaries.count;
    for (uint32_t i = 0; i < before || i < after; i++) {
        int64_t from = i < before ? a[i].start : INT64_MAX, to = i < after ? b[i].start : INT64_MAX;
        if (from != to) branch_move(w, EV_ADVERSARY, i, 0, to);
    }
}

static void branch_events(struct world *w, const struct scenario *past)
{
    const struct scenario_event *a = past->events.items, *b = w->params->events.items;
    uint32_t before = past->events.count, after = w->params->events.count;
    for (uint32_t i = 0; i < before || i < after; i++) {
        int64_t from = i < before ? a[i].at : INT64_MAX, to = i < after ? b[i].at : INT64_MAX;
        int64_t ends = i < before ? from + a[i].duration : INT64_MAX;
        int64_t will = i < after ? to + b[i].duration : INT64_MAX;
        if (from != to) branch_move(w, EV_INCIDENT, i, 0, to);
        if (ends != will) branch_move(w, EV_INCIDENT, i, 1, will);
    }
}

void branch_apply(struct world *w, const struct scenario *past)
{
    branch_horizon(w, past);
    branch_end(w, past);
    branch_adversaries(w, past);
    branch_events(w, past);
}
