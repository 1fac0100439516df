/* SPDX-License-Identifier: Apache-2.0
 * Images in prompts: in which step an engine encodes them, with times worked out by hand, what that
 * costs under the roofline, and which requests of a workload have some.  That leaping changes
 * nothing is in test_serving.c, against a scheduler that handles every image. */
#include <math.h>
#include <string.h>

#include "models/serving.h"
#include "models/workload.h"
#include "sim/sim.h"
#include "tests/unit/serving_toy.h"
#include "tests/unit/unit.h"

/* Every step takes 10 ns, and 100 ns more for each image token that it encodes. */
struct node {
    struct arena arena;
    struct toy toy;
    struct perf perf;
    struct serving_params params;
    struct serving s;
    int64_t first_ns[10];
};

static void node_open(struct node *n, int64_t budget, int64_t blocks, bool caches)
{
    arena_init(&n->arena, "test", 0);
    n->toy = (struct toy){.base = 10 * PERF_TICKS};
    n->perf = toy_perf_images(&n->toy, 100, 0);
    n->perf.roofline.vision_memory_ns = 0.0;
    n->params = toy_params(4, budget, 4, blocks);
    n->params.prefix_caching = caches;
    serving_init(&n->s, &n->params, &n->perf, &n->arena);
    for (int i = 0; i < 10; i++)
        n->first_ns[i] = -1;
}

static void ask(struct node *n, int64_t now_ns, struct serving_terms terms)
{
    assert_true(serving_submit(&n->s, now_ns, &terms, NULL));
}

static struct serving_counters finish(struct node *n)
{
    struct serving_done done;
    for (int64_t next; (next = serving_next_ns(&n->s)) != INT64_MAX;)
        while (serving_advance(&n->s, next > n->s.now_ns ? next : n->s.now_ns, &done, 1) > 0)
            n->first_ns[done.tag] = done.first_token_ns;
    return serving_count(&n->s, n->s.now_ns);
}

/* Chunks of 10 tokens: 0 to 10, 10 to 20, 20 to 24.  Images of 5 at 7 and 12: the first begins in
 * the first chunk and the other in the second, and neither is encoded again for its rest. */
static void each_is_encoded_with_its_first_chunk(void **state)
{
    (void)state;
    struct node n;
    node_open(&n, 10, 40, false);
    ask(&n, 0,
        (struct serving_terms){
            .prompt_tok = 24, .output_tok = 1, .images = 2, .image_tok = 5, .image_from_tok = 7});
    assert_int_equal(serving_next_ns(&n.s), 10 + 500);
    struct serving_counters c = finish(&n);
    assert_int_equal(n.first_ns[0], 10 + 500 + 10 + 500 + 10);
    assert_int_equal(c.image_tok, 10);
    assert_int_equal(c.image_hit_tok, 0);
    arena_free(&n.arena);
}

/* Blocks of 4.  The second turn finds 20 tokens, so its image at 4 to 12 costs nothing; and a
 * stranger with the same lengths encodes. */
static void what_the_prefix_cache_has_is_not_encoded(void **state)
{
    (void)state;
    struct node n;
    node_open(&n, 100, 40, true);
    struct serving_terms turn = {.prompt_tok = 20,
                                 .output_tok = 1,
                                 .stream = 5,
                                 .images = 1,
                                 .image_tok = 8,
                                 .image_from_tok = 4};
    ask(&n, 0, turn);
    finish(&n);
    assert_int_equal(n.first_ns[0], 10 + 800);
    turn.tag = 1;
    turn.prompt_tok = 30;
    ask(&n, 1000, turn);
    finish(&n);
    assert_int_equal(n.first_ns[1], 1010);
    turn.tag = 2;
    turn.stream = 0;
    ask(&n, 2000, turn);
    struct serving_counters c = finish(&n);
    assert_int_equal(n.first_ns[2], 2010 + 800);
    assert_int_equal(c.image_tok, 16);
    assert_int_equal(c.hit_tok, 20);
    arena_free(&n.arena);
}

/* Without a prefix cache the second turn computes all again, but the encoder's cache, of 20 image
 * tokens, still has the image; unless others of 14 tokens have come between. */
