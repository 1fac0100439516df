/* SPDX-License-Identifier: Apache-2.0
 * The state of a node's engine in a checkpoint.
 *
 * Answers for: requests, queues, KV blocks and the plan that runs.  A checkpoint falls between two
 * events of the world and so, in general, into the middle of a plan: the plan is stored as it
 * stands, not settled, so that taking a checkpoint changes nothing.  Leaves out capacities: arrays
 * are read back as long as they are full, and grow again when they must. */
#include "models/serving_snap.h"

#include "models/serving_cache.h"
#include "models/serving_spec.h"

static void snap_perf(struct snap *snap, const struct perf **perf, const struct perf *perfs,
                      uint32_t perf_count)
{
    uint32_t index = *perf && !snap->reading ? (uint32_t)(*perf - perfs) : UINT32_MAX;
    snap_link(snap, &index, perf_count);
    *perf = index == UINT32_MAX ? NULL : &perfs[index];
}

static void snap_list(struct snap *snap, struct serving_list *list, uint32_t used)
{
    SNAP_COVERS(struct serving_list, 12);
    snap_index(snap, &list->head, used);
    snap_index(snap, &list->tail, used);
    snap_count(snap, &list->count, used);
}

/* Least recently used first; nothing but the order of use hangs on it. */
static void snap_encoded(struct snap *snap, struct serving *s)
{
    SNAP_COVERS(struct serving_image, 16);
    SNAP_COVERS(struct serving_encoded, 24);
    struct serving_encoded *e = &s->encoded;
    snap_length(snap, &e->count, INT32_MAX);
    if (snap->reading) {
        e->capacity = e->count;
        e->images = arena_alloc(s->arena, e->count, sizeof *e->images);
    }
    snap_i64(snap, &e->tok);
    for (uint32_t i = 0; i < e->count; i++) {
        snap_u64(snap, &e->images[i].name);
        snap_i32(snap, &e->images[i].place);
        snap_i32(snap, &e->images[i].tok);
    }
}

static void snap_request(struct snap *snap, struct serving_request *r, uint32_t used, uint32_t tags)
{
    SNAP_COVERS(struct serving_request, 192);
    snap_below_u8(snap, &r->state, SERVING_LEAVING + 1);
    snap_index(snap, &r->prev, used);
    snap_index(snap, &r->next, used);
    if (r->state == SERVING_FREE) return;
    snap_below(snap, &r->tag, tags);
    bool *const flags[] = {&r->cancelled, &r->scheduled, &r->aside, &r->looked};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        snap_flag(snap, flags[i]);
    int32_t *const tokens[] = {
        &r->prompt_tok,   &r->output_tok, &r->ready_tok,      &r->generated_tok, &r->goal_tok,
        &r->computed_tok, &r->slot_tok,   &r->verified,       &r->scheduled_tok, &r->prefix_blocks,
        &r->cursor,       &r->prefix_tok, &r->prefix_held,    &r->own_held,      &r->filed_tok,
        &r->images,       &r->image_tok,  &r->image_from_tok, &r->entered_tok,   &r->encodes,
        &r->encodes_not};
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
        snap_i32(snap, tokens[i]);
    snap_u32(snap, &r->order);
    snap_count(snap, &r->heap_index, used);
    int64_t *const times[] = {&r->birth, &r->first_token_ns, &r->arrived_ns, &r->rank};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        snap_i64(snap, times[i]);
    uint64_t *const names[] = {&r->arrival, &r->draws, &r->stream, &r->prefix};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        snap_u64(snap, names[i]);
    snap_index(snap, &r->prefix_chain, INT32_MAX);
    snap_index(snap, &r->own_chain, INT32_MAX);
    if (r->images < 0 || r->image_tok < (r->images > 0) || r->encodes < 0 || r->encodes_not < 0)
        snap_fail(snap, "a request has %d images of %d tokens", r->images, r->image_tok);
    if (r->birth < 0) snap_fail(snap, "a request is older than the clock");
    if (snap->reading) r->ends = r->ends_next = SERVING_NONE; /* serving_spec_recall finds them */
}

