/* SPDX-License-Identifier: Apache-2.0
 * The roofline against published end-to-end figures that nothing in it was set from.
 *
 * Each is worked out as the publisher ran it: a fixed batch as a prompt step and its decode steps,
 * a fixed concurrency as decode steps among which the prompts of the others come.  The page
 * scenarios/validation/roofline_anchors.md shows what comes out and must hold these figures.
 * Nothing is judged but that: engines of different years differ by more than any bound worth
 * writing. */
#include <math.h>

#include "models/perf.h"
#include "tests/unit/page.h"

static struct page page;
static double sizes[128];
static int count;

static struct perf engine(const char *hardware, const char *model, enum perf_dtype dtype,
                          enum perf_dtype kv, int32_t tp)
{
    struct perf_terms terms = {.hardware = perf_hardware_find(hardware),
                               .model = perf_model_find(model),
                               .dtype = dtype,
                               .kv_dtype = kv,
                               .tp = tp,
                               .pp = 1,
                               .ep = 1,
                               .expert_skew = PERF_SKEW_MEASURED};
    return perf_make(&terms, NULL);
}

static double step_ms(const struct perf *perf, int64_t prompts, int64_t prompt, int64_t seqs,
                      int64_t context)
{
    struct perf_batch b = {.decode_seqs = seqs,
                           .decode_context_tok = seqs * context,
                           .decode_min_tok = context,
                           .decode_max_tok = context,
                           .sampled = seqs};
    for (int64_t i = 0; i < prompts; i++)
        perf_batch_prefill(&b, 0, prompt, 1);
    return (double)perf_step_ns(perf, &b) * 1e-6;
}

static void row(const char *source, const char *what, const char *unit, double published,
                double ours)
{
    double miss = 100.0 * (ours / published - 1.0);
    sizes[count++] = fabs(miss);
    page_line(&page, "| %s | %s | %s | %.4g | %.4g | %+.1f |", source, what, unit, published, ours,
              miss);
}