static void the_encoder_keeps_what_was_used_last(void **state)
{
    (void)state;
    for (int between = 0; between < 2; between++) {
        struct node n;
        node_open(&n, 20, 40, false);
        struct serving_terms turn = {
            .prompt_tok = 20, .output_tok = 1, .stream = 5, .images = 1, .image_tok = 8};
        ask(&n, 0, turn);
        finish(&n);
        struct serving_terms other = {
            .tag = 2, .prompt_tok = 20, .output_tok = 1, .images = 2, .image_tok = 7};
        if (between) ask(&n, 1000, other);
        finish(&n);
        turn.tag = 1;
        ask(&n, 5000, turn);
        struct serving_counters c = finish(&n);
        assert_int_equal(n.first_ns[1], between ? 5010 + 800 : 5010);
        assert_int_equal(c.image_hit_tok, between ? 0 : 8);
        arena_free(&n.arena);
    }
}

/* Two requests with 8 tokens of prompt fill 4 blocks of 4; the second is put back at its first step
 * of decoding and finds its image when it comes again. */
static void who_is_preempted_finds_his_images(void **state)
{
    (void)state;
    struct node n;
    node_open(&n, 100, 4, false);
    for (uint32_t i = 1; i <= 2; i++)
        ask(&n, 0,
            (struct serving_terms){
                .tag = i, .prompt_tok = 8, .output_tok = 5, .images = 1, .image_tok = 3});
    struct serving_counters c = finish(&n);
    assert_int_equal(n.first_ns[2], 10 + 600);
    assert_int_equal(c.preemptions, 1);
    assert_int_equal(c.image_tok, 6);
    assert_int_equal(c.image_hit_tok, 3);
    arena_free(&n.arena);
}

/* KV that comes with a request has the images in it. */
static void kv_from_elsewhere_needs_no_encoder(void **state)
{
    (void)state;
    struct node n;
    node_open(&n, 100, 40, false);
    ask(&n, 0,
        (struct serving_terms){
            .prompt_tok = 21, .output_tok = 2, .ready_tok = 20, .images = 2, .image_tok = 9});
    assert_int_equal(finish(&n).image_tok, 0);
    assert_int_equal(n.first_ns[0], 10);
    arena_free(&n.arena);
}

/* A model without an encoder refuses; one that is swapped in loses those that are held. */
static void a_text_model_takes_no_images(void **state)
{
    (void)state;
    struct node n;
    struct serving_done done;
    enum serving_reject why;
    node_open(&n, 100, 40, false);
    struct perf text = toy_perf(&n.toy);
    struct serving_terms terms = {
        .tag = 1, .prompt_tok = 20, .output_tok = 5, .images = 1, .image_tok = 9};
    ask(&n, 0, terms);
    ask(&n, 0, (struct serving_terms){.tag = 2, .prompt_tok = 20, .output_tok = 5});
    serving_swap_perf(&n.s, 5, &text);
    assert_int_equal(serving_advance(&n.s, 910, &done, 1), 1); /* 10 + 9 x 100 */
    assert_int_equal(done.tag, 1);
    assert_int_equal(done.outcome, SERVING_LOST);
    terms.tag = 3;
    assert_false(serving_submit(&n.s, 911, &terms, &why));
    assert_int_equal(why, SERVING_NO_ENCODER);
    struct serving_counters c = finish(&n);
    assert_int_equal(c.completed, 1);
    assert_int_equal(c.rejected_images, 1);
    arena_free(&n.arena);
}

/* Under the roofline the first token comes later by what perf_vision_ns says, to the rounding of
 * ticks. */
static void the_encoder_costs_what_eval_says(void **state)
{
    (void)state;
    struct perf perf = perf_build(perf_hardware_find("h100-sxm"), perf_model_find("qwen2.5-vl-7b"),
                                  PERF_BF16, 1, 0, 0.0);
    struct serving_params params = toy_params(8, 8192, 16, 10000);
    int64_t first_ns[2];
    for (int images = 0; images < 2; images++) {
        struct arena arena;
        struct serving s;
        struct serving_done done;
        struct serving_terms terms = {
            .prompt_tok = 3000, .output_tok = 1, .images = 2 * images, .image_tok = 1200 * images};
        arena_init(&arena, "test", 0);
        serving_init(&s, &params, &perf, &arena);
        assert_true(serving_submit(&s, 0, &terms, NULL));
        assert_int_equal(serving_advance(&s, serving_next_ns(&s), &done, 1), 1);
        first_ns[images] = done.first_token_ns;
        arena_free(&arena);
    }
    struct perf_batch batch = {0};
    perf_batch_image(&batch, 1200);
    perf_batch_image(&batch, 1200);
    double more_ns = (double)(first_ns[1] - first_ns[0]);
    assert_true(fabs(more_ns - perf_vision_ns(&perf, &batch)) <= 2.0);
    assert_true(more_ns > 1e6);
}

