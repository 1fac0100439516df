/* SPDX-License-Identifier: Apache-2.0
 * Time-weighted means of an integer level.
 *
 * Answers for: the exact integral of a step function over time.  Leaves out: distributions of the
 * level over time (a sim/hist with nanoseconds as weights). */
#include "sim/level.h"

#include <assert.h>
#include <math.h>

void level_init(struct level *l, int64_t now_ns, int64_t value)
{
    *l = (struct level){.value = value, .peak = value, .since_ns = now_ns, .start_ns = now_ns};
}

void level_set(struct level *l, int64_t now_ns, int64_t value)
{
    assert(now_ns >= l->since_ns && "a level is set in the order of time");
    l->integral += (money_t)l->value * (now_ns - l->since_ns);
    l->since_ns = now_ns;
    l->value = value;
    if (value > l->peak) l->peak = value;
}

double level_mean(const struct level *l, int64_t now_ns)
{
    assert(now_ns >= l->since_ns && "a level is read in the order of time");
    if (now_ns == l->start_ns) return (double)NAN;
    money_t integral = l->integral + (money_t)l->value * (now_ns - l->since_ns);
    return (double)integral / (double)(now_ns - l->start_ns);
}
