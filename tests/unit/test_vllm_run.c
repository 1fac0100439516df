/* SPDX-License-Identifier: Apache-2.0
 * Recorded runs, replayed: small folders whose answers are worked out by hand here, broken ones,
 * and one real run.
 *
 * The real one: 300 ShareGPT requests on vLLM 0.19.0, Llama-3.1-8B bf16, one RTX 4090
 * (LLMServingSim's validation run).  Nothing is fitted to it: arrivals, lengths, the number of KV
 * blocks and the engine's limits are read from the run, times from the profile of the card.
 * Published for LLMServingSim on the same run: +0.6, +0.2 and +0.5 % of mean TTFT, TPOT and end to
 * end, in 396 s.  The bounds below are those of scenarios/validation/vllm_run.yaml. */
#include <math.h>
#include <time.h>

#include "tests/unit/replay_folder.h"

static const char scenario[] = "replay: vllm_run\nname: t\n";
static const char requests[] =
    "{\"request_id\": \"\\u0061\", \"input_toks\": 32, \"output_toks\": 4, \"queued_ts\": 100.0, "
    "\"first_token_ts\": 100.00027, \"last_token_ts\": 100.00108}\n"
    "\n" /* an empty line is none */
    "{\"queued_ts\": 1.0001E2, \"input_toks\": 3.2e1, \"output_toks\": 2, \"first_token_ts\": "
    "100.01027, \"last_token_ts\": 100.01054, \"scheduled_ts\": null}\n"
    "{\"input_toks\": 9, \"output_toks\": 1, \"queued_ts\": 101, \"first_token_ts\": null, "
    "\"last_token_ts\": null}\n";
static const char config[] =
    "{\"link_bw\": 16, \"link_latency\": 1000, \"nodes\": [{\"instances\": [{\"model_name\": "
    "\"meta-llama/Llama-3.1-8B\", \"hardware\": \"RTX4090\"}]}]}";

/* meta.json of an engine that schedules step by step, with one more member. */
static void write_meta(const char *kwargs, const char *model)
{
    char text[1000];
    snprintf(text, sizeof text,
             "{\"model\": \"%s\", \"vllm_version\": \"0.19.0\", \"engine_kwargs\": "
             "{\"max_num_seqs\": 8, \"max_num_batched_tokens\": 64, \"max_model_len\": null%s}, "
             "\"kv_cache\": {\"num_gpu_blocks\": 100, \"block_size\": 16, "
             "\"enable_prefix_caching\": false}}",
             model, kwargs);
    folder_write("run/meta.json", text);
}

static void write_run(void)
{
    folder_write("s.yaml", scenario);
    folder_write("run/requests.jsonl", requests);
    folder_write("run/config.json", config);
    write_meta("", "meta-llama/Llama-3.1-8B");
    folder_profile("tables/tp1", 10.0, 100.0, 5.0); /* 10 + 100 + 32 x 5 = 270 us a step */
    folder_profile("tables/tp2", 10.0, 100.0, 2.0);
}

struct outcome {
    struct arena arena;
    struct diag diag;
    struct replay *replay;
    struct replay_about about;
    struct replay_result result;
    const char *absent;
};

static const char *arrivals_set = "arrivals=queued_ts";

static void replay_folder(struct outcome *o, const char *run, const char *tables)
{
    char run_set[FOLDER_PATH + 10], tables_set[FOLDER_PATH + 10];
    const char *sets[] = {run_set, tables_set, arrivals_set};
    snprintf(run_set, sizeof run_set, "run=%s/%s", folder_root, run);
    snprintf(tables_set, sizeof tables_set, "tables=%s/%s", folder_root, tables);
    arena_init(&o->arena, "test", 0);
    diag_init(&o->diag, &o->arena);
    assert_true(replay_is(&o->arena, folder_file("s.yaml")));
    o->replay = replay_load(&o->arena, folder_file("s.yaml"), sets, 3, &o->diag, &o->absent);
    if (o->diag.count > 0) return;
    o->about = replay_about(o->replay, &o->arena);
    o->result = replay_run(o->replay, &o->arena);
}

