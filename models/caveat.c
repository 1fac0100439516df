/* SPDX-License-Identifier: Apache-2.0
 * Caveats of a run: what is modelled and not measured, limits that were met, what was lost on the
 * way, and keys that the user gave and that had no effect. */
#include "models/caveat.h"

#include <inttypes.h>

#include "models/perf_log.h"
#include "models/perf_tables.h"
#include "models/scenario_own.h"
#include "models/trace.h"
#include "models/world.h"

enum { CAVEAT_TIMINGS = 32 }; /* most that is said of node classes and their tables */

struct caveat_writer {
    const struct world *w;
    struct arena *arena;
    const char **list;
    uint32_t count, capacity;
};

static void caveat_say(struct caveat_writer *to, const char *text)
{
    if (to->count == to->capacity) {
        uint32_t capacity = to->capacity ? 2 * to->capacity : 8;
        to->list = arena_grow(to->arena, to->list, to->capacity, capacity, sizeof *to->list);
        to->capacity = capacity;
    }
    to->list[to->count++] = text;
}

/* "BEFORE count AFTER", where there is anything to count. */
static void caveat_count(struct caveat_writer *to, const char *before, uint64_t count,
                         const char *after)
{
    if (count > 0) caveat_say(to, arena_print(to->arena, "%s%" PRIu64 " %s", before, count, after));
}

/* ---- keys without effect --------------------------------------------------------------------- */

/* Keys of users, sessions and transfers that need another key to have an effect. */
static uint32_t caveat_demand(const struct scenario *params, const struct param_doc *doc,
                              struct arena *arena, const char **texts)
{
    const struct scenario_node *nodes = params->nodes.items;
    uint32_t count = 0;
    bool moved = false, ranked = false;
    for (uint32_t i = 0; i < params->nodes.count; i++)
        moved = moved || nodes[i].role == REGISTRY_PREFILL;
    for (uint32_t i = 0; i < params->users.count; i++)
        ranked = ranked || param_given(doc, arena_print(arena, "users[%u].priority", i));
    if (ranked && params->serving.order != SERVING_PRIORITY)
        texts[count++] = "users[].priority has no effect: serving.order is not priority";
    if (param_given(doc, "transfer") && !moved)
        texts[count++] = "transfer has no effect: no class of nodes has role prefill";
    if (param_given(doc, "workload.sessions") && params->workload.sessions.share <= 0)
        texts[count++] = "workload.sessions has no effect: its share is 0%";
    if (param_given(doc, "workload.system_prompts") && params->workload.system_prompts.count == 0)
        texts[count++] = "workload.system_prompts has no effect: its count is 0";
    return count;
}

/* Scheduled events that no run of this length reaches; NULL: none. */
static const char *caveat_late(const struct scenario *params, struct arena *arena)
{
    const struct scenario_event *events = params->events.items;
    uint32_t late = 0, first = 0;
    for (uint32_t i = 0; i < params->events.count; i++) {
        if (events[i].at <= params->horizon + params->drain) continue;
        if (late++ == 0) first = i;
    }
    if (late == 0) return NULL;
    return arena_print(arena,
                       "%u of events: have no effect, events[%u] first: the run is over by then",
                       late, first);
}

uint32_t caveat_unused(const struct scenario *params, const struct param_doc *doc,
                       struct arena *arena, const char **texts)
{
    /* Payment sessions exist in the code only; under another token design fees go their own way. */
    static const char *const keys[] = {"payment.cap", "payment.idle", "payment.sessions"};
    uint32_t count = 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (params->token.design == TOKEN_AS_CODED || !param_given(doc, keys[i])) continue;
        texts[count++] = arena_print(arena,
                                     "%s has no effect: fees go through payment sessions only "
                                     "under token.design as_coded",
                                     keys[i]);
    }
    count += caveat_demand(params, doc, arena, texts + count);
    const char *late = caveat_late(params, arena);
    if (late) texts[count++] = late;
    if (param_given(doc, "staking.unbonding"))
        texts[count++] =
            "staking.unbonding has no effect: no agent of this version withdraws stake";
    return count;
}

/* ---- step times ------------------------------------------------------------------------------ */

static void caveat_tables(struct caveat_writer *to, const struct scenario_node *class)
{
    const struct perf_tables *t = class->tables;
    if (to->count >= CAVEAT_TIMINGS) return;
    const char *text = arena_print(to->arena, "step times of %s: %s%s", class->name,
                                   perf_tables_text(t, to->arena),
                                   t->profile ? "" : "; engine overhead is modelled");
    if (t->above_peak > 0)
        text = arena_print(to->arena, "%s; %" PRIu32 " points imply more than the card's peak",
                           text, t->above_peak);
    caveat_say(to, text);
    for (uint32_t i = 0; i < t->warning_count && to->count < CAVEAT_TIMINGS; i++)
        caveat_say(to, t->warnings[i]);
}

