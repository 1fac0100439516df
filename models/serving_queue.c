/* SPDX-License-Identifier: Apache-2.0
 * Containers of a node.  All live in its arena, double when they are full, and are bounded by the
 * number of requests held at once, not by the number served. */
#include "models/serving_queue.h"

#include <assert.h>

enum { FIRST_CAPACITY = 4 };

static uint32_t grown(uint32_t capacity)
{
    return capacity == 0 ? FIRST_CAPACITY : 2 * capacity;
}

int32_t serving_queue_take(struct serving *s)
{
    int32_t index = s->request_free;
    if (index != SERVING_NONE) {
        s->request_free = s->requests[index].next;
    } else {
        if (s->request_used == s->request_capacity) {
            uint32_t capacity = grown(s->request_capacity);
            s->requests = arena_grow(s->arena, s->requests, s->request_capacity, capacity,
                                     sizeof *s->requests);
            s->request_capacity = capacity;
        }
        index = (int32_t)s->request_used++;
    }
    s->requests[index] = (struct serving_request){.prev = SERVING_NONE,
                                                  .next = SERVING_NONE,
                                                  .prefix_chain = SERVING_NONE,
                                                  .own_chain = SERVING_NONE,
                                                  .ends = SERVING_NONE,
                                                  .ends_next = SERVING_NONE};
    return index;
}

void serving_queue_release(struct serving *s, int32_t index)
{
    s->requests[index].state = SERVING_FREE;
    s->requests[index].next = s->request_free;
    s->request_free = index;
}

void serving_queue_append(struct serving *s, struct serving_list *list, int32_t index)
{
    struct serving_request *r = &s->requests[index];
    r->prev = list->tail;
    r->next = SERVING_NONE;
    if (list->tail == SERVING_NONE)
        list->head = index;
    else
        s->requests[list->tail].next = index;
    list->tail = index;
    list->count++;
}

static void prepend(struct serving *s, struct serving_list *list, int32_t index)
{
    struct serving_request *r = &s->requests[index];
    r->prev = SERVING_NONE;
    r->next = list->head;
    if (list->head == SERVING_NONE)
        list->tail = index;
    else
        s->requests[list->head].prev = index;
    list->head = index;
    list->count++;
}

void serving_queue_remove(struct serving *s, struct serving_list *list, int32_t index)
{
    struct serving_request *r = &s->requests[index];
    if (r->prev == SERVING_NONE)
        list->head = r->next;
    else
        s->requests[r->prev].next = r->next;
    if (r->next == SERVING_NONE)
        list->tail = r->prev;
    else
        s->requests[r->next].prev = r->prev;
    list->count--;
}

/* ---- the waiting ----------------------------------------------------------------------------- */

static bool before(const struct serving *s, int32_t a, int32_t b)
{
    const struct serving_request *x = &s->requests[a], *y = &s->requests[b];
    return x->rank != y->rank ? x->rank < y->rank : x->arrival < y->arrival;
}

static void set_ranked(struct serving *s, uint32_t at, int32_t index)
{
    s->ranked[at] = index;
    s->requests[index].heap_index = at;
}

static void ranked_up(struct serving *s, uint32_t at, int32_t index)
{
    while (at > 0 && before(s, index, s->ranked[(at - 1) / 2])) {
        set_ranked(s, at, s->ranked[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    set_ranked(s, at, index);
}

static void ranked_down(struct serving *s, uint32_t at, int32_t index)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= s->waiting.count) break;
        if (child + 1 < s->waiting.count && before(s, s->ranked[child + 1], s->ranked[child]))
            child++;
        if (!before(s, s->ranked[child], index)) break;
        set_ranked(s, at, s->ranked[child]);
        at = child;
    }
    set_ranked(s, at, index);
}

void serving_queue_wait(struct serving *s, int32_t index, bool again)
{
    if (!s->rules.ranked && again) {
        prepend(s, &s->waiting, index);
    } else if (!s->rules.ranked) {
        serving_queue_append(s, &s->waiting, index);
    } else {
        if (s->waiting.count == s->ranked_capacity) {
            uint32_t capacity = grown(s->ranked_capacity);
            s->ranked =
                arena_grow(s->arena, s->ranked, s->ranked_capacity, capacity, sizeof *s->ranked);
            s->ranked_capacity = capacity;
        }
        ranked_up(s, s->waiting.count++, index);
    }
}

int32_t serving_queue_first(const struct serving *s)
{
    if (s->waiting.count == 0) return SERVING_NONE;
    return s->rules.ranked ? s->ranked[0] : s->waiting.head;
}

void serving_queue_leave(struct serving *s, int32_t index)
{
    if (!s->rules.ranked) {
        serving_queue_remove(s, &s->waiting, index);
        return;
    }
    uint32_t at = s->requests[index].heap_index;
    assert(s->ranked[at] == index);
    int32_t last = s->ranked[--s->waiting.count];
    if (last == index) return;
    if (at > 0 && before(s, last, s->ranked[(at - 1) / 2]))
        ranked_up(s, at, last);
    else
        ranked_down(s, at, last);
}

/* ---- finishing times of those who decode ------------------------------------------------------
 */

static bool sooner(const struct serving_finish *a, const struct serving_finish *b)
{
    return a->clock != b->clock ? a->clock < b->clock : a->order < b->order;
}

static void place(struct serving *s, uint32_t at, struct serving_finish entry)
{
    s->finish[at] = entry;
    s->requests[entry.request].heap_index = at;
}

static void sift_up(struct serving *s, uint32_t at, struct serving_finish entry)
{
    while (at > 0 && sooner(&entry, &s->finish[(at - 1) / 2])) {
        place(s, at, s->finish[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(s, at, entry);
}

static void sift_down(struct serving *s, uint32_t at, struct serving_finish entry)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= s->decoding) break;
        if (child + 1 < s->decoding && sooner(&s->finish[child + 1], &s->finish[child])) child++;
        if (!sooner(&s->finish[child], &entry)) break;
        place(s, at, s->finish[child]);
        at = child;
    }
    place(s, at, entry);
}

void serving_queue_push(struct serving *s, int32_t index, int64_t clock)
{
    if (s->decoding == s->finish_capacity) {
        uint32_t capacity = grown(s->finish_capacity);
        s->finish =
            arena_grow(s->arena, s->finish, s->finish_capacity, capacity, sizeof *s->finish);
        s->finish_capacity = capacity;
    }
    struct serving_finish entry = {clock, s->requests[index].order, index};
    sift_up(s, s->decoding++, entry);
}

void serving_queue_drop(struct serving *s, int32_t index)
{
    uint32_t at = s->requests[index].heap_index;
    assert(s->finish[at].request == index);
    struct serving_finish last = s->finish[--s->decoding];
    if (at == s->decoding) return;
    if (at > 0 && sooner(&last, &s->finish[(at - 1) / 2]))
        sift_up(s, at, last);
    else
        sift_down(s, at, last);
}

void serving_queue_report(struct serving *s, const struct serving_request *r,
                          enum serving_outcome outcome, int64_t done_ns)
{
    if (s->done_head == s->done_count) s->done_head = s->done_count = 0;
    if (s->done_count == s->done_capacity) {
        uint32_t capacity = grown(s->done_capacity);
        s->done = arena_grow(s->arena, s->done, s->done_capacity, capacity, sizeof *s->done);
        s->done_capacity = capacity;
    }
    s->done[s->done_count++] = (struct serving_done){r->tag, outcome, r->first_token_ns, done_ns};
}