/* ---- workloads ------------------------------------------------------------------------------ */

static struct workload_images images_keys(const char *text)
{
    struct arena arena;
    struct diag diag;
    struct workload_images images;
    arena_init(&arena, "test", 0);
    diag_init(&diag, &arena);
    struct param_doc *doc = param_load_text(&arena, "x.yaml", text, strlen(text), NULL, 0, &diag);
    assert_non_null(doc);
    param_read(doc, &workload_images_table, &images, &diag);
    assert_int_equal(diag.count, 0);
    param_close(doc);
    arena_free(&arena);
    return images;
}

/* 30% of 20,000 with 1 to 3 images: three standard deviations of the share are 1%, of the mean
 * number of images (uniform over 0.5 to 3.5, so 1, 2, 3 are equally likely) 0.04. */
static void a_share_of_prompts_has_images(void **state)
{
    (void)state;
    enum { REQUESTS = 20000 };
    struct workload_images keys =
        images_keys("share: 30%\ncount: {uniform: {low: 0.5, high: 3.49}}\ntokens: {fixed: 100}\n");
    double with = 0, images = 0;
    for (uint32_t i = 0; i < REQUESTS; i++) {
        struct rng_stream s = rng_open(1, 0, WORKLOAD_STREAM_IMAGES, i);
        struct session_text text = {.prompt_tok = 50, .prefix_tok = 20};
        workload_images_put(&keys, &s, UINT32_MAX, &text);
        assert_int_equal(text.prompt_tok, 50 + 100 * text.images.count);
        assert_int_equal(text.images.from_tok, text.images.count ? 20 : 0);
        with += text.images.count > 0;
        images += text.images.count;
    }
    assert_true(fabs(with / REQUESTS - 0.3) < 0.01);
    assert_true(fabs(images / with - 2.0) < 0.04);
}

/* Recorded ones are within the prompt, whatever `added` says, and leave a token of text. */
static void recorded_images_are_within_the_prompt(void **state)
{
    (void)state;
    struct workload_images keys = images_keys("tokens: {fixed: 400}\n");
    static const uint32_t rows[][4] = {/* prompt, images; count and tokens expected */
                                       {1000, 2, 2, 400}, {801, 2, 2, 400}, {800, 2, 2, 399},
                                       {7, 2, 2, 3},      {3, 5, 2, 1},     {1, 1, 0, 0},
                                       {1000, 0, 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rng_stream s = rng_open(1, 0, WORKLOAD_STREAM_IMAGES, (uint32_t)i);
        struct session_text text = {.prompt_tok = rows[i][0]};
        workload_images_put(&keys, &s, rows[i][1], &text);
        assert_int_equal(text.prompt_tok, rows[i][0]);
        assert_int_equal(text.images.count, rows[i][2]);
        assert_int_equal(text.images.tok, rows[i][3]);
    }
    keys.recorded = false;
    struct rng_stream s = rng_open(1, 0, WORKLOAD_STREAM_IMAGES, 0);
    struct session_text text = {.prompt_tok = 1000};
    workload_images_put(&keys, &s, 2, &text);
    assert_int_equal(text.images.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_encoded_with_its_first_chunk),
        cmocka_unit_test(what_the_prefix_cache_has_is_not_encoded),
        cmocka_unit_test(the_encoder_keeps_what_was_used_last),
        cmocka_unit_test(who_is_preempted_finds_his_images),
        cmocka_unit_test(kv_from_elsewhere_needs_no_encoder),
        cmocka_unit_test(a_text_model_takes_no_images),
        cmocka_unit_test(the_encoder_costs_what_eval_says),
        cmocka_unit_test(a_share_of_prompts_has_images),
        cmocka_unit_test(recorded_images_are_within_the_prompt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