static void done(struct outcome *o)
{
    if (o->replay != NULL) replay_close(o->replay);
    arena_free(&o->arena);
}

static void replay_good(struct outcome *o, const char *run, const char *tables)
{
    replay_folder(o, run, tables);
    diag_print(&o->diag, stdout);
    assert_int_equal(o->diag.count, 0);
}

/* Whole nanoseconds of the mean; times are whole microseconds here. */
static void assert_ns(double s, double ns)
{
    assert_true(fabs(s * 1e9 - ns) < 0.5);
}

/* ---- one rank ---------------------------------------------------------------------------------
 */

static void a_run_worked_out_by_hand_has_no_error(void **state)
{
    (void)state;
    struct outcome o;
    replay_good(&o, "run", "tables");
    const struct replay_result *r = &o.result;
    for (int what = 0; what < REPLAY_WHATS; what++)
        for (int k = 0; k < REPLAY_STATISTICS; k++)
            assert_true(fabs(r->ours_s[what][k] - r->real_s[what][k]) < 1e-9);
    assert_ns(r->ours_s[REPLAY_TTFT][REPLAY_MEAN], 270e3);
    assert_ns(r->ours_s[REPLAY_TPOT][REPLAY_P99], 270e3);
    /* 1,080 and 540 us: at 0.9 between them */
    assert_ns(r->ours_s[REPLAY_E2E][REPLAY_P90], 540e3 + 0.9 * 540e3);
    assert_int_equal(r->steps, 6);
    /* the request without times; made-up times that no card reaches, of layers and attention; the
     * layers that this profile leaves out */
    assert_int_equal(o.about.note_count, 4);
    done(&o);
}

static void folders_above_and_beside_are_found(void **state)
{
    (void)state;
    struct outcome o;
    replay_good(&o, "run", "tables/tp1");
    done(&o);
    replay_good(&o, "run", "tables/tp2"); /* its neighbour is of the run's degree */
    assert_ns(o.result.ours_s[REPLAY_TTFT][REPLAY_MEAN], 270e3);
    done(&o);
    folder_profile("perf/RTX4090/meta-llama/Llama-3.1-8B/bf16/tp1", 10.0, 100.0, 5.0);
    folder_profile("perf/RTX4090/Qwen/Qwen3-32B/bf16/tp1", 10.0, 100.0, 7.0);
    replay_good(&o, "run", "perf");
    assert_ns(o.result.ours_s[REPLAY_TTFT][REPLAY_MEAN], 270e3);
    done(&o);
}

static bool noted(const struct outcome *o, const char *text)
{
    for (uint32_t i = 0; i < o->about.note_count; i++)
        if (strstr(o->about.notes[i], text)) return true;
    return false;
}

/* Its times are measured, so a card needs no entry in the catalog if its bandwidth is stated; and
 * blocks may be stated as tokens. */
static void what_a_run_leaves_unsaid_is_noted(void **state)
{
    (void)state;
    struct outcome o;
    folder_write("run/config.json",
                 "{\"nodes\": [{\"instances\": [{\"hardware\": \"A6000\", \"npu_mem\": "
                 "{\"mem_size\": 48, \"mem_bw\": 768}}]}]}");
    folder_write(
        "run/meta.json",
        "{\"model\": \"meta-llama/Llama-3.1-8B\", \"engine_kwargs\": {\"max_num_seqs\": 8, "
        "\"max_num_batched_tokens\": 64}, \"kv_cache\": {\"num_gpu_blocks\": null, "
        "\"num_kv_tokens\": 1600, \"block_size\": 16}}");
    folder_write("tables/meta.yaml", "gpu: NVIDIA L40S\n");
    replay_good(&o, "run", "tables");
    assert_ns(o.result.ours_s[REPLAY_TTFT][REPLAY_MEAN], 270e3);
    assert_true(noted(&o, "A6000 is not in the catalog"));
    assert_true(noted(&o, "the efficiencies of l40s"));
    assert_true(!noted(&o, "KV blocks"));
    assert_non_null(strstr(o.about.engine, "100 KV blocks of 16"));
    done(&o);
    folder_write("run/config.json", config);
    write_meta("", "meta-llama/Llama-3.1-8B");
    replay_good(&o, "run", "tables");
    assert_true(noted(&o, "the profile is of NVIDIA L40S, and the run was made on RTX4090"));
    done(&o);
    assert_int_equal(unlink(folder_file("tables/meta.yaml")), 0);
}

