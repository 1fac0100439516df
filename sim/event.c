/* SPDX-License-Identifier: Apache-2.0
 * The event list: a 4-ary heap of 32-byte events.
 *
 * Answers for: order, cancellation, the clock, the trace hash, and the bounds of the list.  Leaves
 * out: what an event means (the model's switch) and which events there should be.
 *
 * Four children a node halve the depth of a binary heap, and the four lie in two cache lines: the
 * root is at index 3 and the children of i begin at 4 i - 8, so that each family is aligned to its
 * 128 bytes.  Places past the end hold a key larger than any event's, so that the smallest of four
 * children is chosen without asking how many there are, and without a branch: which child is the
 * smallest is a coin toss that no predictor can learn.  The key (time, sequence) is unique, so the
 * order of delivery is the same for every correct queue.
 *
 * A cancelled event stays where it is until it reaches the top or until more than half of the heap
 * is dead; then the living are gathered and the heap is rebuilt, so cancelling costs O(1) amortised
 * and the heap never holds more than about twice the living.
 *
 * A slot holds the sequence number of its event while that is pending.  It is reused only when the
 * record has left the heap. */
#include "sim/event.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/money.h"
#include "sim/status.h"

enum { EVENT_ROOT = 3, EVENT_FAMILY = 4, EVENT_ALIGN = 128, EVENT_CAPACITY_MIN = 64 };
enum { EVENT_FETCH_FROM = 1 << 15 }; /* 1 MiB of events */
/* With the dead the heap may hold twice this and a little, and four times a place must stay below
 * 2^32. */
#define EVENT_LIMIT_MAX ((uint32_t)1 << 28)

struct event_slot {
    uint64_t seq; /* of its event; EVENT_NO_SEQ: none is pending */
    uint32_t next_free;
};
#define EVENT_NO_SEQ UINT64_MAX

static const struct event event_none = {.time_ns = INT64_MAX, .seq = UINT64_MAX};

/* Time is never negative here, so one unsigned comparison orders by time and then by sequence. */
static inline money_u128 event_key(const struct event *e)
{
    return (money_u128)(uint64_t)e->time_ns << 64 | e->seq;
}

/* A bijection of 64 bits in which each input bit changes each output bit with probability near one
 * half: the finaliser of SplitMix64 (variant 13 of Stafford), on an offset so that 0 moves too. */
static inline uint64_t event_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
    return x ^ x >> 31;
}

/* The event's own digest does not wait for the hash so far; only the last mix is in the chain. */
static inline void event_hash(struct event_list *list, const struct event *e)
{
    uint64_t digest = event_mix((uint64_t)e->time_ns);
    digest = event_mix(digest ^ ((uint64_t)e->entity << 32 | e->arg));
    list->hash = event_mix(list->hash ^ (digest + e->kind));
}

void event_fold(struct event_list *list, uint64_t word)
{
    list->hash = event_mix(list->hash ^ ~event_mix(word));
}

/* ---- memory --------------------------------------------------------------------------------- */

/* The heap is indexed from EVENT_ROOT, and a family may end three places after the last event. */
static void event_heap_grow(struct event_list *list)
{
    uint32_t capacity = list->capacity ? 2 * list->capacity : EVENT_CAPACITY_MIN;
    size_t places = (size_t)capacity + EVENT_ROOT + EVENT_FAMILY;
    char *block =
        arena_alloc(list->arena, places + EVENT_ALIGN / sizeof(struct event), sizeof(struct event));
    block += -(uintptr_t)block % EVENT_ALIGN;
    struct event *heap = (struct event *)(void *)block;
    size_t used = list->count + (size_t)EVENT_ROOT;
    if (list->heap) memcpy(heap, list->heap, used * sizeof *heap);
    for (size_t i = used; i < places; i++)
        heap[i] = event_none;
    list->heap = heap;
    list->capacity = capacity;
}

static uint32_t event_slot_take(struct event_list *list)
{
    uint32_t slot = list->slot_free;
    if (slot) {
        list->slot_free = list->slots[slot].next_free;
        return slot;
    }
    if ((list->slot_count & (list->slot_count - 1)) == 0) { /* full at each power of two */
        uint32_t room = list->slot_count;
        list->slots =
            arena_grow(list->arena, list->slots, room, (size_t)2 * room, sizeof *list->slots);
    }
    return list->slot_count++;
}

/* The record of the slot leaves the heap. */
static void event_slot_give(struct event_list *list, uint32_t slot)
{
    list->slots[slot].next_free = list->slot_free;
    list->slot_free = slot;
}

static inline bool event_is_dead(const struct event_list *list, const struct event *e)
{
    return e->slot != 0 && list->slots[e->slot].seq != e->seq;
}

/* ---- heap ----------------------------------------------------------------------------------- */

