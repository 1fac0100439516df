/* SPDX-License-Identifier: Apache-2.0
 * CometBFT's changes of a validator set. */
#include "models/consensus/valset.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void valset_init(struct valset *set, struct arena *arena, uint32_t capacity)
{
    *set = (struct valset){.capacity = capacity};
    set->id = arena_alloc(arena, capacity, sizeof *set->id);
    set->power = arena_alloc(arena, capacity, sizeof *set->power);
    set->turn.power = set->power;
    set->turn.priority = arena_alloc(arena, capacity, sizeof *set->turn.priority);
}

void valset_copy(struct valset *to, const struct valset *from)
{
    uint32_t count = from->turn.count;
    assert(to->capacity >= count);
    memcpy(to->id, from->id, count * sizeof *to->id);
    memcpy(to->power, from->power, count * sizeof *to->power);
    memcpy(to->turn.priority, from->turn.priority, count * sizeof *to->turn.priority);
    to->proposer = from->proposer;
    to->turn.count = count;
    to->turn.total = from->turn.total;
    to->turn.proposer = from->turn.proposer;
}

/* Where `id` stands, or where it would have to. */
static uint32_t valset_place(const struct valset *set, uint32_t id)
{
    uint32_t low = 0, high = set->turn.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (set->id[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

long valset_find(const struct valset *set, uint32_t id)
{
    uint32_t at = valset_place(set, id);
    return at < set->turn.count && set->id[at] == id ? (long)at : -1;
}

int64_t valset_power(const struct valset *set, uint32_t id)
{
    long at = valset_find(set, id);
    return at < 0 ? 0 : set->power[at];
}

void valset_increment(struct valset *set, uint32_t times)
{
    proposer_increment(&set->turn, times);
    set->proposer = set->id[set->turn.proposer];
}

/* ---- checks ------------------------------------------------------------------------------------
 */

static int valset_by_id(const void *a, const void *b)
{
    const struct valset_change *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static const char *valset_check(const struct valset *set, const struct valset_change *changes,
                                uint32_t count)
{
    uint32_t added = 0, removed = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct valset_change *change = &changes[i];
        bool member = valset_find(set, change->id) >= 0;
        if (i > 0 && change->id == changes[i - 1].id) return "names a validator twice";
        if (change->power < 0) return "has a negative power";
        if (change->power > PROPOSER_POWER_MAX) return "has a power above the most of a whole set";
        if (change->power == 0 && !member) return "removes a validator that is not a member";
        removed += change->power == 0;
        added += change->power > 0 && !member;
    }
    if (added == 0 && removed == set->turn.count) return "leaves no validator";
    return NULL;
}

/* Total power with all updates, before removals.  False: some order of applying them, decreases
 * first, would exceed the most on the way, which is the same as the end exceeding it. */
static bool valset_total(const struct valset *set, const struct valset_change *changes,
                         uint32_t count, int64_t *before_removals)
{
    money_t with_all = set->turn.total, removed = 0;
    for (uint32_t i = 0; i < count; i++) {
        int64_t now = valset_power(set, changes[i].id);
        if (changes[i].power == 0)
            removed += now;
        else
            with_all += changes[i].power - now;
    }
    *before_removals = (int64_t)with_all;
    return with_all - removed <= PROPOSER_POWER_MAX;
}

/* ---- applying ----------------------------------------------------------------------------------
 */

static void valset_insert(struct valset *set, const struct valset_change *change, int64_t priority)
{
    assert(set->turn.count < set->capacity);
    uint32_t at = valset_place(set, change->id), after = set->turn.count - at;
    int64_t *priorities = set->turn.priority;
    memmove(set->id + at + 1, set->id + at, after * sizeof *set->id);
    memmove(set->power + at + 1, set->power + at, after * sizeof *set->power);
    memmove(priorities + at + 1, priorities + at, after * sizeof *priorities);
    set->id[at] = change->id;
    set->power[at] = change->power;
    priorities[at] = priority;
    set->turn.count++;
}

static void valset_remove(struct valset *set, uint32_t at)
{
    uint32_t after = --set->turn.count - at;
    memmove(set->id + at, set->id + at + 1, after * sizeof *set->id);
    memmove(set->power + at, set->power + at + 1, after * sizeof *set->power);
    memmove(set->turn.priority + at, set->turn.priority + at + 1,
            after * sizeof *set->turn.priority);
}

/* Removals first, so that a full set has room for those who come in their place. */
static void valset_apply(struct valset *set, const struct valset_change *changes, uint32_t count,
                         int64_t newcomer)
{
    for (uint32_t i = 0; i < count; i++) {
        long at = valset_find(set, changes[i].id);
        if (at >= 0 && changes[i].power > 0) set->power[at] = changes[i].power;
        if (at >= 0 && changes[i].power == 0) valset_remove(set, (uint32_t)at);
    }
    for (uint32_t i = 0; i < count; i++)
        if (changes[i].power > 0 && valset_find(set, changes[i].id) < 0)
            valset_insert(set, &changes[i], newcomer);
    set->turn.total = 0;
    for (uint32_t i = 0; i < set->turn.count; i++)
        set->turn.total += set->power[i];
}

static const char *valset_change_all(struct valset *set, struct valset_change *sorted,
                                     uint32_t count)
{
    int64_t total;
    qsort(sorted, count, sizeof *sorted, valset_by_id);
    const char *why = valset_check(set, sorted, count);
    if (why) return why;
    if (!valset_total(set, sorted, count, &total)) return "makes the total power too large";
    valset_apply(set, sorted, count, -(total + (total >> 3)));
    proposer_normalise(&set->turn);
    long at = valset_find(set, set->proposer);
    if (at >= 0) set->turn.proposer = (uint32_t)at;
    return NULL;
}

const char *valset_update(struct valset *set, const struct valset_change *changes, uint32_t count)
{
    if (count == 0) return NULL;
    struct arena scratch;
    arena_init(&scratch, "changes of a validator set", 0);
    struct valset_change *sorted = arena_alloc(&scratch, count, sizeof *sorted);
    memcpy(sorted, changes, count * sizeof *sorted);
    const char *why = valset_change_all(set, sorted, count);
    arena_free(&scratch);
    return why;
}

/* ---- whole sets --------------------------------------------------------------------------------
 */

static const char *valset_members(const struct valset_change *members, uint32_t count)
{
    if (count == 0) return "is empty";
    for (uint32_t i = 0; i < count; i++)
        if (members[i].power <= 0) return "has a power that is not above 0";
    return NULL;
}

const char *valset_create(struct valset *set, const struct valset_change *members, uint32_t count)
{
    const char *why = valset_members(members, count);
    set->turn.count = 0;
    set->turn.total = 0;
    if (!why) why = valset_update(set, members, count);
    if (!why) valset_increment(set, 1);
    return why;
}

const char *valset_load(struct valset *set, const struct valset_change *members,
                        const int64_t *priorities, uint32_t count)
{
    const char *why = valset_members(members, count);
    set->turn.count = 0;
    set->turn.total = 0;
    if (!why) why = valset_update(set, members, count);
    if (why) return why;
    for (uint32_t i = 0; i < count; i++)
        set->turn.priority[valset_find(set, members[i].id)] = priorities[i];
    set->turn.proposer = proposer_highest(&set->turn);
    set->proposer = set->id[set->turn.proposer];
    return NULL;
}

struct valset_rank {
    int64_t power;
    uint32_t index;
};

static int valset_by_power(const void *a, const void *b)
{
    const struct valset_rank *x = a, *y = b;
    if (x->power != y->power) return x->power < y->power ? 1 : -1;
    return (x->index > y->index) - (x->index < y->index);
}

void valset_order(const struct valset *set, uint32_t *order)
{
    struct arena scratch;
    uint32_t count = set->turn.count;
    arena_init(&scratch, "order of a validator set", 0);
    struct valset_rank *ranks = arena_alloc(&scratch, count, sizeof *ranks);
    for (uint32_t i = 0; i < count; i++)
        ranks[i] = (struct valset_rank){set->power[i], i};
    qsort(ranks, count, sizeof *ranks, valset_by_power);
    for (uint32_t i = 0; i < count; i++)
        order[i] = ranks[i].index;
    arena_free(&scratch);
}