/* Captured at 48 and 64 tokens: a profile that grows by 1 us a token from 48 on tells them apart.
 */
static void steps_are_padded_to_captured_graphs(void **state)
{
    (void)state;
    struct outcome o;
    folder_write("tables/tp1/dense.csv", "layer,tokens,time_us\nembedding,1,10\nembedding,16,10\n"
                                         "embedding,48,42\nembedding,4096,4090\n");
    write_meta("}, \"resolved_config\": {\"compilation_config\": {\"cudagraph_capture_sizes\": "
               "[1, 48, 64], \"cudagraph_mode\": [2, 1]}",
               "meta-llama/Llama-3.1-8B");
    replay_good(&o, "run", "tables");
    assert_ns(o.result.ours_s[REPLAY_TTFT][REPLAY_MEAN], 302e3); /* 42 of 48 tokens, not 26 of 32 */
    assert_ns(o.result.ours_s[REPLAY_TPOT][REPLAY_MEAN], 270e3);
    done(&o);
    write_run();
}

/* Two GPUs: a ring passes half of the hidden states twice, after attention and feed-forward of each
 * of 32 layers; 2 x (1,000 ns + bytes / 2 / 16 GB/s) each, and a hidden state has 4,096 x 2 bytes.
 */
static void two_gpus_exchange_over_the_stated_link(void **state)
{
    (void)state;
    struct outcome o;
    write_meta(", \"tensor_parallel_size\": 2", "meta-llama/Llama-3.1-8B");
    replay_good(&o, "run", "tables");
    double step_ns = 10e3 + 100e3 + 32 * 2e3;
    double prompt_ns = 64 * 2 * (1000.0 + 32 * 4096 / 16.0);
    double token_ns = 64 * 2 * (1000.0 + 4096 / 16.0);
    assert_ns(o.result.ours_s[REPLAY_TTFT][REPLAY_MEAN], step_ns + prompt_ns);
    assert_ns(o.result.ours_s[REPLAY_TPOT][REPLAY_MEAN], step_ns + token_ns);
    done(&o);
    write_run();
}

/* The second comes 100 us into the first step, and the engine looks when that step ends: its
 * queued_ts is then.  The wall clock is half a second off.  Given at the recorded queued_ts, 2.1 ms
 * after the first, it finds the engine idle. */
static void arrivals_wait_for_the_end_of_a_step(void **state)
{
    (void)state;
    struct outcome o;
    folder_write(
        "run/requests.jsonl",
        "{\"input_toks\": 16, \"output_toks\": 2, \"arrival_time\": 7.5, \"queued_ts\": "
        "7.0, \"first_token_ts\": 7.00027, \"last_token_ts\": 7.00054}\n"
        "{\"input_toks\": 16, \"output_toks\": 2, \"arrival_time\": 7.5001, \"queued_ts\": "
        "7.0021, \"first_token_ts\": 7.00237, \"last_token_ts\": 7.00264}\n");
    replay_good(&o, "run", "tables");
    assert_ns((double)o.result.ours_ns * 1e-9, 2640e3);
    done(&o);
    arrivals_set = "arrivals=arrival_time";
    replay_good(&o, "run", "tables");
    assert_ns(o.result.ours_s[REPLAY_TTFT][REPLAY_P99], 270e3);
    assert_ns((double)o.result.ours_ns * 1e-9, 810e3);
    done(&o);
    arrivals_set = "arrivals=queued_ts";
    write_run();
}

