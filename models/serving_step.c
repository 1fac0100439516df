/* SPDX-License-Identifier: Apache-2.0
 * The scheduler: beginning and finishing steps, and leaping over runs of decode steps.
 *
 * Order of the running list is order of admission.  max_num_batched_tokens is at least
 * max_num_seqs, so a decoding request always gets its one token; and as nobody is admitted after a
 * prompt that uses up the budget, at most one prompt stays unfinished at the end of a step, and it
 * is the last of the running requests.  That is why decoding requests can share one clock, one sum
 * of contexts and a count by block phase instead of being visited one by one.
 *
 * Why a leap changes nothing: while the same requests decode on, free blocks only shrink and the
 * number of sequences stays, so a queue that is blocked stays blocked; a leap ends at the first
 * completion, before the first step that lacks a block, where the perf's line ends, and it is cut
 * short when a request arrives that might join, when one is cancelled, and when the model changes.
 */
#include "models/serving_step.h"

#include <assert.h>

#include "models/serving_queue.h"

/* Longest leap: with steps below 100 s the ticks of a plan fit 63 bits. */
enum { LEAP_MAX = 65536 };

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- tokens and blocks ---------------------------------------------------------------------- */

static int64_t blocks_of(const struct serving *s, int64_t tok)
{
    return (tok + s->params->block_tokens - 1) / s->params->block_tokens;
}

static uint32_t *phase_of(struct serving *s, int64_t clock)
{
    return &s->phase[clock % s->params->block_tokens];
}

/* Tokens to compute before the next one can be sampled: prompt, and after a preemption also what
 * had been generated. */
static int64_t target_tok(const struct serving_request *r)
{
    return (int64_t)r->prompt_tok + r->generated_tok;
}

static void note_birth(struct serving *s, int64_t birth, bool only)
{
    if (only || birth < s->first_birth) s->first_birth = birth;
    if (only || birth > s->last_birth) s->last_birth = birth;
    if (only) s->births_stale = false;
}

static void enter_decode(struct serving *s, int32_t index)
{
    struct serving_request *r = &s->requests[index];
    r->state = SERVING_DECODE;
    r->birth = s->clock - r->computed_tok;
    s->computed_tok += r->computed_tok;
    ++*phase_of(s, r->birth);
    note_birth(s, r->birth, s->decoding == 0);
    /* The last token is sampled but never computed. */
    serving_queue_push(s, index, r->birth + r->prompt_tok + r->output_tok - 1);
}

static void leave_decode(struct serving *s, int32_t index)
{
    struct serving_request *r = &s->requests[index];
    r->computed_tok = (int32_t)(s->clock - r->birth);
    r->generated_tok = r->computed_tok + 1 - r->prompt_tok;
    s->computed_tok -= r->computed_tok;
    --*phase_of(s, r->birth);
    if (r->birth == s->first_birth || r->birth == s->last_birth) s->births_stale = true;
    serving_queue_drop(s, index);
}

/* Out of the running list, between steps; its blocks are free again. */
static void leave_running(struct serving *s, int32_t index)
{
    struct serving_request *r = &s->requests[index];
    if (r->state == SERVING_DECODE) leave_decode(s, index);
    if (index == s->prefill_head) s->prefill_head = SERVING_NONE;
    s->blocks_free += blocks_of(s, r->computed_tok);
    serving_queue_remove(s, &s->running, index);
}

void serving_step_preempt(struct serving *s, int32_t index)
{
    struct serving_request *r = &s->requests[index];
    leave_running(s, index);
    s->counters.wasted_tok += (uint64_t)r->computed_tok;
    r->computed_tok = 0;
    r->state = SERVING_WAITING;
    serving_queue_prepend(s, &s->waiting, index);
}

void serving_step_reset_blocks(struct serving *s)
{
    assert(s->running.count == 0);
    s->blocks_total = serving_blocks(s->params, s->perf, NULL) - 1;
    s->blocks_free = s->blocks_total;
    assert(s->blocks_total > 0);
}

