/* SPDX-License-Identifier: Apache-2.0
 * Fuzzing of the trace reader: any bytes are either refused with findings, or replayed to the end
 * without an error, with the totals that the check gave and in order of time. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "models/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool holds)
{
    if (!holds) abort();
}

static FILE *memory(const uint8_t *bytes, size_t size)
{
    FILE *file = fmemopen((void *)(uintptr_t)bytes, size, "rb");
    must(file != NULL);
    return file;
}

static void replay(const uint8_t *bytes, size_t size, const struct trace_summary *sum,
                   struct arena *arena)
{
    struct trace *trace;
    struct trace_row row;
    uint64_t requests = 0, prompt_tok = 0, output_tok = 0;
    int64_t last_ns = 0;
    bool more = true;
    must(trace_open_file(memory(bytes, size), "fuzz", arena, &trace) == STATUS_OK);
    for (;;) {
        must(trace_next(trace, &row, &more) == STATUS_OK);
        if (!more) break;
        must(row.time_ns >= last_ns && (requests > 0 || row.time_ns == 0));
        must(row.prompt_tok > 0 && row.output_tok > 0);
        requests++;
        prompt_tok += row.prompt_tok;
        output_tok += row.output_tok;
        last_ns = row.time_ns;
    }
    trace_close(trace);
    must(requests == sum->requests && last_ns == sum->duration_ns);
    must(prompt_tok == sum->prompt_tok && output_tok == sum->output_tok);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena arena;
    struct diag diag;
    struct trace_summary sum;
    arena_init(&arena, "fuzz", 0);
    diag_init(&diag, &arena);
    bool ok = trace_check_file(memory(bytes, size), "fuzz", NULL, &diag, &sum);
    must(ok == (diag.count == 0));
    must(diag.count <= TRACE_FINDINGS_MAX + 1);
    if (ok) replay(bytes, size, &sum, &arena);
    arena_free(&arena);
    return 0;
}
