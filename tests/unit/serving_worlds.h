/* SPDX-License-Identifier: Apache-2.0
 * Random workloads for one serving node, and how the node and its plain twin are driven through
 * them. */
#ifndef HACASIM_TESTS_SERVING_WORLDS_H
#define HACASIM_TESTS_SERVING_WORLDS_H

#include "models/serving.h"
#include "models/serving_snap.h"
#include "sim/sim.h"
#include "tests/unit/serving_plain.h"
#include "tests/unit/serving_toy.h"
#include "tests/unit/unit.h"

enum { PURPOSE = 901 };

enum action { SUBMIT, CANCEL, SWAP, FAIL, COUNT };

struct call {
    int64_t time_ns;
    enum action action;
    struct serving_terms terms; /* of a submission; tag of a cancel; prompt_tok chooses a swap */
};

enum { CALLS_MAX = 160 };

struct world {
    struct serving_params params;
    struct toy toys[2];
    struct perf perfs[2];
    struct call calls[CALLS_MAX];
    int call_count;
    bool named; /* requests have streams, prefixes and the like */
    bool sees;  /* and images */
};

/* What a node answered; `word` folds everything that is not a completion. */
struct answers {
    struct serving_done done[CALLS_MAX];
    uint32_t done_count;
    uint64_t words[2 * CALLS_MAX];
    uint32_t word_count;
    struct serving_counters counters;
    uint64_t wakes;
};

/* Steps of whole multiples of a grid on which calls lie too, so that calls and step ends often
 * coincide; or of any length, fractions of a ns included. */
static struct toy draw_toy(struct rng_stream *s, int64_t grid_ns)
{
    bool on_grid = grid_ns > 1, flat = rng_below(s, 2);
    int64_t unit = on_grid ? grid_ns * PERF_TICKS : between(s, 100, 5000);
    if (!on_grid && rng_below(s, 3) == 0) unit *= 100;
    int64_t part = on_grid ? 1 : 16;
    struct toy t = {
        .base = PERF_TICKS * grid_ns + unit * between(s, 0, 8),
        .per_seq = unit * between(s, 0, 2),
        .per_tok = unit * between(s, 0, 2) / part,
        .per_pair = flat ? 0 : unit * between(s, 0, 1) / part,
        .per_sample = unit * between(s, 0, 2),
        .slope = flat ? 0 : unit * between(s, 0, 3) / part,
        .upper_slope = flat ? 0 : unit * between(s, 0, 5) / part,
        .knot_tok = between(s, 0, 400),
    };
    return t;
}

/* Few streams and prefixes, so that requests meet; lengths often at the edge of a block. */
static void draw_names(struct rng_stream *s, const struct world *w, struct serving_terms *terms)
{
    int64_t block = w->params.block_tokens;
    if (rng_below(s, 2)) terms->stream = (uint64_t)between(s, 1, 5);
    if (rng_below(s, 2)) terms->prefix = (uint64_t)between(s, 1, 3);
    terms->prefix_tok = rng_below(s, 2) ? block * between(s, 0, 4) : between(s, 0, 60);
    if (rng_below(s, 8) == 0) terms->prompt_tok = block * between(s, 1, 3);
    if (rng_below(s, 8) == 0) terms->prompt_tok = terms->prefix_tok + 1;
    terms->priority = between(s, -2, 2);
    if (rng_below(s, 8) == 0) terms->ready_tok = between(s, 1, terms->prompt_tok + 3);
    terms->handoff = rng_below(s, 10) == 0;
}

/* Few and small, at the front of the prompt, in it or at its end. */
static void draw_images(struct rng_stream *s, struct serving_terms *terms)
{
    if (rng_below(s, 3) == 0) return;
    terms->images = between(s, 1, terms->prompt_tok < 4 ? terms->prompt_tok : 4);
    terms->image_tok = between(s, 1, terms->prompt_tok / terms->images);
    int64_t room = terms->prompt_tok - terms->images * terms->image_tok;
    terms->image_from_tok = rng_below(s, 2) ? 0 : between(s, 0, room);
}

