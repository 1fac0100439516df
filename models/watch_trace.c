/* SPDX-License-Identifier: Apache-2.0
 * The tracks of a trace that are not requests: totals, blocks, validators, nodes.
 *
 * Format: Trace Event Format, object form, as chrome://tracing and Perfetto read it.  A process is
 * a group of tracks, a thread is a track:
 *
 *   totals      counters of the whole network
 *   chain       blocks, one slice per height; validators, what each did in the round that decided
 *   requests    one lane per request (watch_lane.c)
 *   node N      its engine: slices `busy`, and in them the steps; counters; lanes of its requests
 *
 * Slices of a track nest and are in order of time (B and E), so that a viewer need not sort slices
 * that begin together.  A validator's are written when its height starts, because the quorum level
 * knows the whole height by then; they do not nest, and stand as X. */
#include <inttypes.h>
#include <string.h>

#include "models/watch_internal.h"

#define WATCH_TRACE_AT "\"pid\":%u,\"tid\":%u,\"ts\":" WATCH_US

/* ---- what is on it --------------------------------------------------------------------------- */

static bool watch_trace_wants(const struct watch *watch, enum watch_track track)
{
    const struct watch_filter *f = watch->filter;
    if (!(f->tracks >> track & 1) || f->requests.count > 0) return false;
    return (track == WATCH_NODES || f->nodes.count == 0) &&
           (track == WATCH_VALIDATORS || f->validators.count == 0);
}

static void watch_trace_process(struct world *w, unsigned pid, const char *name)
{
    struct watch_emit *emit = &w->watch->emit;
    watch_emit_record(emit,
                      "\"ph\":\"M\",\"pid\":%u,\"tid\":1,\"name\":\"process_name\","
                      "\"args\":{\"name\":\"%s\"}",
                      pid, watch_emit_text(w->arena, name));
    watch_emit_record(emit,
                      "\"ph\":\"M\",\"pid\":%u,\"tid\":1,\"name\":\"process_sort_index\","
                      "\"args\":{\"sort_index\":%u}",
                      pid, pid);
}

static void watch_trace_thread(struct world *w, unsigned pid, unsigned tid, const char *name)
{
    struct watch_emit *emit = &w->watch->emit;
    watch_emit_record(emit,
                      "\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"name\":\"thread_name\","
                      "\"args\":{\"name\":\"%s\"}",
                      pid, tid, watch_emit_text(w->arena, name));
    watch_emit_record(emit,
                      "\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"name\":\"thread_sort_index\","
                      "\"args\":{\"sort_index\":%u}",
                      pid, tid, tid);
}

static void watch_trace_name_tracks(struct world *w)
{
    const struct watch *watch = w->watch;
    bool validators = watch_trace_wants(watch, WATCH_VALIDATORS);
    bool blocks = watch_trace_wants(watch, WATCH_BLOCKS);
    if (watch_trace_wants(watch, WATCH_TOTALS)) {
        watch_trace_process(w, WATCH_PID_TOTALS, "totals");
        watch_trace_thread(w, WATCH_PID_TOTALS, WATCH_TID_MAIN, "counters");
    }
    if (watch->filter->tracks >> WATCH_REQUESTS & 1 && watch->filter->validators.count == 0) {
        watch_trace_process(w, WATCH_PID_REQUESTS, "requests");
        watch_trace_thread(w, WATCH_PID_REQUESTS, WATCH_TID_MAIN, "requests");
    }
    if (validators || blocks) watch_trace_process(w, WATCH_PID_CHAIN, "chain");
    if (blocks) watch_trace_thread(w, WATCH_PID_CHAIN, WATCH_TID_MAIN, "blocks");
    if (!validators) return;
    for (uint32_t v = 0; v < w->consensus.count; v++) {
        if (!watch_set_has(&watch->filter->validators, v)) continue;
        const char *region = net_region_name(w->consensus.validators[v].region);
        watch_trace_thread(w, WATCH_PID_CHAIN, WATCH_TID_VALIDATORS + v,
                           arena_print(w->arena, "validator %" PRIu32 " %s", v, region));
    }
}

/* When the first thing is written about it: a filter may leave most nodes empty. */
void watch_trace_name_node(struct world *w, uint32_t index)
{
    const struct scenario_node *class = watch_node_class(w, index);
    if (w->watch->nodes[index].named) return;
    w->watch->nodes[index].named = true;
    watch_trace_process(
        w, WATCH_PID_NODES + index,
        arena_print(w->arena, "node %" PRIu32 " %s (%s)", index, class->name, class->region));
    watch_trace_thread(w, WATCH_PID_NODES + index, WATCH_TID_MAIN, "engine");
}

