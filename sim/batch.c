/* SPDX-License-Identifier: Apache-2.0
 * Batch means: a confidence interval for the mean of one stationary, correlated series.
 *
 * Answers for: the mean of a long series and the half-width of its Student interval, in one pass
 * and 2 KiB.  The series is cut into equal batches, long enough that their means are nearly
 * independent and normal; these means are then treated as a sample.  Leaves out: where the series
 * begins to be stationary (sim/mser).
 *
 * Collecting.  Up to BATCH_MOST sums are kept; when they are full, neighbours are joined and the
 * batch length doubles, so a run of any length ends with BATCH_MOST/2 to BATCH_MOST - 1 batches.
 *
 * Length.  Von Neumann's ratio is tested at 5 % on one side (Fishman and Yarberry 1997, "An
 * implementation of the batch means method", INFORMS Journal on Computing 9:296): under
 * independence its estimate of the correlation has mean 0 and variance (k - 2) / (k^2 - 1).  Where
 * it fails, neighbours are joined and it is asked again, down to BATCH_TEST_LEAST batches; where
 * it fails there too, the run is too short and no interval is given.  The test cannot see a
 * correlation below about 1.6 / sqrt(k), so the interval is made of batches BATCH_JOIN times as
 * long as those that passed, in which what is left of it is BATCH_JOIN times smaller (the idea of
 * Law and Carson 1979, who test 400 batches and use 40).  */
#include "sim/batch.h"

#include <math.h>
#include <string.h>

#include "sim/interval.h"

#define BATCH_TEST_Z 1.6448536269514722 /* normal quantile of 95 % */

static void batch_halve(struct batch *b)
{
    for (uint32_t i = 0; i < BATCH_MOST / 2; i++)
        b->sums[i] = b->sums[2 * i] + b->sums[2 * i + 1];
    memset(b->sums + BATCH_MOST / 2, 0, sizeof b->sums / 2); /* equal samples, equal bytes */
    b->count = BATCH_MOST / 2;
    b->size *= 2;
}

void batch_add(struct batch *b, double x)
{
    if (b->n == 0) b->size = 1;
    b->n++;
    b->sum += x;
    b->open_sum += x;
    if (++b->filled < b->size) return;
    b->sums[b->count++] = b->open_sum;
    b->open_sum = 0.0;
    b->filled = 0;
    if (b->count == BATCH_MOST) batch_halve(b);
}

double batch_lag1(const double *values, size_t n)
{
    double sum = 0.0, squares = 0.0, steps = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    for (size_t i = 1; i < n; i++)
        steps += (values[i] - values[i - 1]) * (values[i] - values[i - 1]);
    return squares > 0.0 ? 1.0 - 0.5 * steps / squares : 0.0;
}

/* Means of the batches joined `join` at a time; an incomplete one at the end is left out. */
static uint32_t batch_means(const struct batch *b, uint32_t join, double means[BATCH_MOST])
{
    uint32_t count = b->count / join;
    for (uint32_t i = 0; i < count; i++) {
        double sum = 0.0;
        for (uint32_t k = 0; k < join; k++)
            sum += b->sums[i * join + k];
        means[i] = sum / ((double)b->size * join);
    }
    return count;
}

static bool batch_independent(double lag1, uint32_t count)
{
    double k = count;
    return lag1 <= BATCH_TEST_Z * sqrt((k - 2.0) / (k * k - 1.0));
}

struct batch_interval batch_interval(const struct batch *b, double level)
{
    double means[BATCH_MOST];
    struct batch_interval out = {.mean = b->n > 0 ? b->sum / (double)b->n : (double)NAN,
                                 .half_width = (double)NAN,
                                 .lag1 = (double)NAN};
    for (uint32_t join = 1; b->count / join >= BATCH_TEST_LEAST; join *= 2) {
        uint32_t count = batch_means(b, join, means);
        out.lag1 = batch_lag1(means, count);
        if (!batch_independent(out.lag1, count)) continue;
        out.batches = batch_means(b, join * BATCH_JOIN, means);
        out.size = b->size * join * BATCH_JOIN;
        out.half_width = interval_half_width(means, out.batches, level, NULL);
        break;
    }
    return out;
}