static void snap_ranked(struct snap *snap, struct serving *s)
{
    uint32_t count = s->rules.ranked ? s->waiting.count : 0;
    snap_length(snap, &count, s->request_used);
    if (snap->reading && count > 0) {
        s->ranked_capacity = count;
        s->ranked = arena_alloc(s->arena, count, sizeof *s->ranked);
    }
    for (uint32_t i = 0; i < count; i++) {
        snap_index(snap, &s->ranked[i], s->request_used);
        if (s->ranked[i] < 0) snap_fail(snap, "nobody waits");
    }
}

static void snap_requests(struct snap *snap, struct serving *s, uint32_t tags)
{
    snap_length(snap, &s->request_used, INT32_MAX);
    if (snap->reading) {
        s->request_capacity = s->request_used;
        s->requests = arena_alloc(s->arena, s->request_used, sizeof *s->requests);
    }
    for (uint32_t i = 0; i < s->request_used; i++)
        snap_request(snap, &s->requests[i], s->request_used, tags);
    snap_index(snap, &s->request_free, s->request_used);
    snap_list(snap, &s->coming, s->request_used);
    snap_list(snap, &s->waiting, s->request_used);
    snap_list(snap, &s->running, s->request_used);
    snap_ranked(snap, s);
    snap_u32(snap, &s->admissions);
    snap_u64(snap, &s->arrivals);
    snap_index(snap, &s->prefill_head, s->request_used);
    snap_count(snap, &s->cancels, s->request_used);
    snap_count(snap, &s->leaving, s->request_used);
    snap_count(snap, &s->stalled, s->request_used);
}

static void snap_run(struct snap *snap, struct serving_run *run, uint32_t runs, uint32_t chains)
{
    SNAP_COVERS(struct serving_run, 28);
    snap_index(snap, &run->chain, chains);
    snap_i32(snap, &run->from);
    snap_i32(snap, &run->to);
    int32_t *const links[] = {&run->prev, &run->next, &run->older, &run->newer};
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        snap_index(snap, links[i], runs);
}

static void snap_chain(struct snap *snap, struct serving_chain *chain, const struct serving *s)
{
    SNAP_COVERS(struct serving_chain, 64);
    const struct serving_cache *c = &s->cache;
    snap_u64(snap, &chain->stream);
    snap_u64(snap, &chain->prefix);
    int32_t *const counts[] = {&chain->prefix_tok, &chain->base, &chain->cached, &chain->held};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        snap_i32(snap, counts[i]);
    snap_flag(snap, &chain->named);
    int32_t next = chain->named ? SERVING_NONE : chain->bucket_next;
    snap_index(snap, &next, c->chain_used);
    if (snap->reading) chain->bucket_next = next;
    snap_count(snap, &chain->holders, s->request_used);
    snap_count(snap, &chain->at_end, s->request_used);
    snap_index(snap, &chain->writer, s->request_used);
    snap_index(snap, &chain->oldest, c->run_used);
    snap_index(snap, &chain->newest, c->run_used);
}

/* The table of named chains is filled anew, so the order within a bucket may differ: nothing hangs
 * on it. */
static void snap_cache(struct snap *snap, struct serving *s)
{
    SNAP_COVERS(struct serving_cache, 64);
    struct serving_cache *c = &s->cache;
    snap_length(snap, &c->run_used, INT32_MAX);
    snap_length(snap, &c->chain_used, INT32_MAX);
    if (snap->reading) {
        c->run_capacity = c->run_used;
        c->runs = arena_alloc(s->arena, c->run_used, sizeof *c->runs);
        c->chain_capacity = c->chain_used;
        c->chains = arena_alloc(s->arena, c->chain_used, sizeof *c->chains);
    }
    for (uint32_t i = 0; i < c->run_used; i++)
        snap_run(snap, &c->runs[i], c->run_used, c->chain_used);
    for (uint32_t i = 0; i < c->chain_used; i++)
        snap_chain(snap, &c->chains[i], s);
    snap_count(snap, &c->named, c->chain_used);
    snap_index(snap, &c->run_free, c->run_used);
    snap_index(snap, &c->chain_free, c->chain_used);
    snap_index(snap, &c->head, c->run_used);
    snap_index(snap, &c->tail, c->run_used);
    for (uint32_t i = 0; i < s->request_used; i++) {
        const struct serving_request *r = &s->requests[i];
        if (r->state == SERVING_FREE) continue;
        if (r->prefix_chain >= (int32_t)c->chain_used || r->own_chain >= (int32_t)c->chain_used)
            snap_fail(snap, "a request uses a chain that is not there");
    }
    if (snap->reading && snap_sound(snap)) serving_cache_rehash(s);
}