static const char *watch_trace_tail(struct world *w, const char *ended)
{
    const struct watch *watch = w->watch;
    const struct watch_file *file = watch->options->trace;
    const struct scenario *p = w->params;
    return arena_print(w->arena,
                       "\n],\"otherData\":{\"scenario\":\"%s\",\"design\":\"%s\","
                       "\"seed\":\"%" PRIu64 "\",\"replication\":%" PRIu32 ","
                       "\"clock\":\"simulated time from 0, microseconds\",\"ended\":\"%s\","
                       "\"records\":%" PRIu64 ",\"limit\":%" PRIu64 ",\"left_out\":%" PRIu64 ","
                       "\"validator_spans_left_out\":%" PRIu64 "}}\n",
                       watch_emit_text(w->arena, p->name), w->design->name, w->seed, w->replication,
                       ended, file->written, file->limit, file->left_out, watch->overlaps);
}

static const char **watch_trace_texts(struct world *w, const struct param_list *list, size_t size)
{
    const char **texts = arena_alloc(w->arena, list->count, sizeof *texts);
    for (uint32_t i = 0; i < list->count; i++) {
        const char *item = (const char *)list->items + i * size;
        texts[i] = watch_emit_text(w->arena, *(const char *const *)(const void *)item);
    }
    return texts;
}

void watch_trace_open(struct world *w)
{
    struct watch *watch = w->watch;
    const struct scenario *p = w->params;
    _Static_assert(offsetof(struct scenario_user, class) == 0, "the name comes first");
    _Static_assert(offsetof(struct scenario_model, name) == 0, "the name comes first");
    watch->user_names = watch_trace_texts(w, &p->users, sizeof(struct scenario_user));
    watch->model_names = watch_trace_texts(w, &p->models, sizeof(struct scenario_model));
    watch->validator_end_ns =
        arena_alloc(w->arena, w->consensus.count, sizeof *watch->validator_end_ns);
    watch->arrows = watch_trace_wants(watch, WATCH_BLOCKS);
    watch->shown = (struct watch_shown){-1, -1, -1, -1, -1};
    watch_emit_open(&watch->emit, watch->options->trace, watch_trace_tail(w, "cut off"));
    watch_trace_name_tracks(w);
}

/* ---- totals ---------------------------------------------------------------------------------- */

/* A counter that has moved; `decimals` of its integer value are behind the point. */
static void watch_trace_counter(struct world *w, int64_t *shown, int64_t value, int decimals,
                                const char *name, const char *series)
{
    struct watch_emit *emit = &w->watch->emit;
    char text[MONEY_TEXT];
    if (value == *shown) return;
    *shown = value;
    if (!watch_emit_room(emit, 1)) return;
    watch_emit_record(emit, "\"ph\":\"C\"," WATCH_TRACE_AT ",\"name\":\"%s\",\"args\":{\"%s\":%s}",
                      WATCH_PID_TOTALS, WATCH_TID_MAIN, WATCH_US_OF(world_now(w)), name, series,
                      money_print(text, value, decimals));
}

static void watch_trace_totals(struct world *w)
{
    struct watch_shown *shown = &w->watch->shown;
    int64_t open = 0;
    for (int s = 0; s < REQUEST_COMPLETED; s++)
        open += (int64_t)w->states[s];
    watch_trace_counter(w, &shown->requests, open, 0, "requests", "in flight");
    watch_trace_counter(w, &shown->mempool, w->mempool.waiting, 0, "mempool", "waiting");
    if (w->design->verifies) {
        watch_trace_counter(w, &shown->unproven, w->metrics.open, 0, "answers", "not yet proven");
    }
    watch_trace_counter(w, &shown->risk_micro, w->metrics.risk.value, 6, "value at risk", "USD");
    watch_trace_counter(w, &shown->price_nano, (int64_t)price_spot(&w->price), 9, "token price",
                        "USD");
}

/* ---- chain ----------------------------------------------------------------------------------- */

static void watch_trace_span(struct world *w, uint32_t validator, const char *name, int64_t from_ns,
                             int64_t to_ns)
{
    watch_emit_record(&w->watch->emit,
                      "\"ph\":\"X\"," WATCH_TRACE_AT ",\"dur\":" WATCH_US
                      ",\"cat\":\"validator\",\"name\":\"%s\",\"args\":{\"height\":%" PRIu64 "}",
                      WATCH_PID_CHAIN, WATCH_TID_VALIDATORS + validator, WATCH_US_OF(from_ns),
                      WATCH_US_OF(to_ns - from_ns), name, w->block.height + 1);
}

