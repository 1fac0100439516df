/* SPDX-License-Identifier: Apache-2.0
 * Two levels: a row of buckets whose width is set each time the row is begun, and under it the
 * events of the current bucket in a 4-ary heap.  Beyond the row lies one chain.  What the product
 * has more are rungs inside rungs, and a sorted stack in place of the heap. */
#ifndef HACASIM_TESTS_LAB_RING_H
#define HACASIM_TESTS_LAB_RING_H

#include "tests/lab/heap4.h"
#include "tests/lab/nodes.h"

enum { RING_MOST = 1 << 20 };

struct ring {
    struct lab_base base;
    struct heap4 near;
    struct nodes nodes;
    uint32_t *heads, far, far_count, next, buckets;
    uint64_t start_ns, end_ns, near_until_ns;
    uint32_t shift;
};

static inline void ring_init(struct ring *l, bool unused)
{
    (void)unused;
    *l = (struct ring){.near_until_ns = 0};
    lab_base_init(&l->base);
    heap4_init(&l->near, false);
    nodes_init(&l->nodes);
    l->heads = calloc(RING_MOST, sizeof *l->heads);
    if (!l->heads) lab_fail("no memory");
}

static inline void ring_link(struct ring *l, uint32_t node)
{
    uint64_t time_ns = (uint64_t)l->nodes.items[node].e.time_ns;
    uint32_t *head = &l->far;
    if (time_ns < l->end_ns)
        head = &l->heads[(time_ns - l->start_ns) >> l->shift];
    else
        l->far_count++;
    l->nodes.items[node].next = *head;
    *head = node;
}

static inline void ring_add(struct ring *l, struct event e)
{
    if ((uint64_t)e.time_ns < l->near_until_ns) {
        heap4_add(&l->near, e);
        return;
    }
    uint32_t node = nodes_take(&l->nodes);
    l->nodes.items[node].e = e;
    ring_link(l, node);
}

static inline void ring_begin(struct ring *l)
{
    uint64_t least = UINT64_MAX, most = 0;
    for (uint32_t node = l->far; node; node = l->nodes.items[node].next) {
        uint64_t time_ns = (uint64_t)l->nodes.items[node].e.time_ns;
        if (time_ns < least) least = time_ns;
        if (time_ns > most) most = time_ns;
    }
    l->buckets = 1;
    while (l->buckets < l->far_count && l->buckets < RING_MOST)
        l->buckets *= 2;
    for (l->shift = 0; (most - least) >> l->shift >= l->buckets;)
        l->shift++;
    l->start_ns = least;
    l->end_ns = least + ((uint64_t)l->buckets << l->shift);
    l->next = 0;
    uint32_t node = l->far;
    l->far = l->far_count = 0;
    for (uint32_t next; node; node = next) {
        next = l->nodes.items[node].next;
        ring_link(l, node);
    }
}

static inline bool ring_take(struct ring *l, struct event *out)
{
    while (!heap4_take(&l->near, out)) {
        while (l->next < l->buckets && !l->heads[l->next])
            l->next++;
        if (l->next == l->buckets) {
            l->near_until_ns = l->end_ns;
            if (!l->far) return false;
            ring_begin(l);
            continue;
        }
        uint32_t node = l->heads[l->next];
        l->heads[l->next++] = 0;
        l->near_until_ns = l->start_ns + ((uint64_t)l->next << l->shift);
        for (uint32_t next; node; node = next) {
            next = l->nodes.items[node].next;
            heap4_add(&l->near, l->nodes.items[node].e);
            nodes_give(&l->nodes, node);
        }
    }
    return true;
}

static inline void ring_free(struct ring *l)
{
    heap4_free(&l->near);
    free(l->nodes.items);
    free(l->heads);
}

#endif
