/* SPDX-License-Identifier: Apache-2.0
 * Step times composed from a profile: made tables whose times are a formula, so that the step's is
 * one too.  Times are compared within 2 ns, the rounding to ticks of the parts and of their sum. */
#include <math.h>

#include "models/perf_tables.h"
#include "tests/unit/replay_folder.h"

enum { LAYERS = 32 };

/* Attention of c tokens after h others: 5 us and 1 ns a pair. */
static double attention_us(double c, double h)
{
    return 5.0 + 1e-3 * (c * h + c * (c + 1.0) / 2.0);
}

static void write_attention(bool keys)
{
    char text[4000], *to = text;
    to += sprintf(to, keys ? "layer,prefill_chunk,prefill_key,n_decode,kv_decode,decode_q_len,"
                             "time_us\nindexer,200,100.5,0,0,1,9999\nattention,0,0.0,1,16,4,9999\n"
                           : "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n");
    for (int n = 1; n <= 64; n *= 64)
        for (int context = 100; context <= 1000; context += 900)
            to += sprintf(to, keys ? "attention,0,0.0,%d,%d,1,%g\n" : "0,0,%d,%d,%g\n", n, context,
                          5.0 + 1e-3 * n * context);
    for (int h = 0; h <= 400; h += 400)
        to += keys ? sprintf(to, "attention,200,%.1f,0,0,1,%.6f\n", h + 100.5,
                             5.0 + 1e-3 * 200 * (h + 100.5))
                   : sprintf(to, "200,%d,0,0,%.6f\n", h, attention_us(200, h));
    if (keys) sprintf(to, "attention,200,20.5,0,0,1,%.6f\n", 5.0 + 1e-3 * 200 * 20.5);
    folder_write("p/tp1/attention.csv", text);
}

static struct perf make_perf(struct arena *arena, const char *model, int32_t tp,
                             struct perf_engine engine)
{
    struct diag diag;
    diag_init(&diag, arena);
    struct perf_terms terms = {.hardware = perf_hardware_find("a100-80g"),
                               .model = perf_model_find(model),
                               .tp = tp,
                               .pp = 1,
                               .ep = 1,
                               .engine = engine};
    struct perf_tables_ask ask = {.folder =
                                      arena_text(arena, folder_file("p"), strlen(folder_file("p"))),
                                  .hardware = terms.hardware,
                                  .tp = tp};
    terms.tables = perf_tables_load(&ask, arena, &diag);
    diag_print(&diag, stdout);
    assert_non_null(terms.tables);
    return perf_make(&terms, arena);
}

static double step_ns(const struct perf *perf, const struct perf_batch *batch)
{
    struct perf_line line = perf_step_line(perf, batch);
    return (double)line.first_ticks / PERF_TICKS;
}

static void assert_near(double ns, double wanted_ns)
{
    if (fabs(ns - wanted_ns) > 2.0) print_message("%.3f ns, not %.3f\n", ns, wanted_ns);
    assert_true(fabs(ns - wanted_ns) <= 2.0);
}

/* Two prompts of 100 have half the pairs of one of 200 and 50 more.  A table by keys begins below,
 * at 20 keys a token, because steps of several prompts are measured for it. */
static void prompts_of_a_step_are_one_of_as_many_pairs(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, "test", 0);
    for (int keys = 0; keys < 2; keys++) {
        write_attention(keys);
        struct perf perf = make_perf(&arena, "llama3-8b", 1, (struct perf_engine){0});
        struct perf_batch two = {0}, one = {0}, later = {0};
        perf_batch_prefill(&one, 0, 200, 1);
        perf_batch_prefill(&two, 0, 100, 1);
        perf_batch_prefill(&two, 0, 100, 1);
        perf_batch_prefill(&later, 30, 150, 0);
        perf_batch_prefill(&later, 0, 50, 1);
        assert_near(step_ns(&perf, &one), 110e3 + LAYERS * (5e3 + 20100.0));
        assert_near(step_ns(&perf, &two), 110e3 + LAYERS * (5e3 + 10100.0));
        assert_near(step_ns(&perf, &later), 110e3 + LAYERS * (5e3 + 150 * 30 + 11325 + 1275));
    }
    arena_free(&arena);
}