static void snap_decoding(struct snap *snap, struct serving *s)
{
    SNAP_COVERS(struct serving_finish, 16);
    snap_i64(snap, &s->clock);
    snap_i64(snap, &s->computed_tok);
    snap_count(snap, &s->decoding, s->request_used);
    uint32_t finishing = s->params->speculative.tokens > 0 ? 0 : s->decoding;
    if (snap->reading) {
        s->finish_capacity = finishing;
        s->finish = arena_alloc(s->arena, finishing, sizeof *s->finish);
    }
    for (uint32_t i = 0; i < finishing; i++) {
        snap_i64(snap, &s->finish[i].clock);
        snap_u32(snap, &s->finish[i].order);
        snap_index(snap, &s->finish[i].request, s->request_used);
        if (s->finish[i].request < 0) snap_fail(snap, "nobody finishes");
    }
    snap_same(snap, (uint64_t)s->params->block_tokens, "tokens in a KV block");
    snap_u32s(snap, s->phase, (uint32_t)s->params->block_tokens);
    snap_i64(snap, &s->first_birth);
    snap_i64(snap, &s->last_birth);
    snap_flag(snap, &s->births_stale);
    if (s->clock < 0) snap_fail(snap, "the decode clock is before its start");
}

static void snap_plan(struct snap *snap, struct serving *s)
{
    SNAP_COVERS(struct perf_line, 32);
    SNAP_COVERS(struct perf_batch, 88);
    int64_t *const values[] = {
        &s->now_ns,
        &s->blocks_free,
        &s->start_ns,
        &s->start_ticks,
        &s->planned,
        &s->end_ns,
        &s->line.first_ticks,
        &s->line.growth_ticks,
        &s->line.holds,
        &s->batch.decode_seqs,
        &s->batch.decode_context_tok,
        &s->batch.decode_min_tok,
        &s->batch.decode_max_tok,
        &s->batch.prefill_seqs,
        &s->batch.prefill_tok,
        &s->batch.prefill_context_tok,
        &s->batch.prefill_pairs,
        &s->batch.sampled,
        &s->batch.image_tok,
        &s->batch.image_tok_squares,
        &s->budget,
        &s->busy_since_ns,
        &s->seen_ns,
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        snap_i64(snap, values[i]);
    snap_flag(snap, &s->line.outside);
    snap_flag(snap, &s->preempted);
    snap_flag(snap, &s->open);
    snap_flag(snap, &s->decodes);
    snap_flag(snap, &s->left);
}

/* The window is worked out anew. */
static void snap_spec(struct snap *snap, struct serving *s)
{
    struct serving_spec *spec = s->spec;
    SNAP_COVERS(struct serving_spec, 3744);
    if (spec == NULL) return;
    uint32_t at = (uint32_t)spec->at;
    snap_below(snap, &at, SERVING_SPEC_WINDOW);
    spec->at = (int32_t)at;
    snap_flag(snap, &spec->extended);
    if (s->planned < 0 || s->planned > SERVING_SPEC_LEAP) snap_fail(snap, "the plan is too long");
    for (int64_t i = 0; snap_sound(snap) && i < s->planned; i++) {
        snap_i64(snap, &spec->ticks[i]);
        snap_i64(snap, &spec->taken[i]);
    }
    if (snap->reading && snap_sound(snap) && !serving_spec_recall(s))
        snap_fail(snap, "a request decodes that is not there or done");
}

/* Those not yet taken, from the first place on. */
static void snap_finished(struct snap *snap, struct serving *s, uint32_t tags)
{
    SNAP_COVERS(struct serving_done, 24);
    uint32_t count = s->done_count - s->done_head;
    snap_length(snap, &count, INT32_MAX);
    if (snap->reading) {
        s->done_head = 0;
        s->done_count = s->done_capacity = count;
        s->done = arena_alloc(s->arena, count, sizeof *s->done);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct serving_done *done = &s->done[s->done_head + i];
        uint32_t outcome = done->outcome;
        snap_below(snap, &done->tag, tags);
        snap_below(snap, &outcome, SERVING_LOST + 1);
        done->outcome = (enum serving_outcome)outcome;
        snap_i64(snap, &done->first_token_ns);
        snap_i64(snap, &done->done_ns);
    }
}

enum { SNAP_COUNTS = 21 };

/* All of them but the time and the peak. */
static void counts_of(struct serving_counters *c, uint64_t *counts[SNAP_COUNTS])
{
    uint64_t *const all[SNAP_COUNTS] = {&c->steps,           &c->prefill_tok,   &c->decode_tok,
                                        &c->outside_steps,   &c->wasted_tok,    &c->accepted,
                                        &c->completed,       &c->cancelled,     &c->lost,
                                        &c->rejected_full,   &c->rejected_long, &c->preemptions,
                                        &c->queried_tok,     &c->hit_tok,       &c->evicted_blocks,
                                        &c->ready_tok,       &c->drafted_tok,   &c->accepted_tok,
                                        &c->rejected_images, &c->image_tok,     &c->image_hit_tok};
    for (int i = 0; i < SNAP_COUNTS; i++)
        counts[i] = all[i];
}

void serving_counters_add(struct serving_counters *sum, const struct serving_counters *more)
{
    struct serving_counters c = *more;
    uint64_t *to[SNAP_COUNTS], *from[SNAP_COUNTS];
    counts_of(sum, to);
    counts_of(&c, from);
    for (int i = 0; i < SNAP_COUNTS; i++)
        *to[i] += *from[i];
    sum->busy_ns += c.busy_ns;
    if (c.blocks_peak > sum->blocks_peak) sum->blocks_peak = c.blocks_peak;
}

void serving_counters_snap(struct serving_counters *c, struct snap *snap)
{
    SNAP_COVERS(struct serving_counters, 184);
    uint64_t *counts[SNAP_COUNTS];
    counts_of(c, counts);
    snap_i64(snap, &c->busy_ns);
    snap_i64(snap, &c->blocks_peak);
    for (int i = 0; i < SNAP_COUNTS; i++)
        snap_u64(snap, counts[i]);
}

static void snap_laws(struct snap *snap, struct serving_laws *l)
{
    SNAP_COVERS(struct serving_laws, 88);
    uint64_t *const sums[] = {&l->area_ns,     &l->waiting_ns, &l->sojourn_ns, &l->arrived_ns,
                              &l->sampled_tok, &l->asked_tok,  &l->due_tok,    &l->dropped_tok};
    snap_i64(snap, &l->since_ns);
    snap_i64(snap, &l->held_ns);
    snap_i64(snap, &l->period_ticks);
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++)
        snap_u64(snap, sums[i]);
}

void serving_snap(struct serving *s, struct snap *snap, const struct perf *perfs,
                  uint32_t perf_count, uint32_t tags)
{
    SNAP_COVERS(struct serving, 832);
    SNAP_COVERS(struct serving_rules, 32);
    snap_perf(snap, &s->perf, perfs, perf_count);
    snap_perf(snap, &s->next_perf, perfs, perf_count);
    if (!s->perf) {
        snap_fail(snap, "an engine without a model");
        s->perf = perfs;
    }
    /* Unlike the rest, the rules follow from the scenario and the blocks. */
    snap_i64(snap, &s->blocks_total);
    s->rules = serving_policy_rules(s->params, s->blocks_total);
    snap_requests(snap, s, tags);
    snap_cache(snap, s);
    snap_encoded(snap, s);
    snap_decoding(snap, s);
    snap_plan(snap, s);
    snap_spec(snap, s);
    snap_finished(snap, s, tags);
    serving_counters_snap(&s->counters, snap);
    snap_laws(snap, &s->laws);
}
