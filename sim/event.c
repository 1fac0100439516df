/* SPDX-License-Identifier: Apache-2.0
 * The event list: a ladder of buckets above a short sorted stack.
 *
 * Answers for: order, cancellation, the clock, the trace hash, and the bounds of the list.  Leaves
 * out: what an event means (the model's switch) and which events there should be.
 *
 * The stack near[] holds the keys of all events before near_until_ns.  What is later lies in
 * chains through the pool: in the buckets of the innermost rung while that reaches, then in those
 * of the rung around it, and beyond the outermost in the chain `far`.  When the stack is empty the
 * next bucket of the innermost rung is sorted into it.  A bucket with more events than fit becomes
 * a rung of its own, with about as many buckets as events; so does the stack when it overflows, and
 * so does `far` when all rungs are empty.  A short list never has a rung: it is the stack.
 *
 * So the width of buckets is never guessed for a whole run.  It is set again, from the events that
 * are there, each time a rung begins, and each rung divides the widths by 32 at least: events
 * that crowd in a small part of the time axis are found there by a rung of their own, whatever lies
 * elsewhere.  The idea is the ladder queue's (Tang, Goh and Thng, ACM TOMACS 15 (2005) 175-204).
 *
 * Chains are last in, first out, and every move of a chain keeps its order: among events of one
 * time the latest scheduled comes first.  So sequence numbers are never compared: the stable sort
 * by time alone gives (time, sequence).  A bucket of 1 ns holds nothing but ties.  It is emptied
 * piece by piece from its first event on, through the chain `ready` of its rung, and what is
 * scheduled meanwhile at the same time waits in the bucket.
 *
 * A cancelled event stays where it is until it would be sorted or delivered, or until the dead are
 * more than the living and a share of the buckets; then all chains are swept.  So cancelling costs
 * O(1) amortised.  Memory is the pool, which grows to the greatest number of records at one time,
 * and the heads of at most EVENT_RUNGS rungs, which are used again. */
#include "sim/event.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/status.h"

enum { EVENT_POOL_MIN = 64, EVENT_SORT = 48, EVENT_FLAT = 32 };
enum { EVENT_BUCKETS_MIN = 64, EVENT_BUCKETS_MAX = 1 << 20 };
enum { EVENT_COLD = 4096 };  /* buckets of a rung whose records are no longer in the near caches */
enum { EVENT_FETCH = 8 };    /* records ahead, where their places are known */
enum { EVENT_OUTLIERS = 8 }; /* one in 2^8 may stay beyond the outermost rung */
/* With the dead the pool may hold twice this and a little. */
#define EVENT_LIMIT_MAX ((uint32_t)1 << 28)
#define EVENT_NEVER UINT64_MAX

/* ---- bounds --------------------------------------------------------------------------------- */

_Noreturn void event_refuse_past(const struct event_list *list, int64_t time_ns, uint16_t kind)
{
    fprintf(stderr,
            "event.c: event of kind %u scheduled at %" PRId64 " ns, before now (%" PRId64 " ns)\n",
            kind, time_ns, list->now_ns);
    abort();
}

_Noreturn void event_refuse_ns(double ns)
{
    fprintf(stderr, "event.c: %g ns is not a time\n", ns);
    abort();
}

/* The limit is above the peak as long as it was not reached, so only a new peak is compared. */
void event_peak_rise(struct event_list *list)
{
    if (list->pending > list->limit) {
        status_fail(STATUS_OPERATING,
                    "event list full: %" PRIu32 " pending events (limit %" PRIu32 ")",
                    list->pending - 1, list->limit);
        status_print(stderr);
        exit(3);
    }
    list->peak = list->pending;
}

/* Places are chained a few at a time, so that memory is not touched long before its use. */
uint32_t event_pool_extend(struct event_list *list)
{
    if (list->pool_used == list->pool_capacity) {
        uint32_t capacity = 2 * list->pool_capacity;
        list->pool =
            arena_grow(list->arena, list->pool, list->pool_capacity, capacity, sizeof *list->pool);
        list->pool_capacity = capacity;
    }
    uint32_t first = list->pool_used, end = first + EVENT_POOL_MIN / 2;
    if (end > list->pool_capacity) end = list->pool_capacity;
    for (uint32_t slot = first; slot < end; slot++)
        list->pool[slot].slot = slot + 1 < end ? slot + 1 : 0;
    list->pool_used = end;
    list->free = first;
    return first;
}

