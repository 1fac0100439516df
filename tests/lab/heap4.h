/* SPDX-License-Identifier: Apache-2.0
 * 4-ary heap of records, (time, sequence) compared as 128 bits without a branch; with `replace`,
 * the place of the running event stays open at the root until the next one is scheduled. */
#ifndef HACASIM_TESTS_LAB_HEAP4_H
#define HACASIM_TESTS_LAB_HEAP4_H

#include "tests/lab/lab.h"

enum { HEAP4_ROOT = 3 };

struct heap4 {
    struct lab_base base;
    struct event *heap;
    uint32_t count, capacity;
    bool replace, open; /* open: the root has been delivered and not yet replaced */
};

static void heap4_grow(struct heap4 *l)
{
    uint32_t capacity = l->capacity ? 2 * l->capacity : 64;
    size_t places = (size_t)capacity + 8;
    struct event *heap = aligned_alloc(128, (places * sizeof *heap + 127) / 128 * 128);
    if (!heap) lab_fail("no memory");
    size_t used = l->heap ? l->count + (size_t)HEAP4_ROOT : 0;
    if (l->heap) memcpy(heap, l->heap, used * sizeof *heap);
    for (size_t i = used; i < places; i++)
        heap[i] = (struct event){.time_ns = INT64_MAX, .seq = UINT64_MAX};
    free(l->heap);
    l->heap = heap;
    l->capacity = capacity;
}

static inline void heap4_init(struct heap4 *l, bool replace)
{
    *l = (struct heap4){.replace = replace};
    lab_base_init(&l->base);
    heap4_grow(l);
}

static inline uint32_t heap4_smallest(const struct event *heap, uint32_t first)
{
    uint32_t left = first + (lab_key(&heap[first + 1]) < lab_key(&heap[first]));
    uint32_t right = first + 2 + (lab_key(&heap[first + 3]) < lab_key(&heap[first + 2]));
    uint32_t choose = -(uint32_t)(lab_key(&heap[right]) < lab_key(&heap[left]));
    return left ^ ((left ^ right) & choose);
}

static inline void heap4_down(struct heap4 *l, struct event e)
{
    uint32_t end = HEAP4_ROOT + l->count, place = HEAP4_ROOT;
    unsigned __int128 key = lab_key(&e);
    for (uint32_t first; (first = 4 * place - 8) < end;) {
        uint32_t child = heap4_smallest(l->heap, first);
        if (key < lab_key(&l->heap[child])) break;
        l->heap[place] = l->heap[child];
        place = child;
    }
    l->heap[place] = e;
}

static inline void heap4_remove(struct heap4 *l)
{
    uint32_t last = HEAP4_ROOT + --l->count;
    struct event e = l->heap[last];
    l->heap[last] = (struct event){.time_ns = INT64_MAX, .seq = UINT64_MAX};
    if (l->count > 0) heap4_down(l, e);
}

static inline void heap4_add(struct heap4 *l, struct event e)
{
    if (l->open) {
        l->open = false;
        heap4_down(l, e);
        return;
    }
    if (l->count == l->capacity) heap4_grow(l);
    uint32_t place = HEAP4_ROOT + l->count++;
    for (uint32_t parent; place > HEAP4_ROOT; place = parent) {
        parent = place / 4 + 2;
        if (lab_key(&l->heap[parent]) < lab_key(&e)) break;
        l->heap[place] = l->heap[parent];
    }
    l->heap[place] = e;
}

static inline bool heap4_take(struct heap4 *l, struct event *out)
{
    if (l->open) heap4_remove(l);
    l->open = false;
    if (l->count == 0) return false;
    *out = l->heap[HEAP4_ROOT];
    if (l->replace)
        l->open = true;
    else
        heap4_remove(l);
    return true;
}

static inline void heap4_free(struct heap4 *l)
{
    free(l->heap);
}

#endif
