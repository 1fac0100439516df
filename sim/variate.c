/* SPDX-License-Identifier: Apache-2.0
 * Random variates from a keyed stream.
 *
 * Answers for: turning uniform draws into the distributions that models use, each by inversion, so
 * that one variate costs one draw and is monotone in it: two designs compared under common random
 * numbers then stay as alike as they can.  Leaves out: which stream to draw from (the caller) and
 * the scenario's choice of a distribution (sim/dist). */
#include "sim/variate.h"

#include "sim/dmath.h"

double variate_exponential(struct rng_stream *s, double mean)
{
    return -mean * dmath_log(rng_unit(s));
}

double variate_normal(struct rng_stream *s)
{
    return dmath_normal_quantile(rng_unit(s));
}

double variate_lognormal(struct rng_stream *s, double median, double sigma)
{
    return median * dmath_exp(sigma * variate_normal(s));
}

double variate_uniform(struct rng_stream *s, double low, double high)
{
    return low + (high - low) * rng_unit(s);
}

double variate_quantiles(double u, const double *p, const double *x, uint32_t n)
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
