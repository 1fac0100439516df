/* SPDX-License-Identifier: Apache-2.0
 * Tallies of samples: count, mean, variance, extremes.
 *
 * Answers for: one pass, no cancellation (Welford 1962 for adding; Chan, Golub and LeVeque 1979 for
 * merging).  A zeroed struct is an empty tally.  Leaves out: quantiles (sim/hist) and confidence
 * intervals (sim/interval). */
#include "sim/tally.h"

void tally_add(struct tally *t, double x)
{
    if (t->n == 0 || x < t->min) t->min = x;
    if (t->n == 0 || x > t->max) t->max = x;
    t->n++;
    double delta = x - t->mean;
    t->mean += delta / (double)t->n;
    t->m2 += delta * (x - t->mean);
}

void tally_merge(struct tally *into, const struct tally *from)
{
    if (from->n == 0) return;
    if (into->n == 0) {
        *into = *from;
        return;
    }
    double n = (double)(into->n + from->n), delta = from->mean - into->mean;
    double share = (double)from->n / n;
    into->m2 += from->m2 + delta * delta * ((double)into->n * share);
    into->mean += delta * share;
    into->n += from->n;
    if (from->min < into->min) into->min = from->min;
    if (from->max > into->max) into->max = from->max;
}

double tally_variance(const struct tally *t)
{
    return t->n < 2 ? 0.0 : t->m2 / (double)(t->n - 1);
}
