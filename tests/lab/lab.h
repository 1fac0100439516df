/* SPDX-License-Identifier: Apache-2.0
 * What the candidates of the event-list lab share: the base of a list and the stream of a run.
 *
 * Each candidate is a header with five functions NAME_init, NAME_schedule, NAME_cancel, NAME_next,
 * NAME_base.  They hold the same records as the product, deliver in the same order, count ties,
 * fold the same hash and know cancellation, so that only the structure differs.  Cancelled records
 * stay until they come to the top, which is what the old heap did between two compactions. */
#ifndef HACASIM_TESTS_LAB_LAB_H
#define HACASIM_TESTS_LAB_LAB_H

#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

struct lab_base {
    int64_t now_ns;
    uint64_t seq, hash, fired, ties;
    uint64_t *slots; /* sequence number of the pending event of a slot */
    uint32_t *free;
    uint32_t slot_count, free_count, slot_capacity;
    uint32_t dead;
};

/* One operation of a recorded run. */
enum lab_op { LAB_SCHEDULE, LAB_SCHEDULE_CANCELLABLE, LAB_CANCEL, LAB_NEXT };
struct lab_record {
    int64_t time_ns;
    uint32_t entity, arg;
    uint32_t cancellable; /* LAB_CANCEL: which of the cancellable ones, by order of scheduling */
    uint16_t kind, op;
};

static inline void lab_fail(const char *what)
{
    fprintf(stderr, "lab: %s\n", what);
    exit(1);
}

static inline void lab_base_init(struct lab_base *base)
{
    *base = (struct lab_base){.slot_count = 1};
}

static inline struct event_handle lab_slot_take(struct lab_base *base)
{
    if (base->free_count == 0 && base->slot_count >= base->slot_capacity) {
        base->slot_capacity = base->slot_capacity ? 2 * base->slot_capacity : 64;
        base->slots = realloc(base->slots, base->slot_capacity * sizeof *base->slots);
        base->free = realloc(base->free, base->slot_capacity * sizeof *base->free);
        if (!base->slots || !base->free) lab_fail("no memory");
    }
    uint32_t slot = base->free_count ? base->free[--base->free_count] : base->slot_count++;
    base->slots[slot] = base->seq;
    return (struct event_handle){.seq = base->seq, .slot = slot};
}

static inline bool lab_cancel(struct lab_base *base, struct event_handle handle)
{
    if (handle.slot == 0 || handle.slot >= base->slot_count) return false;
    if (base->slots[handle.slot] != handle.seq) return false;
    base->slots[handle.slot] = UINT64_MAX;
    base->dead++;
    return true;
}

/* The record leaves the list: deliver it, or drop it and say false. */
static inline bool lab_deliver(struct lab_base *base, const struct event *e)
{
    if (e->slot) {
        bool dead = base->slots[e->slot] != e->seq;
        base->slots[e->slot] = UINT64_MAX;
        base->free[base->free_count++] = e->slot;
        if (dead) {
            base->dead--;
            return false;
        }
    }
    base->ties += base->fired > 0 && e->time_ns == base->now_ns;
    base->now_ns = e->time_ns;
    base->fired++;
    base->hash = event_hash_next(base->hash, (uint64_t)e->time_ns, e->kind, e->entity, e->arg);
    return true;
}

static inline void lab_base_free(struct lab_base *base)
{
    free(base->slots);
    free(base->free);
}

static inline unsigned __int128 lab_key(const struct event *e)
{
    return (unsigned __int128)(uint64_t)e->time_ns << 64 | e->seq;
}

#endif
