/* SPDX-License-Identifier: Apache-2.0
 * Latencies of a replayed run beside the real ones, and the names under which they can be asked
 * for.  Quantiles lie between samples, linearly (as numpy's do). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/models.h"
#include "models/replay_run.h"

const char *const replay_what_names[REPLAY_WHATS] = {"ttft", "tpot", "e2e"};
const char *const replay_statistic_names[REPLAY_STATISTICS] = {"mean", "p90", "p99"};

#define NAMES(what)                                                                                \
    what ".mean.real_s", what ".mean.ours_s", what ".mean.error_ratio", what ".p90.real_s",        \
        what ".p90.ours_s", what ".p90.error_ratio", what ".p99.real_s", what ".p99.ours_s",       \
        what ".p99.error_ratio"
static const char *const names[] = {NAMES("ttft"),
                                    NAMES("tpot"),
                                    NAMES("e2e"),
                                    "run.real_s",
                                    "run.ours_s",
                                    "replay.requests",
                                    "replay.steps",
                                    "replay.preemptions",
                                    "replay.extrapolated_steps",
                                    NULL};
enum { METRICS = sizeof names / sizeof *names - 1 };

const char *const *replay_metrics(size_t *count)
{
    *count = METRICS;
    return names;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, uint32_t count, double share)
{
    double at = share * (count - 1);
    uint32_t low = (uint32_t)at, high = low + 1 < count ? low + 1 : low;
    return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

static void summarise(double *sample, uint32_t count, double *out)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < count; i++)
        sum += sample[i];
    out[REPLAY_MEAN] = out[REPLAY_P90] = out[REPLAY_P99] = NAN;
    if (count == 0) return;
    qsort(sample, count, sizeof *sample, compare);
    out[REPLAY_MEAN] = sum / count;
    out[REPLAY_P90] = quantile(sample, count, 0.90);
    out[REPLAY_P99] = quantile(sample, count, 0.99);
}

static double latency_s(enum replay_what what, const struct replay_times *t, int64_t output_tok)
{
    int64_t ns = what == REPLAY_TTFT   ? t->first_ns - t->queued_ns
                 : what == REPLAY_TPOT ? t->last_ns - t->first_ns
                                       : t->last_ns - t->queued_ns;
    return (double)ns * 1e-9 / (what == REPLAY_TPOT ? (double)(output_tok - 1) : 1.0);
}

static void compare_sides(const struct replay *r, const struct replay_times *times,
                          enum replay_what what, double *sample, struct replay_result *result)
{
    for (int ours = 0; ours < 2; ours++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < r->count; i++) {
            const struct replay_request *q = &r->requests[i];
            struct replay_times real = {q->queued_ns, q->first_ns, q->last_ns};
            if (what == REPLAY_TPOT && q->output_tok < 2) continue;
            sample[count++] = latency_s(what, ours ? &times[i] : &real, q->output_tok);
        }
        summarise(sample, count, ours ? result->ours_s[what] : result->real_s[what]);
    }
}

static void put_real(struct models_value **to, double real)
{
    struct models_value value = {.kind = isfinite(real) ? MODELS_REAL : MODELS_NULL, .real = real};
    *(*to)++ = value;
}

static void put_whole(struct models_value **to, uint64_t whole)
{
    struct models_value value = {
        .kind = MODELS_INTEGER, .real = (double)whole, .integer = (int64_t)whole};
    *(*to)++ = value;
}

static void fill_values(const struct replay *r, struct replay_result *result)
{
    struct models_value *to = result->values;
    for (int what = 0; what < REPLAY_WHATS; what++)
        for (int k = 0; k < REPLAY_STATISTICS; k++) {
            double real = result->real_s[what][k], ours = result->ours_s[what][k];
            put_real(&to, real);
            put_real(&to, ours);
            put_real(&to, real > 0.0 ? ours / real - 1.0 : NAN);
        }
    put_real(&to, (double)result->real_ns * 1e-9);
    put_real(&to, (double)result->ours_ns * 1e-9);
    put_whole(&to, r->count);
    put_whole(&to, result->steps);
    put_whole(&to, result->preemptions);
    put_whole(&to, result->extrapolated_steps);
}

void replay_statistics(const struct replay *r, const struct replay_times *times,
                       struct arena *arena, struct replay_result *result)
{
    double *sample = arena_alloc(arena, r->count, sizeof *sample);
    for (int what = 0; what < REPLAY_WHATS; what++)
        compare_sides(r, times, (enum replay_what)what, sample, result);
    result->real_ns = result->ours_ns = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->requests[i].last_ns > result->real_ns) result->real_ns = r->requests[i].last_ns;
        if (times[i].last_ns > result->ours_ns) result->ours_ns = times[i].last_ns;
    }
    result->values = arena_alloc(arena, METRICS, sizeof *result->values);
    fill_values(r, result);
}
