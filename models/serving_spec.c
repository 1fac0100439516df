/* SPDX-License-Identifier: Apache-2.0
 * Steps in which sequences gain a drawn number of tokens. */
#include "models/serving_spec.h"

#include "models/serving_cache.h"
#include "models/serving_step.h"

enum { PURPOSE_DRAFTS = 0x500 }; /* of random draws: key = request; 32 bits for each step */
enum { WORDS = 16 };             /* draws made at once: four blocks side by side (sim/rng.h) */

/* ---- draws ---------------------------------------------------------------------------------- */

/* Draws of 31 bits up to this come with the given chance; -1: none does. */
static int32_t limit(double chance)
{
    return (int32_t)((int64_t)(chance * 0x1p31 + 0.5) - 1);
}

int64_t serving_spec_gain(const struct serving_params *params, uint64_t draws, int64_t step)
{
    struct rng_stream stream = rng_open(draws, 0, PURPOSE_DRAFTS, 0);
    rng_seek(&stream, (uint32_t)(step / 4));
    uint64_t word = rng_u64(&stream);
    if (step % 4 >= 2) word = rng_u64(&stream);
    int32_t draw = (int32_t)((step % 2 == 0 ? (uint32_t)word : (uint32_t)(word >> 32)) >> 1);
    double reached = params->speculative.acceptance;
    int64_t accepted = 0;
    for (; accepted < params->speculative.tokens && draw <= limit(reached); accepted++)
        reached *= params->speculative.acceptance;
    return accepted + 1;
}

/* Gains of the WORDS steps from `step` on, a multiple of 4. */
static void draw_gains(const struct serving_spec *spec, int64_t drafts, uint64_t draws,
                       int32_t step, int32_t got[WORDS])
{
    int32_t draw[WORDS];
    struct rng_stream stream = rng_open(draws, 0, PURPOSE_DRAFTS, 0);
    rng_seek(&stream, (uint32_t)(step / 4));
    rng_hurry(&stream);
    for (int i = 0; i < WORDS; i += 2) {
        uint64_t word = rng_u64(&stream);
        draw[i] = (int32_t)((uint32_t)word >> 1);
        draw[i + 1] = (int32_t)(word >> 33);
        got[i] = got[i + 1] = 1;
    }
    for (int64_t j = 0; j < drafts; j++)
        for (int i = 0; i < WORDS; i++)
            got[i] += draw[i] <= spec->limits[j];
}

int64_t serving_spec_ticks(const struct serving_params *params, int64_t step_ticks)
{
    const struct serving_speculative *p = &params->speculative;
    return step_ticks + (int64_t)((double)step_ticks * p->draft_cost * (double)p->tokens);
}

void serving_spec_init(struct serving *s)
{
    const struct serving_speculative *p = &s->params->speculative;
    if (p->tokens == 0) return;
    s->spec = arena_alloc(s->arena, 1, sizeof *s->spec);
    double reached = p->acceptance;
    for (int64_t i = 0; i < p->tokens; i++, reached *= p->acceptance)
        s->spec->limits[i] = limit(reached);
    serving_spec_reset(s);
}

void serving_spec_reset(struct serving *s)
{
    struct serving_spec *spec = s->spec;
    if (spec == NULL) return;
    spec->at = 0;
    spec->extended = false;
    for (int i = 0; i < SERVING_SPEC_WINDOW; i++)
        spec->gain[i] = spec->need[i] = 0;
    for (int i = 0; i <= SERVING_SPEC_WINDOW; i++)
        spec->first[i] = SERVING_NONE;
}

/* ---- one sequence --------------------------------------------------------------------------- */

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t blocks_of(const struct serving *s, int64_t tok)
{
    return (tok + s->params->block_tokens - 1) / s->params->block_tokens;
}

static int64_t slots_for(const struct serving *s, int64_t computed_tok)
{
    return computed_tok + 1 + s->params->speculative.tokens;
}

