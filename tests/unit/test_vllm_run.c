/* SPDX-License-Identifier: Apache-2.0
 * A real vLLM run replayed through the scheduler and the kernel tables of its card.
 *
 * 300 ShareGPT requests on vLLM 0.19.0, Llama-3.1-8B bf16, one RTX 4090 (LLMServingSim's
 * validation run).  Nothing is fitted to it: arrivals, lengths, the number of KV blocks and the
 * engine's limits are read from the run, times from the profile of the card.  Published for
 * LLMServingSim on the same run: +0.6, +0.2 and +0.5 % of mean TTFT, TPOT and end-to-end, in 396 s.
 *
 * The run had a prefix cache, in which preempted requests found part of what they had computed; our
 * scheduler has none yet and computes all of it again.  So the means are printed and not judged;
 * what must hold is a bracket: the real run took no longer than ours, and no less than ours without
 * all the time that went into computing again. */
#include <math.h>
#include <time.h>

#include "models/perf_tables.h"
#include "models/serving.h"
#include "tests/unit/unit.h"

enum { REQUESTS_MAX = 4096 };

struct record { /* times in s since the first was queued */
    int64_t prompt, output;
    double queued, first, last;
    double our_first, our_last;
};

static struct record records[REQUESTS_MAX];
static uint32_t record_count;
static char folder[400];

static double field(const char *line, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, "\"%s\": ", name);
    const char *at = strstr(line, key);
    assert_non_null(at);
    return strtod(at + strlen(key), NULL);
}

