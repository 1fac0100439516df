/* SPDX-License-Identifier: Apache-2.0
 * What single policies and keys of a serving node do, with times worked out by hand, and the law of
 * speculation.  That leaping changes nothing under any of them is in test_serving.c. */
#include <math.h>

#include "models/serving.h"
#include "models/serving_spec.h"
#include "sim/sim.h"
#include "tests/unit/serving_toy.h"
#include "tests/unit/unit.h"

/* Every step takes 10 ns. */
struct node {
    struct arena arena;
    struct toy toy;
    struct perf perf;
    struct serving_params params;
    struct serving s;
    int64_t first_ns[10], done_ns[10]; /* by tag */
};

static void node_open(struct node *n, struct serving_params params)
{
    arena_init(&n->arena, "test", 0);
    n->toy = (struct toy){.base = 10 * PERF_TICKS};
    n->perf = toy_perf(&n->toy);
    n->params = params;
    assert_null(serving_table.check(&n->params));
    serving_init(&n->s, &n->params, &n->perf, &n->arena);
    for (int i = 0; i < 10; i++)
        n->first_ns[i] = n->done_ns[i] = -1;
}

static void ask(struct node *n, int64_t now_ns, struct serving_terms terms)
{
    assert_true(serving_submit(&n->s, now_ns, &terms, NULL));
}

/* Until it is idle. */
static struct serving_counters finish(struct node *n)
{
    struct serving_done done;
    for (int64_t next; (next = serving_next_ns(&n->s)) != INT64_MAX;)
        while (serving_advance(&n->s, next > n->s.now_ns ? next : n->s.now_ns, &done, 1) > 0) {
            n->first_ns[done.tag] = done.first_token_ns;
            n->done_ns[done.tag] = done.done_ns;
        }
    return serving_count(&n->s, n->s.now_ns);
}

static void check(const struct node *n, uint32_t tag, int64_t first_ns, int64_t done_ns)
{
    assert_int_equal(n->first_ns[tag], first_ns);
    assert_int_equal(n->done_ns[tag], done_ns);
}

static struct serving_params cached(int64_t blocks)
{
    struct serving_params params = toy_params(4, 100, 4, blocks);
    params.prefix_caching = true;
    return params;
}

/* ---- prefix cache ---------------------------------------------------------------------------- */

static void a_stream_finds_its_blocks(void **state)
{
    (void)state;
    struct node n;
    node_open(&n, cached(20));
    ask(&n, 0, (struct serving_terms){.tag = 1, .prompt_tok = 10, .output_tok = 4, .stream = 5});
    finish(&n);
    /* 13 tokens in KV: three full blocks.  20 tokens find all of them, 12 tokens only two, as the
     * last token is always computed; another stream finds nothing. */
    ask(&n, 100, (struct serving_terms){.tag = 2, .prompt_tok = 20, .output_tok = 1, .stream = 5});
    assert_int_equal(finish(&n).hit_tok, 12);
    ask(&n, 200, (struct serving_terms){.tag = 3, .prompt_tok = 12, .output_tok = 1, .stream = 5});
    assert_int_equal(finish(&n).hit_tok, 12 + 8);
    ask(&n, 300, (struct serving_terms){.tag = 4, .prompt_tok = 20, .output_tok = 1, .stream = 6});
    struct serving_counters c = finish(&n);
    assert_int_equal(c.hit_tok, 20);
    assert_int_equal(c.queried_tok, 10 + 20 + 12 + 20);
    assert_int_equal(c.prefill_tok, 10 + 8 + 4 + 20);
    assert_int_equal(c.evicted_blocks, 0);
    arena_free(&n.arena);
}

static void the_end_of_a_stream_is_evicted_first(void **state)
{
    (void)state;
    struct node n;
    node_open(&n, cached(5));
    ask(&n, 0, (struct serving_terms){.tag = 1, .prompt_tok = 8, .output_tok = 1, .stream = 5});
    finish(&n);
    /* Three blocks were never used, then comes the second of stream 5, then its first. */
    ask(&n, 100, (struct serving_terms){.tag = 2, .prompt_tok = 16, .output_tok = 1});
    assert_int_equal(finish(&n).evicted_blocks, 1);
    ask(&n, 200, (struct serving_terms){.tag = 3, .prompt_tok = 9, .output_tok = 1, .stream = 5});
    struct serving_counters c = finish(&n);
    assert_int_equal(c.hit_tok, 4);
    /* The other blocks are those of request 2, which nobody can ask for. */
    assert_int_equal(c.evicted_blocks, 1);
    arena_free(&n.arena);
}