struct standing { /* of a sequence after the steps that have ended */
    int64_t computed_tok, slot_tok, filed_tok;
};

static struct standing standing_of(const struct serving *s, const struct serving_request *r)
{
    const struct serving_spec *spec = s->spec;
    const uint8_t *gains = spec->gains[r - s->requests];
    int64_t got = 0;
    for (int32_t i = r->cursor; i < spec->at; i++)
        got += gains[i];
    struct standing now = {s->clock - r->birth + got, r->slot_tok, r->filed_tok};
    if (!spec->extended && spec->at == r->cursor) return now;
    int64_t scheduled = now.computed_tok - (spec->extended ? 0 : gains[spec->at - 1]);
    now.slot_tok = greater(now.slot_tok, slots_for(s, scheduled));
    now.filed_tok = scheduled + 1;
    return now;
}

int64_t serving_spec_computed(const struct serving *s, const struct serving_request *r)
{
    return standing_of(s, r).computed_tok;
}

int64_t serving_spec_filed(const struct serving *s, const struct serving_request *r)
{
    return standing_of(s, r).filed_tok;
}

static void look_at(struct serving *s, struct serving_request *r)
{
    struct standing now = standing_of(s, r);
    r->birth = s->clock - now.computed_tok;
    r->slot_tok = (int32_t)now.slot_tok;
    r->filed_tok = (int32_t)now.filed_tok;
    r->verified += s->spec->at - r->cursor;
    r->cursor = s->spec->at;
}

/* Into the list of those that complete after `ends` steps of the window. */
static void link_end(struct serving *s, int32_t index, int32_t ends)
{
    struct serving_request *r = &s->requests[index];
    int32_t *link = &s->spec->first[ends];
    while (*link != SERVING_NONE && s->requests[*link].order < r->order)
        link = &s->requests[*link].ends_next;
    r->ends = ends;
    r->ends_next = *link;
    *link = index;
}

static void unlink_end(struct serving *s, int32_t index)
{
    struct serving_request *r = &s->requests[index];
    int32_t *link = &s->spec->first[r->ends];
    while (*link != index)
        link = &s->requests[*link].ends_next;
    *link = r->ends_next;
    r->ends = r->ends_next = SERVING_NONE;
}

struct walk { /* along the steps of one sequence */
    int64_t left_tok;
    int64_t room_tok; /* in its last block */
    int64_t grows;    /* slots that the next step adds */
};

static struct walk walk_from(const struct serving *s, const struct serving_request *r)
{
    int64_t computed = s->clock - r->birth, has = greater(r->slot_tok, computed);
    int64_t room = blocks_of(s, has) * s->params->block_tokens - has;
    if (s->rules.reserve == SERVING_RESERVE_ALL) room = INT64_MAX;
    int64_t left = r->prompt_tok + r->output_tok - 1 - computed;
    return (struct walk){left, room, greater(slots_for(s, computed) - has, 0)};
}

/* Blocks that the step takes in which `got` tokens are gained. */
static inline int64_t walk_step(struct walk *w, int64_t block_tok, int64_t got)
{
    int64_t need = 0;
    for (w->room_tok -= w->grows; w->room_tok < 0; w->room_tok += block_tok)
        need++;
    w->grows = got;
    w->left_tok -= got;
    return need;
}

/* Work out what the sequence gains in the window, from its cursor on. */
static void foresee(struct serving *s, int32_t index)
{
    struct serving_request *r = &s->requests[index];
    struct serving_spec *spec = s->spec;
    uint8_t *gains = spec->gains[index];
    struct walk w = walk_from(s, r);
    int64_t block_tok = s->params->block_tokens, drafts = s->params->speculative.tokens;
    int32_t got[WORDS], step = r->verified / 4 * 4, word = r->verified % 4, at = r->cursor;
    for (; at < SERVING_SPEC_WINDOW && w.left_tok > 0; step += WORDS, word = 0) {
        draw_gains(spec, drafts, r->draws, step, got);
        for (; word < WORDS && at < SERVING_SPEC_WINDOW && w.left_tok > 0; word++, at++) {
            int64_t gain = got[word] < w.left_tok ? got[word] : w.left_tok;
            gains[at] = (uint8_t)gain;
            spec->gain[at] += gain;
            spec->need[at] += walk_step(&w, block_tok, gain);
        }
    }
    if (w.left_tok == 0) link_end(s, index, at);
}

