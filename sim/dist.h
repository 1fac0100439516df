/* SPDX-License-Identifier: Apache-2.0
 * The distributions a scenario can name. */
#ifndef HACASIM_SIM_DIST_H
#define HACASIM_SIM_DIST_H

#include <stdint.h>

#include "sim/rng.h"

enum dist_kind { DIST_FIXED, DIST_UNIFORM, DIST_EXPONENTIAL, DIST_LOGNORMAL };
/* In base units (s, USD): fixed a; uniform a..b; exponential mean a; lognormal median a, sigma b.
 */
struct dist {
    int kind; /* enum dist_kind */
    double a, b;
};
/* One draw by inversion, so that another kind or parameter moves nothing else in the stream;
 * DIST_FIXED takes none. */
double dist_draw(const struct dist *d, struct rng_stream *s);
double dist_mean(const struct dist *d);

#endif
