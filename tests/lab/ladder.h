/* SPDX-License-Identifier: Apache-2.0
 * The product, sim/event.h, in the dress of a candidate. */
#ifndef HACASIM_TESTS_LAB_LADDER_H
#define HACASIM_TESTS_LAB_LADDER_H

#include "tests/lab/lab.h"

struct ladder {
    struct event_list base;
    struct arena arena;
};

static inline void ladder_init(struct ladder *l, bool unused)
{
    (void)unused;
    arena_init(&l->arena, "lab", 0);
    event_list_init(&l->base, &l->arena, 1u << 28);
}

static inline struct event_handle ladder_schedule(struct ladder *l, const struct lab_record *r)
{
    if (r->op == LAB_SCHEDULE_CANCELLABLE)
        return event_schedule_cancellable(&l->base, r->time_ns, r->kind, r->entity, r->arg);
    event_schedule(&l->base, r->time_ns, r->kind, r->entity, r->arg);
    return (struct event_handle){.slot = 0};
}

static inline void ladder_cancel(struct ladder *l, struct event_handle handle)
{
    event_cancel(&l->base, handle);
}

static inline bool ladder_next(struct ladder *l, struct event *out)
{
    return event_next(&l->base, INT64_MAX, out);
}

static inline void ladder_close(struct ladder *l)
{
    arena_free(&l->arena);
}

#endif
