/* SPDX-License-Identifier: Apache-2.0
 * Batch means of one long run, in fixed memory. */
#ifndef HACASIM_SIM_BATCH_H
#define HACASIM_SIM_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BATCH_MOST = 256,      /* batches kept; when they are full, neighbours are joined */
    BATCH_TEST_LEAST = 32, /* fewest batches that the test of independence is asked about */
    BATCH_JOIN = 4,        /* tested batches that make one of the interval */
};

/* Observations in order of time, as the sums of equal batches.  All zero is an empty collector. */
struct batch {
    uint64_t n;              /* observations */
    uint64_t size;           /* of a complete batch: a power of two; 0 before the first */
    uint64_t filled;         /* observations in the open batch */
    uint32_t count;          /* complete batches: BATCH_MOST/2 to BATCH_MOST - 1 in a long run */
    double sum, open_sum;    /* of all observations; of the open batch */
    double sums[BATCH_MOST]; /* of the complete batches */
};
void batch_add(struct batch *b, double x);

struct batch_interval {
    double mean;       /* of all observations; NaN when there is none */
    double half_width; /* of the two-sided Student interval; NaN when the run is too short */
    double lag1;       /* correlation of neighbours among the tested batches; NaN: not testable */
    uint64_t size;     /* observations of each batch of the interval */
    uint32_t batches;  /* that the interval is made of; 0 when the run is too short */
};
/* The interval at `level` (0.95), from the finest batches that pass the test of independence. */
struct batch_interval batch_interval(const struct batch *b, double level);

/* 1 - (sum of squared differences of neighbours) / (2 x sum of squared deviations) of n >= 3
 * values: von Neumann's ratio as an estimate of their correlation.  0 when they are all equal. */
double batch_lag1(const double *values, size_t n);

#endif
