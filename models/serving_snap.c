/* SPDX-License-Identifier: Apache-2.0
 * The state of a node's engine in a checkpoint.
 *
 * Answers for: requests, queues, KV blocks and the plan that runs.  A checkpoint falls between two
 * events of the world and so, in general, into the middle of a plan: the plan is stored as it
 * stands, not settled, so that taking a checkpoint changes nothing.  Leaves out capacities: arrays
 * are read back as long as they are full, and grow again when they must. */
#include "models/serving_snap.h"

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

static void snap_request(struct snap *snap, struct serving_request *r, uint32_t used, uint32_t tags)
{
    SNAP_COVERS(struct serving_request, 64);
    snap_below_u8(snap, &r->state, SERVING_DECODE + 1);
    snap_index(snap, &r->prev, used);
    snap_index(snap, &r->next, used);
    if (r->state == SERVING_FREE) return;
    snap_below(snap, &r->tag, tags);
    snap_flag(snap, &r->cancelled);
    int32_t *const tokens[] = {&r->prompt_tok, &r->output_tok, &r->generated_tok, &r->computed_tok,
                               &r->scheduled_tok};
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
        snap_i32(snap, tokens[i]);
    snap_u32(snap, &r->order);
    snap_count(snap, &r->heap_index, used);
    snap_i64(snap, &r->birth);
    snap_i64(snap, &r->first_token_ns);
    if (r->birth < 0) snap_fail(snap, "a request is older than the clock");
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
    snap_list(snap, &s->waiting, s->request_used);
    snap_list(snap, &s->running, s->request_used);
    snap_u32(snap, &s->admissions);
    snap_index(snap, &s->prefill_head, s->request_used);
    snap_count(snap, &s->cancels, s->request_used);
}

static void snap_decoding(struct snap *snap, struct serving *s)
{
    SNAP_COVERS(struct serving_finish, 16);
    snap_i64(snap, &s->clock);
    snap_i64(snap, &s->computed_tok);
    snap_count(snap, &s->decoding, s->request_used);
    if (snap->reading) {
        s->finish_capacity = s->decoding;
        s->finish = arena_alloc(s->arena, s->decoding, sizeof *s->finish);
    }
    for (uint32_t i = 0; i < s->decoding; i++) {
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
        &s->blocks_total,
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
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        snap_i64(snap, values[i]);
    snap_flag(snap, &s->line.outside);
    snap_flag(snap, &s->preempted);
    snap_flag(snap, &s->open);
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

static void snap_counters(struct snap *snap, struct serving_counters *c)
{
    SNAP_COVERS(struct serving_counters, 112);
    uint64_t *const counts[] = {&c->steps,         &c->prefill_tok,   &c->decode_tok,
                                &c->outside_steps, &c->wasted_tok,    &c->accepted,
                                &c->completed,     &c->cancelled,     &c->lost,
                                &c->rejected_full, &c->rejected_long, &c->preemptions};
    snap_i64(snap, &c->busy_ns);
    snap_i64(snap, &c->blocks_peak);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        snap_u64(snap, counts[i]);
}

void serving_snap(struct serving *s, struct snap *snap, const struct perf *perfs,
                  uint32_t perf_count, uint32_t tags)
{
    SNAP_COVERS(struct serving, 488);
    snap_perf(snap, &s->perf, perfs, perf_count);
    snap_perf(snap, &s->next_perf, perfs, perf_count);
    if (!s->perf) {
        snap_fail(snap, "an engine without a model");
        s->perf = perfs;
    }
    snap_requests(snap, s, tags);
    snap_decoding(snap, s);
    snap_plan(snap, s);
    snap_finished(snap, s, tags);
    snap_counters(snap, &s->counters);
}