/* ---- ranks ------------------------------------------------------------------------------------
 */

static const char together[] =
    "{\"input_toks\": 16, \"output_toks\": 3, \"queued_ts\": 1.0, \"first_token_ts\": 1.1, "
    "\"last_token_ts\": 1.2}\n"
    "{\"input_toks\": 32, \"output_toks\": 1, \"queued_ts\": 1.0, \"first_token_ts\": 1.1, "
    "\"last_token_ts\": 1.1}\n";

/* Ranks of a dense model know nothing of each other: both prompts begin at once. */
static void ranks_of_a_dense_model_run_alone(void **state)
{
    (void)state;
    struct outcome o;
    folder_write("run/requests.jsonl", together);
    write_meta(", \"data_parallel_size\": 2", "meta-llama/Llama-3.1-8B");
    replay_good(&o, "run", "tables");
    assert_ns(o.result.ours_s[REPLAY_TTFT][REPLAY_P99], 270e3);
    assert_int_equal(o.result.steps, 4);
    assert_non_null(strstr(o.about.engine, "50 KV blocks of 16 a rank"));
    done(&o);
}

/* Experts are shared (3 us a layer whatever they do).  First step: rank 0 has 16 prompt tokens,
 * rank 1 has 32; 48 layers gather and scatter 48.  Then rank 0 decodes alone, and the idle rank
 * computes one token for show.  With graphs captured at 64 tokens all of this is padded to 64 a
 * rank. */
static void ranks_with_shared_experts_step_together(void **state)
{
    (void)state;
    struct outcome o;
    folder_write("tables/tp1/moe.csv",
                 "activated_experts,tokens,time_us\n1,1,3\n128,1,3\n1,4096,3\n128,4096,3\n");
    write_meta(", \"data_parallel_size\": 2, \"enable_expert_parallel\": true",
               "Qwen/Qwen3-30B-A3B-Instruct-2507");
    replay_good(&o, "run", "tables");
    double own_ns = 10e3 + 100e3 + 48 * (5e3 + 3e3), token_bytes = 2 * 2048 + 128;
    double prompt_ns = 48 * (2 * 1000.0 + 48 * token_bytes / 16.0);
    double token_ns = 48 * (2 * 1000.0 + 2 * token_bytes / 16.0);
    double padded_ns = 48 * (2 * 1000.0 + 128 * token_bytes / 16.0);
    assert_ns(o.result.ours_s[REPLAY_TTFT][REPLAY_MEAN], own_ns + prompt_ns);
    assert_ns(o.result.ours_s[REPLAY_TTFT][REPLAY_P99], own_ns + prompt_ns);
    assert_ns(o.result.ours_s[REPLAY_TPOT][REPLAY_MEAN], own_ns + token_ns);
    done(&o);
    write_meta(", \"data_parallel_size\": 2, \"enable_expert_parallel\": true}, "
               "\"resolved_config\": {\"compilation_config\": {\"cudagraph_capture_sizes\": [64]}",
               "Qwen/Qwen3-30B-A3B-Instruct-2507");
    replay_good(&o, "run", "tables");
    assert_ns(o.result.ours_s[REPLAY_TTFT][REPLAY_MEAN], own_ns + padded_ns);
    assert_ns(o.result.ours_s[REPLAY_TPOT][REPLAY_MEAN], own_ns + padded_ns);
    assert_non_null(strstr(o.about.engine, "lock step"));
    done(&o);
    assert_int_equal(unlink(folder_file("tables/tp1/moe.csv")), 0);
    write_run();
}

/* ---- broken folders ---------------------------------------------------------------------------
 */

static void expect_finding(const char *file, uint32_t line, const char *words)
{
    struct outcome o;
    replay_folder(&o, "run", "tables");
    if (o.diag.count == 0 || strstr(o.diag.items[0].message, words) == NULL ||
        o.diag.items[0].where.line != line || strstr(o.diag.items[0].where.file, file) == NULL) {
        print_message("expected %s:%u: %s, got:\n", file, line, words);
        diag_print(&o.diag, stdout);
        fail();
    }
    done(&o);
    write_run();
}

