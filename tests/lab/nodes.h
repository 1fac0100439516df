/* SPDX-License-Identifier: Apache-2.0
 * A pool of records that are linked into chains: for the candidates that keep buckets. */
#ifndef HACASIM_TESTS_LAB_NODES_H
#define HACASIM_TESTS_LAB_NODES_H

#include "tests/lab/lab.h"

struct node {
    struct event e;
    uint32_t next; /* 0 ends a chain */
};

struct nodes {
    struct node *items;
    uint32_t used, capacity, free;
};

static inline void nodes_init(struct nodes *n)
{
    *n = (struct nodes){.used = 1, .capacity = 64};
    n->items = malloc(n->capacity * sizeof *n->items);
    if (!n->items) lab_fail("no memory");
}

static inline uint32_t nodes_take(struct nodes *n)
{
    uint32_t place = n->free;
    if (place) {
        n->free = n->items[place].next;
        return place;
    }
    if (n->used == n->capacity) {
        n->capacity *= 2;
        n->items = realloc(n->items, n->capacity * sizeof *n->items);
        if (!n->items) lab_fail("no memory");
    }
    return n->used++;
}

static inline void nodes_give(struct nodes *n, uint32_t place)
{
    n->items[place].next = n->free;
    n->free = place;
}

#endif