void event_list_init(struct event_list *list, struct arena *arena, uint32_t limit)
{
    if (limit > EVENT_LIMIT_MAX) limit = EVENT_LIMIT_MAX;
    *list = (struct event_list){.arena = arena, .limit = limit, .last_ns = -1};
    list->near = arena_alloc(arena, EVENT_NEAR + 1, sizeof *list->near);
    list->near++->time_ns = EVENT_NEVER;
    list->near_until_ns = EVENT_NEVER;
    list->pool = arena_alloc(arena, EVENT_POOL_MIN, sizeof *list->pool);
    list->pool_capacity = EVENT_POOL_MIN;
    list->pool_used = 1;
}

/* ---- chains --------------------------------------------------------------------------------- */

static inline void event_push(struct event_list *list, uint32_t *head, uint32_t slot)
{
    list->pool[slot].slot = *head;
    *head = slot;
    list->moves++;
}

static void event_bury(struct event_list *list, uint32_t slot)
{
    list->dead--;
    event_release(list, slot);
}

/* ---- rungs ---------------------------------------------------------------------------------- */

/* Begin an empty rung inside the others, for about `count` events from start_ns to end_ns. */
static struct event_rung *event_rung_begin(struct event_list *list, uint64_t start_ns,
                                           uint64_t end_ns, uint32_t count)
{
    assert(list->depth <
           EVENT_RUNGS); /* each divides the time by 32 at least, and there are 63 bits */
    struct event_rung *rung = &list->rungs[list->depth++];
    uint32_t most = EVENT_BUCKETS_MIN, shift = 0;
    while (most < count && most < EVENT_BUCKETS_MAX)
        most *= 2;
    while ((end_ns - 1 - start_ns) >> shift >= most)
        shift++;
    if (rung->capacity < most) {
        rung->heads = arena_alloc(list->arena, most, sizeof *rung->heads);
        rung->capacity = most;
    }
    rung->start_ns = start_ns;
    rung->end_ns = end_ns;
    rung->next = 0;
    rung->buckets = (uint32_t)((end_ns - 1 - start_ns) >> shift) + 1;
    rung->ready = 0;
    rung->shift = shift;
    list->near_until_ns = start_ns;
    return rung;
}

static inline uint32_t *event_bucket(struct event_rung *rung, uint64_t time_ns)
{
    return &rung->heads[(time_ns - rung->start_ns) >> rung->shift];
}

static void event_far_push(struct event_list *list, uint32_t slot)
{
    if (list->far_count == list->far_capacity) {
        uint32_t capacity = list->far_capacity ? 2 * list->far_capacity : EVENT_POOL_MIN;
        list->far =
            arena_grow(list->arena, list->far, list->far_capacity, capacity, sizeof *list->far);
        list->far_capacity = capacity;
    }
    list->far[list->far_count++] = slot;
    list->moves++;
}

/* There are no rungs: the later half of the full stack goes to `far`, where it is the earliest. All
 * keys of one time go the same way. */
static void event_spill_flat(struct event_list *list)
{
    struct event_key *near = list->near;
    uint32_t split = list->near_count / 2, left = 0;
    uint64_t split_ns = near[split].time_ns;
    while (split < list->near_count && near[split].time_ns == split_ns)
        split++;
    for (uint32_t i = split; i > 0; i--)
        event_far_push(list, near[i - 1].slot);
    for (; split < list->near_count; split++)
        near[left++] = near[split];
    list->near_count = left;
    list->near_until_ns = split_ns;
}

/* The stack is full: it becomes a rung from now on, so that what is scheduled next finds its place
 * there.  Keys at near_until_ns or after can only be ties of a bucket of 1 ns; they go back to the
 * front of what is ready there. */
static void event_spill(struct event_list *list)
{
    struct event_key *near = list->near;
    uint32_t back = 0, count = list->near_count;
    if (list->depth == 0) {
        event_spill_flat(list);
        return;
    }
    for (; back < count && near[back].time_ns >= list->near_until_ns; back++)
        event_push(list, &list->rungs[list->depth - 1].ready, near[back].slot);
    list->near_count = 0;
    if (back == count) return;
    struct event_rung *rung =
        event_rung_begin(list, (uint64_t)list->now_ns, list->near_until_ns, count - back);
    for (uint32_t i = count; i > back; i--)
        event_push(list, event_bucket(rung, near[i - 1].time_ns), near[i - 1].slot);
}

