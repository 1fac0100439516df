/* SPDX-License-Identifier: Apache-2.0
 * The scheduler: beginning and finishing steps, and leaping over runs of decode steps.
 *
 * Order of the running list is order of admission.  max_num_batched_tokens is at least
 * max_num_seqs, so a decoding request gets its one token, unless long_prefill_token_threshold lets
 * several prompts stand before it; and as nobody is admitted after a prompt that uses up the
 * budget, without that key at most one prompt stays unfinished at the end of a step, and it is the
 * last of the running requests.  That is why decoding requests can share one clock, one sum of
 * contexts and a count by block phase instead of being visited one by one.
 *
 * Why a leap changes nothing: while the same requests decode on, free blocks only shrink and the
 * number of sequences stays, so a queue that is blocked stays blocked (a hit that is evicted needs
 * a block more of fewer); a leap ends at the first completion, before the first step that lacks a
 * block, where the perf's line ends, and it is cut short when a request arrives that might join,
 * when one is cancelled, and when the model changes.  No leap is begun while somebody adds blocks
 * that the first of the queue would find. */
#include "models/serving_step.h"

#include <assert.h>

#include "models/serving_cache.h"
#include "models/serving_images.h"
#include "models/serving_queue.h"
#include "models/serving_spec.h"

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

static uint32_t *phase_of(const struct serving *s, int64_t clock)
{
    return &s->phase[clock % s->params->block_tokens];
}

/* Tokens to compute before the next one can be sampled: prompt, and after a preemption also what
 * had been generated. */
static int64_t target_tok(const struct serving_request *r)
{
    return (int64_t)r->prompt_tok + r->generated_tok;
}

int64_t serving_step_room_tok(const struct serving *s, int64_t prompt_tok, int64_t output_tok)
{
    int64_t longest = s->params->max_model_len;
    int64_t drafts = s->params->speculative.tokens;
    if (s->rules.reserve == SERVING_RESERVE_ALL && longest > 0) return longest + drafts;
    /* The last token is sampled but never computed; drafts are. */
    return prompt_tok + output_tok - 1 + drafts;
}

static int64_t room_blocks(const struct serving *s, const struct serving_request *r)
{
    return blocks_of(s, serving_step_room_tok(s, r->prompt_tok, r->output_tok));
}

static bool is_speculating(const struct serving *s)
{
    return s->spec != NULL;
}

