/* SPDX-License-Identifier: Apache-2.0
 * Tallies of samples.  Merging in index order gives the same bits for any number of threads. */
#ifndef HACASIM_SIM_TALLY_H
#define HACASIM_SIM_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Tally: count, mean, variance, extremes (Welford's update; Chan's for merging).  All zero is
 * an empty tally. */
struct tally {
    uint64_t n;
    double mean, m2, min, max;
};
void tally_add(struct tally *t, double x);
void tally_merge(struct tally *into, const struct tally *from);
double tally_variance(const struct tally *t); /* sample variance; 0 when n < 2 */

#endif
