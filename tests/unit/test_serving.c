/* SPDX-License-Identifier: Apache-2.0
 * Tests of a serving node.
 *
 * The contract: over random workloads with preemptions, cancels, failures, model swaps, tiny KV
 * pools, single-token outputs and chunked prompts, `leap`, `step` and the plain scheduler of
 * serving_plain.h give the same completions at the same nanosecond and the same counters, whatever
 * the caller's order of wake-ups.  Then single behaviours, with times worked out by hand.  Laws of
 * queues are in test_serving_laws.c. */
#include "models/perf_tables.h"
#include "models/serving.h"
#include "sim/sim.h"
#include "tests/unit/serving_worlds.h"
#include "tests/unit/unit.h"

/* ---- leap equals step equals plain ---------------------------------------------------------- */

static void leap_equals_step_equals_plain(void **state)
{
    (void)state;
    const char *mode = getenv("HACASIM_MODE");
    const int worlds = mode && strcmp(mode, "long") == 0 ? 200000 : 7000;
    static struct world w;
    static struct answers plain, leap, step;
    uint64_t preempted = 0, lost = 0, rejected = 0, done = 0, steps = 0, wakes = 0;
    uint64_t hits = 0, evicted = 0, accepted = 0, by_policy[SERVING_POLICIES] = {0};
    uint64_t seen = 0, seen_again = 0, unseen = 0;
    for (int i = 0; i < worlds; i++) {
        struct rng_stream s = rng_open(20261, (uint32_t)i, PURPOSE, 0);
        draw_world(&s, &w);
        drive_plain(&w, &plain);
        drive(&w, SERVING_LEAP, i % 3, &leap);
        drive(&w, SERVING_STEP, (i / 3) % 3, &step);
        check_same(&plain, &leap, i, "plain and leap");
        check_same(&plain, &step, i, "plain and step");
        preempted += leap.counters.preemptions;
        lost += leap.counters.lost;
        rejected += leap.counters.rejected_full + leap.counters.rejected_long;
        done += leap.counters.completed;
        steps += leap.counters.steps;
        wakes += leap.wakes;
        hits += leap.counters.hit_tok;
        evicted += leap.counters.evicted_blocks;
        accepted += leap.counters.accepted_tok;
        seen += leap.counters.image_tok;
        seen_again += leap.counters.image_hit_tok;
        unseen += leap.counters.rejected_images;
        by_policy[w.params.policy] += leap.counters.completed;
    }
    print_message("%llu image tokens encoded, %llu found again, %llu requests refused for images\n",
                  (unsigned long long)seen, (unsigned long long)seen_again,
                  (unsigned long long)unseen);
    assert_true(seen > 100000 && seen_again > 10000 && unseen > 5000);
    print_message("%llu tokens found in caches, %llu blocks evicted, %llu drafts accepted\n",
                  (unsigned long long)hits, (unsigned long long)evicted,
                  (unsigned long long)accepted);
    /* Each kind of decision is met often; the worlds are fixed, so this cannot come and go. */
    assert_true(hits > 100000 && evicted > 100000 && accepted > 100000);
    for (int i = 0; i < SERVING_POLICIES; i++)
        assert_true(by_policy[i] > 5000);
    print_message("%d worlds: %llu completed, %llu lost, %llu rejected, %llu preemptions, "
                  "%llu steps in %llu wake-ups\n",
                  worlds, (unsigned long long)done, (unsigned long long)lost,
                  (unsigned long long)rejected, (unsigned long long)preempted,
                  (unsigned long long)steps, (unsigned long long)wakes);
    assert_true(preempted > 10000 && lost > 1000 && rejected > 10000 && done > 100000);
}

static void checkpoints_change_nothing(void **state)
{
    (void)state;
    enum { WORLDS = 700 };
    static struct world w;
    static struct answers plain, resumed;
    for (int i = 0; i < WORLDS; i++) {
        struct rng_stream s = rng_open(20263, (uint32_t)i, PURPOSE, 0);
        draw_world(&s, &w);
        drive_plain(&w, &plain);
        drive(&w, i % 2 ? SERVING_LEAP : SERVING_STEP, 3, &resumed);
        check_same(&plain, &resumed, i, "plain and resumed");
    }
}