void event_place(struct event_list *list, uint32_t slot, uint64_t time_ns)
{
    if (time_ns < list->near_until_ns) {
        event_spill(list);
        if (time_ns < list->near_until_ns) {
            event_near_insert(list, slot, time_ns);
            return;
        }
    }
    for (uint32_t k = list->depth; k > 0; k--) {
        struct event_rung *rung = &list->rungs[k - 1];
        if (time_ns >= rung->end_ns) continue;
        event_push(list, event_bucket(rung, time_ns), slot);
        return;
    }
    event_far_push(list, slot);
}

/* ---- the next keys -------------------------------------------------------------------------- */

/* Each key's place is the number of keys that belong before it: no branch depends on the times.
 * Keys come latest scheduled first, and at one time they leave so. */
static void event_sort(struct event_list *list, const struct event_key *keys, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t time_ns = keys[i].time_ns;
        uint32_t place = 0;
        for (uint32_t j = 0; j < i; j++)
            place += keys[j].time_ns >= time_ns;
        for (uint32_t j = i + 1; j < count; j++)
            place += keys[j].time_ns > time_ns;
        list->near[place] = keys[i];
    }
    list->near_count = count;
    list->moves += count;
}

/* Sort a chain into the empty stack, if it is short enough. */
static bool event_take_short(struct event_list *list, uint32_t chain)
{
    struct event_key keys[EVENT_SORT];
    uint32_t count = 0;
    for (; chain; chain = list->pool[chain].slot) {
        if (count == EVENT_SORT) return false;
        keys[count++] = (struct event_key){(uint64_t)list->pool[chain].time_ns, chain};
    }
    event_sort(list, keys, count);
    return true;
}

/* The next piece of what is ready, first event first, as a stack. */
static void event_take_ready(struct event_list *list, struct event_rung *rung)
{
    uint32_t count = 0, chain = rung->ready;
    for (; chain && count < EVENT_SORT; chain = list->pool[chain].slot)
        count++;
    list->near_count = count;
    for (; count > 0; rung->ready = list->pool[rung->ready].slot)
        list->near[--count] =
            (struct event_key){(uint64_t)list->pool[rung->ready].time_ns, rung->ready};
    list->moves += list->near_count;
}

/* From now on fetch, a record an event, the chain that comes next in a rung too large for the near
 * caches: a chain is a row of cache misses, each of which waits for the last.  Rungs inside it are
 * small and leave that going on. */
static void event_look_ahead(struct event_list *list, const struct event_rung *rung)
{
    if (rung->buckets < EVENT_COLD) return;
    list->ahead = rung->next < rung->buckets ? rung->heads[rung->next] : 0;
    __builtin_prefetch(&list->pool[list->ahead]);
}

/* Turn a chain round, without the dead; how many there are comes back. */
static uint32_t event_turn(struct event_list *list, uint32_t *chain)
{
    uint32_t turned = 0, count = 0;
    for (uint32_t next, slot = *chain; slot; slot = next) {
        next = list->pool[slot].slot;
        if (!list->pool[slot].alive) {
            event_bury(list, slot);
            continue;
        }
        event_push(list, &turned, slot);
        count++;
    }
    *chain = turned;
    return count;
}

/* Empty the next bucket of the rung into the stack or into a rung of its own. */
static void event_open_bucket(struct event_list *list, struct event_rung *rung, uint64_t start_ns)
{
    uint32_t *head = &rung->heads[rung->next], chain = *head;
    uint64_t end_ns = start_ns + ((uint64_t)1 << rung->shift);
    if (end_ns > rung->end_ns) end_ns = rung->end_ns;
    *head = 0;
    if (rung->shift == 0)
        end_ns = start_ns; /* ties that are still to come wait in the bucket */
    else
        rung->next++;
    list->near_until_ns = end_ns;
    event_look_ahead(list, rung);
    if (event_take_short(list, chain)) return;
    uint32_t count = event_turn(list, &chain);
    if (rung->shift == 0) {
        rung->ready = chain;
        return;
    }
    struct event_rung *inner = event_rung_begin(list, start_ns, end_ns, count);
    for (uint32_t next, slot = chain; slot; slot = next) {
        next = list->pool[slot].slot;
        event_push(list, event_bucket(inner, (uint64_t)list->pool[slot].time_ns), slot);
    }
}

