/* SPDX-License-Identifier: Apache-2.0
 * Radix heap (Ahuja, Mehlhorn, Orlin and Tarjan, JACM 37 (1990) 213-223) on the monotone clock: an
 * event lies in the bucket of the highest bit in which its time differs from the last one taken.
 * Buckets keep the order of scheduling, so ties need no comparison. */
#ifndef HACASIM_TESTS_LAB_RADIX_H
#define HACASIM_TESTS_LAB_RADIX_H

#include "tests/lab/lab.h"

struct radix {
    struct lab_base base;
    struct {
        struct event *items;
        uint32_t first, count, capacity;
    } buckets[65];
    uint64_t last_ns;
    uint32_t count;
};

static inline void radix_init(struct radix *l, bool unused)
{
    (void)unused;
    *l = (struct radix){.count = 0};
    lab_base_init(&l->base);
}

static inline void radix_put(struct radix *l, const struct event *e)
{
    uint64_t differ = (uint64_t)e->time_ns ^ l->last_ns;
    uint32_t b = differ ? 64 - (uint32_t)__builtin_clzll(differ) : 0;
    if (l->buckets[b].count == l->buckets[b].capacity) {
        uint32_t capacity = l->buckets[b].capacity ? 2 * l->buckets[b].capacity : 16;
        l->buckets[b].items = realloc(l->buckets[b].items, capacity * sizeof *e);
        if (!l->buckets[b].items) lab_fail("no memory");
        l->buckets[b].capacity = capacity;
    }
    l->buckets[b].items[l->buckets[b].count++] = *e;
}

static inline void radix_add(struct radix *l, struct event e)
{
    radix_put(l, &e);
    l->count++;
}

static inline bool radix_take(struct radix *l, struct event *out)
{
    if (l->count == 0) return false;
    if (l->buckets[0].first == l->buckets[0].count) {
        l->buckets[0].first = l->buckets[0].count = 0;
        uint32_t b = 1;
        while (l->buckets[b].count == 0)
            b++;
        const struct event *items = l->buckets[b].items;
        uint32_t n = l->buckets[b].count;
        uint64_t least = UINT64_MAX;
        for (uint32_t i = 0; i < n; i++)
            if ((uint64_t)items[i].time_ns < least) least = (uint64_t)items[i].time_ns;
        l->last_ns = least;
        l->buckets[b].count = 0;
        for (uint32_t i = 0; i < n; i++)
            radix_put(l, &items[i]);
    }
    *out = l->buckets[0].items[l->buckets[0].first++];
    l->count--;
    return true;
}

static inline void radix_free(struct radix *l)
{
    for (int b = 0; b < 65; b++)
        free(l->buckets[b].items);
}

#endif
