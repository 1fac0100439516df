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
    s->requests[index] = (struct serving_request){.prev = SERVING_NONE, .next = SERVING_NONE};
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

void serving_queue_prepend(struct serving *s, struct serving_list *list, int32_t index)
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