static void a_prefix_is_shared_at_once(void **state)
{
    (void)state;
    struct node n;
    node_open(&n, cached(20));
    struct serving_terms terms = {
        .tag = 1, .prompt_tok = 12, .output_tok = 3, .prefix = 7, .prefix_tok = 10};
    ask(&n, 0, terms);
    terms.tag = 2;
    ask(&n, 0, terms); /* joins the same step, whose blocks are found though not yet computed */
    struct serving_counters c = finish(&n);
    assert_int_equal(c.hit_tok, 8); /* two whole blocks of a prefix of ten tokens */
    assert_int_equal(c.prefill_tok, 12 + 4);
    assert_int_equal(c.blocks_peak, 2 + 2 * 2); /* 14 tokens each, of which 8 once */
    check(&n, 1, 10, 30);
    check(&n, 2, 10, 30);
    arena_free(&n.arena);
}

static void a_preempted_request_finds_what_is_left(void **state)
{
    (void)state;
    struct node n;
    node_open(&n, cached(5));
    ask(&n, 0, (struct serving_terms){.tag = 1, .prompt_tok = 8, .output_tok = 9});
    ask(&n, 0, (struct serving_terms){.tag = 2, .prompt_tok = 8, .output_tok = 12});
    struct serving_counters c = finish(&n);
    /* At 10 the first takes the fifth block and the second is preempted.  Of its two blocks the
     * first request takes the last at 50; at 90 the other one is found. */
    check(&n, 1, 10, 90);
    check(&n, 2, 10, 200);
    assert_int_equal(c.preemptions, 1);
    assert_int_equal(c.hit_tok, 4);
    assert_int_equal(c.wasted_tok, 8);
    assert_int_equal(c.prefill_tok, 8 + 8 + 5);
    arena_free(&n.arena);
}

static void a_failure_forgets(void **state)
{
    (void)state;
    struct node n;
    node_open(&n, cached(20));
    for (uint32_t i = 1; i <= 2; i++) {
        ask(&n, 100 * i,
            (struct serving_terms){.tag = i, .prompt_tok = 10, .output_tok = 1, .stream = 5});
        finish(&n);
        serving_fail(&n.s, 100 * i + 50);
    }
    assert_int_equal(finish(&n).hit_tok, 0);
    arena_free(&n.arena);
}

/* ---- policies -------------------------------------------------------------------------------- */

static void run_two(struct node *n, int policy)
{
    struct serving_params params = toy_params(4, 100, 4, 100);
    params.policy = policy;
    node_open(n, params);
    ask(n, 0, (struct serving_terms){.tag = 1, .prompt_tok = 10, .output_tok = 5});
    ask(n, 15, (struct serving_terms){.tag = 2, .prompt_tok = 10, .output_tok = 2});
    finish(n);
    arena_free(&n->arena);
}

static int policy(const char *name)
{
    for (int i = 0; i < SERVING_POLICIES; i++) {
        assert_string_equal(serving_policies[i].name, serving_policy_names[i]);
        if (strcmp(serving_policies[i].name, name) == 0) return i;
    }
    fail_msg("no policy %s", name);
    return -1;
}

static void policies_mix_or_do_not(void **state)
{
    (void)state;
    static const char *const mixing[] = {"vllm_v1", "sarathi", "orca"};
    struct node n;
    for (size_t i = 0; i < 3; i++) {
        run_two(&n, policy(mixing[i]));
        check(&n, 1, 10, 50);
        check(&n, 2, 30, 40);
    }
    run_two(&n, policy("vllm_v0")); /* from 20 to 30 the second's prompt, and the first waits */
    check(&n, 1, 10, 60);
    check(&n, 2, 30, 40);
    run_two(&n, policy("static")); /* the second waits for the first to be done */
    check(&n, 1, 10, 50);
    check(&n, 2, 60, 70);
}