/* ---- planning ------------------------------------------------------------------------------- */

int64_t serving_step_start_ns(const struct serving *s)
{
    return s->start_ns + (s->start_ticks > 0);
}

/* Ticks from the start of the plan to the end of its `steps`-th step. */
static int64_t plan_ticks(const struct perf_line *line, int64_t steps)
{
    return steps * line->first_ticks + line->growth_ticks * (steps * (steps - 1) / 2);
}

/* Of `steps` equal steps (the first has its blocks), how many find blocks.  Each request takes one
 * in every block_tokens steps. */
static int64_t affordable(struct serving *s, int64_t steps)
{
    int64_t size = s->params->block_tokens, free = s->blocks_free;
    if (s->decoding * blocks_of(s, steps - 1) <= free) return steps;
    int64_t count = free / s->decoding * size;
    int64_t left = free % s->decoding;
    while (left >= *phase_of(s, s->clock + count + 1)) {
        count++;
        left -= *phase_of(s, s->clock + count);
    }
    return lesser(steps, count + 1);
}

/* Blocks that `steps` steps take after the first. */
static int64_t leap_blocks(struct serving *s, int64_t steps)
{
    int64_t size = s->params->block_tokens;
    int64_t blocks = (steps - 1) / size * s->decoding;
    for (int64_t i = (steps - 1) % size; i > 0; i--)
        blocks += *phase_of(s, s->clock + i);
    return blocks;
}

static int64_t leap_length(struct serving *s)
{
    bool changes =
        s->batch.prefill_seqs > 0 || s->preempted || s->cancels > 0 || s->next_perf != NULL;
    if (changes || s->params->fidelity == SERVING_STEP) return 1;
    int64_t steps = lesser(s->finish[0].clock - s->clock, s->line.holds);
    return affordable(s, lesser(steps, LEAP_MAX));
}

static void go_idle(struct serving *s)
{
    s->planned = 0;
    s->open = false;
    s->counters.busy_ns += serving_step_start_ns(s) - s->busy_since_ns;
}

static void set_plan(struct serving *s, int64_t steps)
{
    int64_t ticks = s->start_ticks + plan_ticks(&s->line, steps);
    s->planned = steps;
    s->end_ns = s->start_ns + (ticks + PERF_TICKS - 1) / PERF_TICKS;
}

/* The smallest and the largest context, for a perf that asks. */
static void add_spread(struct serving *s, struct perf_batch *batch)
{
    if (!s->perf->source->spread || s->decoding == 0) return;
    if (s->births_stale) {
        bool only = true;
        for (int32_t i = s->running.head; i != SERVING_NONE; i = s->requests[i].next) {
            if (s->requests[i].state != SERVING_DECODE) continue;
            note_birth(s, s->requests[i].birth, only);
            only = false;
        }
    }
    batch->decode_min_tok = s->clock - s->last_birth + 1;
    batch->decode_max_tok = s->clock - s->first_birth + 1;
}

struct perf_batch serving_step_batch(struct serving *s)
{
    struct perf_batch batch = s->batch;
    batch.decode_seqs = s->decoding;
    batch.decode_context_tok = s->computed_tok + s->decoding;
    batch.sampled += s->decoding;
    add_spread(s, &batch);
    return batch;
}

static void plan(struct serving *s)
{
    if (s->running.count == 0) {
        go_idle(s);
        return;
    }
    struct perf_batch batch = serving_step_batch(s);
    s->line = perf_step_line(s->perf, &batch);
    /* At least a nanosecond, so that a boundary is never before its step. */
    assert(s->line.first_ticks >= PERF_TICKS && s->line.holds >= 1);
    set_plan(s, leap_length(s));
}

/* ---- beginning a step ----------------------------------------------------------------------- */

static void preempt_last(struct serving *s)
{
    s->preempted = true;
    s->counters.preemptions++;
    serving_step_preempt(s, s->running.tail);
}