/* From the block to the prevote, and from there to the precommit.  A validator that was still at
 * the height before (it saw the proposal later than others saw the commit) is left out. */
static void watch_trace_validator(struct world *w, uint32_t v)
{
    struct watch *watch = w->watch;
    struct consensus_times t;
    if (!consensus_times(&w->consensus, v, &t)) return;
    bool has = t.block_ns <= t.prevote_ns;
    int64_t from_ns = has ? t.block_ns : t.prevote_ns;
    if (from_ns > watch->filter->to_ns) return;
    if (from_ns < watch->validator_end_ns[v]) {
        watch->overlaps++;
        return;
    }
    if (!watch_emit_room(&watch->emit, 1 + has)) return;
    watch->validator_end_ns[v] = t.precommit_ns;
    if (has) watch_trace_span(w, v, "check block", t.block_ns, t.prevote_ns);
    watch_trace_span(w, v, t.prevote_nil ? "prevoted nil" : "prevoted", t.prevote_ns,
                     t.precommit_ns);
}

static void watch_trace_block(struct world *w)
{
    struct watch *watch = w->watch;
    const struct world_block *b = &w->block;
    const struct consensus_outcome *o = &b->outcome;
    if (!b->open && watch_emit_room(&watch->emit, 1)) {
        watch_emit_record(&watch->emit,
                          "\"ph\":\"i\"," WATCH_TRACE_AT
                          ",\"s\":\"t\",\"cat\":\"chain\",\"name\":\"no quorum\"",
                          WATCH_PID_CHAIN, WATCH_TID_MAIN, WATCH_US_OF(world_now(w)));
    }
    watch->block = b->open && watch_emit_room(&watch->emit, 2);
    if (!watch->block) return;
    watch_emit_record(&watch->emit,
                      "\"ph\":\"B\"," WATCH_TRACE_AT ",\"cat\":\"chain\",\"name\":\"block %" PRIu64
                      "\",\"args\":{\"transactions\":%" PRIu32 ",\"proposer\":%" PRIu32
                      ",\"round\":%" PRIu32 ",\"quorum_prevote_delay_ms\":%.6f}",
                      WATCH_PID_CHAIN, WATCH_TID_MAIN, WATCH_US_OF(b->start_ns), b->height + 1,
                      b->count, o->proposer, o->round, (double)o->quorum_prevote_delay_ns / 1e6);
}

static void watch_trace_height(struct world *w)
{
    const struct watch *watch = w->watch;
    if (watch_trace_wants(watch, WATCH_BLOCKS)) watch_trace_block(w);
    if (!w->block.open || !watch_trace_wants(watch, WATCH_VALIDATORS)) return;
    for (uint32_t v = 0; v < w->consensus.count; v++)
        if (watch_set_has(&watch->filter->validators, v)) watch_trace_validator(w, v);
}

static void watch_trace_block_end(struct world *w, int64_t now_ns)
{
    if (!w->watch->block) return;
    w->watch->block = false;
    watch_emit_record(&w->watch->emit, "\"ph\":\"E\"," WATCH_TRACE_AT ",\"cat\":\"chain\"",
                      WATCH_PID_CHAIN, WATCH_TID_MAIN, WATCH_US_OF(now_ns));
}