static void reserving_all_keeps_others_out(void **state)
{
    (void)state;
    struct node n;
    struct serving_params params = toy_params(4, 100, 4, 5);
    params.policy = policy("orca");
    node_open(&n, params);
    ask(&n, 0, (struct serving_terms){.tag = 1, .prompt_tok = 4, .output_tok = 9});
    ask(&n, 0, (struct serving_terms){.tag = 2, .prompt_tok = 4, .output_tok = 9});
    assert_int_equal(finish(&n).preemptions, 0); /* three blocks of five each */
    check(&n, 1, 10, 90);
    check(&n, 2, 100, 180);
    arena_free(&n.arena);
    params.policy = SERVING_VLLM_V1;
    node_open(&n, params);
    ask(&n, 0, (struct serving_terms){.tag = 1, .prompt_tok = 4, .output_tok = 9});
    ask(&n, 0, (struct serving_terms){.tag = 2, .prompt_tok = 4, .output_tok = 9});
    finish(&n);
    assert_int_equal(n.first_ns[2], 10);
    arena_free(&n.arena);
}

static void sarathi_takes_the_whole_prompt_s_blocks(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct node n;
        struct serving_params params = toy_params(4, 6, 4, 100);
        params.policy = i == 0 ? SERVING_VLLM_V1 : policy("sarathi");
        node_open(&n, params);
        ask(&n, 0, (struct serving_terms){.tag = 1, .prompt_tok = 10, .output_tok = 2});
        assert_int_equal(serving_count(&n.s, 5).blocks_peak, i == 0 ? 2 : 3);
        finish(&n);
        check(&n, 1, 20, 30);
        arena_free(&n.arena);
    }
}

static void whole_prompts_share_a_budget(void **state)
{
    (void)state;
    struct node n;
    struct serving_params params = toy_params(4, 8, 4, 100);
    params.chunked_prefill = SERVING_OFF;
    node_open(&n, params);
    ask(&n, 0, (struct serving_terms){.tag = 1, .prompt_tok = 6, .output_tok = 1});
    ask(&n, 0, (struct serving_terms){.tag = 2, .prompt_tok = 6, .output_tok = 1});
    ask(&n, 0, (struct serving_terms){.tag = 3, .prompt_tok = 20, .output_tok = 1}); /* alone */
    finish(&n);
    check(&n, 1, 10, 10);
    check(&n, 2, 20, 20);
    check(&n, 3, 30, 30);
    arena_free(&n.arena);
}

static void a_threshold_lets_others_in(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct node n;
        struct serving_params params = toy_params(4, 8, 4, 100);
        params.long_prefill_token_threshold = i == 0 ? 0 : 4;
        node_open(&n, params);
        ask(&n, 0, (struct serving_terms){.tag = 1, .prompt_tok = 16, .output_tok = 1});
        ask(&n, 0, (struct serving_terms){.tag = 2, .prompt_tok = 4, .output_tok = 1});
        finish(&n);
        check(&n, 1, i == 0 ? 20 : 40, i == 0 ? 20 : 40);
        check(&n, 2, i == 0 ? 30 : 10, i == 0 ? 30 : 10);
        arena_free(&n.arena);
    }
}

static void watermarks_keep_blocks_free(void **state)
{
    (void)state;
    struct node n;
    struct serving_params params = toy_params(4, 100, 4, 9);
    params.watermark = 0.5; /* of ten blocks with the null block: five stay free */
    node_open(&n, params);
    ask(&n, 0,
        (struct serving_terms){.tag = 1, .prompt_tok = 12, .output_tok = 3}); /* nobody runs */
    ask(&n, 0, (struct serving_terms){.tag = 2, .prompt_tok = 8, .output_tok = 1});
    finish(&n);
    check(&n, 1, 10, 30);
    check(&n, 2, 40, 40);
    arena_free(&n.arena);
}

/* ---- order ------------------------------------------------------------------------------------
 */