/* Not every decoding request can have the block it needs: go through them in order, and let each
 * push out the last until it has one or is the last itself. */
static void squeeze(struct serving *s)
{
    for (int32_t i = s->running.head; i != SERVING_NONE; i = s->requests[i].next) {
        const struct serving_request *r = &s->requests[i];
        if (r->state != SERVING_DECODE) return;
        if ((s->clock - r->birth) % s->params->block_tokens != 0) continue;
        while (s->blocks_free == 0) {
            int32_t victim = s->running.tail;
            preempt_last(s);
            if (victim == i) return;
        }
        s->blocks_free--;
    }
}

static void schedule_prompt(struct serving *s, struct serving_request *r, int64_t chunk)
{
    int64_t end = r->computed_tok + chunk;
    r->scheduled_tok = (int32_t)chunk;
    s->budget -= chunk;
    s->blocks_free -= blocks_of(s, end) - blocks_of(s, r->computed_tok);
    perf_batch_prefill(&s->batch, r->computed_tok, chunk, end == target_tok(r));
}

static void continue_prompt(struct serving *s)
{
    if (s->prefill_head == SERVING_NONE) return;
    struct serving_request *r = &s->requests[s->prefill_head];
    int64_t chunk = lesser(target_tok(r) - r->computed_tok, s->budget);
    int64_t need = blocks_of(s, r->computed_tok + chunk) - blocks_of(s, r->computed_tok);
    assert(s->running.tail == s->prefill_head && chunk > 0);
    if (need > s->blocks_free)
        preempt_last(s);
    else
        schedule_prompt(s, r, chunk);
}

/* First come, first served; stops at the first that does not fit.  The whole prompt must fit, so
 * that a long one is not begun only to be preempted (vLLM: scheduler_reserve_full_isl), but only
 * the blocks of its first chunk are taken. */
static void admit(struct serving *s)
{
    while (!s->preempted && s->waiting.count > 0 && s->budget > 0 &&
           s->running.count < (uint64_t)s->params->max_num_seqs) {
        int32_t index = s->waiting.head;
        struct serving_request *r = &s->requests[index];
        if (blocks_of(s, target_tok(r)) > s->blocks_free) break;
        serving_queue_remove(s, &s->waiting, index);
        serving_queue_append(s, &s->running, index);
        r->state = SERVING_PREFILL;
        r->order = s->admissions++;
        if (s->prefill_head == SERVING_NONE) s->prefill_head = index;
        schedule_prompt(s, r, lesser(target_tok(r), s->budget));
    }
    s->open = !s->preempted && s->waiting.count == 0;
}

static void note_peak(struct serving *s)
{
    int64_t used = s->blocks_total - s->blocks_free;
    if (used > s->counters.blocks_peak) s->counters.blocks_peak = used;
}

void serving_step_begin(struct serving *s)
{
    s->preempted = false;
    s->batch = (struct perf_batch){0};
    uint32_t need = *phase_of(s, s->clock);
    if (need <= s->blocks_free)
        s->blocks_free -= need;
    else
        squeeze(s);
    s->budget = s->params->max_num_batched_tokens - s->decoding;
    continue_prompt(s);
    admit(s);
    note_peak(s);
    plan(s);
}

void serving_step_extend(struct serving *s)
{
    admit(s);
    note_peak(s);
    plan(s);
}

/* ---- finishing steps ------------------------------------------------------------------------ */

static void pass_time(struct serving *s, int64_t steps)
{
    int64_t ticks = s->start_ticks + plan_ticks(&s->line, steps);
    s->start_ns += ticks / PERF_TICKS;
    s->start_ticks = ticks % PERF_TICKS;
}

static void drop_cancelled(struct serving *s, int32_t index)
{
    leave_running(s, index);
    s->counters.wasted_tok += (uint64_t)s->requests[index].computed_tok;
    s->cancels--;
    serving_queue_release(s, index);
}

