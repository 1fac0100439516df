/* SPDX-License-Identifier: Apache-2.0
 * Speed of a question for a step's time: lines `bench NAME VALUE UNIT`.
 *
 * Decode batches of changing size and context, and steps with a prompt among them, under the
 * roofline and, where DATA names a folder with gpu_tables, under the measured A100 tables.  Each
 * figure is the best of several runs, because the machine is shared and only slowness is noise. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "models/perf_tables.h"

enum { QUESTIONS = 200000, REPEATS = 7 };

static struct arena arena;
static volatile int64_t sink;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double question_ns(const struct perf *perf, int64_t prompts)
{
    double best = 1e9;
    for (int r = 0; r < REPEATS; r++) {
        double start = seconds();
        for (int64_t i = 0; i < QUESTIONS; i++) {
            int64_t seqs = 1 + i % 200, length = 200 + i % 1000;
            struct perf_batch b = {.decode_seqs = seqs,
                                   .decode_context_tok = seqs * (300 + i % 3001),
                                   .sampled = seqs + prompts,
                                   .prefill_seqs = prompts,
                                   .prefill_tok = prompts * length,
                                   .prefill_context_tok = prompts * length,
                                   .prefill_pairs = prompts * length * (length + 1) / 2};
            sink += perf_step_line(perf, &b).first_ticks;
        }
        double taken = (seconds() - start) * 1e9 / QUESTIONS;
        if (taken < best) best = taken;
    }
    return best;
}

static void ask(const char *name, const char *model, const struct perf_tables *tables)
{
    struct perf_terms terms = {.hardware = perf_hardware_find("a100-80g"),
                               .model = perf_model_find(model),
                               .tp = 1,
                               .pp = 1,
                               .ep = 1,
                               .tables = tables};
    struct perf perf = perf_make(&terms, &arena);
    printf("bench perf.%s_decode_ns %.1f ns\n", name, question_ns(&perf, 0));
    printf("bench perf.%s_mixed_ns %.1f ns\n", name, question_ns(&perf, 1));
}

int main(void)
{
    const char *data = getenv("DATA");
    struct diag diag;
    arena_init(&arena, "bench", 0);
    diag_init(&diag, &arena);
    ask("roofline", "llama3-8b", NULL);
    ask("roofline_moe", "mixtral-8x7b", NULL);
    struct perf_tables_ask folder = {.hardware = perf_hardware_find("a100-80g"), .tp = 1};
    folder.folder = arena_print(&arena, "%s/gpu_tables", data ? data : "");
    double start = seconds();
    const struct perf_tables *tables = perf_tables_load(&folder, &arena, &diag);
    if (tables != NULL) {
        printf("bench perf.tables_load_ms %.1f ms\n", (seconds() - start) * 1e3);
        ask("tables", "llama3-8b", tables);
        ask("tables_moe", "mixtral-8x7b", tables);
    }
    arena_free(&arena);
    return 0;
}