/* Move the hole at `place` up to where (time, seq) belongs. */
static inline uint32_t event_sift_up(struct event *heap, uint32_t place, int64_t time_ns,
                                     uint64_t seq)
{
    money_u128 key = (money_u128)(uint64_t)time_ns << 64 | seq;
    while (place > EVENT_ROOT) {
        uint32_t parent = place / EVENT_FAMILY + 2;
        if (event_key(&heap[parent]) < key) break;
        heap[place] = heap[parent];
        place = parent;
    }
    return place;
}

/* Of the family that begins at `first`, the place of the smallest. */
static inline uint32_t event_smallest(const struct event *heap, uint32_t first)
{
    uint32_t left = first + (event_key(&heap[first + 1]) < event_key(&heap[first]));
    uint32_t right = first + 2 + (event_key(&heap[first + 3]) < event_key(&heap[first + 2]));
    uint32_t choose = -(uint32_t)(event_key(&heap[right]) < event_key(&heap[left]));
    return left ^ ((left ^ right) & choose);
}

/* Fetch the four families below the family at `first`, 512 bytes in a row, while it is being
 * compared.  Only a heap that has outgrown the near caches gains by it.  (Not always_inline, gcc 12
 * takes a function that only prefetches for one without effect and drops the call.) */
__attribute__((always_inline)) static inline void event_fetch_below(const struct event *heap,
                                                                    uint32_t end, uint32_t first)
{
    uint32_t below = EVENT_FAMILY * first - 8;
    if (end < EVENT_FETCH_FROM || below + EVENT_FAMILY * EVENT_FAMILY > end) return;
    const char *line = (const char *)&heap[below];
    for (int i = 0; i < 8; i++)
        __builtin_prefetch(line + (ptrdiff_t)64 * i);
}

static inline void event_sift_down(struct event *heap, uint32_t end, uint32_t place, struct event e)
{
    money_u128 key = event_key(&e);
    for (;;) {
        uint32_t first = EVENT_FAMILY * place - 8;
        if (first >= end) break;
        event_fetch_below(heap, end, first);
        uint32_t child = event_smallest(heap, first);
        if (key < event_key(&heap[child])) break;
        heap[place] = heap[child];
        place = child;
    }
    heap[place] = e;
}

static inline void event_remove_top(struct event_list *list)
{
    uint32_t last = EVENT_ROOT + --list->count;
    struct event e = list->heap[last];
    list->heap[last] = event_none;
    if (last > EVENT_ROOT) event_sift_down(list->heap, last, EVENT_ROOT, e);
}

/* Gather the living, then order each family from the last parent up (Floyd). */
static void event_compact(struct event_list *list)
{
    struct event *heap = list->heap;
    uint32_t end = EVENT_ROOT + list->count, kept = EVENT_ROOT;
    for (uint32_t i = EVENT_ROOT; i < end; i++) {
        if (event_is_dead(list, &heap[i]))
            event_slot_give(list, heap[i].slot);
        else
            heap[kept++] = heap[i];
    }
    for (uint32_t i = kept; i < end; i++)
        heap[i] = event_none;
    list->count = kept - EVENT_ROOT;
    list->cancelled = 0;
    if (list->count < 2) return;
    for (uint32_t i = (kept - 1) / EVENT_FAMILY + 2; i >= EVENT_ROOT; i--)
        event_sift_down(heap, kept, i, heap[i]);
}

/* ---- the interface -------------------------------------------------------------------------- */

void event_list_init(struct event_list *list, struct arena *arena, uint32_t limit)
{
    if (limit > EVENT_LIMIT_MAX) limit = EVENT_LIMIT_MAX;
    *list = (struct event_list){.arena = arena, .limit = limit, .last_ns = -1};
    list->slot_count = 1; /* slot 0 means: not cancellable */
    list->slots = arena_alloc(arena, 1, sizeof *list->slots);
    event_heap_grow(list);
}

static _Noreturn void event_refuse_past(const struct event_list *list, int64_t time_ns,
                                        uint16_t kind)
{
    fprintf(stderr,
            "event.c: event of kind %u scheduled at %" PRId64 " ns, before now (%" PRId64 " ns)\n",
            kind, time_ns, list->now_ns);
    abort();
}

static _Noreturn void event_refuse_full(const struct event_list *list)
{
    status_fail(STATUS_OPERATING, "event list full: %" PRIu32 " pending events (limit %" PRIu32 ")",
                list->count - list->cancelled, list->limit);
    status_print(stderr);
    exit(3);
}

/* The fields are written straight to their place in the heap.  A record put together on the stack
 * would be copied in 16-byte pieces, each of which waits for the smaller stores it is made of: that
 * costs as much as all the rest. */