#define GOOD                                                                                       \
    "{\"input_toks\": 5, \"output_toks\": 2, \"queued_ts\": 1, \"first_token_ts\": 2, "            \
    "\"last_token_ts\": 3}\n"

static void broken_requests_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *line, *words;
    } cases[] = {
        {"{\"input_toks\": 5,\n", "not JSON"},
        {"{\"input_toks\": 5, \"output_toks\": 2,}\n", "a key in quotes is missing before '}'"},
        {"[1]\n", "holds no object"},
        {"{\"output_toks\": 2, \"queued_ts\": 1, \"first_token_ts\": 2, \"last_token_ts\": 3}\n",
         "is missing"},
        {"{\"input_toks\": -5, \"output_toks\": 2, \"queued_ts\": 1, \"first_token_ts\": 2, "
         "\"last_token_ts\": 3}\n",
         "-5 is out of range"},
        {"{\"input_toks\": 5, \"output_toks\": 2.5, \"queued_ts\": 1, \"first_token_ts\": 2, "
         "\"last_token_ts\": 3}\n",
         "is not a whole number"},
        {"{\"input_toks\": 5, \"output_toks\": 2, \"queued_ts\": \"1\", \"first_token_ts\": 2, "
         "\"last_token_ts\": 3}\n",
         "is not a time"},
        {"{\"input_toks\": 5, \"output_toks\": 2, \"queued_ts\": 1, \"last_token_ts\": 3}\n",
         "is missing"},
        {"{\"input_toks\": 5, \"output_toks\": 2, \"queued_ts\": 4, \"first_token_ts\": 2, "
         "\"last_token_ts\": 3}\n",
         "is before queued_ts"},
        {"{\"input_toks\": 1580, \"output_toks\": 6, \"queued_ts\": 1, \"first_token_ts\": 2, "
         "\"last_token_ts\": 3}\n",
         "needs 100 KV blocks and the run has 99"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1000];
        snprintf(text, sizeof text, GOOD "%s" GOOD, cases[i].line);
        folder_write("run/requests.jsonl", text);
        expect_finding("requests.jsonl", 2, cases[i].words);
    }
    folder_write("run/requests.jsonl", "\n");
    expect_finding("requests.jsonl", 0, "holds no request");
}

static void broken_folders_are_named(void **state)
{
    (void)state;
    static const char *const files[] = {"run/requests.jsonl", "run/meta.json", "run/config.json"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(unlink(folder_file(files[i])), 0);
        expect_finding(files[i], 0, "cannot be read (No such file");
    }
    folder_write("run/meta.json", "{\"model\": \"x\", \"kv_cache\": {\"num_gpu_blocks\": 2.5}}");
    expect_finding("meta.json", 1, "is not a whole number");
    write_meta("", "meta-llama/Llama-4-8B");
    expect_finding("--set#1", 0, "unknown model 'meta-llama/Llama-4-8B'");
    folder_write("run/config.json",
                 "{\"nodes\": [{\"instances\": [{\"hardware\": \"RTX4O9O\"}]}]}");
    expect_finding("--set#1", 0, "unknown hardware 'RTX4O9O'; did you mean 'rtx4090'?");
    folder_write("tables/tp1/attention.csv", "prefill_chunk,kv_prefill,n_decode,time_us\n");
    expect_finding("attention.csv", 1, "column 'kv_decode' of a attention table is missing");
}

static void a_replay_without_a_run_says_what_to_give(void **state)
{
    (void)state;
    struct outcome o = {0};
    arena_init(&o.arena, "test", 0);
    diag_init(&o.diag, &o.arena);
    o.replay = replay_load(&o.arena, folder_file("s.yaml"), NULL, 0, &o.diag, &o.absent);
    assert_int_equal(o.diag.count, 0);
    assert_non_null(strstr(o.absent, "--set run=DIR"));
    done(&o);
}

