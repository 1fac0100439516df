/* SPDX-License-Identifier: Apache-2.0
 * Steps in which sequences gain a drawn number of tokens. */
#include "models/serving_spec.h"

#include "models/serving_cache.h"
#include "models/serving_step.h"

enum { PURPOSE_DRAFTS = 0x500 }; /* of random draws: key = request, block = tokens generated */

int64_t serving_spec_gain(const struct serving_params *params, uint64_t draws,
                          int64_t generated_tok)
{
    struct rng_stream stream = rng_open(draws, 0, PURPOSE_DRAFTS, 0);
    rng_seek(&stream, (uint32_t)generated_tok);
    rng_refill_one(&stream);
    double draw = rng_unit(&stream), reached = params->speculative.acceptance;
    int64_t accepted = 0;
    for (; accepted < params->speculative.tokens && draw < reached; accepted++)
        reached *= params->speculative.acceptance;
    return accepted + 1;
}

int64_t serving_spec_ticks(const struct serving_params *params, int64_t step_ticks)
{
    const struct serving_speculative *p = &params->speculative;
    return step_ticks + (int64_t)((double)step_ticks * p->draft_cost * (double)p->tokens);
}

static int64_t blocks_of(const struct serving *s, int64_t tok)
{
    return (tok + s->params->block_tokens - 1) / s->params->block_tokens;
}

static int64_t computed_of(const struct serving *s, const struct serving_request *r)
{
    return s->clock - r->birth;
}

static int64_t slots_for(const struct serving *s, int64_t computed_tok)
{
    return computed_tok + 1 + s->params->speculative.tokens;
}

/* Tokens gained from a state, at most what the request lacks. */
static int64_t gain(const struct serving *s, const struct serving_request *r, int64_t computed_tok)
{
    int64_t left = r->prompt_tok + r->output_tok - 1 - computed_tok;
    int64_t got = serving_spec_gain(s->params, r->draws, computed_tok + 1 - r->prompt_tok);
    return got < left ? got : left;
}

static void add_one(const struct serving *s, struct perf_batch *batch, int64_t computed_tok)
{
    int drafts = (int)s->params->speculative.tokens;
    perf_batch_prefill(batch, computed_tok, drafts + 1, drafts + 1);
}

void serving_spec_add(const struct serving *s, struct perf_batch *batch)
{
    for (int32_t i = s->running.head; i != SERVING_NONE; i = s->requests[i].next)
        if (s->requests[i].state == SERVING_DECODE)
            add_one(s, batch, computed_of(s, &s->requests[i]));
}

static int64_t lacking(const struct serving *s, int64_t slot_tok, int64_t computed_tok)
{
    int64_t has = slot_tok > computed_tok ? slot_tok : computed_tok;
    int64_t wants = slots_for(s, computed_tok);
    return wants > has ? blocks_of(s, wants) - blocks_of(s, has) : 0;
}

int64_t serving_spec_lacking(const struct serving *s, const struct serving_request *r)
{
    return lacking(s, r->slot_tok, computed_of(s, r));
}

int64_t serving_spec_need(const struct serving *s)
{
    int64_t need = 0;
    if (s->rules.reserve == SERVING_RESERVE_ALL) return 0;
    for (int32_t i = s->running.head; i != SERVING_NONE; i = s->requests[i].next)
        if (s->requests[i].state == SERVING_DECODE)
            need += serving_spec_lacking(s, &s->requests[i]);
    return need;
}

void serving_spec_extend(const struct serving *s, struct serving_request *r)
{
    int64_t wants = slots_for(s, computed_of(s, r));
    if (wants > r->slot_tok) r->slot_tok = (int32_t)wants;
    r->filed_tok = (int32_t)computed_of(s, r) + 1;
}

void serving_spec_extend_all(struct serving *s)
{
    for (int32_t i = s->running.head; i != SERVING_NONE; i = s->requests[i].next)
        if (s->requests[i].state == SERVING_DECODE) serving_spec_extend(s, &s->requests[i]);
}