struct event_span {
    uint64_t start_ns, end_ns;
};

static inline const struct event *event_far_at(const struct event_list *list, uint32_t i)
{
    uint32_t fetch = i + EVENT_FETCH;
    if (fetch < list->far_count) __builtin_prefetch(&list->pool[list->far[fetch]]);
    return &list->pool[list->far[i]];
}

/* From the first event of `far` to beyond all but a few, lest one at the end of time make the
 * buckets of all others wide.  The few are found by counting times by their number of bits. */
static struct event_span event_far_span(const struct event_list *list)
{
    uint32_t by_length[65] = {0}, left = list->far_count, length = 0;
    uint64_t min_ns = EVENT_NEVER, max_ns = 0, now_ns = (uint64_t)list->now_ns;
    for (uint32_t i = 0; i < list->far_count; i++) {
        uint64_t time_ns = (uint64_t)event_far_at(list, i)->time_ns, wait_ns = time_ns - now_ns;
        if (time_ns < min_ns) min_ns = time_ns;
        if (time_ns > max_ns) max_ns = time_ns;
        by_length[wait_ns ? 64 - __builtin_clzll(wait_ns) : 0]++;
    }
    for (; left > list->far_count >> EVENT_OUTLIERS; length++)
        left -= by_length[length];
    if (left == 0) return (struct event_span){min_ns, max_ns + 1};
    return (struct event_span){min_ns, now_ns + ((uint64_t)1 << (length - 1))};
}

/* Few events and no rungs: all are near. */
static void event_open_flat(struct event_list *list)
{
    struct event_key keys[EVENT_FLAT];
    uint32_t count = list->far_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = list->far[count - 1 - i];
        keys[i] = (struct event_key){(uint64_t)list->pool[slot].time_ns, slot};
    }
    event_sort(list, keys, count);
    list->far_count = 0;
    list->near_until_ns = EVENT_NEVER;
}

/* All rungs are empty: begin the outermost anew from what lay beyond it. */
static void event_open_far(struct event_list *list)
{
    struct event_span span = event_far_span(list);
    struct event_rung *rung = event_rung_begin(list, span.start_ns, span.end_ns, list->far_count);
    uint32_t left = 0;
    for (uint32_t i = 0; i < list->far_count; i++) {
        const struct event *e = event_far_at(list, i);
        uint32_t slot = list->far[i];
        if ((uint64_t)e->time_ns >= span.end_ns)
            list->far[left++] = slot;
        else if (e->alive)
            event_push(list, event_bucket(rung, (uint64_t)e->time_ns), slot);
        else
            event_bury(list, slot);
    }
    list->far_count = left;
}

/* Look for a bucket of the rung that begins by until_ns and holds something, and empty it.  A
 * bucket that begins later stays closed: so every bucket that was opened began before the clock,
 * and the rung that may have to take its place is never longer than it. */
static bool event_rung_next(struct event_list *list, struct event_rung *rung, uint64_t until_ns)
{
    if (rung->ready) {
        event_take_ready(list, rung);
        return true;
    }
    for (; rung->next < rung->buckets; rung->next++) {
        uint64_t start_ns = rung->start_ns + ((uint64_t)rung->next << rung->shift);
        list->near_until_ns = start_ns;
        if (start_ns > until_ns) return false;
        if (!rung->heads[rung->next]) continue;
        event_open_bucket(list, rung, start_ns);
        return true;
    }
    list->near_until_ns = rung->end_ns;
    list->depth--;
    return true;
}

/* Nothing is near: find the next keys.  A key may be that of a dead record, or after until_ns. */
bool event_refill(struct event_list *list, int64_t until_ns)
{
    if (until_ns < list->now_ns) return false;
    while (list->near_count == 0) {
        if (list->depth > 0) {
            struct event_rung *rung = &list->rungs[list->depth - 1];
            if (!event_rung_next(list, rung, (uint64_t)until_ns)) return false;
        } else if (list->far_count > EVENT_FLAT) {
            event_open_far(list);
        } else {
            event_open_flat(list);
            return list->near_count > 0;
        }
    }
    return true;
}

/* ---- cancelling ----------------------------------------------------------------------------- */