/* And take it out of the sums again. */
static void forget(struct serving *s, int32_t index)
{
    struct serving_request *r = &s->requests[index];
    struct serving_spec *spec = s->spec;
    struct walk w = walk_from(s, r);
    int64_t block_tok = s->params->block_tokens;
    for (int32_t at = spec->at; at < SERVING_SPEC_WINDOW && w.left_tok > 0; at++) {
        int64_t gain = spec->gains[index][at];
        spec->gain[at] -= gain;
        spec->need[at] -= walk_step(&w, block_tok, gain);
    }
}

static void make_place(struct serving *s)
{
    struct serving_spec *spec = s->spec;
    if (spec->capacity >= s->request_capacity) return;
    spec->gains =
        arena_grow(s->arena, spec->gains, spec->capacity, s->request_capacity, sizeof *spec->gains);
    spec->capacity = s->request_capacity;
}

void serving_spec_enter(struct serving *s, int32_t index)
{
    make_place(s);
    s->spec->extended = false; /* nobody begins to decode while a step is being scheduled */
    s->requests[index].cursor = s->spec->at;
    foresee(s, index);
}

void serving_spec_leave(struct serving *s, int32_t index)
{
    look_at(s, &s->requests[index]);
    forget(s, index);
    if (s->requests[index].ends != SERVING_NONE) unlink_end(s, index);
}

static bool stands(const struct serving *s, const struct serving_request *r)
{
    int64_t computed = s->clock - r->birth, last = (int64_t)r->prompt_tok + r->output_tok - 1;
    return r->cursor >= 0 && r->cursor <= s->spec->at && r->verified >= 0 &&
           r->verified < INT32_MAX - SERVING_SPEC_WINDOW && r->prompt_tok >= 1 &&
           computed >= r->prompt_tok && computed < last && r->slot_tok >= 0;
}

bool serving_spec_recall(struct serving *s)
{
    make_place(s);
    for (uint32_t i = 0; i < s->request_used; i++) {
        struct serving_request *r = &s->requests[i];
        if (r->state != SERVING_DECODE) continue;
        if (!stands(s, r)) return false;
        foresee(s, (int32_t)i);
        if (r->ends != SERVING_NONE && r->ends <= s->spec->at) return false;
    }
    if (s->spec->extended) s->spec->need[s->spec->at] = 0;
    return true;
}

int32_t serving_spec_done(const struct serving *s)
{
    return s->spec->first[s->spec->at];
}

/* ---- a step --------------------------------------------------------------------------------- */

static void add(const struct serving *s, struct perf_batch *batch, int64_t computed_tok)
{
    int64_t chunk = 1 + s->params->speculative.tokens, n = s->decoding;
    batch->prefill_seqs += n;
    batch->prefill_tok += n * chunk;
    batch->prefill_context_tok += computed_tok + n * chunk;
    batch->prefill_pairs += chunk * computed_tok + n * (chunk * (chunk + 1) / 2);
    batch->sampled += n * chunk;
}

void serving_spec_add(const struct serving *s, struct perf_batch *batch)
{
    add(s, batch, s->computed_tok);
}

void serving_spec_look(struct serving *s)
{
    for (int32_t i = s->running.head; i != SERVING_NONE; i = s->requests[i].next)
        if (s->requests[i].state == SERVING_DECODE) look_at(s, &s->requests[i]);
}

