/* SPDX-License-Identifier: Apache-2.0
 * The event list: simulated clock, deterministic order, cancellation, trace hash.
 *
 * Events are plain records; the model dispatches them with a switch on `kind`.  Order is
 * (time, sequence): of two events at one time the one scheduled first fires first, so ties are
 * deterministic, and they are counted.  Each delivered event is folded into the trace hash as
 * (time, kind, entity, arg): two runs with equal hashes did the same things at the same times. */
#ifndef HACASIM_SIM_EVENT_H
#define HACASIM_SIM_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/arena.h"

struct event {
    int64_t time_ns;
    uint64_t seq;    /* order of scheduling; breaks ties */
    uint32_t entity; /* index of the thing it happens to */
    uint32_t arg;    /* what the handler needs besides */
    uint32_t slot;   /* 0, or the cancellation slot */
    uint16_t kind;   /* enum of the model */
    uint16_t spare;
};
_Static_assert(sizeof(struct event) == 32, "an event is 32 bytes");

struct event_handle { /* of a cancellable event; all zero names none */
    uint64_t seq;     /* never given twice, so a stale handle fits no later event */
    uint32_t slot;
    uint32_t spare;
};

struct event_slot;

struct event_list {
    int64_t now_ns;
    int64_t last_ns; /* time of the last delivered event, -1 before the first; for counting ties */
    struct event *heap;              /* from index 3 on, see event.c */
    uint32_t count, capacity, limit; /* count: with the dead; limit: of the living */
    uint64_t next_seq;
    struct event_slot *slots;
    uint32_t slot_count, slot_free, cancelled; /* cancelled: dead records still in the heap */
    uint64_t hash;
    uint64_t fired, ties, cancelled_total, peak; /* peak: most living at one time */
    struct arena *arena;
};

/* `limit`: most pending events (at most 2^28); going over it is a reported operating error. */
void event_list_init(struct event_list *list, struct arena *arena, uint32_t limit);

/* Scheduling before now, or at a negative time, is a programmer error (assert with time and kind).
 */
void event_schedule(struct event_list *list, int64_t time_ns, uint16_t kind, uint32_t entity,
                    uint32_t arg);
struct event_handle event_schedule_cancellable(struct event_list *list, int64_t time_ns,
                                               uint16_t kind, uint32_t entity, uint32_t arg);

/* True if the event was still pending.  A handle that has fired or was cancelled is harmless:
 * generations differ, nothing happens, false comes back. */
bool event_cancel(struct event_list *list, struct event_handle handle);

/* Take the next event at or before `until_ns`, advance the clock to it.  False: none left by
 * then; the clock then stands at `until_ns`. */
bool event_next(struct event_list *list, int64_t until_ns, struct event *out);

/* A list taken out of its structure: plain data, equal for equal lists whatever holds them, and
 * enough to go on from.  Handles given out before stay good. */
struct event_list_image {
    int64_t now_ns, last_ns;
    uint64_t next_seq, hash;
    uint64_t fired, ties, cancelled_total, peak;
    uint32_t limit, count;
    struct event *events; /* `count` pending ones by (time, sequence), with their slots */
};

/* The events of the image are allocated in `arena`. */
void event_list_export(const struct event_list *list, struct arena *arena,
                       struct event_list_image *image);

/* Initialises `list`; nothing of the image is kept. */
void event_list_import(struct event_list *list, struct arena *arena,
                       const struct event_list_image *image);

/* Fold an outcome (a decision that is no event) into the hash. */
void event_fold(struct event_list *list, uint64_t word);

#endif
