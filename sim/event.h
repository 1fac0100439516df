/* SPDX-License-Identifier: Apache-2.0
 * The event list: simulated clock, deterministic order, cancellation, trace hash.
 *
 * Events are plain records; the model dispatches them with a switch on `kind`.  Order is
 * (time, sequence): of two events at one time the one scheduled first fires first, so ties are
 * deterministic, and they are counted.  Each delivered event is folded into the trace hash as
 * (time, kind, entity, arg): two runs with equal hashes did the same things at the same times.
 *
 * Records lie in a pool and stay where they are while pending; what is kept in order are small keys
 * that name them.  The next few events are the `near` keys, a sorted stack with the first at its
 * end; all that is later lies in buckets, which event.c explains.  Scheduling and taking an event
 * are inline as far as the near keys go: a short list never leaves them. */
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
    uint32_t slot;   /* its place in the pool; in the pool itself the link of a chain */
    uint16_t kind;   /* enum of the model */
    uint16_t alive;  /* 1 while pending, 0 when fired or cancelled */
};
_Static_assert(sizeof(struct event) == 32, "an event is 32 bytes");

struct event_handle { /* of a cancellable event; all zero names none */
    uint64_t seq;     /* never given twice, so a stale handle fits no later event */
    uint32_t slot;
    uint32_t spare;
};

struct event_key {
    uint64_t time_ns;
    uint32_t slot;
};

enum { EVENT_NEAR = 64, EVENT_RUNGS = 16 };

struct event_rung { /* buckets of 2^shift ns from start_ns on; see event.c */
    uint64_t start_ns, end_ns;
    uint32_t *heads;  /* of the chains, latest event first */
    uint32_t next;    /* bucket not yet emptied */
    uint32_t buckets; /* in use */
    uint32_t capacity;
    uint32_t ready; /* chain, first event first: the bucket `next` of 1 ns, being emptied */
    uint32_t shift;
};

struct event_list {
    int64_t now_ns;
    int64_t last_ns; /* time of the last delivered event, -1 before the first; for counting ties */
    uint64_t hash;
    uint64_t next_seq;
    uint64_t fired, ties;
    struct event *pool;     /* place 0 is nobody's */
    uint32_t free;          /* chain of unused places */
    uint32_t pending, peak; /* living events now, most at one time */
    uint32_t dead;          /* cancelled records not yet thrown away */
    uint32_t ahead;         /* record to fetch into the cache next; 0: none */
    uint32_t near_count;    /* keys in near[] */
    uint64_t near_until_ns; /* what is scheduled before this goes to near[] */
    struct event_key *near; /* descending; near[-1] is later than any event */
    uint32_t limit;         /* of pending */
    uint32_t pool_used, pool_capacity;
    uint32_t *far; /* places of what lies beyond all rungs, in order of scheduling */
    uint32_t far_count, far_capacity;
    uint32_t depth; /* rungs in use, the innermost is the last */
    struct event_rung rungs[EVENT_RUNGS];
    uint64_t cancelled_total;
    uint64_t moves; /* links and keys written by event.c: its work, for the tests */
    struct arena *arena;
};

/* `limit`: most pending events (at most 2^28); going over it is a reported operating error. */
void event_list_init(struct event_list *list, struct arena *arena, uint32_t limit);

/* True if the event was still pending.  A handle that has fired or was cancelled is harmless:
 * sequence numbers differ, nothing happens, false comes back. */
bool event_cancel(struct event_list *list, struct event_handle handle);

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

/* A computed time or duration as whole nanoseconds, rounded down.  What is no time (NaN, negative,
 * beyond the clock) is a programmer error: it is reported by its value. */
_Noreturn void event_refuse_ns(double ns);
static inline int64_t event_ns(double ns)
{
    if (__builtin_expect(!(ns >= 0.0 && ns < 0x1p63), 0)) event_refuse_ns(ns);
    return (int64_t)ns;
}

/* ---- for the inline part only -----------------------------------------------------------------
 */

_Noreturn void event_refuse_past(const struct event_list *list, int64_t time_ns, uint16_t kind);
uint32_t event_pool_extend(struct event_list *list); /* a chain of unused places */
void event_peak_rise(struct event_list *list);       /* or the limit is reached */
void event_place(struct event_list *list, uint32_t slot, uint64_t time_ns); /* not near */
bool event_refill(struct event_list *list, int64_t until_ns); /* false: nothing by then */

/* Multiply and fold the two halves of the product: each bit of x moves about half of the bits, in
 * one multiplication.  The factors are odd, with about as many ones as zeros in each half. */