static void event_sweep_chain(struct event_list *list, uint32_t *link)
{
    while (*link) {
        uint32_t slot = *link;
        struct event *e = &list->pool[slot];
        if (e->alive) {
            link = &e->slot;
        } else {
            *link = e->slot;
            event_bury(list, slot);
        }
    }
}

static void event_sweep(struct event_list *list)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->near_count; i++) {
        if (list->pool[list->near[i].slot].alive)
            list->near[kept++] = list->near[i];
        else
            event_bury(list, list->near[i].slot);
    }
    list->near_count = kept;
    for (uint32_t k = 0; k < list->depth; k++) {
        struct event_rung *rung = &list->rungs[k];
        event_sweep_chain(list, &rung->ready);
        for (uint32_t i = rung->next; i < rung->buckets; i++)
            event_sweep_chain(list, &rung->heads[i]);
    }
    kept = 0;
    for (uint32_t i = 0; i < list->far_count; i++) {
        if (list->pool[list->far[i]].alive)
            list->far[kept++] = list->far[i];
        else
            event_bury(list, list->far[i]);
    }
    list->far_count = kept;
}

/* Enough dead records to pay for looking at everything. */
static bool event_sweep_pays(const struct event_list *list)
{
    uint32_t places = EVENT_NEAR;
    for (uint32_t k = 0; k < list->depth; k++)
        places += (list->rungs[k].buckets - list->rungs[k].next) / 8;
    return list->dead > list->pending + places;
}

bool event_cancel(struct event_list *list, struct event_handle handle)
{
    if (handle.slot == 0 || handle.slot >= list->pool_used) return false;
    struct event *e = &list->pool[handle.slot];
    if (e->seq != handle.seq || !e->alive) return false;
    e->alive = 0;
    list->pending--;
    list->cancelled_total++;
    list->dead++;
    if (list->dead > list->pending && event_sweep_pays(list)) event_sweep(list);
    return true;
}

/* ---- out and in ----------------------------------------------------------------------------- */

static int event_compare(const void *a, const void *b)
{
    const struct event *left = a, *right = b;
    if (left->time_ns != right->time_ns) return left->time_ns < right->time_ns ? -1 : 1;
    return (left->seq > right->seq) - (left->seq < right->seq);
}

void event_list_export(const struct event_list *list, struct arena *arena,
                       struct event_list_image *image)
{
    *image = (struct event_list_image){.now_ns = list->now_ns,
                                       .last_ns = list->last_ns,
                                       .next_seq = list->next_seq,
                                       .hash = list->hash,
                                       .fired = list->fired,
                                       .ties = list->ties,
                                       .cancelled_total = list->cancelled_total,
                                       .peak = list->peak,
                                       .limit = list->limit};
    image->events = arena_alloc(arena, list->pending, sizeof *image->events);
    for (uint32_t slot = 1; slot < list->pool_used; slot++) {
        if (!list->pool[slot].alive) continue;
        image->events[image->count] = list->pool[slot];
        image->events[image->count++].slot = slot;
    }
    qsort(image->events, image->count, sizeof *image->events, event_compare);
}

/* The records at their places, all others free. */
static void event_pool_import(struct event_list *list, const struct event_list_image *image)
{
    uint32_t end = 1;
    for (uint32_t i = 0; i < image->count; i++)
        if (image->events[i].slot >= end) end = image->events[i].slot + 1;
    while (list->pool_used < end)
        event_pool_extend(list);
    for (uint32_t i = 0; i < image->count; i++)
        list->pool[image->events[i].slot] = image->events[i];
    list->free = 0;
    for (uint32_t slot = list->pool_used - 1; slot > 0; slot--)
        if (!list->pool[slot].alive) event_release(list, slot);
}

void event_list_import(struct event_list *list, struct arena *arena,
                       const struct event_list_image *image)
{
    event_list_init(list, arena, image->limit);
    event_pool_import(list, image);
    list->near_until_ns = 0; /* all lie in `far` until the first is asked for */
    for (uint32_t i = 0; i < image->count; i++)
        event_far_push(list, image->events[i].slot);
    list->pending = image->count;
    list->now_ns = image->now_ns;
    list->last_ns = image->last_ns;
    list->next_seq = image->next_seq;
    list->hash = image->hash;
    list->fired = image->fired;
    list->ties = image->ties;
    list->cancelled_total = image->cancelled_total;
    list->peak = (uint32_t)image->peak;
}