static void draw_call(struct rng_stream *s, struct world *w, int64_t *now_ns, int64_t gap_ns,
                      int64_t grid_ns, int64_t prompt_max, int64_t output_max)
{
    struct call *c = &w->calls[w->call_count];
    if (rng_below(s, 4) > 0) *now_ns += between(s, 0, gap_ns) / grid_ns * grid_ns;
    *c = (struct call){.time_ns = *now_ns, .action = SUBMIT};
    c->terms.tag = (uint32_t)w->call_count;
    c->terms.prompt_tok = between(s, 1, prompt_max);
    c->terms.output_tok = rng_below(s, 4) == 0 ? 1 : between(s, 1, output_max);
    if (w->named) draw_names(s, w, &c->terms);
    if (w->sees) draw_images(s, &c->terms);
    uint64_t kind = rng_below(s, 40);
    if (kind < 5) c->action = CANCEL;
    if (kind == 5 || kind == 6) c->action = SWAP;
    if (kind == 7) c->action = rng_below(s, 3) ? COUNT : FAIL;
    if (kind > 34) c->action = COUNT;
    if (c->action == CANCEL && w->call_count > 0)
        c->terms.tag =
            (uint32_t)between(s, w->call_count > 12 ? w->call_count - 12 : 0, w->call_count - 1);
    w->call_count++;
}

/* Any policy with any keys that go together; half of them what vLLM V1 does by default. */
static void draw_policy(struct rng_stream *s, struct serving_params *p)
{
    p->prefix_caching = rng_below(s, 4) > 0;
    p->async_scheduling = rng_below(s, 3) == 0;
    if (rng_below(s, 3) == 0) p->order = (int)between(s, 1, 2);
    if (rng_below(s, 2)) return;
    p->policy = (int)between(s, 0, SERVING_POLICIES - 1);
    if (rng_below(s, 4) == 0) p->chunked_prefill = SERVING_OFF;
    if (rng_below(s, 4) == 0) p->reserve_full_isl = SERVING_OFF;
    if (rng_below(s, 3) == 0) p->long_prefill_token_threshold = between(s, 1, 40);
    if (rng_below(s, 4) == 0) p->watermark = 0.01 * (double)between(s, 1, 30);
    if (rng_below(s, 4) == 0) p->max_model_len = between(s, 2, 200);
    if (rng_below(s, 3) > 0) return;
    p->speculative = (struct serving_speculative){between(s, 1, 5), rng_unit(s), 0.1};
    p->async_scheduling = false;
    p->long_prefill_token_threshold = 0;
    p->max_num_batched_tokens += p->max_num_seqs * p->speculative.tokens;
}

static void draw_world(struct rng_stream *s, struct world *w)
{
    int64_t seqs = between(s, 1, rng_below(s, 3) ? 8 : 40), block = between(s, 1, 20);
    int64_t blocks = between(s, 2, rng_below(s, 2) ? 30 : 400);
    int64_t budget = seqs + between(s, 0, rng_below(s, 2) ? 40 : 1000);
    w->params = toy_params(seqs, budget, block, blocks);
    w->params.max_waiting = rng_below(s, 4) ? 1000 : between(s, 1, 4);
    w->named = rng_below(s, 4) > 0;
    w->sees = rng_below(s, 3) == 0;
    draw_policy(s, &w->params);
    assert_null(serving_table.check(&w->params));
    int64_t grid_ns = rng_below(s, 2) ? 1 : between(s, 2, 5);
    for (int i = 0; i < 2; i++) {
        w->toys[i] = draw_toy(s, grid_ns);
        bool sees = w->sees && rng_below(s, 4) > 0;
        w->perfs[i] = sees ? toy_perf_images(&w->toys[i], grid_ns * between(s, 0, 3),
                                             grid_ns * between(s, 0, 1))
                           : toy_perf(&w->toys[i]);
    }
    int64_t now_ns = 0, gap_ns = between(s, 0, rng_below(s, 2) ? 30 : 2000);
    int64_t room = blocks * block;
    int64_t prompt_max = between(s, 1, rng_below(s, 2) ? 20 : room);
    int64_t output_max = between(s, 1, rng_below(s, 2) ? 12 : room);
    int count = (int)between(s, 1, CALLS_MAX);
    w->call_count = 0;
    for (int i = 0; i < count; i++)
        draw_call(s, w, &now_ns, gap_ns, grid_ns, prompt_max, output_max);
}