static inline uint64_t event_mix(uint64_t x, uint64_t factor)
{
    unsigned __int128 product = (unsigned __int128)x * factor;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#define EVENT_HASH_TIME 0x9e3779b97f4a7c15ULL
#define EVENT_HASH_DATA 0xd1b54a32d192ed03ULL
#define EVENT_HASH_KIND 0xbf58476d1ce4e5b9ULL
#define EVENT_HASH_LINK 0x94d049bb133111ebULL
#define EVENT_HASH_WORD 0xaef17502108ef2d9ULL

/* What is not the hash so far does not wait for it: one multiplication is in the chain. */
static inline uint64_t event_hash_next(uint64_t hash, uint64_t time_ns, uint16_t kind,
                                       uint32_t entity, uint32_t arg)
{
    uint64_t when =
        event_mix((time_ns + kind * EVENT_HASH_KIND) ^ EVENT_HASH_LINK, EVENT_HASH_TIME);
    uint64_t what = event_mix(((uint64_t)entity << 32 | arg) ^ EVENT_HASH_WORD, EVENT_HASH_DATA);
    return event_mix(hash ^ when ^ (what << 32 | what >> 32), EVENT_HASH_LINK);
}

/* Keys at the same time were scheduled earlier, so they stay nearer to the end. */
static inline void event_near_insert(struct event_list *list, uint32_t slot, uint64_t time_ns)
{
    struct event_key *place = list->near + list->near_count++;
    for (; place[-1].time_ns <= time_ns; place--)
        *place = place[-1];
    *place = (struct event_key){time_ns, slot};
}

/* ---- the hot calls ----------------------------------------------------------------------------
 */

/* Scheduling before now, or at a negative time, is a programmer error (assert with time and kind).
 */
static inline uint32_t event_insert(struct event_list *list, int64_t time_ns, uint16_t kind,
                                    uint32_t entity, uint32_t arg)
{
    if (__builtin_expect(time_ns < list->now_ns, 0)) event_refuse_past(list, time_ns, kind);
    if (__builtin_expect(++list->pending > list->peak, 0)) event_peak_rise(list);
    uint32_t slot = list->free;
    if (__builtin_expect(slot == 0, 0)) slot = event_pool_extend(list);
    struct event *e = &list->pool[slot];
    list->free = e->slot;
    e->time_ns = time_ns;
    e->seq = list->next_seq++;
    e->entity = entity;
    e->arg = arg;
    e->kind = kind;
    e->alive = 1;
    if ((uint64_t)time_ns < list->near_until_ns && list->near_count < EVENT_NEAR)
        event_near_insert(list, slot, (uint64_t)time_ns);
    else
        event_place(list, slot, (uint64_t)time_ns);
    return slot;
}

static inline void event_schedule(struct event_list *list, int64_t time_ns, uint16_t kind,
                                  uint32_t entity, uint32_t arg)
{
    event_insert(list, time_ns, kind, entity, arg);
}

static inline struct event_handle event_schedule_cancellable(struct event_list *list,
                                                             int64_t time_ns, uint16_t kind,
                                                             uint32_t entity, uint32_t arg)
{
    uint64_t seq = list->next_seq;
    return (struct event_handle){.seq = seq,
                                 .slot = event_insert(list, time_ns, kind, entity, arg)};
}

static inline void event_release(struct event_list *list, uint32_t slot)
{
    list->pool[slot].slot = list->free;
    list->free = slot;
}

/* Take the next event at or before `until_ns`, advance the clock to it.  False: none left by
 * then; the clock then stands at `until_ns`. */
static inline bool event_next(struct event_list *list, int64_t until_ns, struct event *out)
{
    struct event *e;
    uint32_t slot;
    for (;;) {
        if (__builtin_expect(list->near_count == 0, 0) && !event_refill(list, until_ns)) goto none;
        slot = list->near[list->near_count - 1].slot;
        e = &list->pool[slot];
        if (__builtin_expect(e->alive, 1)) break;
        list->near_count--;
        list->dead--;
        event_release(list, slot);
    }
    if (e->time_ns > until_ns) goto none;
    list->near_count--;
    out->time_ns = e->time_ns;
    out->seq = e->seq;
    out->entity = e->entity;
    out->arg = e->arg;
    out->slot = slot;
    out->kind = e->kind;
    out->alive = 0;
    e->alive = 0;
    event_release(list, slot);
    list->ahead = list->pool[list->ahead].slot;
    __builtin_prefetch(&list->pool[list->ahead]);
    list->pending--;
    list->ties += out->time_ns == list->last_ns;
    list->now_ns = list->last_ns = out->time_ns;
    list->fired++;
    list->hash =
        event_hash_next(list->hash, (uint64_t)out->time_ns, out->kind, out->entity, out->arg);
    return true;
none:
    if (until_ns > list->now_ns) list->now_ns = until_ns;
    return false;
}

/* Fold an outcome (a decision that is no event) into the hash. */
static inline void event_fold(struct event_list *list, uint64_t word)
{
    uint64_t digest = event_mix(word ^ EVENT_HASH_TIME, EVENT_HASH_WORD);
    list->hash = event_mix(list->hash ^ digest, EVENT_HASH_DATA);
}

#endif