/* ---- the same with timing tables ------------------------------------------------------------ */

static void add_point(struct perf_points *p, struct arena *arena, int64_t a, int64_t b, int64_t c,
                      int64_t d, double ns)
{
    int64_t at[PERF_AXES] = {a, b, c, d};
    perf_points_add(p, arena, at, ns, 1);
}

/* Op tables: attention on an uneven grid, falling here and there, and GEMMs of one size. */
static void draw_ops(struct rng_stream *s, struct perf_tables *t, struct arena *arena)
{
    static const int64_t seqs[] = {1, 3, 8, 20}, lengths[] = {2, 5, 17, 40, 130, 350, 900};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 7; j++) {
            double base = 3000.0 * (double)lengths[j] * (double)seqs[i];
            add_point(&t->ops[PERF_PREFILL], arena, 8, 32, seqs[i], lengths[j],
                      base * (0.5 + rng_unit(s)));
            if (rng_below(s, 8) > 0)
                add_point(&t->ops[PERF_DECODE], arena, 8, 32, seqs[i], lengths[j],
                          50.0 * base * (0.2 + rng_unit(s)));
        }
    for (int64_t m = 1; m < 3000; m *= 7)
        add_point(&t->ops[PERF_GEMM], arena, m, 4096, 4096, 0, 2e4 + 300.0 * (double)m);
}

static void add_layer(struct perf_layer *layers, uint32_t *count, const char *name, double ns,
                      struct arena *arena)
{
    struct perf_layer *layer = &layers[(*count)++];
    layer->name = name;
    layer->points = (struct perf_points){.name = name, .axes = 1, .squared = PERF_POINTS_NONE};
    for (int64_t x = 1; x < 3000; x *= 5)
        add_point(&layer->points, arena, x, 0, 0, 0, ns * (50.0 + (double)x));
}

/* A profile with a share for unequal contexts in every bucket. */
static void draw_profile(struct rng_stream *s, struct perf_tables *t, struct arena *arena)
{
    static const int64_t chunks[] = {0, 16, 64, 512}, kvs[] = {0, 8, 33, 100, 300, 1000};
    static const int64_t seqs[] = {0, 1, 4, 16, 50};
    for (int i = 0; i < 4 * 6 * 5 * 6; i++) {
        int64_t chunk = chunks[i % 4], history = kvs[i / 4 % 6], n = seqs[i / 24 % 5];
        int64_t kv = kvs[i / 120];
        if ((chunk == 0 && (history > 0 || n == 0)) || (n == 0) != (kv == 0)) continue;
        double work = (double)(chunk * (history + chunk) + n * kv);
        add_point(&t->ops[PERF_MIXED], arena, chunk, history, n, kv,
                  2e4 + 200.0 * work * (0.3 + rng_unit(s)));
    }
    add_layer(t->dense, &t->dense_count, "qkv_proj", 100.0, arena);
    add_layer(t->sequence, &t->sequence_count, "lm_head", 1000.0, arena);
    t->skew.buckets = arena_alloc(arena, 1000, sizeof *t->skew.buckets);
    static const int64_t rates[] = {5, 40, INT64_MAX}, tops[] = {20, 90, 250, INT64_MAX};
    for (int i = 0; i < 4 * 2 * 3 * 4; i++)
        t->skew.buckets[t->skew.count++] =
            (struct perf_skew_bucket){chunks[i % 4], i / 4 % 2 ? 40 : 4, rates[i / 8 % 3],
                                      tops[i / 24],  INT64_MAX,          rng_unit(s)};
    t->profile = true;
}

