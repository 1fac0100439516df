/* SPDX-License-Identifier: Apache-2.0
 * Models and hardware of a scenario's own: spelt out in full they are those of the catalog, and
 * what is not given is taken from what they are like. */
#include "models/scenario_own.h"
#include "tests/unit/unit.h"

static struct arena arena;

static const struct scenario *load(const char *lists)
{
    struct diag diag;
    diag_init(&diag, &arena);
    const char *text = arena_print(&arena,
                                   "hacasim: 1\nname: own\n%s\n"
                                   "nodes: [{name: n, gpu: card, model: mine}]\n",
                                   lists);
    struct models_scenario *s = models_load_text(&arena, "own.yaml", text, NULL, 0, &diag);
    if (s == NULL) diag_print(&diag, stdout);
    assert_non_null(s);
    return &s->params;
}

static int64_t step_ns(const struct scenario *s)
{
    struct perf_terms terms = scenario_terms(s->nodes.items, "mine");
    struct perf perf = perf_make(&terms, &arena);
    struct perf_batch b = {0};
    for (int i = 0; i < 8; i++)
        perf_batch_decode(&b, 1000);
    perf_batch_prefill(&b, 0, 700, 1);
    return perf_step_ns(&perf, &b);
}

static int64_t catalog_ns(const char *hardware, const char *model)
{
    struct perf perf =
        perf_build(perf_hardware_find(hardware), perf_model_find(model), PERF_BF16, 1, 0, 0.0);
    struct perf_batch b = {0};
    for (int i = 0; i < 8; i++)
        perf_batch_decode(&b, 1000);
    perf_batch_prefill(&b, 0, 700, 1);
    return perf_step_ns(&perf, &b);
}

#define CARD "hardware: [{name: card, like: a100-80g}]\n"
static void spelt_out_it_is_the_catalogs(void **state)
{
    (void)state;
    const struct scenario *s =
        load("models: [{name: mine, layers: 32, hidden: 4096, heads: 32, kv_heads: 8, vocab: "
             "128256, ffn: 14336}]\n" CARD);
    assert_int_equal(step_ns(s), catalog_ns("a100-80g", "llama3-8b"));
    s = load("models: [{name: mine, like: llama3-8b}]\n"
             "hardware: [{name: card, like: l40s, memory: 80 GB, bandwidth: 2039 GB/s, bf16: 312 "
             "TFLOP/s, fp8: 312 TFLOP/s, weights_ratio: 71%, compute_ratio: 86%, kv_ratio: 81%, "
             "attention_ratio: 56%}]\n");
    /* All but the smallest kernel and the time per sequence, which the L40S gives: 32 layers of
     * 12.7 - 9.3 us and 8 x 0.04 us. */
    int64_t miss = catalog_ns("a100-80g", "llama3-8b") - step_ns(s) -
                   (int64_t)(32 * (12700 - 9300) - 32 * 8 * 40);
    assert_in_range(miss + 2, 0, 4);
}

static void experts_and_latents_can_be_spelt_out(void **state)
{
    (void)state;
    const struct scenario *s =
        load("models: [{name: mine, layers: 48, hidden: 2048, heads: 32, kv_heads: 4, head_dim: "
             "128, vocab: 151936, experts: 128, active: 8, expert_ffn: 768}]\n" CARD);
    assert_int_equal(step_ns(s), catalog_ns("a100-80g", "qwen3-30b-a3b"));
    const struct perf_model *moe = scenario_own_model(s->own, "mine");
    assert_true(perf_shape_of(moe).total == perf_shape_of(perf_model_find("qwen3-30b-a3b")).total);
    s = load("models: [{name: mine, like: deepseek-v3, layers: 8, experts: 16}]\n" CARD);
    const struct perf_model *latent = scenario_own_model(s->own, "mine");
    assert_true(perf_shape_of(latent).kv_bytes == 2.0 * 8 * 576);
}

static void a_wider_model_takes_longer(void **state)
{
    (void)state;
    const struct scenario *s = load("models: [{name: mine, like: llama3-8b, ffn: 28672}]\n" CARD);
    const struct perf_model *m = scenario_own_model(s->own, "mine");
    double more = perf_shape_of(m).total - perf_shape_of(perf_model_find("llama3-8b")).total;
    assert_true(more == 32.0 * 3.0 * 4096 * 14336);
    assert_true(step_ns(s) > catalog_ns("a100-80g", "llama3-8b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spelt_out_it_is_the_catalogs),
        cmocka_unit_test(experts_and_latents_can_be_spelt_out),
        cmocka_unit_test(a_wider_model_takes_longer),
    };
    arena_init(&arena, "test", 0);
    int failed = cmocka_run_group_tests_name("own", tests, NULL, NULL);
    arena_free(&arena);
    return failed;
}
