/* SPDX-License-Identifier: Apache-2.0
 * Confidence intervals of means. */
#ifndef HACASIM_SIM_INTERVAL_H
#define HACASIM_SIM_INTERVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The t below which Student's distribution with `degrees` (>= 1, need not be whole) has the given
 * probability; relative error below 1e-11.  -inf at 0, inf at 1; NaN for other probabilities
 * outside [1e-20, 1) and for fewer degrees. */
double interval_t_quantile(double probability, double degrees);

/* Two-sided Student interval half-width for the mean of n values; NaN when n < 2. `level` 0.95.
 * The mean itself goes to *mean (may be NULL); NaN when n = 0. */
double interval_half_width(const double *values, size_t n, double level, double *mean);

#endif