void watch_trace_event(struct world *w, const struct event *e)
{
    if (e->kind == EV_HEIGHT) watch_trace_height(w);
    if (e->kind == EV_COMMIT) watch_trace_block_end(w, world_now(w));
    if (watch_trace_wants(w->watch, WATCH_TOTALS)) watch_trace_totals(w);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

/* The end of a slice has its room from the beginning. */
static void watch_trace_begin(struct world *w, uint32_t node, bool *open, const char *name,
                              int64_t at_ns, const char *arguments)
{
    *open = watch_emit_room(&w->watch->emit, 2);
    if (!*open) return;
    watch_trace_name_node(w, node);
    watch_emit_record(&w->watch->emit,
                      "\"ph\":\"B\"," WATCH_TRACE_AT
                      ",\"cat\":\"node\",\"name\":\"%s\",\"args\":{%s}",
                      WATCH_PID_NODES + node, WATCH_TID_MAIN, WATCH_US_OF(at_ns), name, arguments);
}

static void watch_trace_end(struct world *w, uint32_t node, bool *open, int64_t at_ns,
                            const char *arguments)
{
    if (!*open) return;
    *open = false;
    watch_emit_record(&w->watch->emit,
                      "\"ph\":\"E\"," WATCH_TRACE_AT ",\"cat\":\"node\",\"args\":{%s}",
                      WATCH_PID_NODES + node, WATCH_TID_MAIN, WATCH_US_OF(at_ns), arguments);
}

static int64_t watch_trace_step_ns(const struct serving *s)
{
    return s->start_ns + (s->start_ticks > 0);
}

static void watch_trace_step_end(struct world *w, uint32_t index, int64_t at_ns)
{
    struct watch_node *node = &w->watch->nodes[index];
    char arguments[64];
    snprintf(arguments, sizeof arguments, "\"steps_planned\":%" PRId64, node->planned);
    watch_trace_end(w, index, &node->step, at_ns, arguments);
}

static void watch_trace_step_begin(struct world *w, uint32_t index)
{
    struct watch_node *node = &w->watch->nodes[index];
    const struct serving *s = &w->nodes[index].serving;
    const struct perf_batch *b = &s->batch;
    char arguments[160];
    const char *name = "decode";
    if (b->prefill_seqs > 0) name = s->decoding > 0 ? "prefill + decode" : "prefill";
    snprintf(arguments, sizeof arguments,
             "\"prefill_requests\":%" PRId64 ",\"prefill_tok\":%" PRId64
             ",\"decoding_requests\":%" PRIu32,
             b->prefill_seqs, b->prefill_tok, s->decoding);
    watch_trace_begin(w, index, &node->step, name, watch_trace_step_ns(s), arguments);
}

static void watch_trace_queue(struct world *w, uint32_t index)
{
    const struct watch_node *node = &w->watch->nodes[index];
    const struct serving *s = &w->nodes[index].serving;
    if (s->running.count == node->running && s->waiting.count == node->waiting) return;
    if (!watch_emit_room(&w->watch->emit, 1)) return;
    watch_trace_name_node(w, index);
    watch_emit_record(&w->watch->emit,
                      "\"ph\":\"C\"," WATCH_TRACE_AT ",\"name\":\"requests\",\"args\":"
                      "{\"running\":%" PRIu32 ",\"waiting\":%" PRIu32 "}",
                      WATCH_PID_NODES + index, WATCH_TID_MAIN, WATCH_US_OF(world_now(w)),
                      s->running.count, s->waiting.count);
}

/* A step is known by its start.  A plan that was cut, or settled by somebody who asked, shows as
 * two slices. */
static void watch_trace_engine(struct world *w, uint32_t index)
{
    struct watch_node *node = &w->watch->nodes[index];
    const struct serving *s = &w->nodes[index].serving;
    bool runs = s->planned > 0;
    bool same = runs && s->start_ns == node->start_ns && s->start_ticks == node->start_ticks;
    if (!same) {
        watch_trace_step_end(w, index, runs ? watch_trace_step_ns(s) : world_now(w));
        if (!runs) watch_trace_end(w, index, &node->busy, world_now(w), "");
        if (runs && !node->busy)
            watch_trace_begin(w, index, &node->busy, "busy", watch_trace_step_ns(s), "");
        if (runs && node->busy) watch_trace_step_begin(w, index);
    }
    node->start_ns = runs ? s->start_ns : -1;
    node->start_ticks = s->start_ticks;
    node->planned = s->planned;
}

void watch_trace_node(struct world *w, uint32_t index)
{
    const struct watch *watch = w->watch;
    watch_lane_admitted(w, index);
    if (!watch_trace_wants(watch, WATCH_NODES)) return;
    if (!watch_set_has(&watch->filter->nodes, index)) return;
    watch_trace_engine(w, index);
    watch_trace_queue(w, index);
}

/* ---- the end --------------------------------------------------------------------------------- */

void watch_trace_cut(struct world *w, int64_t now_ns)
{
    watch_lane_cut(w, now_ns);
    for (uint32_t i = 0; i < w->node_count; i++) {
        watch_trace_step_end(w, i, now_ns);
        watch_trace_end(w, i, &w->watch->nodes[i].busy, now_ns, "");
    }
    watch_trace_block_end(w, now_ns);
}

void watch_trace_close(struct world *w, const char *ended)
{
    struct watch *watch = w->watch;
    if (watch->tracing) watch_trace_cut(w, world_now(w));
    watch_emit_close(&watch->emit, watch_trace_tail(w, ended));
}