/* Blocks that a running request has, whose computed_tok is up to date. */
static int64_t held_blocks(const struct serving *s, const struct serving_request *r)
{
    bool prompt = r->state == SERVING_PREFILL;
    if (s->rules.reserve == SERVING_RESERVE_ALL) return room_blocks(s, r);
    if (prompt && s->rules.reserve == SERVING_RESERVE_PROMPT) return blocks_of(s, r->goal_tok);
    if (prompt) return blocks_of(s, (int64_t)r->computed_tok + r->scheduled_tok);
    if (is_speculating(s) && r->slot_tok > 0) return blocks_of(s, r->slot_tok);
    return blocks_of(s, (int64_t)r->computed_tok + r->scheduled);
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* vLLM puts a block into its cache when the tokens that fill it have been scheduled and are known:
 * one later where the next step is scheduled before they are. */
static int64_t known_tok(const struct serving *s, const struct serving_request *r,
                         int64_t computed_tok, bool scheduled)
{
    if (r->state == SERVING_PREFILL) return computed_tok + r->scheduled_tok;
    if (is_speculating(s)) {
        bool decodes = r->state == SERVING_DECODE;
        return greater(r->goal_tok, decodes ? serving_spec_filed(s, r) : r->filed_tok);
    }
    return greater(r->goal_tok, computed_tok + scheduled - s->rules.ahead);
}

int64_t serving_cache_known_tok(const struct serving *s, const struct serving_request *r)
{
    return known_tok(s, r, serving_laws_computed(s, r), r->state == SERVING_DECODE);
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
    if (is_speculating(s)) {
        s->decoding++;
        serving_spec_enter(s, index);
        return;
    }
    ++*phase_of(s, r->birth);
    note_birth(s, r->birth, s->decoding == 0);
    /* The last token is sampled but never computed. */
    serving_queue_push(s, index, r->birth + r->prompt_tok + r->output_tok - 1);
}

static void leave_decode(struct serving *s, int32_t index)
{
    struct serving_request *r = &s->requests[index];
    if (is_speculating(s)) serving_spec_leave(s, index);
    r->computed_tok = (int32_t)(s->clock - r->birth);
    r->generated_tok = r->computed_tok + 1 - r->prompt_tok;
    s->computed_tok -= r->computed_tok;
    if (is_speculating(s)) {
        s->decoding--;
        return;
    }
    --*phase_of(s, r->birth);
    if (r->birth == s->first_birth || r->birth == s->last_birth) s->births_stale = true;
    serving_queue_drop(s, index);
}

/* Out of the running list; its blocks are free again. */
static void leave_running(struct serving *s, int32_t index, bool again)
{
    struct serving_request *r = &s->requests[index];
    if (r->state == SERVING_DECODE) leave_decode(s, index);
    if (r->state == SERVING_LEAVING) s->leaving--;
    if (r->state == SERVING_STALLED) s->stalled--;
    int64_t blocks = held_blocks(s, r), known = known_tok(s, r, r->computed_tok, r->scheduled);
    while (index == s->prefill_head || (s->prefill_head != SERVING_NONE &&
                                        s->requests[s->prefill_head].state != SERVING_PREFILL))
        s->prefill_head = s->requests[s->prefill_head].next;
    serving_queue_remove(s, &s->running, index);
    serving_cache_release(s, index, blocks, known, again);
    r->scheduled = false;
    r->scheduled_tok = r->slot_tok = r->filed_tok = 0;
}

static void release_leaving(struct serving *s)
{
    int32_t next;
    s->left = s->leaving > 0;
    for (int32_t i = s->running.head; s->leaving > 0; i = next) {
        next = s->requests[i].next;
        if (s->requests[i].state != SERVING_LEAVING) continue;
        s->requests[i].goal_tok = s->requests[i].computed_tok; /* all its tokens are known by now */
        leave_running(s, i, false);
        serving_queue_release(s, i);
    }
}

void serving_step_preempt(struct serving *s, int32_t index)
{
    struct serving_request *r = &s->requests[index];
    bool done = r->state == SERVING_LEAVING;
    leave_running(s, index, !done);
    if (done) {
        serving_queue_release(s, index);
        return;
    }
    s->counters.wasted_tok += (uint64_t)r->computed_tok;
    r->computed_tok = r->ready_tok = 0;
    r->state = SERVING_WAITING;
    serving_queue_wait(s, index, true);
}

void serving_step_reset_blocks(struct serving *s)
{
    assert(s->running.count == 0);
    s->blocks_total = serving_blocks(s->params, s->perf, NULL) - 1;
    assert(s->blocks_total > 0);
    s->rules = serving_policy_rules(s->params, s->blocks_total);
    serving_cache_reset(s);
    serving_images_reset(s);
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

/* The same of the plan that runs. */
static int64_t ticks_to(const struct serving *s, int64_t steps)
{
    if (is_speculating(s)) return steps == 0 ? 0 : s->spec->ticks[steps - 1];
    return plan_ticks(&s->line, steps);
}

int64_t serving_step_end_ns(const struct serving *s, int64_t steps)
{
    int64_t ticks = s->start_ticks + ticks_to(s, steps);
    return s->start_ns + (ticks + PERF_TICKS - 1) / PERF_TICKS;
}

/* Of `steps` equal steps (the first has its blocks), how many find blocks.  Each request takes one
 * in every block_tokens steps. */
static int64_t affordable(struct serving *s, int64_t steps)
{
    int64_t size = s->params->block_tokens, free = s->blocks_free;
    if (s->rules.reserve == SERVING_RESERVE_ALL) return steps;
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
static int64_t leap_blocks(const struct serving *s, int64_t steps)
{
    int64_t size = s->params->block_tokens;
    if (s->rules.reserve == SERVING_RESERVE_ALL) return 0;
    int64_t blocks = (steps - 1) / size * s->decoding;
    for (int64_t i = (steps - 1) % size; i > 0; i--)
        blocks += *phase_of(s, s->clock + i);
    return blocks;
}

/* Can the scheduler decide otherwise at the next step's start? */
static bool changes_soon(const struct serving *s)
{
    int32_t first = serving_queue_first(s);
    return s->batch.prefill_seqs > 0 || s->preempted || s->cancels > 0 || s->next_perf != NULL ||
           s->left || s->stalled > 0 || s->prefill_head != SERVING_NONE || s->coming.count > 0 ||
           (first != SERVING_NONE && serving_cache_awaits(s, &s->requests[first]));
}

static int64_t leap_length(struct serving *s)
{
    if (changes_soon(s) || s->params->fidelity == SERVING_STEP) return 1;
    int64_t steps = lesser(s->finish[0].clock - s->clock, s->line.holds);
    return affordable(s, lesser(steps, LEAP_MAX));
}

static void go_idle(struct serving *s)
{
    s->planned = 0;
    s->open = false;
    s->counters.busy_ns += serving_step_start_ns(s) - s->busy_since_ns;
}

void serving_step_set_plan(struct serving *s, int64_t steps)
{
    s->planned = steps;
    s->end_ns = serving_step_end_ns(s, steps);
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
    if (!s->decodes || s->decoding == 0) return batch;
    if (is_speculating(s)) {
        serving_spec_add(s, &batch);
        return batch;
    }
    batch.decode_seqs = s->decoding;
    batch.decode_context_tok = s->computed_tok + s->decoding;
    batch.sampled += s->decoding;
    add_spread(s, &batch);
    return batch;
}

/* False: there is nothing to compute. */
static bool plan(struct serving *s)
{
    struct perf_batch batch = serving_step_batch(s);
    if (batch.prefill_seqs == 0 && (!s->decodes || s->decoding == 0)) return false;
    s->line = perf_step_line(s->perf, &batch);
    /* At least a nanosecond, so that a boundary is never before its step. */
    assert(s->line.first_ticks >= PERF_TICKS && s->line.holds >= 1);
    if (is_speculating(s))
        serving_spec_plan(s, changes_soon(s) || s->params->fidelity == SERVING_STEP);
    else
        serving_step_set_plan(s, s->decodes ? leap_length(s) : 1);
    return true;
}

/* ---- beginning a step ----------------------------------------------------------------------- */

/* The last one, or the last of those who matter least. */
static int32_t victim(const struct serving *s)
{
    int32_t worst = s->running.tail;
    if (!s->rules.by_rank) return worst;
    for (int32_t i = s->running.head; i != SERVING_NONE; i = s->requests[i].next) {
        const struct serving_request *r = &s->requests[i], *w = &s->requests[worst];
        if (r->rank > w->rank || (r->rank == w->rank && r->arrival > w->arrival)) worst = i;
    }
    return worst;
}

static int64_t decode_chunk(const struct serving *s)
{
    return 1 + s->params->speculative.tokens;
}

/* Push out others until `need` blocks are free for a request that is not scheduled yet.  False: it
 * had to go itself.  `all`: everybody who decodes has its token of this step already. */
static bool make_room(struct serving *s, int32_t index, int64_t need, bool all)
{
    while (need > s->blocks_free) {
        int32_t out = victim(s);
        struct serving_request *r = &s->requests[out];
        if (all && r->state == SERVING_DECODE) r->scheduled = true;
        bool prompt = r->state == SERVING_PREFILL;
        if (r->scheduled) s->budget += prompt ? r->scheduled_tok : decode_chunk(s);
        s->preempted = true;
        s->counters.preemptions++;
        if (r->scheduled && prompt) s->batch.prefill_seqs--;
        serving_step_preempt(s, out);
        if (out == index) return false;
    }
    return true;
}

static void schedule_prompt(struct serving *s, int32_t index, int64_t chunk, int64_t blocks)
{
    struct serving_request *r = &s->requests[index];
    r->scheduled_tok = (int32_t)chunk;
    r->looked = false;
    s->budget = greater(s->budget - chunk, 0);
    serving_cache_take(s, blocks);
    serving_cache_note_chunk(s, index);
    s->batch.prefill_seqs++;
}

/* Blocks that a running request lacks for its next tokens. */
static int64_t lacking(const struct serving *s, const struct serving_request *r, int64_t chunk)
{
    if (s->rules.reserve == SERVING_RESERVE_ALL) return 0;
    if (r->state == SERVING_DECODE && is_speculating(s)) return serving_spec_lacking(s, r);
    if (r->state == SERVING_DECODE) return (s->clock - r->birth) % s->params->block_tokens == 0;
    if (s->rules.reserve == SERVING_RESERVE_PROMPT) return 0;
    return blocks_of(s, r->computed_tok + chunk) - blocks_of(s, r->computed_tok);
}

static void stall(struct serving *s, int32_t index)
{
    if (s->requests[index].state != SERVING_DECODE) return;
    leave_decode(s, index);
    s->requests[index].state = SERVING_STALLED;
    s->stalled++;
}

/* Go through the running requests in order and let each push out others until it has what it needs
 * or has gone itself. */
static void schedule_in_order(struct serving *s)
{
    for (int32_t i = s->running.head; i != SERVING_NONE && s->budget > 0; i = s->requests[i].next) {
        struct serving_request *r = &s->requests[i];
        if (r->state == SERVING_LEAVING) continue;
        bool prompt = r->state == SERVING_PREFILL;
        int64_t chunk =
            prompt ? lesser(r->goal_tok - r->computed_tok, s->rules.threshold) : decode_chunk(s);
        chunk = lesser(chunk, s->budget);
        int64_t need = lacking(s, r, chunk);
        if (!make_room(s, i, need, false)) return;
        r->scheduled = true;
        if (prompt) {
            schedule_prompt(s, i, chunk, need);
            continue;
        }
        s->budget -= chunk;
        serving_cache_take(s, need);
        if (is_speculating(s)) serving_spec_extend(s, r);
    }
}

/* Who decodes and got nothing stands still for this step. */
static void forget_marks(struct serving *s)
{
    s->prefill_head = SERVING_NONE;
    for (int32_t i = s->running.tail; i != SERVING_NONE; i = s->requests[i].prev) {
        if (!s->requests[i].scheduled) stall(s, i);
        s->requests[i].scheduled = false;
        if (s->requests[i].state == SERVING_PREFILL) s->prefill_head = i;
    }
}

static void continue_prompt(struct serving *s)
{
    if (s->prefill_head == SERVING_NONE) return;
    int32_t index = s->prefill_head;
    struct serving_request *r = &s->requests[index];
    int64_t chunk = lesser(r->goal_tok - r->computed_tok, s->budget);
    int64_t need = lacking(s, r, chunk);
    assert(s->running.tail == index && chunk > 0);
    if (make_room(s, index, need, true)) schedule_prompt(s, index, chunk, need);
}

static void schedule_running(struct serving *s)
{
    int64_t need = 0;
    if (is_speculating(s))
        need = serving_spec_need(s);
    else if (s->rules.reserve != SERVING_RESERVE_ALL)
        need = *phase_of(s, s->clock);
    /* Tokens that a preempted request gave back may have let others in behind a prompt. */
    bool several = s->prefill_head != SERVING_NONE &&
                   (s->rules.threshold < INT64_MAX || s->running.tail != s->prefill_head);
    if (need > s->blocks_free || several) {
        if (is_speculating(s)) serving_spec_look(s);
        schedule_in_order(s);
        forget_marks(s);
        if (is_speculating(s)) serving_spec_extend_all(s);
        return;
    }
    serving_cache_take(s, need);
    if (is_speculating(s)) serving_spec_extend_all(s);
    s->budget -= s->decoding * decode_chunk(s);
    continue_prompt(s);
}

struct admission {
    struct serving_hits hits;
    int64_t computed, chunk, blocks; /* blocks: to take from the queue */
};

/* Would the first of the queue get in, and with what?  The whole prompt must fit, so that a long
 * one is not begun only to be preempted (vLLM: scheduler_reserve_full_isl), though only the blocks
 * of its first chunk may be taken. */
static bool would_admit(struct serving *s, const struct serving_request *r, struct admission *a)
{
    int64_t target = target_tok(r), size = s->params->block_tokens;
    a->hits = serving_cache_find(s, r);
    a->computed = greater(a->hits.blocks * size, lesser(r->ready_tok, target - 1));
    a->chunk = lesser(target - a->computed, s->rules.threshold);
    bool untouched = s->batch.prefill_seqs == 0 && (!s->decodes || s->decoding == 0);
    if (s->rules.chunks)
        a->chunk = lesser(a->chunk, s->budget);
    else if (a->chunk > s->budget && !untouched)
        return false;
    int64_t now = blocks_of(s, a->computed + a->chunk), whole = blocks_of(s, target);
    if (s->rules.reserve == SERVING_RESERVE_PROMPT) now = whole;
    if (s->rules.reserve == SERVING_RESERVE_ALL) now = whole = room_blocks(s, r);
    int64_t kept = s->running.count > 0 ? s->rules.watermark_blocks : 0;
    int64_t need = greater(now, s->rules.whole_fits ? whole : 0) - a->hits.blocks + a->hits.free;
    a->blocks = now - a->hits.blocks;
    return need + kept <= s->blocks_free;
}

static void admit_first(struct serving *s, int32_t index, const struct admission *a)
{
    struct serving_request *r = &s->requests[index];
    serving_queue_leave(s, index);
    serving_queue_append(s, &s->running, index);
    r->state = SERVING_PREFILL;
    r->order = s->admissions++;
    r->goal_tok = (int32_t)target_tok(r);
    r->computed_tok = r->entered_tok = (int32_t)a->computed;
    if (s->prefill_head == SERVING_NONE) s->prefill_head = index;
    serving_cache_hold(s, index, &a->hits);
    int64_t hit_tok = a->hits.blocks * s->params->block_tokens;
    if (s->rules.caches) s->counters.queried_tok += (uint64_t)r->goal_tok;
    s->counters.hit_tok += (uint64_t)hit_tok;
    s->counters.ready_tok += (uint64_t)(a->computed - hit_tok);
    schedule_prompt(s, index, a->chunk, a->blocks);
}

/* Stops at the first that does not fit. */
static void admit(struct serving *s)
{
    bool closed = (s->preempted && !s->rules.after_preempt) ||
                  (s->rules.batch_at_once && s->decoding + s->leaving > 0);
    while (!closed && s->waiting.count > 0 && s->budget > 0 &&
           s->running.count < (uint64_t)s->params->max_num_seqs) {
        struct admission a;
        int32_t index = serving_queue_first(s);
        if (!would_admit(s, &s->requests[index], &a)) break;
        admit_first(s, index, &a);
    }
    s->open =
        !closed && !s->rules.ahead && s->waiting.count == 0 && (s->rules.mixes || !s->decodes);
}

static void note_peak(struct serving *s)
{
    int64_t used = s->blocks_total - s->blocks_free;
    if (used > s->counters.blocks_peak) s->counters.blocks_peak = used;
}

/* What the prompts of the step compute. */
static void add_prompts(struct serving *s)
{
    s->batch = (struct perf_batch){0};
    for (int32_t i = s->prefill_head; i != SERVING_NONE; i = s->requests[i].next) {
        const struct serving_request *r = &s->requests[i];
        if (r->state != SERVING_PREFILL || r->scheduled_tok == 0) continue;
        perf_batch_prefill(&s->batch, r->computed_tok, r->scheduled_tok,
                           r->computed_tok + r->scheduled_tok == r->goal_tok);
        serving_images_add(s, i);
    }
}

static void go_on(struct serving *s, int32_t index)
{
    s->stalled--;
    enter_decode(s, index);
}

static void take_in_coming(struct serving *s)
{
    while (s->coming.count > 0 && s->requests[s->coming.head].arrived_ns <= s->seen_ns) {
        int32_t index = s->coming.head;
        serving_queue_remove(s, &s->coming, index);
        s->requests[index].state = SERVING_WAITING;
        serving_queue_wait(s, index, false);
    }
}

static bool try_to_begin(struct serving *s)
{
    take_in_coming(s);
    s->preempted = false;
    s->batch = (struct perf_batch){0};
    s->budget = s->rules.budgeted ? s->params->max_num_batched_tokens : INT32_MAX;
    s->decodes = s->rules.mixes;
    if (s->rules.mixes) schedule_running(s);
    admit(s);
    if (!s->rules.mixes && s->batch.prefill_seqs == 0) {
        s->decodes = true;
        s->open = false;
        schedule_running(s);
    }
    note_peak(s);
    release_leaving(s);
    add_prompts(s);
    return plan(s);
}

void serving_step_begin(struct serving *s)
{
    bool begun = try_to_begin(s);
    while (!begun && s->running.count + s->waiting.count + s->coming.count > 0) {
        /* Nobody could compute, so nothing is ahead and the scheduler runs again at once. */
        s->seen_ns = serving_step_start_ns(s);
        for (int32_t i = s->running.head; i != SERVING_NONE; i = s->requests[i].next)
            if (s->requests[i].state == SERVING_STALLED) go_on(s, i);
        begun = try_to_begin(s);
    }
    if (!begun) go_idle(s);
}

void serving_step_extend(struct serving *s)
{
    admit(s);
    note_peak(s);
    add_prompts(s);
    plan(s);
}

/* ---- finishing steps ------------------------------------------------------------------------ */

static void pass_time(struct serving *s, int64_t steps)
{
    int64_t last = s->start_ticks + ticks_to(s, steps - 1);
    s->seen_ns = s->start_ns + (last + PERF_TICKS - 1) / PERF_TICKS;
    int64_t ticks = s->start_ticks + ticks_to(s, steps);
    s->start_ns += ticks / PERF_TICKS;
    s->start_ticks = ticks % PERF_TICKS;
}

static void drop_cancelled(struct serving *s, int32_t index)
{
    serving_laws_leave(s, &s->requests[index], serving_step_start_ns(s), false);
    leave_running(s, index, false);
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
    serving_laws_leave(s, r, serving_step_start_ns(s), true);
    serving_queue_report(s, r, SERVING_DONE, serving_step_start_ns(s));
    s->counters.completed++;
    if (s->rules.ahead) {
        if (r->state == SERVING_DECODE) leave_decode(s, index);
        r->state = SERVING_LEAVING;
        s->leaving++;
        return;
    }
    leave_running(s, index, false);
    serving_queue_release(s, index);
}

/* The first of those who decode and have all their tokens. */
static int32_t next_done(const struct serving *s)
{
    if (is_speculating(s)) return serving_spec_done(s);
    bool done = s->decoding > 0 && s->finish[0].clock == s->clock;
    return done ? s->finish[0].request : SERVING_NONE;
}

static void complete_decoding(struct serving *s, uint32_t before)
{
    for (int32_t i; (i = next_done(s)) != SERVING_NONE && s->requests[i].order < before;)
        complete(s, i);
}

/* The chunk of one prompt is computed. */
static void finish_prompt(struct serving *s, int32_t index)
{
    struct serving_request *r = &s->requests[index];
    r->computed_tok += r->scheduled_tok;
    s->counters.prefill_tok += (uint64_t)r->scheduled_tok;
    r->scheduled_tok = 0;
    serving_images_count(s, r);
    if (r->computed_tok < r->goal_tok) {
        if (s->prefill_head == SERVING_NONE) s->prefill_head = index;
        return;
    }
    if (r->first_token_ns < 0) r->first_token_ns = serving_step_start_ns(s);
    if (r->generated_tok + 1 == r->output_tok)
        complete(s, index);
    else
        enter_decode(s, index);
}

/* Requests complete in the order of the running list. */
static void finish_in_order(struct serving *s)
{
    int32_t next, index = s->prefill_head;
    if (s->stalled > 0) index = s->running.head;
    s->prefill_head = SERVING_NONE;
    for (; index != SERVING_NONE; index = next) {
        struct serving_request *r = &s->requests[index];
        next = r->next;
        if (r->state == SERVING_PREFILL) {
            if (s->decodes) complete_decoding(s, r->order);
            finish_prompt(s, index);
        } else if (r->state == SERVING_STALLED) {
            go_on(s, index);
        }
    }
    if (s->decodes) complete_decoding(s, UINT32_MAX);
}

static void sweep_cancelled(struct serving *s)
{
    int32_t next;
    for (int32_t i = s->running.head; s->cancels > 0; i = next) {
        next = s->requests[i].next;
        if (s->requests[i].cancelled && s->requests[i].state != SERVING_LEAVING)
            drop_cancelled(s, i);
    }
}

static void lose_waiting(struct serving *s, int32_t index)
{
    struct serving_request *r = &s->requests[index];
    serving_queue_report(s, r, SERVING_LOST, serving_step_start_ns(s));
    serving_laws_leave(s, r, serving_step_start_ns(s), false);
    s->counters.lost++;
    if (r->state == SERVING_COMING)
        serving_queue_remove(s, &s->coming, index);
    else
        serving_queue_leave(s, index);
    serving_queue_release(s, index);
}

static bool is_unfit(const struct serving *s, const struct serving_request *r)
{
    return room_blocks(s, r) > s->blocks_total || !serving_images_seen(s->perf, r->images);
}

/* In the order in which they would have been served. */
static void lose_ranked(struct serving *s)
{
    struct serving_list fit = {SERVING_NONE, SERVING_NONE, 0};
    for (int32_t i; (i = serving_queue_first(s)) != SERVING_NONE;) {
        if (is_unfit(s, &s->requests[i])) {
            lose_waiting(s, i);
            continue;
        }
        serving_queue_leave(s, i);
        serving_queue_append(s, &fit, i);
    }
    for (int32_t i; (i = fit.head) != SERVING_NONE;) {
        serving_queue_remove(s, &fit, i);
        serving_queue_wait(s, i, true);
    }
}

static void lose_unfit(struct serving *s)
{
    int32_t next;
    if (s->rules.ranked) lose_ranked(s);
    for (int32_t i = s->rules.ranked ? SERVING_NONE : s->waiting.head; i != SERVING_NONE;
         i = next) {
        next = s->requests[i].next;
        if (is_unfit(s, &s->requests[i])) lose_waiting(s, i);
    }
    for (int32_t i = s->coming.head; i != SERVING_NONE; i = next) {
        next = s->requests[i].next;
        if (is_unfit(s, &s->requests[i])) lose_waiting(s, i);
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
    uint64_t before = s->counters.decode_tok;
    serving_laws_steps(s, steps);
    pass_time(s, steps);
    s->counters.steps += (uint64_t)steps;
    if (s->line.outside) s->counters.outside_steps += (uint64_t)steps;
    if (is_speculating(s) && s->decodes) {
        serving_spec_apply(s, steps);
        serving_laws_gain(s, s->counters.decode_tok - before);
        note_peak(s);
    } else if (s->decodes) {
        if (steps > 1) {
            serving_cache_take(s, leap_blocks(s, steps));
            note_peak(s);
        }
        s->clock += steps;
        s->computed_tok += steps * s->decoding;
        s->counters.decode_tok += (uint64_t)(steps * s->decoding);
    }
    finish_in_order(s);
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
        if (ticks_to(s, middle) <= passed)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int64_t serving_step_blocks_used(const struct serving *s, int64_t at_ns)
{
    int64_t used = s->blocks_total - s->blocks_free;
    if (s->planned <= 1 || at_ns <= s->start_ns) return used;
    int64_t ended = reached(s, at_ns - 1);
    return used + (is_speculating(s) ? s->spec->taken[ended] : leap_blocks(s, ended + 1));
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
    if (s->planned > 1) serving_step_set_plan(s, 1);
}

void serving_step_until(struct serving *s, int64_t end_ns)
{
    assert(s->planned == 1 && end_ns > s->start_ns);
    s->line.first_ticks = (end_ns - s->start_ns) * PERF_TICKS - s->start_ticks;
    serving_step_set_plan(s, 1);
}