static double setting(const char *name)
{
    static char text[1 << 16];
    char path[512];
    snprintf(path, sizeof path, "%s/meta.json", folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return field(text, name);
}

static int by_queued(const void *a, const void *b)
{
    const struct record *x = a, *y = b;
    return (x->queued > y->queued) - (x->queued < y->queued);
}

static bool read_run(void)
{
    char path[512], line[4096];
    const char *data = getenv("HACASIM_DATA");
    snprintf(folder, sizeof folder, "%s/vllm_run_rtx4090", data ? data : "");
    snprintf(path, sizeof path, "%s/requests.jsonl", folder);
    FILE *file = data ? fopen(path, "r") : NULL;
    if (file == NULL) {
        print_message("skipped: no %s (make test DATA=DIR)\n", path);
        return false;
    }
    while (record_count < REQUESTS_MAX && fgets(line, sizeof line, file) != NULL)
        records[record_count++] = (struct record){
            .prompt = (int64_t)field(line, "input_toks"),
            .output = (int64_t)field(line, "output_toks"),
            .queued = field(line, "queued_ts"),
            .first = field(line, "first_token_ts"),
            .last = field(line, "last_token_ts"),
        };
    fclose(file);
    qsort(records, record_count, sizeof *records, by_queued);
    double start = records[0].queued;
    for (uint32_t i = 0; i < record_count; i++) {
        records[i].queued -= start;
        records[i].first -= start;
        records[i].last -= start;
    }
    print_message("used: %s\n", path);
    return true;
}

static void take(struct serving *s, int64_t now_ns)
{
    struct serving_done done[16];
    uint32_t got;
    while ((got = serving_advance(s, now_ns, done, 16)) > 0)
        for (uint32_t i = 0; i < got; i++) {
            assert_int_equal(done[i].outcome, SERVING_DONE);
            records[done[i].tag].our_first = (double)done[i].first_token_ns * 1e-9;
            records[done[i].tag].our_last = (double)done[i].done_ns * 1e-9;
        }
}

static struct serving_counters replay(const struct perf *perf, int fidelity, struct arena *arena)
{
    struct serving s;
    struct serving_params params = {.max_num_seqs = (int64_t)setting("max_num_seqs"),
                                    .max_num_batched_tokens =
                                        (int64_t)setting("max_num_batched_tokens"),
                                    .gpu_memory_utilization = 0.9,
                                    .block_tokens = 16,
                                    .kv_blocks = (int64_t)setting("num_gpu_blocks"),
                                    .max_waiting = REQUESTS_MAX,
                                    .fidelity = fidelity};
    serving_init(&s, &params, perf, arena);
    for (uint32_t i = 0; i < record_count; i++) {
        int64_t at_ns = (int64_t)(records[i].queued * 1e9);
        for (int64_t next; (next = serving_next_ns(&s)) <= at_ns;)
            take(&s, next);
        struct serving_terms terms = {
            .tag = i, .prompt_tok = records[i].prompt, .output_tok = records[i].output};
        assert_true(serving_submit(&s, at_ns, &terms, NULL));
    }
    for (int64_t next; (next = serving_next_ns(&s)) != INT64_MAX;)
        take(&s, next);
    return serving_count(&s, s.now_ns);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum what { TTFT, TPOT, END };

static double value(const struct record *r, enum what what, bool ours)
{
    double first = ours ? r->our_first : r->first, last = ours ? r->our_last : r->last;
    if (what == TTFT) return first - r->queued;
    if (what == END) return last - r->queued;
    return r->output > 1 ? (last - first) / (double)(r->output - 1) : NAN;
}

/* Mean, P90 and P99. */
static void statistics(enum what what, bool ours, double *out)
{
    static double values[REQUESTS_MAX];
    uint32_t n = 0;
    out[0] = 0.0;
    for (uint32_t i = 0; i < record_count; i++) {
        double v = value(&records[i], what, ours);
        if (isnan(v)) continue;
        values[n++] = v;
        out[0] += v;
    }
    out[0] /= n;
    qsort(values, n, sizeof *values, compare);
    out[1] = values[(uint32_t)(0.90 * n)];
    out[2] = values[(uint32_t)(0.99 * n)];
}

static void compare_with_truth(enum what what, const char *name, double unit)
{
    double truth[3], ours[3];
    statistics(what, false, truth);
    statistics(what, true, ours);
    print_message("measured: %s real %.2f ours %.2f (%+.2f %%); P90 %.2f %.2f (%+.1f %%); P99 %.2f "
                  "%.2f (%+.1f %%)\n",
                  name, truth[0] * unit, ours[0] * unit, 100.0 * (ours[0] / truth[0] - 1.0),
                  truth[1] * unit, ours[1] * unit, 100.0 * (ours[1] / truth[1] - 1.0),
                  truth[2] * unit, ours[2] * unit, 100.0 * (ours[2] / truth[2] - 1.0));
}

/* Tokens computed again, at the pace of full prompt steps. */
static double again_s(const struct perf *perf, const struct serving_counters *c)
{
    struct perf_batch batch = {0};
    perf_batch_prefill(&batch, 0, 2048, 1);
    return (double)c->wasted_tok * (double)perf_step_ns(perf, &batch) * 1e-9 / 2048.0;
}

static void check_bracket(const struct perf *perf, const struct serving_counters *c)
{
    double real = 0.0, ours = 0.0;
    for (uint32_t i = 0; i < record_count; i++) {
        real = fmax(real, records[i].last);
        ours = fmax(ours, records[i].our_last);
    }
    double again = again_s(perf, c);
    print_message("measured: whole run real %.1f s, ours %.1f s, of which %.1f s compute %llu "
                  "preempted tokens again\n",
                  real, ours, again, (unsigned long long)c->wasted_tok);
    assert_true(ours - again < real && real < ours);
}

static void replay_of_a_real_run(void **state)
{
    (void)state;
    struct arena arena;
    struct diag diag;
    arena_init(&arena, "test", 0);
    diag_init(&diag, &arena);
    struct perf_terms terms = {.hardware = perf_hardware_find("rtx4090"),
                               .model = perf_model_find("llama3-8b"),
                               .tp = 1,
                               .pp = 1,
                               .ep = 1};
    struct perf_tables_ask ask = {
        .folder = arena_print(&arena, "%s/gpu_tables/rtx4090", getenv("HACASIM_DATA")),
        .hardware = terms.hardware,
        .tp = 1};
    clock_t begin = clock();
    terms.tables = perf_tables_load(&ask, &arena, &diag);
    if (terms.tables == NULL) diag_print(&diag, stdout);
    assert_non_null(terms.tables);
    print_message("used: %s\n", perf_tables_text(terms.tables, &arena));
    struct perf perf = perf_make(&terms, &arena);
    clock_t loaded = clock();
    struct serving_counters leap = replay(&perf, SERVING_LEAP, &arena);
    clock_t end = clock();
    print_message("measured: %llu steps (%llu extrapolated), %llu preemptions; tables %.1f ms, "
                  "replay %.1f ms\n",
                  (unsigned long long)leap.steps, (unsigned long long)leap.outside_steps,
                  (unsigned long long)leap.preemptions,
                  1e3 * (double)(loaded - begin) / CLOCKS_PER_SEC,
                  1e3 * (double)(end - loaded) / CLOCKS_PER_SEC);
    double first = records[record_count / 2].our_first, last = records[record_count - 1].our_last;
    struct serving_counters step = replay(&perf, SERVING_STEP, &arena);
    assert_int_equal(step.steps, leap.steps);
    assert_true(first == records[record_count / 2].our_first);
    assert_true(last == records[record_count - 1].our_last);
    compare_with_truth(TTFT, "TTFT, s", 1.0);
    compare_with_truth(TPOT, "TPOT, ms", 1e3);
    compare_with_truth(END, "end to end, s", 1.0);
    check_bracket(&perf, &leap);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(replay_of_a_real_run)};
    if (!read_run()) return 77;
    return cmocka_run_group_tests_name("vllm run", tests, NULL, NULL);
}
