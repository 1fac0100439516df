/* SPDX-License-Identifier: Apache-2.0
 * Time-weighted means of an integer level, exact. */
#ifndef HACASIM_SIM_LEVEL_H
#define HACASIM_SIM_LEVEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/money.h"

/* Level: an integer quantity over time.  The integral is a 128-bit integer, so the mean is exact
 * up to the final division. */
struct level {
    int64_t value, peak, since_ns, start_ns;
    money_t integral; /* value x ns */
};
void level_init(struct level *l, int64_t now_ns, int64_t value);
void level_set(struct level *l, int64_t now_ns, int64_t value);
double level_mean(const struct level *l, int64_t now_ns); /* NaN over an empty interval */

#endif