static struct perf draw_tables(struct rng_stream *s, bool profile, struct arena *arena)
{
    struct perf_tables *t = arena_alloc(arena, 1, sizeof *t);
    for (int op = 0; op < PERF_OPS; op++)
        perf_tables_define(&t->ops[op], (enum perf_op)op);
    profile ? draw_profile(s, t, arena) : draw_ops(s, t, arena);
    for (int op = 0; op < PERF_OPS; op++)
        perf_points_settle(&t->ops[op]);
    struct perf_terms terms = {.hardware = perf_hardware_find("h200-sxm"),
                               .model = perf_model_find("llama3-8b"),
                               .tp = 1,
                               .pp = 1,
                               .ep = 1,
                               .tee_step_ns = 1000,
                               .tee_share = 0.01,
                               .tables = t};
    return perf_make(&terms, arena);
}

/* Steps take milliseconds here, so calls are spread wider. */
static void tables_leap_too(void **state)
{
    (void)state;
    enum { WORLDS = 1500 };
    static struct world w;
    static struct answers plain, leap, step;
    uint64_t done = 0, outside = 0, steps = 0, wakes = 0;
    for (int i = 0; i < WORLDS; i++) {
        struct arena arena;
        struct rng_stream s = rng_open(20262, (uint32_t)i, PURPOSE, 0);
        arena_init(&arena, "test", 0);
        draw_world(&s, &w);
        for (int k = 0; k < w.call_count; k++)
            w.calls[k].time_ns *= 40000, w.calls[k].terms.images = 0;
        for (int k = 0; k < 2; k++)
            w.perfs[k] = draw_tables(&s, (i + k) % 2 == 0, &arena);
        drive_plain(&w, &plain);
        drive(&w, SERVING_LEAP, i % 3, &leap);
        drive(&w, SERVING_STEP, (i / 3) % 3, &step);
        check_same(&plain, &leap, i, "plain and leap with tables");
        check_same(&plain, &step, i, "plain and step with tables");
        done += leap.counters.completed;
        outside += leap.counters.outside_steps;
        steps += leap.counters.steps;
        wakes += leap.wakes;
        arena_free(&arena);
    }
    print_message("%d worlds: %llu completed, %llu steps (%llu extrapolated) in %llu wake-ups\n",
                  WORLDS, (unsigned long long)done, (unsigned long long)steps,
                  (unsigned long long)outside, (unsigned long long)wakes);
    assert_true(done > 20000 && outside > 1000 && outside < steps && 2 * wakes < steps);
}

/* ---- single behaviours ---------------------------------------------------------------------- */

struct node {
    struct arena arena;
    struct serving_params params;
    struct toy toy;
    struct perf perf;
    struct serving s;
};

static void node_open(struct node *n, int64_t seqs, int64_t budget, int64_t block, int64_t blocks)
{
    arena_init(&n->arena, "test", 0);
    n->params = toy_params(seqs, budget, block, blocks);
    n->toy = (struct toy){.base = 10 * PERF_TICKS};
    n->perf = toy_perf(&n->toy);
    serving_init(&n->s, &n->params, &n->perf, &n->arena);
}

static void check_next(struct node *n, uint32_t tag, int64_t first_ns, int64_t done_ns)
{
    struct serving_done done;
    assert_int_equal(serving_next_ns(&n->s), done_ns);
    assert_int_equal(serving_advance(&n->s, done_ns, &done, 1), 1);
    assert_int_equal(done.tag, tag);
    assert_int_equal(done.outcome, SERVING_DONE);
    assert_int_equal(done.first_token_ns, first_ns);
    assert_int_equal(done.done_ns, done_ns);
}

static void steps_of_one_request(void **state)
{
    (void)state;
    struct node n;
    node_open(&n, 4, 100, 16, 100);
    assert_int_equal(serving_next_ns(&n.s), INT64_MAX);
    assert_true(submit_plainly(&n.s, 1000, 7, 250, 5, NULL));
    /* Chunks of 100, 100 and 50, then four steps of decoding. */
    for (int64_t t = 1010; t <= 1030; t += 10) {
        struct serving_done done;
        assert_int_equal(serving_next_ns(&n.s), t);
        assert_int_equal(serving_advance(&n.s, t, &done, 1), 0);
    }
    check_next(&n, 7, 1030, 1070);
    assert_int_equal(serving_next_ns(&n.s), INT64_MAX);
    struct serving_counters c = serving_count(&n.s, 2000);
    assert_int_equal(c.steps, 7);
    assert_int_equal(c.prefill_tok, 250);
    assert_int_equal(c.decode_tok, 4);
    assert_int_equal(c.busy_ns, 70);
    assert_int_equal(c.blocks_peak, 16); /* 254 tokens */
    arena_free(&n.arena);
}

