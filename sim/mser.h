/* SPDX-License-Identifier: Apache-2.0
 * MSER-5: where a series that starts in some arbitrary state has forgotten it. */
#ifndef HACASIM_SIM_MSER_H
#define HACASIM_SIM_MSER_H

#include <stdbool.h>
#include <stddef.h>

enum {
    MSER_BATCH = 5,  /* observations averaged into one point */
    MSER_LEAST = 20, /* fewest points that a cut is looked for in */
};

struct mser {
    size_t cut;   /* observations to leave out: a multiple of MSER_BATCH, at most half of them */
    bool settled; /* false: the best cut lies in the second half, or the series is too short */
};
/* The cut of n equally spaced observations in order of time, by the minimum of the squared
 * standard error of the mean of what is kept; the earliest of equal minima. */
struct mser mser_cut(const double *values, size_t n);

#endif