static void skew_tables_are_used_as_the_profile_says(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, "test", 0);
    write_attention(false);
    folder_write("p/tp1/skew_fit.csv", "pc,n_label,skew_rate_label,kv_big_label,kp_label,alpha\n"
                                       "0,n<=2,sr<=70%,kvB<=1k,kp=0,0.5\n"
                                       "0,n<=2,sr<=5%,kvB<=1k,kp=0,0.1\n");
    struct perf_batch batch = {0}; /* contexts 200 and 600: the mean is half of the way */
    perf_batch_decode(&batch, 200);
    perf_batch_decode(&batch, 600);
    const double mean_ns = 110e3 + LAYERS * (5e3 + 800.0), top_ns = LAYERS * 400.0;
    static const struct {
        const char *meta;
        double share;
    } cases[] = {
        {"model: x\n", 0.5},
        {"skew_fit:\n  enabled: false\n", 0.0},
        {"skew_profile:\n  enabled: false\nskew_fit:\n  enabled: true\n", 0.5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        folder_write("p/meta.yaml", cases[i].meta);
        struct perf perf = make_perf(&arena, "llama3-8b", 1, (struct perf_engine){0});
        assert_near(step_ns(&perf, &batch), mean_ns + cases[i].share * top_ns);
    }
    /* no bucket has so many sequences: the profile's own share, else the median */
    struct perf_batch many = {0};
    for (int i = 0; i < 64; i++)
        perf_batch_decode(&many, i % 2 ? 200 : 600);
    const double many_ns = 110e3 + LAYERS * (5e3 + 64 * 400.0);
    struct perf perf = make_perf(&arena, "llama3-8b", 1, (struct perf_engine){0});
    assert_near(step_ns(&perf, &many), many_ns + 0.5 * LAYERS * 64 * 200.0);
    folder_write("p/meta.yaml",
                 "skew_fit:\n  enabled: true\n  per_tp:\n    2:\n      alpha_default: "
                 "0.9\n    1:\n      alpha_default: 0.25\n");
    perf = make_perf(&arena, "llama3-8b", 1, (struct perf_engine){0});
    assert_near(step_ns(&perf, &many), many_ns + 0.25 * LAYERS * 64 * 200.0);
    assert_int_equal(unlink(folder_file("p/tp1/skew_fit.csv")), 0);
    assert_int_equal(unlink(folder_file("p/meta.yaml")), 0);
    arena_free(&arena);
}

/* A row of moe.csv takes 1 us for each expert reached and 10 ns for each token; 8 tokens of 8 of
 * 128 experts reach 51.62.  Two replicas: 16 tokens reach 82.42, each half of them. */
static void experts_are_shared_among_gpus(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, "test", 0);
    write_attention(false);
    char text[2000];
    double reached = 128 * (1 - pow(120.0 / 128, 8)), both = 128 * (1 - pow(120.0 / 128, 16));
    struct perf_batch batch = {0};
    for (int i = 0; i < 8; i++)
        perf_batch_decode(&batch, 500);
    for (int ep = 0; ep < 2; ep++) {
        char *to = text + sprintf(text, ep ? "ep,tokens,activated_experts,time_us\n"
                                           : "tokens,activated_experts,time_us\n");
        for (int g = 1; g <= 1 + ep; g++)
            for (int corner = 0; corner < 4; corner++) {
                int tokens = corner & 1 ? 64 : 1, experts = corner & 2 ? 128 : 1;
                if (ep) to += sprintf(to, "%d,", g);
                to += sprintf(to, "%d,%d,%g\n", tokens, experts,
                              experts + 0.01 * tokens + (g == 2 ? 100 : 0));
            }
        folder_write("p/tp1/moe.csv", text);
        struct perf perf = make_perf(&arena, "qwen3-30b-a3b", 1, (struct perf_engine){0});
        double flat_ns = 110e3 + 48 * (5e3 + 8 * 500);
        assert_near(step_ns(&perf, &batch), flat_ns + 48 * (1e3 * round(reached) + 8 * 10));
        struct perf_engine engine = {
            .link_bytes_per_s = 1e9, .link_latency_ns = 500.0, .replicas = 2};
        perf = make_perf(&arena, "qwen3-30b-a3b", 1, engine);
        struct perf_batch ranks[2] = {batch, batch};
        bool outside = false;
        int64_t ticks = perf_profile_group_ticks(&perf, ranks, 2, &outside);
        double experts_ns =
            ep ? 1e3 * round(both / 2) + 16 * 10 + 100e3 : 1e3 * round(both / 2) + 8 * 10;
        double gather_ns = 500.0 + 8 * 2 * (2048 + 128), scatter_ns = 500.0 + 8 * 2 * 2048;
        assert_near((double)ticks / PERF_TICKS,
                    flat_ns + 48 * (experts_ns + gather_ns + scatter_ns));
        assert_false(outside);
    }
    arena_free(&arena);
}

/* moe.csv is made on one GPU and stands in tp1 only; dense layers of two GPUs in tp2. */
static void the_experts_of_a_wider_group_stand_in_tp1(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, "test", 0);
    folder_profile("p/tp2", 10.0, 100.0, 5.0);
    struct perf_engine engine = {.link_bytes_per_s = 1e9, .link_latency_ns = 500.0};
    struct perf perf = make_perf(&arena, "qwen3-30b-a3b", 2, engine);
    assert_true(perf.tables->experts.count > 0);
    struct perf_batch batch = {0};
    perf_batch_decode(&batch, 500);
    /* 8 experts reached, 4 on each GPU; one token is met at one */
    double ring_ns = 2.0 * (500.0 + 2048.0);
    assert_near(step_ns(&perf, &batch), 110e3 + 48 * (5e3 + 104e3 + 10 + 2 * ring_ns));
    arena_free(&arena);
}

static int make_folders(void **state)
{
    (void)state;
    folder_make();
    folder_profile("p/tp1", 10.0, 100.0, 5.0);
    return 0;
}

static int remove_folders(void **state)
{
    (void)state;
    folder_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_of_a_step_are_one_of_as_many_pairs),
        cmocka_unit_test(skew_tables_are_used_as_the_profile_says),
        cmocka_unit_test(experts_are_shared_among_gpus),
        cmocka_unit_test(the_experts_of_a_wider_group_stand_in_tp1),
    };
    return cmocka_run_group_tests_name("profile", tests, make_folders, remove_folders);
}