static void arrivals_join_at_step_starts(void **state)
{
    (void)state;
    struct node n;
    node_open(&n, 4, 100, 16, 100);
    submit_plainly(&n.s, 0, 1, 10, 10, NULL); /* first token 10, done 100 */
    submit_plainly(&n.s, 35, 2, 10, 2, NULL); /* joins at 40 */
    submit_plainly(&n.s, 40, 3, 10, 2, NULL); /* so does this one, with that step */
    submit_plainly(&n.s, 41, 4, 10, 1, NULL); /* and this one at 50 */
    struct serving_done done;
    assert_int_equal(serving_advance(&n.s, 50, &done, 1), 0);
    check_next(&n, 2, 50, 60);
    check_next(&n, 3, 50, 60);
    check_next(&n, 4, 60, 60);
    check_next(&n, 1, 10, 100);
    arena_free(&n.arena);
}

static void last_is_preempted_and_recomputed(void **state)
{
    (void)state;
    struct node n;
    node_open(&n, 4, 100, 4, 5);
    submit_plainly(&n.s, 0, 1, 8, 9, NULL);  /* 2 blocks, 4 at its end */
    submit_plainly(&n.s, 0, 2, 8, 12, NULL); /* 2 blocks, 5 at its end: not both at once */
    struct serving_done done;
    while (serving_next_ns(&n.s) < 90)
        assert_int_equal(serving_advance(&n.s, serving_next_ns(&n.s), &done, 1), 0);
    check_next(&n, 1, 10, 90);
    /* At 10 the first takes the fifth block and the second is preempted at once, with one token
     * sampled; at 90 it computes those 9 tokens again and needs 10 more steps. */
    while (serving_next_ns(&n.s) < 200)
        assert_int_equal(serving_advance(&n.s, serving_next_ns(&n.s), &done, 1), 0);
    check_next(&n, 2, 10, 200);
    struct serving_counters c = serving_count(&n.s, 200);
    assert_int_equal(c.preemptions, 1);
    assert_int_equal(c.wasted_tok, 8);
    arena_free(&n.arena);
}

static void limits_reject(void **state)
{
    (void)state;
    struct node n;
    enum serving_reject why;
    node_open(&n, 1, 100, 4, 5);
    n.params.max_waiting = 1;
    assert_false(submit_plainly(&n.s, 0, 1, 20, 2, &why)); /* 21 tokens in 20 places */
    assert_int_equal(why, SERVING_TOO_LONG);
    assert_true(submit_plainly(&n.s, 0, 2, 20, 1, &why));
    assert_int_equal(why, SERVING_ACCEPTED);
    assert_true(submit_plainly(&n.s, 0, 3, 1, 1, &why));
    assert_false(submit_plainly(&n.s, 0, 4, 1, 1, &why));
    assert_int_equal(why, SERVING_QUEUE_FULL);
    assert_int_equal(serving_load(&n.s, 5), 2);
    struct serving_counters c = serving_count(&n.s, 5);
    assert_int_equal(c.rejected_full, 1);
    assert_int_equal(c.rejected_long, 1);
    assert_int_equal(c.accepted, 2);
    arena_free(&n.arena);
}

static void cancel_frees_at_the_step_end(void **state)
{
    (void)state;
    struct node n;
    node_open(&n, 1, 100, 4, 5);
    submit_plainly(&n.s, 0, 1, 4, 10, NULL);
    submit_plainly(&n.s, 0, 2, 4, 1, NULL);
    submit_plainly(&n.s, 0, 3, 4, 1, NULL);
    assert_true(serving_cancel(&n.s, 34, 1)); /* leaves at 40 */
    assert_false(serving_cancel(&n.s, 34, 1));
    assert_true(serving_cancel(&n.s, 34, 3)); /* still waits: leaves now */
    assert_int_equal(serving_load(&n.s, 35), 1);
    struct serving_done done;
    assert_int_equal(serving_advance(&n.s, 40, &done, 1), 0);
    check_next(&n, 2, 50, 50);
    struct serving_counters c = serving_count(&n.s, 60);
    assert_int_equal(c.cancelled, 2);
    assert_int_equal(c.completed, 1);
    arena_free(&n.arena);
}

