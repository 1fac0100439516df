/* SPDX-License-Identifier: Apache-2.0
 * A sorted array of records, the first at the end: for lists that stay tiny. */
#ifndef HACASIM_TESTS_LAB_FLAT_H
#define HACASIM_TESTS_LAB_FLAT_H

#include "tests/lab/lab.h"

struct flat {
    struct lab_base base;
    struct event *items;
    uint32_t count, capacity;
};

static inline void flat_init(struct flat *l, bool unused)
{
    (void)unused;
    *l = (struct flat){.capacity = 64};
    lab_base_init(&l->base);
    l->items = malloc(l->capacity * sizeof *l->items);
    if (!l->items) lab_fail("no memory");
}

static inline void flat_add(struct flat *l, struct event e)
{
    if (l->count == l->capacity) {
        l->capacity *= 2;
        l->items = realloc(l->items, l->capacity * sizeof *l->items);
        if (!l->items) lab_fail("no memory");
    }
    uint32_t place = l->count++;
    for (; place > 0 && l->items[place - 1].time_ns <= e.time_ns; place--)
        l->items[place] = l->items[place - 1];
    l->items[place] = e;
}

static inline bool flat_take(struct flat *l, struct event *out)
{
    if (l->count == 0) return false;
    *out = l->items[--l->count];
    return true;
}

static inline void flat_free(struct flat *l)
{
    free(l->items);
}

#endif