/* One step further in the rehearsal; false: somebody completes with it. */
static bool rehearse(struct serving *s)
{
    bool all_go_on = true;
    for (int32_t i = s->running.head; i != SERVING_NONE; i = s->requests[i].next) {
        struct serving_request *r = &s->requests[i];
        if (r->state != SERVING_DECODE) continue;
        r->rehearsed_from_tok = r->rehearsed_tok;
        r->rehearsed_tok += (int32_t)gain(s, r, r->rehearsed_tok);
        if (r->rehearsed_tok == r->prompt_tok + r->output_tok - 1) all_go_on = false;
    }
    return all_go_on;
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The batch after the rehearsed steps, and the blocks it lacks. */
static int64_t rehearsed_batch(const struct serving *s, struct perf_batch *batch)
{
    int64_t need = 0;
    for (int32_t i = s->running.head; i != SERVING_NONE; i = s->requests[i].next) {
        const struct serving_request *r = &s->requests[i];
        if (r->state != SERVING_DECODE) continue;
        add_one(s, batch, r->rehearsed_tok);
        int64_t slots = greater(r->slot_tok, slots_for(s, r->rehearsed_from_tok));
        need += lacking(s, slots, r->rehearsed_tok);
    }
    return s->rules.reserve == SERVING_RESERVE_ALL ? 0 : need;
}

void serving_spec_plan(struct serving *s, bool single)
{
    bool drafts = s->decodes && s->decoding > 0;
    int64_t steps = 1, taken = 0;
    if (drafts) s->line.first_ticks = serving_spec_ticks(s->params, s->line.first_ticks);
    s->ticks[0] = s->line.first_ticks;
    s->taken[0] = 0;
    for (int32_t i = s->running.head; i != SERVING_NONE; i = s->requests[i].next) {
        struct serving_request *r = &s->requests[i];
        if (r->state == SERVING_DECODE) r->rehearsed_tok = (int32_t)computed_of(s, r);
    }
    while (drafts && rehearse(s) && !single && steps < SERVING_SPEC_LEAP) {
        struct perf_batch batch = {0};
        taken += rehearsed_batch(s, &batch);
        if (taken > s->blocks_free) break;
        struct perf_line line = perf_step_line(s->perf, &batch);
        if (line.outside != s->line.outside) break;
        s->taken[steps] = taken;
        s->ticks[steps] = s->ticks[steps - 1] + serving_spec_ticks(s->params, line.first_ticks);
        steps++;
    }
    s->rehearsed = steps;
    serving_step_set_plan(s, steps);
}

static void gained(struct serving *s, struct serving_request *r, int64_t got, int64_t steps)
{
    struct serving_counters *c = &s->counters;
    r->birth -= got;
    s->computed_tok += got;
    c->decode_tok += (uint64_t)got;
    c->drafted_tok += (uint64_t)(steps * s->params->speculative.tokens);
    c->accepted_tok += (uint64_t)(got - steps);
}

/* All steps of the plan, as they were rehearsed. */
static void perform(struct serving *s)
{
    for (int32_t i = s->running.head; i != SERVING_NONE; i = s->requests[i].next) {
        struct serving_request *r = &s->requests[i];
        if (r->state != SERVING_DECODE) continue;
        int64_t slots = slots_for(s, r->rehearsed_from_tok);
        if (slots > r->slot_tok) r->slot_tok = (int32_t)slots;
        r->filed_tok = r->rehearsed_from_tok + 1;
        gained(s, r, r->rehearsed_tok - computed_of(s, r), s->rehearsed);
    }
    serving_cache_take(s, s->taken[s->rehearsed - 1]);
}

static void step(struct serving *s)
{
    for (int32_t i = s->running.head; i != SERVING_NONE; i = s->requests[i].next) {
        struct serving_request *r = &s->requests[i];
        if (r->state == SERVING_DECODE) gained(s, r, gain(s, r, computed_of(s, r)), 1);
    }
}

void serving_spec_apply(struct serving *s, int64_t steps)
{
    if (steps == s->rehearsed && s->decoding > 0) {
        perform(s);
        return;
    }
    for (int64_t i = 0; i < steps; i++) {
        if (i > 0) {
            serving_cache_take(s, serving_spec_need(s));
            serving_spec_extend_all(s);
        }
        step(s);
    }
}