/* ---- the real run -----------------------------------------------------------------------------
 */

static void the_real_run_is_met(void **state)
{
    (void)state;
    static const double bounds[REPLAY_WHATS] = {0.03, 0.015, 0.02};
    struct outcome o;
    const char *data = getenv("HACASIM_DATA");
    snprintf(folder_root, sizeof folder_root, "%s", data ? data : "");
    if (data == NULL || access(folder_file("vllm_run_rtx4090/requests.jsonl"), R_OK) != 0) {
        print_message("skipped: no %s (make test DATA=DIR)\n",
                      folder_file("vllm_run_rtx4090/requests.jsonl"));
        skip();
    }
    print_message("used: %s\n", folder_file("vllm_run_rtx4090"));
    clock_t begin = clock();
    char run[FOLDER_PATH + 10], tables[FOLDER_PATH + 10];
    snprintf(run, sizeof run, "run=%s", folder_file("vllm_run_rtx4090"));
    snprintf(tables, sizeof tables, "tables=%s", folder_file("gpu_tables/rtx4090"));
    const char *sets[] = {run, tables};
    arena_init(&o.arena, "test", 0);
    diag_init(&o.diag, &o.arena);
    o.replay =
        replay_load(&o.arena, "scenarios/validation/vllm_run.yaml", sets, 2, &o.diag, &o.absent);
    diag_print(&o.diag, stdout);
    assert_int_equal(o.diag.count, 0);
    o.result = replay_run(o.replay, &o.arena);
    double ms = 1e3 * (double)(clock() - begin) / CLOCKS_PER_SEC;
    for (int what = 0; what < REPLAY_WHATS; what++)
        for (int k = 0; k < REPLAY_STATISTICS; k++)
            print_message("measured: %s %s real %.4f s, ours %.4f s, error %+.2f %%\n",
                          replay_what_names[what], replay_statistic_names[k],
                          o.result.real_s[what][k], o.result.ours_s[what][k],
                          100.0 * (o.result.ours_s[what][k] / o.result.real_s[what][k] - 1.0));
    print_message("measured: %llu steps, %llu preemptions (LLMServingSim 194), %.1f ms of CPU\n",
                  (unsigned long long)o.result.steps, (unsigned long long)o.result.preemptions, ms);
    for (int what = 0; what < REPLAY_WHATS; what++) {
        double real = o.result.real_s[what][REPLAY_MEAN], ours = o.result.ours_s[what][REPLAY_MEAN];
        assert_true(fabs(ours / real - 1.0) < bounds[what]);
    }
    replay_close(o.replay);
    arena_free(&o.arena);
}

static int make_folders(void **state)
{
    (void)state;
    folder_make();
    write_run();
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
    const struct CMUnitTest made[] = {
        cmocka_unit_test(a_run_worked_out_by_hand_has_no_error),
        cmocka_unit_test(folders_above_and_beside_are_found),
        cmocka_unit_test(what_a_run_leaves_unsaid_is_noted),
        cmocka_unit_test(steps_are_padded_to_captured_graphs),
        cmocka_unit_test(two_gpus_exchange_over_the_stated_link),
        cmocka_unit_test(arrivals_wait_for_the_end_of_a_step),
        cmocka_unit_test(ranks_of_a_dense_model_run_alone),
        cmocka_unit_test(ranks_with_shared_experts_step_together),
        cmocka_unit_test(broken_requests_are_named),
        cmocka_unit_test(broken_folders_are_named),
        cmocka_unit_test(a_replay_without_a_run_says_what_to_give),
    };
    const struct CMUnitTest real[] = {cmocka_unit_test(the_real_run_is_met)};
    int failed = cmocka_run_group_tests_name("recorded runs", made, make_folders, remove_folders);
    return failed + cmocka_run_group_tests_name("a real run", real, NULL, NULL);
}