static void note(struct answers *a, uint64_t word)
{
    a->words[a->word_count++] = word;
}

static uint64_t mixed(const struct serving_counters *c)
{
    const uint64_t fields[] = {(uint64_t)c->busy_ns, c->steps,
                               c->outside_steps,     c->prefill_tok,
                               c->decode_tok,        c->wasted_tok,
                               c->accepted,          c->completed,
                               c->cancelled,         c->lost,
                               c->rejected_full,     c->rejected_long,
                               c->preemptions,       (uint64_t)c->blocks_peak,
                               c->queried_tok,       c->hit_tok,
                               c->evicted_blocks,    c->ready_tok,
                               c->drafted_tok,       c->accepted_tok,
                               c->rejected_images,   c->image_tok,
                               c->image_hit_tok};
    uint64_t word = 0;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        word = (word ^ fields[i]) * 0x9E3779B97F4A7C15u;
    return word;
}

static inline void take_done(struct serving *s, int64_t now_ns, struct answers *a)
{
    uint32_t got;
    while ((got = serving_advance(s, now_ns, &a->done[a->done_count], 2)) > 0)
        a->done_count += got;
}

/* Runs in the queue are as many blocks as are free, chains lie within what they should; and the
 * laws that hold whatever is decided. */
static void check_blocks(const struct serving *s)
{
    char law[160];
    if (serving_laws_audit(s, law, sizeof law)) fail_msg("%s", law);
    assert_true(s->blocks_free >= 0 && s->blocks_free <= s->blocks_total);
    uint32_t in_phases = 0;
    for (int64_t i = 0; i < s->params->block_tokens; i++)
        in_phases += s->phase[i];
    assert_int_equal(in_phases, s->spec == NULL ? s->decoding : 0);
    if (!s->rules.caches) return;
    int64_t free = 0;
    for (int32_t i = s->cache.head; i != SERVING_NONE; i = s->cache.runs[i].next) {
        const struct serving_run *run = &s->cache.runs[i];
        assert_true(run->from < run->to);
        free += run->to - run->from;
        if (run->chain == SERVING_NONE) continue;
        const struct serving_chain *chain = &s->cache.chains[run->chain];
        assert_true(chain->held <= run->from && run->to <= chain->cached);
    }
    assert_int_equal(free, s->blocks_free);
}

static inline void make_call(struct serving *s, const struct world *w, const struct call *c,
                             struct answers *a)
{
    enum serving_reject why;
    struct serving_counters counters;
    switch (c->action) {
    case SUBMIT:
        serving_submit(s, c->time_ns, &c->terms, &why);
        note(a, why);
        break;
    case CANCEL:
        note(a, serving_cancel(s, c->time_ns, c->terms.tag));
        break;
    case SWAP:
        serving_swap_perf(s, c->time_ns, &w->perfs[c->terms.prompt_tok % 2]);
        break;
    case FAIL:
        serving_fail(s, c->time_ns);
        break;
    case COUNT:
        counters = serving_count(s, c->time_ns);
        note(a, mixed(&counters));
        note(a, serving_load(s, c->time_ns));
        break;
    }
    check_blocks(s);
}

static inline void store(struct serving *s, const struct world *w, struct snap *snap)
{
    snap_write(snap, s->arena);
    snap_begin(snap, "serving");
    serving_snap(s, snap, w->perfs, 2, CALLS_MAX);
    snap_end(snap);
    snap_seal(snap);
}