static void queues_are_ordered(void **state)
{
    (void)state;
    static const int64_t first[3][4] = {{10, 20, 30, 40}, {10, 40, 30, 20}, {10, 40, 20, 30}};
    for (int order = SERVING_FCFS; order <= SERVING_SHORTEST; order++) {
        struct node n;
        struct serving_params params = toy_params(1, 100, 4, 100);
        params.order = order;
        node_open(&n, params);
        ask(&n, 0, (struct serving_terms){.tag = 1, .prompt_tok = 9, .output_tok = 1});
        ask(&n, 1,
            (struct serving_terms){.tag = 2, .prompt_tok = 9, .output_tok = 1, .priority = 2});
        ask(&n, 2,
            (struct serving_terms){.tag = 3, .prompt_tok = 3, .output_tok = 1, .priority = 1});
        ask(&n, 3,
            (struct serving_terms){.tag = 4, .prompt_tok = 5, .output_tok = 1, .priority = -1});
        finish(&n);
        for (uint32_t tag = 1; tag <= 4; tag++)
            check(&n, tag, first[order][tag - 1], first[order][tag - 1]);
        arena_free(&n.arena);
    }
}

static void who_matters_least_is_preempted(void **state)
{
    (void)state;
    struct node n;
    struct serving_params params = toy_params(4, 100, 4, 5);
    params.order = SERVING_PRIORITY;
    node_open(&n, params);
    ask(&n, 0, (struct serving_terms){.tag = 1, .prompt_tok = 8, .output_tok = 9, .priority = 1});
    ask(&n, 0, (struct serving_terms){.tag = 2, .prompt_tok = 8, .output_tok = 9, .priority = 0});
    assert_int_equal(finish(&n).preemptions, 1);
    check(&n, 2, 10, 90);
    assert_true(n.first_ns[1] == 10 && n.done_ns[1] > 90);
    arena_free(&n.arena);
}

/* ---- asynchronous scheduling ------------------------------------------------------------------
 */

static void what_is_decided_ahead_comes_a_step_later(void **state)
{
    (void)state;
    for (int ahead = 0; ahead < 2; ahead++) {
        struct node n;
        struct serving_params params = toy_params(2, 100, 4, 100);
        params.async_scheduling = ahead;
        node_open(&n, params);
        ask(&n, 0, (struct serving_terms){.tag = 1, .prompt_tok = 10, .output_tok = 6});
        ask(&n, 5, (struct serving_terms){.tag = 2, .prompt_tok = 10, .output_tok = 1});
        ask(&n, 6, (struct serving_terms){.tag = 3, .prompt_tok = 10, .output_tok = 1});
        finish(&n);
        /* The step at 10 was scheduled at 0.  The seat of 2 is free for the step at 20, or for the
         * one after that which was scheduled before 2 was done. */
        check(&n, 1, 10, 60);
        check(&n, 2, ahead ? 30 : 20, ahead ? 30 : 20);
        check(&n, 3, ahead ? 50 : 30, ahead ? 50 : 30);
        arena_free(&n.arena);
    }
}

/* ---- speculation ------------------------------------------------------------------------------
 */

static void drafts_shorten_decoding(void **state)
{
    (void)state;
    static const double acceptance[] = {1.0, 0.0};
    static const int64_t done_ns[] = {10 + 2 * 13, 10 + 8 * 13};
    for (int i = 0; i < 2; i++) {
        struct node n;
        struct serving_params params = toy_params(4, 100, 4, 100);
        params.speculative = (struct serving_speculative){3, acceptance[i], 0.1};
        node_open(&n, params);
        ask(&n, 0, (struct serving_terms){.tag = 1, .prompt_tok = 10, .output_tok = 9});
        struct serving_counters c = finish(&n);
        check(&n, 1, 10, done_ns[i]); /* four tokens a step, or one; three drafts cost 3 ns */
        assert_int_equal(c.decode_tok, 8);
        assert_int_equal(c.drafted_tok, i == 0 ? 6 : 24);
        assert_int_equal(c.accepted_tok, i == 0 ? 6 : 0);
        arena_free(&n.arena);
    }
}

