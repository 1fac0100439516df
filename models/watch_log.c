/* SPDX-License-Identifier: Apache-2.0
 * The log of events: one line each, written after the event, so that it says what came of it; and
 * before that one line for each proof that came to its end in it.
 *
 *     simulated time, s   number of the event   kind   in words
 *
 * The number is that of scheduling: with the time it is the order of the list. */
#include <inttypes.h>
#include <stdarg.h>

#include "models/watch_internal.h"

void watch_log_open(struct world *w)
{
    const struct scenario *p = w->params;
    fprintf(w->watch->log->stream,
            "# %s (%s), seed %" PRIu64 ", replication %" PRIu32 "\n"
            "#     time, s    number  kind       what happened\n",
            p->name, w->design->name, w->seed, w->replication);
}

static bool watch_log_wants(const struct world *w, const struct event *e, struct watch_about about)
{
    const struct watch_filter *f = w->watch->filter;
    if (!(f->kinds >> e->kind & 1) || e->time_ns < f->from_ns || e->time_ns > f->to_ns)
        return false;
    if (f->nodes.count > 0 && (about.node == UINT32_MAX || !watch_set_has(&f->nodes, about.node)))
        return false;
    if (f->validators.count > 0 &&
        (about.validator == UINT32_MAX || !watch_set_has(&f->validators, about.validator)))
        return false;
    if (f->requests.count == 0) return true;
    return about.slot != UINT32_MAX &&
           watch_set_has(&f->requests, world_request(w, about.slot)->id);
}

