/* SPDX-License-Identifier: Apache-2.0
 * Random variates from a keyed stream.
 *
 * Samplers use only + - x / sqrt and sim/dmath.h, so a draw has the same bits on every machine. */
#ifndef HACASIM_SIM_VARIATE_H
#define HACASIM_SIM_VARIATE_H

#include <stdint.h>

#include "sim/rng.h"

double variate_exponential(struct rng_stream *s, double mean);
double variate_normal(struct rng_stream *s); /* mean 0, variance 1 */
double variate_lognormal(struct rng_stream *s, double median, double sigma);
double variate_uniform(struct rng_stream *s, double low, double high);

/* Piecewise-linear quantile function through (p[i], x[i]), n >= 2; p[0] = 0, p[n-1] = 1, p strictly
 * increasing. */
double variate_quantiles(double u, const double *p, const double *x, uint32_t n);

#endif