static void failure_loses_all_at_once(void **state)
{
    (void)state;
    struct node n;
    struct serving_done done[3];
    node_open(&n, 1, 100, 4, 5);
    submit_plainly(&n.s, 0, 1, 4, 10, NULL);
    submit_plainly(&n.s, 0, 2, 4, 1, NULL);
    serving_fail(&n.s, 37);
    assert_int_equal(serving_next_ns(&n.s), 37);
    assert_int_equal(serving_advance(&n.s, 37, done, 3), 2);
    assert_int_equal(done[0].tag, 1);
    assert_int_equal(done[0].outcome, SERVING_LOST);
    assert_int_equal(done[0].first_token_ns, 10);
    assert_int_equal(done[1].tag, 2);
    assert_int_equal(done[1].first_token_ns, -1);
    submit_plainly(&n.s, 37, 5, 4, 1, NULL);
    check_next(&n, 5, 47, 47);
    assert_int_equal(serving_count(&n.s, 50).busy_ns, 47);
    arena_free(&n.arena);
}

static void swap_recomputes_on_the_new_model(void **state)
{
    (void)state;
    struct node n;
    node_open(&n, 4, 100, 4, 50);
    struct toy fast = {.base = 1 * PERF_TICKS};
    struct perf cheaper = toy_perf(&fast);
    submit_plainly(&n.s, 0, 1, 8, 6, NULL);
    serving_swap_perf(&n.s, 25, &cheaper); /* at 30, with 3 tokens sampled */
    struct serving_done done;
    assert_int_equal(serving_advance(&n.s, 30, &done, 1), 0);
    assert_int_equal(serving_next_ns(&n.s), 31); /* 11 tokens recomputed: the fourth */
    assert_int_equal(serving_advance(&n.s, 31, &done, 1), 0);
    check_next(&n, 1, 10, 33);
    arena_free(&n.arena);
}

static void memory_follows_what_is_held(void **state)
{
    (void)state;
    struct node n;
    struct serving_done done[64];
    node_open(&n, 4, 100, 16, 100);
    size_t used = 0;
    for (int i = 0; i < 20000; i++) {
        submit_plainly(&n.s, 50 * i, (uint32_t)i, 10, 3, NULL);
        serving_advance(&n.s, 50 * i, done, 64);
        if (i == 1000) used = n.arena.used_bytes;
    }
    assert_int_equal(n.arena.used_bytes, used);
    arena_free(&n.arena);
}

static void table_checks_its_keys(void **state)
{
    (void)state;
    struct serving_params p = toy_params(256, 8192, 16, 100);
    assert_null(serving_table.check(&p));
    p.max_num_batched_tokens = 255;
    assert_non_null(serving_table.check(&p));
    p = toy_params(256, 8192, 16, 0);
    assert_non_null(serving_table.check(&p));
    assert_int_equal(serving_table.size, sizeof p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leap_equals_step_equals_plain),
        cmocka_unit_test(checkpoints_change_nothing),
        cmocka_unit_test(tables_leap_too),
        cmocka_unit_test(steps_of_one_request),
        cmocka_unit_test(arrivals_join_at_step_starts),
        cmocka_unit_test(last_is_preempted_and_recomputed),
        cmocka_unit_test(limits_reject),
        cmocka_unit_test(cancel_frees_at_the_step_end),
        cmocka_unit_test(failure_loses_all_at_once),
        cmocka_unit_test(swap_recomputes_on_the_new_model),
        cmocka_unit_test(memory_follows_what_is_held),
        cmocka_unit_test(table_checks_its_keys),
    };
    return cmocka_run_group_tests_name("serving", tests, NULL, NULL);
}
