/* SPDX-License-Identifier: Apache-2.0
 * Mergeable log-linear histograms. */
#ifndef HACASIM_SIM_HIST_H
#define HACASIM_SIM_HIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/arena.h"
#include "sim/money.h"

/* Histogram of non-negative int64: 2^HIST_SUB_BITS equal cells in each power of two.
 * A quantile is the middle of its cell, clamped to the observed minimum and maximum: its relative
 * error is at most 2^-(HIST_SUB_BITS+1) = 0.39 %; values below 2^(HIST_SUB_BITS+1) are exact.
 * Cells carry weights (1 for a sample, nanoseconds for a time-weighted distribution). */
enum { HIST_SUB_BITS = 7, HIST_CELLS = (64 - HIST_SUB_BITS) << HIST_SUB_BITS };
struct hist {
    uint64_t *cells; /* HIST_CELLS weights */
    uint64_t n, weight;
    int64_t min, max;
    money_t sum; /* weight x value */
};
void hist_init(struct hist *h, struct arena *arena);
void hist_add(struct hist *h, int64_t value, uint64_t weight);
void hist_merge(struct hist *into, const struct hist *from);
/* q in [0,1]: smallest cell whose cumulative weight reaches q x weight (the inverse of the
 * empirical distribution); q = 0 the minimum, q = 1 the maximum.  Empty: NaN. */
double hist_quantile(const struct hist *h, double q);
/* Middle of the integers that fall into cell `cell` (for estimates over cells). */
double hist_cell_middle(uint32_t cell);
double hist_mean(const struct hist *h); /* exact sum / weight; NaN when empty */
double hist_share_below(const struct hist *h, int64_t value);

#endif
