/* SPDX-License-Identifier: Apache-2.0
 * Drawing from a distribution that a scenario names.
 *
 * Answers for: the four families of struct dist and their exact means, which checks and reports
 * use.  Leaves out: reading them from scenario text (sim/param) and units (already base units). */
#include "sim/dist.h"

#include <assert.h>
#include <stdbool.h>

#include "sim/dmath.h"
#include "sim/variate.h"

double dist_draw(const struct dist *d, struct rng_stream *s)
{
    switch ((enum dist_kind)d->kind) {
    case DIST_FIXED:
        return d->a;
    case DIST_UNIFORM:
        return variate_uniform(s, d->a, d->b);
    case DIST_EXPONENTIAL:
        return variate_exponential_inverse(s, d->a);
    case DIST_LOGNORMAL:
        return variate_lognormal_inverse(s, d->a, d->b);
    }
    assert(false && "unknown kind of distribution");
    return 0.0;
}

double dist_mean(const struct dist *d)
{
    switch ((enum dist_kind)d->kind) {
    case DIST_FIXED:
    case DIST_EXPONENTIAL:
        return d->a;
    case DIST_UNIFORM:
        return 0.5 * (d->a + d->b);
    case DIST_LOGNORMAL:
        return d->a * dmath_exp(0.5 * d->b * d->b);
    }
    assert(false && "unknown kind of distribution");
    return 0.0;
}