static const char *named(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *named(const char *format, ...)
{
    static char text[128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return text;
}

static double ci_ms(const struct perf *perf)
{
    double ms = step_ms(perf, 8, 32, 0, 0);
    for (int64_t context = 33; context < 160; context++)
        ms += step_ms(perf, 0, 0, 8, context);
    return ms / 128.0;
}

/* Batch 8, 32 tokens in, 128 out: one prompt step and 127 decode steps. */
static void vllm_ci(void)
{
    static const struct {
        const char *hardware, *model;
        int32_t tp;
        double ms;
    } rows[] = {
        {"h200-sxm", "llama3-8b", 1, 833.4},     {"h200-sxm", "llama3-70b", 4, 2077.5},
        {"h200-sxm", "mixtral-8x7b", 2, 1917.4}, {"h100-sxm", "llama3-8b", 1, 997.5},
        {"h100-sxm", "llama3-70b", 4, 2444.5},   {"h100-sxm", "mixtral-8x7b", 2, 2327.0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct perf perf =
            engine(rows[i].hardware, rows[i].model, PERF_BF16, PERF_BF16, rows[i].tp);
        const char *what = named("%s %s TP%d, 8 x 32 in, 128 out", rows[i].hardware, rows[i].model,
                                 (int)rows[i].tp);
        row("vLLM CI 2024", what, "ms per step", rows[i].ms / 128.0, ci_ms(&perf));
        if (perf.model->experts == 0) continue;
        struct perf_terms terms = {.hardware = perf.hardware,
                                   .model = perf.model,
                                   .tp = perf.tp,
                                   .pp = 1,
                                   .ep = 1,
                                   .expert_skew = 1.2};
        struct perf uneven = perf_make(&terms, NULL);
        what = named("the same under power_law_1.2");
        row("vLLM CI 2024", what, "ms per step", rows[i].ms / 128.0, ci_ms(&uneven));
    }
}

/* `seqs` in flight: of each `out` steps all but `seqs` decode, and `seqs` take up a prompt. */
static double time_per_token_ms(const struct perf *perf, int64_t seqs, int64_t in, int64_t out)
{
    double decode_ms = step_ms(perf, 0, 0, seqs, in + out / 2);
    double mixed_ms = step_ms(perf, 1, in, seqs - 1, in + out / 2);
    return decode_ms + (double)(seqs - 1) / (double)out * (mixed_ms - decode_ms);
}

static void per_token(const char *source, const char *hardware, const char *model,
                      enum perf_dtype dtype, int32_t tp, int64_t in, int64_t out, int64_t seqs,
                      double ms)
{
    struct perf perf = engine(hardware, model, dtype, PERF_BF16, tp);
    const char *what = named("%s %s %s TP%d, %d in, %d out, %d in flight", hardware, model,
                             perf_dtype_names[dtype], (int)tp, (int)in, (int)out, (int)seqs);
    row(source, what, "ms per token", ms, time_per_token_ms(&perf, seqs, in, out));
}

static void concurrency(void)
{
    static const struct {
        int32_t tp;
        int64_t seqs;
        double vllm, trt; /* 0: not published */
    } rows[] = {
        {1, 4, 21.5, 20.1},  {1, 16, 24.7, 23.0}, {1, 64, 37.4, 32.3}, {2, 4, 13.9, 0},
        {2, 16, 15.7, 0},    {2, 64, 22.7, 0},    {4, 4, 9.9, 8.0},    {4, 16, 10.9, 8.9},
        {4, 64, 16.1, 13.7}, {8, 4, 7.9, 0},      {8, 16, 9.7, 0},     {8, 64, 12.7, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        per_token("silicon_sample vLLM", "h200-sxm", "llama3-70b", PERF_FP8, rows[i].tp, 1024, 1024,
                  rows[i].seqs, rows[i].vllm);
        if (rows[i].trt > 0.0)
            per_token("silicon_sample TRT-LLM", "h200-sxm", "llama3-70b", PERF_FP8, rows[i].tp,
                      1024, 1024, rows[i].seqs, rows[i].trt);
    }
    static const double small[][2] = {{8, 7.42}, {32, 9.88}, {128, 19.3}};
    for (int i = 0; i < 3; i++)
        per_token("silicon_sample TRT-LLM 1.0.0rc3", "h100-sxm", "llama3-8b", PERF_BF16, 1, 1024,
                  512, (int64_t)small[i][0], small[i][1]);
    static const double nim[][2] = {{1, 18.6}, {25, 38.8}, {50, 59.7}};
    for (int i = 0; i < 3; i++)
        per_token("NIM", "h100-sxm", "llama3-70b", PERF_FP8, 2, 5000, 500, (int64_t)nim[i][0],
                  nim[i][1]);
    struct perf two = engine("h100-sxm", "llama3-70b", PERF_FP8, PERF_BF16, 2);
    row("NIM", "h100-sxm llama3-70b fp8 TP2, prompt of 5,000", "ms to first token", 407,
        step_ms(&two, 1, 5000, 0, 0));
    per_token("johnmusgrave vLLM 0.23", "a100-40g", "llama3-8b", PERF_BF16, 1, 128, 512, 1,
              1000.0 / 75.0);
}

/* As many sequences as the cache holds at their full length (fp8 KV, 90 % of memory), at most
 * 2,048: in `out` steps each of them takes up one prompt; prompts go in steps of 8,192 tokens. */
static double throughput(const struct perf *perf, int64_t in, int64_t out)
{
    int64_t blocks = perf_kv_blocks(perf, 0.9, 8192, 1024, 16).blocks;
    int64_t seqs = blocks / ((in + out + 15) / 16);
    if (seqs > 2048) seqs = 2048;
    double decode_ms = step_ms(perf, 0, 0, seqs, in + out / 2);
    int64_t chunk = in < 8192 ? in : 8192, together = 8192 / chunk;
    double mixed_ms = step_ms(perf, together, chunk, seqs, in + out / 2);
    double prompt_ms = (mixed_ms - decode_ms) / (double)together * (double)in / (double)chunk;
    double ms = (double)out * decode_ms + (double)seqs * prompt_ms;
    return (double)(seqs * out) / ms * 1e3;
}

static void most_per_second(void)
{
    static const struct {
        const char *model, *hardware;
        int32_t tp;
        int64_t in, out;
        double tok_per_s;
    } rows[] = {
        {"llama3-70b", "h200-sxm", 1, 128, 128, 3803},
        {"llama3-70b", "h200-sxm", 1, 128, 2048, 4336},
        {"llama3-70b", "h200-sxm", 1, 1000, 1000, 2909},
        {"llama3-70b", "h200-sxm", 1, 2048, 128, 442},
        {"llama3-70b", "h200-sxm", 1, 5000, 500, 566},
        {"llama3-70b", "h200-sxm", 1, 20000, 2000, 283},
        {"llama3-70b", "h100-sxm", 2, 128, 128, 6378},
        {"llama3-70b", "h100-sxm", 2, 128, 2048, 6651},
        {"llama3-70b", "h100-sxm", 2, 1000, 1000, 4205},
        {"llama3-70b", "h100-sxm", 2, 2048, 128, 762},
        {"llama3-70b", "h100-sxm", 2, 5000, 500, 898},
        {"llama3-70b", "h100-sxm", 2, 20000, 2000, 437},
        {"llama3-8b", "h200-sxm", 1, 1000, 1000, 17744},
        {"llama3-8b", "h200-sxm", 1, 2048, 2048, 12194},
        {"llama3-8b", "h200-sxm", 1, 20000, 2000, 1804},
        {"llama3-8b", "h100-sxm", 1, 1000, 1000, 15220},
        {"llama3-8b", "h100-sxm", 1, 2048, 2048, 9305},
        {"llama3-8b", "h100-sxm", 1, 20000, 2000, 1351},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct perf perf = engine(rows[i].hardware, rows[i].model, PERF_FP8, PERF_FP8, rows[i].tp);
        const char *what = named("%s %s fp8 TP%d, %d in, %d out", rows[i].hardware, rows[i].model,
                                 (int)rows[i].tp, (int)rows[i].in, (int)rows[i].out);
        row("TRT-LLM 1.0 perf overview", what, "output tokens/s", rows[i].tok_per_s,
            throughput(&perf, rows[i].in, rows[i].out));
    }
}

static void memory(void)
{
    struct perf perf = engine("rtx4090", "llama3-8b", PERF_BF16, PERF_BF16, 1);
    row("vLLM 0.19 run", "rtx4090 llama3-8b, 90 % of memory, 256 sequences, 2,048 tokens",
        "KV blocks", 2588, (double)perf_kv_blocks(&perf, 0.9, 2048, 256, 16).blocks);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void the_page_shows_the_misses(void **state)
{
    (void)state;
    page_line(&page, "| published by | what | unit | published | roofline | miss, %% |");
    page_line(&page, "|---|---|---|---|---|---|");
    vllm_ci();
    concurrency();
    most_per_second();
    memory();
    qsort(sizes, (size_t)count, sizeof *sizes, compare);
    page_line(&page, "| all %d | median size of the miss | | | | %.1f |", count, sizes[count / 2]);
    page_line(&page, "| | nine in ten are within | | | | %.1f |", sizes[count * 9 / 10]);
    page_check(&page, "scenarios/validation/roofline_anchors.md");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_page_shows_the_misses)};
    return cmocka_run_group_tests_name("anchors", tests, NULL, NULL);
}
