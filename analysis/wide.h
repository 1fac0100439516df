/* SPDX-License-Identifier: Apache-2.0
 * Integers of 512 bits, two's complement, wrapping: for the few published schedules that are
 * defined by integer arithmetic wider than money_t (Filecoin's Q.128 numbers). */
#ifndef HACASIM_ANALYSIS_WIDE_H
#define HACASIM_ANALYSIS_WIDE_H

#include <stdint.h>

#include "sim/sim.h"

enum { WIDE_LIMBS = 8, WIDE_BITS = 64 * WIDE_LIMBS };

struct wide {
    uint64_t limb[WIDE_LIMBS]; /* least significant first */
};

struct wide wide_integer(int64_t value);
struct wide wide_text(const char *digits); /* decimal, an optional '-' first */
struct wide wide_add(struct wide a, struct wide b);
struct wide wide_multiply(struct wide a, struct wide b);
struct wide wide_divide(struct wide a, struct wide b);       /* both positive */
struct wide wide_shift_left(struct wide a, unsigned limbs);  /* by 64 x limbs bits */
struct wide wide_shift_right(struct wide a, unsigned limbs); /* floor, keeps the sign */
money_t wide_money(struct wide a);                           /* must fit */

#endif