int64_t serving_spec_lacking(const struct serving *s, const struct serving_request *r)
{
    int64_t computed = s->clock - r->birth, has = greater(r->slot_tok, computed);
    int64_t wants = slots_for(s, computed);
    return wants > has ? blocks_of(s, wants) - blocks_of(s, has) : 0;
}

int64_t serving_spec_need(const struct serving *s)
{
    return s->spec->need[s->spec->at];
}

void serving_spec_extend(const struct serving *s, struct serving_request *r)
{
    int64_t computed = s->clock - r->birth;
    r->slot_tok = (int32_t)greater(r->slot_tok, slots_for(s, computed));
    r->filed_tok = (int32_t)computed + 1;
}

void serving_spec_extend_all(struct serving *s)
{
    s->spec->extended = true;
    s->spec->need[s->spec->at] = 0;
}

/* Steps worth timing: the more sequences there are, the sooner somebody comes or goes, and what was
 * timed for later steps is lost.  Any number gives the same times. */
static int64_t worthwhile(const struct serving *s)
{
    int64_t steps = SERVING_SPEC_LEAP / (int64_t)s->decoding;
    return steps > 2 ? steps : 2;
}

void serving_spec_plan(struct serving *s, bool single)
{
    struct serving_spec *spec = s->spec;
    bool drafts = s->decodes && s->decoding > 0;
    int64_t most = single || !drafts ? 1 : worthwhile(s), steps = 1, taken = 0,
            computed = s->computed_tok;
    if (drafts) s->line.first_ticks = serving_spec_ticks(s->params, s->line.first_ticks);
    spec->ticks[0] = s->line.first_ticks;
    spec->taken[0] = 0;
    while (steps < most) {
        int64_t at = spec->at + steps;
        if (at == SERVING_SPEC_WINDOW || spec->first[at] != SERVING_NONE) break;
        taken += spec->need[at];
        if (taken > s->blocks_free) break;
        struct perf_batch batch = {0};
        computed += spec->gain[at - 1];
        add(s, &batch, computed);
        struct perf_line line = perf_step_line(s->perf, &batch);
        if (line.outside != s->line.outside) break;
        spec->taken[steps] = taken;
        spec->ticks[steps] =
            spec->ticks[steps - 1] + serving_spec_ticks(s->params, line.first_ticks);
        steps++;
    }
    serving_step_set_plan(s, steps);
}

/* The next window begins.  Who completes now will leave as soon as the order of the running list
 * says. */
static void turn(struct serving *s)
{
    struct serving_spec *spec = s->spec;
    serving_spec_look(s);
    int32_t done = serving_spec_done(s);
    serving_spec_reset(s);
    spec->first[0] = done;
    for (int32_t i = s->running.head; i != SERVING_NONE; i = s->requests[i].next) {
        struct serving_request *r = &s->requests[i];
        if (r->state != SERVING_DECODE) continue;
        r->cursor = 0;
        r->ends = r->ends == SERVING_NONE ? SERVING_NONE : 0;
        if (r->ends == SERVING_NONE) foresee(s, i);
    }
}

void serving_spec_apply(struct serving *s, int64_t steps)
{
    struct serving_spec *spec = s->spec;
    struct serving_counters *c = &s->counters;
    int64_t got = 0, taken = 0, verified = steps * s->decoding;
    if (s->decoding == 0) return;
    for (int64_t i = 0; i < steps; i++) {
        got += spec->gain[spec->at + i];
        if (i > 0) taken += spec->need[spec->at + i];
    }
    serving_cache_take(s, taken);
    spec->at += (int32_t)steps;
    spec->extended = false;
    s->computed_tok += got;
    c->decode_tok += (uint64_t)got;
    c->drafted_tok += (uint64_t)(verified * s->params->speculative.tokens);
    c->accepted_tok += (uint64_t)(got - verified);
    if (spec->at == SERVING_SPEC_WINDOW) turn(s);
}