static inline void event_insert(struct event_list *list, int64_t time_ns, uint16_t kind,
                                uint32_t entity, uint32_t arg, uint32_t slot)
{
    if (time_ns < list->now_ns) event_refuse_past(list, time_ns, kind);
    uint32_t pending = list->count - list->cancelled;
    if (pending >= list->limit) event_refuse_full(list);
    if (pending >= list->peak) list->peak = pending + 1;
    if (list->count == list->capacity) event_heap_grow(list);
    uint64_t seq = list->next_seq++;
    uint32_t place = event_sift_up(list->heap, EVENT_ROOT + list->count++, time_ns, seq);
    struct event *e = &list->heap[place];
    e->time_ns = time_ns;
    e->seq = seq;
    e->entity = entity;
    e->arg = arg;
    e->slot = slot;
    e->kind = kind;
    e->spare = 0;
}

void event_schedule(struct event_list *list, int64_t time_ns, uint16_t kind, uint32_t entity,
                    uint32_t arg)
{
    event_insert(list, time_ns, kind, entity, arg, 0);
}

struct event_handle event_schedule_cancellable(struct event_list *list, int64_t time_ns,
                                               uint16_t kind, uint32_t entity, uint32_t arg)
{
    uint32_t slot = event_slot_take(list);
    struct event_handle handle = {.seq = list->next_seq, .slot = slot};
    list->slots[slot].seq = handle.seq;
    event_insert(list, time_ns, kind, entity, arg, slot);
    return handle;
}

bool event_cancel(struct event_list *list, struct event_handle handle)
{
    if (handle.slot == 0 || handle.slot >= list->slot_count) return false;
    struct event_slot *slot = &list->slots[handle.slot];
    if (slot->seq != handle.seq) return false;
    slot->seq = EVENT_NO_SEQ;
    list->cancelled_total++;
    if (++list->cancelled > list->count / 2 && list->count > EVENT_CAPACITY_MIN)
        event_compact(list);
    return true;
}

/* Throw away dead records at the top. */
static void event_bury(struct event_list *list)
{
    while (list->count > 0 && event_is_dead(list, &list->heap[EVENT_ROOT])) {
        event_slot_give(list, list->heap[EVENT_ROOT].slot);
        list->cancelled--;
        event_remove_top(list);
    }
}

bool event_next(struct event_list *list, int64_t until_ns, struct event *out)
{
    if (list->cancelled > 0) event_bury(list);
    const struct event *top = &list->heap[EVENT_ROOT];
    if (list->count == 0 || top->time_ns > until_ns) {
        if (until_ns > list->now_ns) list->now_ns = until_ns;
        return false;
    }
    *out = *top;
    if (out->slot) {
        list->slots[out->slot].seq = EVENT_NO_SEQ;
        event_slot_give(list, out->slot);
    }
    event_remove_top(list);
    list->ties += out->time_ns == list->last_ns;
    list->now_ns = list->last_ns = out->time_ns;
    list->fired++;
    event_hash(list, out);
    return true;
}

/* ---- out and in ----------------------------------------------------------------------------- */

static int event_compare(const void *a, const void *b)
{
    money_u128 left = event_key(a), right = event_key(b);
    return (left > right) - (left < right);
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
    image->events =
        arena_alloc(arena, (size_t)list->count - list->cancelled, sizeof *image->events);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct event *e = &list->heap[EVENT_ROOT + i];
        if (!event_is_dead(list, e)) image->events[image->count++] = *e;
    }
    qsort(image->events, image->count, sizeof *image->events, event_compare);
}

/* Slots up to the highest in use; those that no event names are free. */
static void event_slots_import(struct event_list *list, const struct event_list_image *image)
{
    uint32_t highest = 0;
    for (uint32_t i = 0; i < image->count; i++)
        if (image->events[i].slot > highest) highest = image->events[i].slot;
    while (list->slot_count <= highest) {
        uint32_t slot = event_slot_take(list);
        list->slots[slot].seq = EVENT_NO_SEQ;
    }
    for (uint32_t i = 0; i < image->count; i++)
        if (image->events[i].slot) list->slots[image->events[i].slot].seq = image->events[i].seq;
    for (uint32_t slot = highest; slot > 0; slot--)
        if (list->slots[slot].seq == EVENT_NO_SEQ) event_slot_give(list, slot);
}

void event_list_import(struct event_list *list, struct arena *arena,
                       const struct event_list_image *image)
{
    event_list_init(list, arena, image->limit);
    event_slots_import(list, image);
    for (uint32_t i = 0; i < image->count; i++) { /* in order, so each stays where it is put */
        if (list->count == list->capacity) event_heap_grow(list);
        list->heap[EVENT_ROOT + list->count++] = image->events[i];
    }
    list->now_ns = image->now_ns;
    list->last_ns = image->last_ns;
    list->next_seq = image->next_seq;
    list->hash = image->hash;
    list->fired = image->fired;
    list->ties = image->ties;
    list->cancelled_total = image->cancelled_total;
    list->peak = image->peak;
}
