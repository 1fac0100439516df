/* SPDX-License-Identifier: Apache-2.0
 * Which tables of a folder are taken: folders with those of several cards and models are made, and
 * asked for by each. */
#include <sys/stat.h>
#include <unistd.h>

#include "models/perf_find.h"
#include "models/perf_names.h"
#include "tests/unit/unit.h"

static struct arena arena;
static struct diag diag;
static const char *root;

/* ---- folders -------------------------------------------------------------------------------- */

static const char *made[128];
static int made_count;

static void put(const char *path, const char *text)
{
    const char *full = arena_print(&arena, "%s/%s", root, path);
    for (const char *slash = strchr(full + strlen(root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        const char *folder = arena_text(&arena, full, (size_t)(slash - full));
        if (mkdir(folder, 0700) == 0) made[made_count++] = folder;
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    made[made_count++] = full;
}

static void put_profile(const char *folder)
{
    put(arena_print(&arena, "%s/dense.csv", folder), "layer,tokens,time_us\nqkv_proj,1,40\n");
    put(arena_print(&arena, "%s/per_sequence.csv", folder),
        "layer,sequences,time_us\nlm_head,1,1000\n");
    put(arena_print(&arena, "%s/attention.csv", folder),
        "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,1,16,20\n");
}

#define GEMM "m,n,k,ms\n8,4096,4096,0.03\n"

static int begin(void **state)
{
    (void)state;
    static char folder[32];
    strcpy(folder, "/tmp/hacasim_find_XXXXXX");
    arena_init(&arena, "test", 0);
    root = mkdtemp(folder);
    made_count = 0;
    return root == NULL;
}

static int end(void **state)
{
    (void)state;
    while (made_count > 0)
        remove(made[--made_count]);
    rmdir(root);
    arena_free(&arena);
    return 0;
}

static const struct perf_tables *load(const char *below, const char *hardware, const char *model,
                                      int32_t tp)
{
    struct perf_tables_ask ask = {.folder = arena_print(&arena, "%s%s", root, below),
                                  .hardware = perf_hardware_find(hardware),
                                  .model = model ? perf_model_find(model) : NULL,
                                  .tp = tp,
                                  .key = "tables"};
    diag_init(&diag, &arena);
    return perf_tables_load(&ask, &arena, &diag);
}

static const char *from(const struct perf_tables *t)
{
    if (t == NULL) {
        diag_print(&diag, stdout);
        fail();
        return "";
    }
    return t->folder + strlen(root);
}

static bool told(const struct perf_tables *t, const char *text)
{
    for (uint32_t i = 0; i < t->warning_count; i++)
        if (strstr(t->warnings[i], text) != NULL) return true;
    return false;
}

/* ---- tests ---------------------------------------------------------------------------------- */

#define LLAMA "/rtx4090/meta-llama/Llama-3.1-8B/bf16"

static void the_profile_of_card_and_model_is_met_below(void **state)
{
    (void)state;
    put("a100_sxm_gemm.csv", GEMM);
    put_profile("rtx4090/meta-llama/Llama-3.1-8B/bf16/tp1");
    put_profile("rtx4090/meta-llama/Llama-3.1-8B/bf16/tp2");
    put_profile("rtx4090/Qwen/Qwen3-32B/bf16/tp1");
    put_profile("H100/meta-llama/LLAMA-3.1-8b/bf16/tp1");
    put_profile("H100/meta-llama/LLAMA-3.1-8b/fp8/tp1");
    assert_string_equal(from(load("", "rtx4090", "llama3-8b", 1)), LLAMA "/tp1");
    assert_string_equal(from(load("/", "rtx4090", "llama3-8b", 2)), LLAMA "/tp2");
    assert_string_equal(from(load("/rtx4090", "rtx4090", "llama3-8b", 2)), LLAMA "/tp2");
    assert_string_equal(from(load(LLAMA "/tp1", "rtx4090", "llama3-8b", 2)), LLAMA "/tp2");
    assert_string_equal(from(load("", "rtx4090", "qwen3-32b", 1)),
                        "/rtx4090/Qwen/Qwen3-32B/bf16/tp1");
    assert_string_equal(from(load("", "h100-sxm", "llama3-8b", 1)),
                        "/H100/meta-llama/LLAMA-3.1-8b/bf16/tp1");
    /* Its own op tables are nearer to the A100 than the profiles of others. */
    const struct perf_tables *t = load("", "a100-80g", "llama3-8b", 1);
    assert_string_equal(from(t), "");
    assert_int_equal(t->ops[PERF_GEMM].count, 1);
    assert_false(t->profile);
}

static void nothing_of_another_card_is_taken_silently(void **state)
{
    (void)state;
    put("a100_sxm_gemm.csv", GEMM);
    put_profile("rtx4090/meta-llama/Llama-3.1-8B/bf16/tp1");
    assert_null(load("", "l40s", "llama3-8b", 1));
    assert_non_null(strstr(diag.items[0].message, "other cards than l40s"));
    assert_non_null(strstr(diag.items[0].message, "a100_sxm_gemm.csv"));
    assert_true(told(load("/a100_sxm_gemm.csv", "l40s", NULL, 1), "another card by its name"));
    assert_true(told(load("/rtx4090", "l40s", "llama3-8b", 1), "another card by its name"));
    assert_true(told(load("/rtx4090", "rtx4090", "qwen3-32b", 1), "another model by its name"));
    put("gemm_l40s.csv", GEMM);
    const struct perf_tables *t = load("", "l40s", "llama3-8b", 1);
    assert_int_equal(t->ops[PERF_GEMM].count, 1);
    assert_true(told(t, "left out, as their names say another card than l40s: a100_sxm_gemm.csv"));
}

static void several_that_may_be_meant_are_refused(void **state)
{
    (void)state;
    put_profile("x/tp1");
    put_profile("y/tp1");
    assert_null(load("", "rtx4090", "llama3-8b", 1));
    assert_non_null(strstr(diag.items[0].message, "several profiles"));
    assert_null(load("", "rtx4090", "llama3-8b", 4));
    assert_non_null(strstr(diag.items[0].message, "neither op tables nor a profile for tp4"));
    assert_string_equal(from(load("/x", "rtx4090", "llama3-8b", 1)), "/x/tp1");
}

static void of_the_models_of_others_none_is_meant(void **state)
{
    (void)state;
    put_profile("h100/Qwen3-32B/tp1");
    put_profile("b200/Llama-3.1-8B/tp1");
    assert_null(load("", "rtx4090", "llama3-8b", 1));
    assert_non_null(strstr(diag.items[0].message, "several profiles"));
}

static void compressed_tables_are_told(void **state)
{
    (void)state;
    put("x/gemm.csv.gz", "not read");
    assert_null(load("/x", "rtx4090", "llama3-8b", 1));
    assert_non_null(strstr(diag.items[0].message, "gemm.csv.gz: unpack"));
    assert_null(load("/x/gemm.csv.gz", "rtx4090", "llama3-8b", 1));
    assert_non_null(strstr(diag.items[0].message, "compressed: unpack it"));
    put("x/other.csv", GEMM);
    assert_true(told(load("/x", "rtx4090", "llama3-8b", 1), "gemm.csv.gz: unpack them"));
}

static void names_say_whose(void **state)
{
    (void)state;
    const struct perf_hardware *a100 = perf_hardware_find("a100-80g");
    assert_int_equal(perf_names_card("a100_sxm_gemm_bf16.csv", a100), PERF_NAMES_SAME);
    assert_int_equal(perf_names_card("gemm_NVIDIA_A100-SXM4-80GB.csv", a100), PERF_NAMES_SAME);
    assert_int_equal(perf_names_card("a100-40g", a100), PERF_NAMES_OTHER);
    assert_int_equal(perf_names_card("NVIDIA GeForce RTX 4090", a100), PERF_NAMES_OTHER);
    assert_int_equal(perf_names_card("gemm.csv", a100), PERF_NAMES_NOTHING);
    struct perf_hardware own = *a100;
    own.name = "lab-card";
    assert_int_equal(perf_names_card("a100_gemm.csv", &own), PERF_NAMES_NOTHING);
    assert_int_equal(perf_names_card("gemm_lab-card.csv", &own), PERF_NAMES_SAME);
    const struct perf_model *llama = perf_model_find("llama3-8b");
    assert_int_equal(perf_names_is_model("llama-3.1-8b-instruct", llama), PERF_NAMES_SAME);
    assert_int_equal(perf_names_is_model("Llama-3.1-70B", llama), PERF_NAMES_OTHER);
    assert_int_equal(perf_names_is_model("meta-llama", llama), PERF_NAMES_NOTHING);
    assert_int_equal(perf_names_dtype("bf16-kvfp8", PERF_FP8), PERF_NAMES_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_profile_of_card_and_model_is_met_below, begin, end),
        cmocka_unit_test_setup_teardown(nothing_of_another_card_is_taken_silently, begin, end),
        cmocka_unit_test_setup_teardown(several_that_may_be_meant_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(of_the_models_of_others_none_is_meant, begin, end),
        cmocka_unit_test_setup_teardown(compressed_tables_are_told, begin, end),
        cmocka_unit_test(names_say_whose),
    };
    return cmocka_run_group_tests_name("tables find", tests, NULL, NULL);
}