/* (1 - a^(k + 1)) / (1 - a) tokens a step, Leviathan et al. (2023), equation 1. */
static void gains_follow_the_formula(void **state)
{
    (void)state;
    enum { DRAWS = 40000 };
    static const double chances[] = {0.3, 0.7, 0.9};
    for (size_t i = 0; i < 3; i++)
        for (int64_t k = 1; k <= 8; k *= 2) {
            struct serving_params params = {.speculative = {k, chances[i], 0.0}};
            double sum = 0.0, squares = 0.0;
            for (int64_t draw = 0; draw < DRAWS; draw++) {
                double got = (double)serving_spec_gain(&params, (uint64_t)(draw / 200), draw % 200);
                sum += got;
                squares += got * got;
            }
            double mean = sum / DRAWS,
                   theory = (1.0 - pow(chances[i], (double)k + 1.0)) / (1.0 - chances[i]);
            double error = sqrt((squares / DRAWS - mean * mean) / DRAWS);
            assert_true(fabs(mean - theory) < 4.0 * error); /* 12 cases: one in 1,300 by chance */
        }
}

/* ---- disaggregation ---------------------------------------------------------------------------
 */

static void prefill_and_decode_nodes(void **state)
{
    (void)state;
    struct node n;
    node_open(&n, cached(20));
    ask(&n, 0,
        (struct serving_terms){.tag = 1, .prompt_tok = 20, .output_tok = 9, .handoff = true});
    finish(&n);
    check(&n, 1, 10, 10);
    assert_int_equal(n.s.blocks_free, n.s.blocks_total);
    /* The KV of all 20 tokens comes along, and of a token sampled elsewhere: that one is computed.
     */
    ask(&n, 100,
        (struct serving_terms){.tag = 2, .prompt_tok = 21, .output_tok = 3, .ready_tok = 20});
    struct serving_counters c = finish(&n);
    check(&n, 2, 110, 130);
    assert_int_equal(c.prefill_tok, 20 + 1);
    assert_int_equal(c.ready_tok, 20);
    assert_int_equal(c.blocks_peak, 6);
    arena_free(&n.arena);
}

static void too_long_for_the_model(void **state)
{
    (void)state;
    struct node n;
    struct serving_params params = toy_params(4, 100, 4, 100);
    enum serving_reject why;
    params.max_model_len = 20;
    node_open(&n, params);
    assert_false(submit_plainly(&n.s, 0, 1, 18, 3, &why));
    assert_int_equal(why, SERVING_TOO_LONG);
    assert_true(submit_plainly(&n.s, 0, 1, 18, 2, &why));
    arena_free(&n.arena);
}

static void keys_that_do_not_go_together(void **state)
{
    (void)state;
    struct serving_params p = toy_params(10, 40, 4, 100);
    p.speculative.tokens = 3;
    assert_null(serving_table.check(&p));
    p.speculative.tokens = 4;
    assert_non_null(serving_table.check(&p));
    p.speculative.tokens = 3;
    p.async_scheduling = true;
    assert_non_null(serving_table.check(&p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_finds_its_blocks),
        cmocka_unit_test(the_end_of_a_stream_is_evicted_first),
        cmocka_unit_test(a_prefix_is_shared_at_once),
        cmocka_unit_test(a_preempted_request_finds_what_is_left),
        cmocka_unit_test(a_failure_forgets),
        cmocka_unit_test(policies_mix_or_do_not),
        cmocka_unit_test(reserving_all_keeps_others_out),
        cmocka_unit_test(sarathi_takes_the_whole_prompt_s_blocks),
        cmocka_unit_test(whole_prompts_share_a_budget),
        cmocka_unit_test(a_threshold_lets_others_in),
        cmocka_unit_test(watermarks_keep_blocks_free),
        cmocka_unit_test(queues_are_ordered),
        cmocka_unit_test(who_matters_least_is_preempted),
        cmocka_unit_test(what_is_decided_ahead_comes_a_step_later),
        cmocka_unit_test(drafts_shorten_decoding),
        cmocka_unit_test(gains_follow_the_formula),
        cmocka_unit_test(prefill_and_decode_nodes),
        cmocka_unit_test(too_long_for_the_model),
        cmocka_unit_test(keys_that_do_not_go_together),
    };
    return cmocka_run_group_tests_name("serving policies", tests, NULL, NULL);
}
