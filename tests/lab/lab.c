/* SPDX-License-Identifier: Apache-2.0
 * The event-list lab: every candidate on the hold model and on recorded streams.
 *
 *     lab                 the hold table: ns per hold (take one, schedule one), best batch of
 * several lab STREAM...       streams made by `record`: ns per delivered event, best of several
 * runs
 *
 * Times are CPU times of the thread.  The hash must be the same for all. */
#include "tests/lab/candidates.h"

enum { REPEATS = 5 };

static const char *const increment_names[] = {"exponential", "uniform",     "skewed",
                                              "now",         "1000x finer", "1000x wider"};

static void hold_row(const struct lab_hold *hold, const char *name)
{
    uint64_t hash = 0;
    printf("%-12s %8u", name, hold->pending);
    for (int c = 0; c < LAB_CANDIDATES; c++) {
        const struct lab_candidate *candidate = &lab_candidates[c];
        if (hold->pending > candidate->pending_max) {
            printf(" %20s", "");
            continue;
        }
        struct lab_result result = candidate->hold(hold, candidate->option);
        if (c == 0) hash = result.hash;
        if (result.hash != hash) lab_fail("two candidates differ");
        printf(" %12.1f (%5.0f)", result.ns, result.total_s * 1e9 / (double)result.steps);
        fflush(stdout);
    }
    printf("\n");
}

static void hold_table(void)
{
    static const uint32_t sizes[] = {16, 100, 1000, 10000, 100000, 1000000};
    static int64_t before[LAB_DRAWS], after[LAB_DRAWS];
    printf("%-12s %8s", "ns per hold", "pending");
    for (int c = 0; c < LAB_CANDIDATES; c++)
        printf(" %20s", lab_candidates[c].name);
    printf("\nbest batch (mean of all batches)\n");
    for (int kind = 0; kind < LAB_INCREMENTS + 2; kind++) {
        enum lab_increments shape =
            kind < LAB_INCREMENTS ? (enum lab_increments)kind : LAB_EXPONENTIAL;
        lab_draw(before, shape, kind == LAB_INCREMENTS + 1 ? 1e-3 : 1.0);
        lab_draw(after, shape, kind == LAB_INCREMENTS ? 1e-3 : 1.0);
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            uint32_t steps = sizes[s] < 100000 ? 100000 : sizes[s];
            struct lab_hold hold = {before, after, sizes[s], steps, 12, 2, 1.0};
            hold_row(&hold, increment_names[kind]);
        }
    }
}

static struct lab_stream stream_read(const char *path)
{
    FILE *in = fopen(path, "rb");
    if (!in) lab_fail("cannot open the stream");
    if (fseek(in, 0, SEEK_END) != 0) lab_fail("cannot read the stream");
    size_t count = (size_t)ftell(in) / sizeof(struct lab_record);
    rewind(in);
    struct lab_record *records = calloc(count + 1, sizeof *records);
    if (records && fread(records, sizeof *records, count, in) != count)
        lab_fail("cannot read the stream");
    fclose(in);
    struct event_handle *handles = calloc(count + 1, sizeof *handles);
    if (!records || !handles) lab_fail("no memory");
    return (struct lab_stream){records, count, handles};
}

static void replay(const char *path)
{
    struct lab_stream stream = stream_read(path);
    uint64_t hash = 0;
    printf("%s: %zu operations\n", path, stream.count);
    for (int c = 0; c < LAB_CANDIDATES; c++) {
        struct lab_result best = {.ns = 1e18};
        for (int i = 0; i < REPEATS; i++) {
            struct lab_result result = lab_candidates[c].replay(&stream, lab_candidates[c].option);
            if (c == 0) hash = result.hash;
            if (result.hash != hash) lab_fail("two candidates differ");
            if (result.ns < best.ns) best = result;
        }
        printf("  %-20s %8.1f ns per event, %llu events, %llu ties\n", lab_candidates[c].name,
               best.ns, (unsigned long long)best.fired, (unsigned long long)best.ties);
    }
    free((void *)stream.records);
    free(stream.handles);
}

int main(int count, char **arguments)
{
    if (count == 1) hold_table();
    for (int i = 1; i < count; i++)
        replay(arguments[i]);
    return 0;
}
