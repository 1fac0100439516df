/* SPDX-License-Identifier: Apache-2.0
 * CometBFT's proposer priority. */
#include "models/consensus/proposer.h"

#include <assert.h>
#include <string.h>

#define PROPOSER_WINDOW 2 /* PriorityWindowSizeFactor: spread allowed, in total powers */

bool proposer_powers_valid(const int64_t *powers, uint32_t count)
{
    int64_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (powers[i] <= 0 || powers[i] > PROPOSER_POWER_MAX - total) return false;
        total += powers[i];
    }
    return count > 0;
}

static int64_t proposer_add(int64_t a, int64_t b)
{
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum)) return sum;
    return b < 0 ? INT64_MIN : INT64_MAX;
}

static int64_t proposer_subtract(int64_t a, int64_t b)
{
    int64_t difference;
    if (!__builtin_sub_overflow(a, b, &difference)) return difference;
    return b > 0 ? INT64_MIN : INT64_MAX;
}

uint32_t proposer_highest(const struct proposer_set *set)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < set->count; i++)
        if (set->priority[i] > set->priority[best]) best = i;
    return best;
}

/* Extreme priorities overflow the spread in the original, which then wraps around; so does this,
 * in unsigned arithmetic. */
static void proposer_rescale(struct proposer_set *set)
{
    int64_t lowest = set->priority[0], highest = set->priority[0];
    for (uint32_t i = 1; i < set->count; i++) {
        int64_t priority = set->priority[i];
        lowest = priority < lowest ? priority : lowest;
        highest = priority > highest ? priority : highest;
    }
    int64_t window = PROPOSER_WINDOW * set->total;
    uint64_t wrapped = (uint64_t)highest - (uint64_t)lowest;
    int64_t spread = (int64_t)((int64_t)wrapped < 0 ? 0 - wrapped : wrapped);
    if (spread <= window) return;
    int64_t ratio = (int64_t)((uint64_t)spread + (uint64_t)window - 1) / window;
    for (uint32_t i = 0; i < set->count; i++)
        set->priority[i] /= ratio;
}

static void proposer_centre(struct proposer_set *set)
{
    money_t sum = 0, count = set->count;
    assert(count != 0);
    for (uint32_t i = 0; i < set->count; i++)
        sum += set->priority[i];
    money_t average = sum / count - (sum % count < 0);
    for (uint32_t i = 0; average != 0 && i < set->count; i++)
        set->priority[i] = proposer_subtract(set->priority[i], (int64_t)average);
}

void proposer_normalise(struct proposer_set *set)
{
    proposer_rescale(set);
    proposer_centre(set);
}

void proposer_increment(struct proposer_set *set, uint32_t times)
{
    assert(times > 0);
    proposer_normalise(set);
    for (uint32_t t = 0; t < times; t++) {
        for (uint32_t i = 0; i < set->count; i++)
            set->priority[i] = proposer_add(set->priority[i], set->power[i]);
        uint32_t best = proposer_highest(set);
        set->priority[best] = proposer_subtract(set->priority[best], set->total);
        set->proposer = best;
    }
}

void proposer_load(struct proposer_set *set, struct arena *arena, const int64_t *powers,
                   const int64_t *priorities, uint32_t count)
{
    assert(proposer_powers_valid(powers, count));
    *set = (struct proposer_set){.count = count, .power = powers};
    set->priority = arena_alloc(arena, count, sizeof *set->priority);
    for (uint32_t i = 0; i < count; i++) {
        set->total += powers[i];
        if (priorities != NULL) set->priority[i] = priorities[i];
    }
    set->proposer = proposer_highest(set);
}

void proposer_create(struct proposer_set *set, struct arena *arena, const int64_t *powers,
                     uint32_t count)
{
    proposer_load(set, arena, powers, NULL, count);
    proposer_increment(set, 1);
}

void proposer_copy(struct proposer_set *to, const struct proposer_set *from)
{
    assert(to->count == from->count);
    memcpy(to->priority, from->priority, from->count * sizeof *from->priority);
    to->proposer = from->proposer;
    to->total = from->total;
    to->power = from->power;
}