static void watch_log_say(struct world *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void watch_log_say(struct world *w, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(w->watch->log->stream, format, arguments);
    va_end(arguments);
}

/* ---- things ---------------------------------------------------------------------------------- */

static void watch_log_node(struct world *w, uint32_t node)
{
    const struct serving *s = &w->nodes[node].serving;
    watch_log_say(w, "node %" PRIu32 " %s: %" PRIu32 " running, %" PRIu32 " waiting", node,
                  watch_node_class(w, node)->name, s->running.count, s->waiting.count);
}

static void watch_log_state(struct world *w, uint32_t slot)
{
    const struct request *r = world_request(w, slot);
    watch_log_say(w, "request %" PRIu32 " %s", r->id, watch_state_names[r->state]);
    if (r->proof != PROOF_NONE) watch_log_say(w, ", proof %s", watch_proof_names[r->proof]);
}

static void watch_log_age(struct world *w, uint32_t slot)
{
    const struct request *r = world_request(w, slot);
    watch_log_say(w, ", %.6f s after it was sent", (double)(world_now(w) - r->arrived_ns) * 1e-9);
}

/* ---- kinds of events ------------------------------------------------------------------------- */

static void watch_log_arrival(struct world *w, uint32_t id)
{
    uint32_t slot = w->watch->arrived;
    if (slot == UINT32_MAX) {
        watch_log_say(w, "request %" PRIu32 " rejected: limits.requests are in flight", id);
        return;
    }
    const struct request *r = world_request(w, slot);
    const struct scenario_user *users = w->params->users.items;
    const struct scenario_model *models = w->params->models.items;
    watch_log_state(w, slot);
    watch_log_say(w, ": %s in %s wants %s, %" PRIu32 " + %" PRIu32 " tokens, $%.2f at stake",
                  users[r->class].class, net_region_name(r->region), models[r->model].name,
                  r->prompt_tok, r->output_tok, (double)r->value_nano * 1e-9);
    if (r->node < w->node_count) watch_log_say(w, "; to node %" PRIu32, r->node);
}

static void watch_log_request(struct world *w, const struct event *e)
{
    const struct request *r = world_request(w, e->entity);
    watch_log_state(w, e->entity);
    watch_log_age(w, e->entity);
    if (e->kind == EV_DELIVER && r->node < w->node_count) {
        watch_log_say(w, "; ");
        watch_log_node(w, r->node);
    } else if (e->kind == EV_ACT || e->kind == EV_ANSWER) {
        watch_log_say(w, r->acted ? "; acted on" : "; not acted on");
        if (r->cheated) watch_log_say(w, ", and it is a cheat");
    }
}

static void watch_log_tx(struct world *w)
{
    const struct mempool_tx *tx = &w->watch->tx;
    watch_log_say(w, "%s", watch_tx_names[tx->kind]);
    if (tx->kind == TX_PROOF || tx->kind == TX_INFERENCE)
        watch_log_say(w, " of request %" PRIu32, world_request(w, tx->reference)->id);
    if (tx->kind == TX_HEARTBEAT) watch_log_say(w, " of node %" PRIu32, tx->reference);
    watch_log_say(w, " at the mempool, where %" PRIu32 " wait", w->mempool.waiting);
}

static void watch_log_height(struct world *w)
{
    const struct consensus_outcome *o = &w->block.outcome;
    if (!w->block.open) {
        watch_log_say(w, "no quorum; again at %.9f s", (double)o->commit_ns * 1e-9);
        return;
    }
    watch_log_say(w,
                  "height %" PRIu64 ": %" PRIu32 " transactions, %" PRIu32
                  " left waiting; validator %" PRIu32 " proposes, round %" PRIu32
                  " commits at %.9f s",
                  w->block.height + 1, w->block.count, w->mempool.waiting, o->proposer, o->round,
                  (double)o->commit_ns * 1e-9);
}

static void watch_log_commit(struct world *w)
{
    char fee[MONEY_TEXT];
    watch_log_say(w,
                  "block %" PRIu64 " of validator %" PRIu32 " is final; base fee %s, %" PRId64
                  " answers not yet proven, $%.2f at risk",
                  w->block.height, w->block.outcome.proposer, money_print(fee, w->base_fee, 0),
                  w->metrics.open, (double)w->metrics.risk.value * 1e-6);
}

static void watch_log_incident(struct world *w, const struct event *e)
{
    static const char *const what[] = {[EVENT_OUTAGE] = "outage of",
                                       [EVENT_FACILITATOR_OUTAGE] = "outage of the facilitator",
                                       [EVENT_FEED_OUTAGE] = "outage of the price feed",
                                       [EVENT_SURGE] = "surge of demand"};
    const struct scenario_event *i =
        (const struct scenario_event *)w->params->events.items + e->entity;
    watch_log_say(w, "%s%s%s %s", what[i->what], i->what == EVENT_OUTAGE ? " " : "",
                  i->what == EVENT_OUTAGE ? i->region : "", e->arg == 1 ? "ends" : "begins");
}

static void watch_log_price(struct world *w)
{
    char price[MONEY_TEXT];
    watch_log_say(w, "token at $%s", money_print(price, price_spot(&w->price), 9));
}

static void watch_log_adversary(struct world *w, uint32_t index)
{
    const struct adversary_params *a =
        (const struct adversary_params *)w->params->adversaries.items + index;
    uint32_t taken = 0;
    for (uint32_t i = 0; i < w->node_count; i++)
        taken += w->nodes[i].adversary == (int32_t)index;
    watch_log_say(w, "%s begins on %" PRIu32 " nodes", adversary_find(a->strategy)->name, taken);
}

static void watch_log_words(struct world *w, const struct event *e)
{
    switch ((enum world_event)e->kind) {
    case EV_ARRIVAL:
    case EV_TURN:
        watch_log_arrival(w, e->arg);
        break;
    case EV_DELIVER:
    case EV_ANSWER:
    case EV_ACT:
    case EV_TIMEOUT:
    case EV_NOTICE:
    case EV_HANDOFF:
    case EV_LOST:
    case EV_POST:
        watch_log_request(w, e);
        break;
    case EV_SERVE:
        watch_log_node(w, e->entity);
        break;
    case EV_HEARTBEAT:
        watch_log_say(w, "of node %" PRIu32, e->entity);
        break;
    case EV_RELEASE:
        watch_log_say(w, "node %" PRIu32 " out of jail", e->entity);
        break;
    case EV_RELAY:
        watch_log_say(w, "facilitator: %" PRIu32 " records, %" PRIu32 " batches queued",
                      w->facilitator.waiting, w->facilitator.queued);
        break;
    case EV_TX:
        watch_log_tx(w);
        break;
    case EV_HEIGHT:
        watch_log_height(w);
        break;
    case EV_COMMIT:
        watch_log_commit(w);
        break;
    case EV_SESSION:
        watch_log_say(w, "idle payment sessions end");
        break;
    case EV_FEED:
    case EV_MARKET:
        watch_log_price(w);
        break;
    case EV_SAMPLE:
        watch_log_say(w, "row %" PRIu32 " of the series", w->metrics.samples);
        break;
    case EV_INCIDENT:
        watch_log_incident(w, e);
        break;
    case EV_ADVERSARY:
        watch_log_adversary(w, e->entity);
        break;
    case EV_WINDOW:
        watch_log_say(w, "the measured window %s", e->arg == 1 ? "closes" : "opens");
        break;
    case EV_KINDS:
        break;
    }
}

/* The head of a line, if there is to be one. */
static bool watch_log_begin(struct world *w, const struct event *e, struct watch_about about)
{
    struct watch_file *file = w->watch->log;
    if (!watch_log_wants(w, e, about)) return false;
    if (file->written == file->limit) {
        file->left_out++;
        return false;
    }
    file->written++;
    watch_log_say(w, "%5" PRId64 ".%09d  %8" PRIu64 "  %-9s  ", e->time_ns / 1000000000,
                  (int)(e->time_ns % 1000000000), e->seq, watch_kind_names[e->kind]);
    return true;
}

void watch_log_event(struct world *w, const struct event *e)
{
    if (!watch_log_begin(w, e, watch_about(w, e))) return;
    watch_log_words(w, e);
    putc('\n', w->watch->log->stream);
}

void watch_log_proof(struct world *w, uint32_t slot)
{
    const struct request *r = world_request(w, slot);
    uint32_t node = r->node < w->node_count ? r->node : UINT32_MAX;
    struct watch_about about = {.slot = slot, .node = node, .validator = UINT32_MAX};
    if (!watch_log_begin(w, w->watch->event, about)) return;
    watch_log_say(w, "request %" PRIu32 " proof %s", r->id, watch_proof_names[r->proof]);
    if (r->state == REQUEST_COMPLETED)
        watch_log_say(w, ", %.6f s after its answer",
                      (double)(world_now(w) - r->answered_ns) * 1e-9);
    putc('\n', w->watch->log->stream);
}

void watch_log_close(struct world *w, const char *ended)
{
    const struct watch_file *file = w->watch->log;
    watch_log_say(w, "# ended at %.9f s: %s; %" PRIu64 " lines", (double)world_now(w) * 1e-9, ended,
                  file->written);
    if (file->left_out > 0)
        watch_log_say(w, ", %" PRIu64 " more left out beyond the limit", file->left_out);
    putc('\n', file->stream);
}
