/* SPDX-License-Identifier: Apache-2.0
 * Fuzzing of the timing tables: any bytes are either refused with findings, or give a source whose
 * every step takes a positive time, on a line that the next steps keep to. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "models/perf_tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool holds)
{
    if (!holds) abort();
}

static void step(const struct perf *perf, int64_t seqs, int64_t context, int64_t prompt)
{
    struct perf_batch b = {0};
    for (int64_t i = 0; i < seqs; i++)
        perf_batch_decode(&b, context + i);
    if (prompt > 0) perf_batch_prefill(&b, 0, prompt, 1);
    struct perf_line line = perf_step_line(perf, &b);
    must(line.first_ticks >= PERF_TICKS && line.holds >= 1);
    if (prompt > 0 || line.holds < 2) return;
    b.decode_context_tok += seqs;
    must(perf_step_line(perf, &b).first_ticks == line.first_ticks + line.growth_ticks);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena arena;
    struct diag diag;
    struct perf_tables_ask ask = {
        .folder = "fuzz", .hardware = perf_hardware_find("a100-80g"), .tp = 1};
    arena_init(&arena, "fuzz", 0);
    diag_init(&diag, &arena);
    FILE *file = fmemopen((void *)(uintptr_t)bytes, size, "rb");
    if (size == 0 || file == NULL) return 0;
    const struct perf_tables *tables = perf_tables_read(file, "fuzz.csv", &ask, &arena, &diag);
    must((tables == NULL) == (diag.count > 0));
    must(diag.count <= 32);
    if (tables != NULL) {
        struct perf_terms terms = {.hardware = ask.hardware,
                                   .model = perf_model_find("llama3-8b"),
                                   .tp = 1,
                                   .pp = 1,
                                   .ep = 1,
                                   .tables = tables};
        struct perf perf = perf_make(&terms, &arena);
        step(&perf, 1, 1, 0);
        step(&perf, 7, 1000, 0);
        step(&perf, 300, 100000, 0);
        step(&perf, 3, 17, 2048);
        terms.model = perf_model_find("mixtral-8x7b");
        terms.tp = terms.pp = terms.ep = 2;
        struct perf spread = perf_make(&terms, &arena);
        step(&spread, 1, 1, 0);
        step(&spread, 300, 100000, 2048);
    }
    arena_free(&arena);
    return 0;
}