static void complete(struct serving *s, int32_t index)
{
    struct serving_request *r = &s->requests[index];
    if (r->cancelled) {
        drop_cancelled(s, index);
        return;
    }
    leave_running(s, index);
    serving_queue_report(s, r, SERVING_DONE, serving_step_start_ns(s));
    s->counters.completed++;
    serving_queue_release(s, index);
}

static void finish_prompts(struct serving *s)
{
    int32_t next, index = s->prefill_head;
    s->prefill_head = SERVING_NONE;
    for (; index != SERVING_NONE; index = next) {
        struct serving_request *r = &s->requests[index];
        next = r->next;
        r->computed_tok += r->scheduled_tok;
        s->counters.prefill_tok += (uint64_t)r->scheduled_tok;
        r->scheduled_tok = 0;
        if (r->computed_tok < target_tok(r)) {
            s->prefill_head = index;
            assert(next == SERVING_NONE);
            return;
        }
        if (r->first_token_ns < 0) r->first_token_ns = serving_step_start_ns(s);
        if (r->generated_tok + 1 == r->output_tok)
            complete(s, index);
        else
            enter_decode(s, index);
    }
}

static void sweep_cancelled(struct serving *s)
{
    int32_t next;
    for (int32_t i = s->running.head; s->cancels > 0; i = next) {
        next = s->requests[i].next;
        if (s->requests[i].cancelled) drop_cancelled(s, i);
    }
}

static void lose_unfit(struct serving *s)
{
    int32_t next;
    for (int32_t i = s->waiting.head; i != SERVING_NONE; i = next) {
        const struct serving_request *r = &s->requests[i];
        next = r->next;
        if (blocks_of(s, (int64_t)r->prompt_tok + r->output_tok - 1) <= s->blocks_total) continue;
        serving_queue_report(s, r, SERVING_LOST, serving_step_start_ns(s));
        s->counters.lost++;
        serving_queue_remove(s, &s->waiting, i);
        serving_queue_release(s, i);
    }
}

static void swap_perf(struct serving *s)
{
    while (s->running.count > 0)
        serving_step_preempt(s, s->running.tail);
    s->perf = s->next_perf;
    s->next_perf = NULL;
    serving_step_reset_blocks(s);
    lose_unfit(s);
}

void serving_step_finish(struct serving *s, int64_t steps)
{
    pass_time(s, steps);
    if (steps > 1) {
        s->blocks_free -= leap_blocks(s, steps);
        note_peak(s);
    }
    s->clock += steps;
    s->computed_tok += steps * s->decoding;
    s->counters.steps += (uint64_t)steps;
    if (s->line.outside) s->counters.outside_steps += (uint64_t)steps;
    s->counters.decode_tok += (uint64_t)(steps * s->decoding);
    while (s->decoding > 0 && s->finish[0].clock == s->clock)
        complete(s, s->finish[0].request);
    finish_prompts(s);
    if (s->cancels > 0) sweep_cancelled(s);
    if (s->next_perf != NULL) swap_perf(s);
}

/* ---- stopping within a leap ----------------------------------------------------------------- */

static int64_t reached(const struct serving *s, int64_t now_ns)
{
    int64_t passed = (now_ns - s->start_ns) * PERF_TICKS - s->start_ticks;
    int64_t low = 0, high = s->planned; /* low has ended, high has not */
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (plan_ticks(&s->line, middle) <= passed)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void serving_step_settle(struct serving *s, int64_t now_ns)
{
    if (s->planned <= 1) return;
    int64_t steps = reached(s, now_ns);
    if (steps == 0) return;
    serving_step_finish(s, steps);
    serving_step_begin(s);
}

void serving_step_cut(struct serving *s, int64_t now_ns)
{
    serving_step_settle(s, now_ns);
    if (s->planned > 1) set_plan(s, 1);
}

void serving_step_until(struct serving *s, int64_t end_ns)
{
    assert(s->planned == 1 && end_ns > s->start_ns);
    s->line.first_ticks = (end_ns - s->start_ns) * PERF_TICKS - s->start_ticks;
    set_plan(s, 1);
}