static void caveat_outside(struct caveat_writer *to)
{
    const struct world *w = to->w;
    uint64_t steps = 0, outside = 0;
    for (uint32_t i = 0; i < w->node_count; i++) {
        struct serving_counters c = fleet_engine_count(w, i);
        steps += c.steps;
        outside += c.outside_steps;
    }
    if (outside == 0) return;
    caveat_say(to,
               arena_print(to->arena,
                           "%" PRIu64 " of %" PRIu64 " engine steps (%.3g %%) lay outside the "
                           "timing tables, or needed what they lack, and were extrapolated by the "
                           "roofline",
                           outside, steps, 100.0 * (double)outside / (double)steps));
}

static void caveat_own(struct caveat_writer *to, const struct scenario_own *own)
{
    for (uint32_t i = 0; own && i < own->hardware_count && to->count < CAVEAT_TIMINGS; i++)
        caveat_say(to, arena_print(to->arena, "efficiencies of %s: %s", own->hardware[i].name,
                                   own->hardware[i].ratio_source));
}

/* Where step times come from, class by class, and how many lay outside the tables. */
static void caveat_timing(struct caveat_writer *to)
{
    const struct scenario_node *classes = to->w->params->nodes.items;
    bool modelled = to->w->params->nodes.count == 0;
    for (uint32_t i = 0; i < to->w->params->nodes.count; i++) {
        if (classes[i].tables) {
            caveat_tables(to, &classes[i]);
        } else if (classes[i].recording) {
            caveat_say(to, arena_print(to->arena, "step times of %s: recorded (%s)",
                                       classes[i].name, classes[i].recording->path));
        } else if (classes[i].timing.kind == SCENARIO_LIVE) {
            caveat_say(to,
                       arena_print(to->arena, "step times of %s: measured live", classes[i].name));
        } else {
            modelled = modelled || classes[i].kind == FLEET_GPU;
        }
    }
    if (modelled)
        caveat_say(to, "step times are modelled (roofline from published figures), not measured");
    caveat_own(to, to->w->params->own);
    caveat_outside(to);
}

/* What stands behind a proxy is not the network's, and nobody can see into it. */
static void caveat_proxies(struct caveat_writer *to)
{
    const struct scenario_node *classes = to->w->params->nodes.items;
    uint32_t count = 0;
    for (uint32_t i = 0; i < to->w->params->nodes.count; i++)
        count += classes[i].kind == FLEET_PROXY;
    if (count > 0)
        caveat_say(to, "proxies answer from outside: their latency is drawn, the energy of the API "
                       "is not counted, and a proof shows the way of an answer, not the model");
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void caveat_chain(struct caveat_writer *to)
{
    const struct world *w = to->w;
    caveat_count(to, "the mempool was full ", w->mempool.full, "times");
    caveat_count(to, "", w->overflowed, "requests met limits.requests and were rejected");
    caveat_count(to, "", w->heartbeats_lost, "heartbeats or attestations never got into a block");
    caveat_count(to, "", w->token.unpaid, "answers were not paid: wallets were empty");
    if (w->design->on_chain && w->metrics.timed_out > 0)
        caveat_say(to, "requests wait in order of arrival and leave with their client: under "
                       "overload what completes hangs on client.timeout");
    caveat_count(to, "", w->token.gas_refused, "transactions could not pay their gas");
}

void caveat_list(const struct world *w, struct models_record *record, bool halted)
{
    struct caveat_writer to = {.w = w, .arena = w->arena};
    caveat_timing(&to);
    caveat_proxies(&to);
    caveat_count(&to, "", trace_skipped(w->workload.trace),
                 "rows of the trace have no prompt or no answer (failed requests) and were passed "
                 "over");
    caveat_count(&to, "", w->metrics.hist[HIST_SETTLED_CENSORED].n,
                 "answers had not settled at the end: gap quantiles are product-limit estimates; a "
                 "longer `drain` closes them");
    caveat_count(&to, "", w->metrics.reasons[REASON_TOO_LONG],
                 "requests were rejected: their node, even empty, could not have held them");
    caveat_count(&to, "", w->workload.sessions.refused,
                 "requests began no session: workload.sessions.limit were open");
    caveat_chain(&to);
    if (halted) caveat_say(&to, "the chain stood without a quorum at the end");
    for (uint32_t i = 0; i < w->scenario->unused_count; i++)
        caveat_say(&to, w->scenario->unused[i]);
    record->caveats = to.list;
    record->caveat_count = to.count;
}
