/* SPDX-License-Identifier: Apache-2.0
 * Random variates from a keyed stream (leaf header, host and device).
 *
 * Samplers use only + - x / sqrt and sim/dmath.h, so a draw has the same bits on every machine.
 *
 * Exponential, normal and lognormal come twice.  The plain name is the ziggurat, two to three times
 * as fast; it takes one draw mostly, sometimes more.  `_inverse` is the quantile function of one
 * draw.  Which to use:
 *
 *   - The plain one where a stream lives for a sequence of variates: arrivals, service times.  Two
 *     designs under common random numbers see the same sequence as long as each asks its stream for
 *     the same variates in the same order; parameters only scale what comes out (mean, median) or
 *     shape it afterwards (sigma).
 *   - `_inverse` where the position in the stream is arithmetic (rng_seek, "so many draws for each
 *     message"), where variates and other draws of one stream must keep their places whatever the
 *     variates are, and where the result must be monotone in the draw: quantile coupling,
 *     antithetic or quasi-random points, or a kind of variate that is itself a parameter
 *     (sim/dist.h).
 *
 * net/ and models/ open their streams for one to five draws at places fixed by request, message or
 * height, and use `_inverse` throughout; docs/decisions/0007-variates.md has the figures. */
#ifndef HACASIM_SIM_VARIATE_H
#define HACASIM_SIM_VARIATE_H

#include <stdint.h>

#include "sim/dmath.h"
#include "sim/rng.h"
#include "sim/ziggurat.h"

RNG_FN double variate_exponential(struct rng_stream *s, double mean)
{
    return mean * ziggurat_exponential(s);
}

RNG_FN double variate_normal(struct rng_stream *s) /* mean 0, variance 1 */
{
    return ziggurat_normal(s);
}

RNG_FN double variate_lognormal(struct rng_stream *s, double median, double sigma)
{
    return median * dmath_exp(sigma * ziggurat_normal(s));
}

/* One draw each; falling in the draw. */
RNG_FN double variate_exponential_inverse(struct rng_stream *s, double mean)
{
    return -mean * dmath_log(rng_unit(s));
}

/* One draw each; rising in the draw. */
RNG_FN double variate_normal_inverse(struct rng_stream *s)
{
    return dmath_normal_quantile(rng_unit(s));
}

RNG_FN double variate_lognormal_inverse(struct rng_stream *s, double median, double sigma)
{
    return median * dmath_exp(sigma * variate_normal_inverse(s));
}

RNG_FN double variate_uniform(struct rng_stream *s, double low, double high)
{
    return low + (high - low) * rng_unit(s);
}

/* Piecewise-linear quantile function through (p[i], x[i]), n >= 2; p[0] = 0, p[n-1] = 1, p strictly
 * increasing. */
RNG_FN double variate_quantiles(double u, const double *p, const double *x, uint32_t n)
{
    uint32_t low = 0, high = n - 1; /* p[low] <= u < p[high], but for u beyond the ends */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (p[middle] <= u)
            low = middle;
        else
            high = middle;
    }
    double share = (u - p[low]) / (p[high] - p[low]);
    return x[low] + share * (x[high] - x[low]);
}

#endif