/* Put the node away and read it back; what is read would be stored in the same bytes. */
static inline void reload(struct serving *s, const struct world *w)
{
    struct snap first, second, reader;
    const struct serving_params *params = s->params;
    struct arena *arena = s->arena;
    store(s, w, &first);
    serving_init(s, params, &w->perfs[0], arena);
    assert_true(snap_read(&reader, arena, first.bytes, first.length));
    snap_begin(&reader, "serving");
    serving_snap(s, &reader, w->perfs, 2, CALLS_MAX);
    snap_end(&reader);
    if (!snap_done(&reader)) fail_msg("%s", snap_fault(&reader));
    store(s, w, &second);
    assert_int_equal(first.length, second.length);
    assert_memory_equal(first.bytes, second.bytes, first.length);
}

/* `manner`: 0 wakes the node whenever it asks, before calls at the same time; 1 after them; 2 only
 * now and then; 3 as 0, and now and then it is stored and read back. */
static inline void drive(const struct world *w, int fidelity, int manner, struct answers *a)
{
    struct arena arena;
    struct serving s;
    struct serving_params params = w->params;
    params.fidelity = fidelity;
    arena_init(&arena, "test", 0);
    memset(a, 0, sizeof *a);
    serving_init(&s, &params, &w->perfs[0], &arena);
    for (int i = 0; i < w->call_count; i++) {
        const struct call *c = &w->calls[i];
        int64_t next;
        while ((next = serving_next_ns(&s)) < c->time_ns + (manner % 3 == 0)) {
            if (manner == 2 && i % 5 != 0) break;
            a->wakes++;
            take_done(&s, next > s.now_ns ? next : s.now_ns, a);
        }
        if (manner == 3 && i % 7 == 3) reload(&s, w);
        make_call(&s, w, c, a);
    }
    for (int64_t next; (next = serving_next_ns(&s)) != INT64_MAX; a->wakes++)
        take_done(&s, next > s.now_ns ? next : s.now_ns, a);
    a->counters = serving_count(&s, s.now_ns);
    assert_int_equal(s.blocks_free, s.blocks_total);
    assert_int_equal(s.decoding + s.waiting.count + s.running.count + s.cancels, 0);
    assert_int_equal(s.computed_tok, 0);
    arena_free(&arena);
}

static inline void drive_plain(const struct world *w, struct answers *a)
{
    static struct plain p;
    memset(a, 0, sizeof *a);
    plain_init(&p, &w->params, &w->perfs[0]);
    for (int i = 0; i < w->call_count; i++) {
        const struct call *c = &w->calls[i];
        struct serving_counters counters;
        switch (c->action) {
        case SUBMIT:
            note(a, plain_submit(&p, c->time_ns, &c->terms));
            break;
        case CANCEL:
            note(a, plain_cancel(&p, c->time_ns, c->terms.tag));
            break;
        case SWAP:
            plain_swap(&p, c->time_ns, &w->perfs[c->terms.prompt_tok % 2]);
            break;
        case FAIL:
            plain_fail(&p, c->time_ns);
            break;
        case COUNT:
            counters = plain_count(&p, c->time_ns);
            note(a, mixed(&counters));
            note(a, plain_load(&p, c->time_ns));
            break;
        }
    }
    plain_run(&p, INT64_MAX);
    a->counters = plain_count(&p, INT64_MAX);
    a->done_count = (uint32_t)p.done_count;
    memcpy(a->done, p.done, (size_t)p.done_count * sizeof *p.done);
}

static inline void check_same(const struct answers *a, const struct answers *b, int world,
                              const char *what)
{
    bool same = a->done_count == b->done_count && a->word_count == b->word_count &&
                mixed(&a->counters) == mixed(&b->counters) &&
                memcmp(a->words, b->words, a->word_count * sizeof *a->words) == 0;
    for (uint32_t i = 0; same && i < a->done_count; i++) {
        const struct serving_done *x = &a->done[i], *y = &b->done[i];
        same = x->tag == y->tag && x->outcome == y->outcome && x->done_ns == y->done_ns &&
               x->first_token_ns == y->first_token_ns;
    }
    if (!same) fail_msg("world %d: %s differ", world, what);
}

#endif
