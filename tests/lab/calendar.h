/* SPDX-License-Identifier: Apache-2.0
 * Calendar queue (Brown, CACM 31 (1988) 1220-1227): a year of days, each a sorted chain; the number
 * of days doubles and halves with the number of events, and the width of a day is then taken from
 * the gaps between the next 25 events, three times their mean without the wide ones. */
#ifndef HACASIM_TESTS_LAB_CALENDAR_H
#define HACASIM_TESTS_LAB_CALENDAR_H

#include "tests/lab/nodes.h"

enum { CALENDAR_SAMPLE = 25 };

struct calendar {
    struct lab_base base;
    struct nodes nodes;
    uint32_t *days;
    uint32_t count, day_count, today;
    int64_t width_ns, end_ns; /* end of today */
    int64_t taken_ns;         /* time of the last event taken: a new year begins there */
};

static inline void calendar_aim(struct calendar *l, int64_t time_ns)
{
    l->today = (uint32_t)((uint64_t)(time_ns / l->width_ns) & (l->day_count - 1));
    l->end_ns = (time_ns / l->width_ns + 1) * l->width_ns;
}

static inline void calendar_open(struct calendar *l, uint32_t days, int64_t width_ns,
                                 int64_t time_ns)
{
    l->days = calloc(days, sizeof *l->days);
    if (!l->days) lab_fail("no memory");
    l->day_count = days;
    l->width_ns = width_ns;
    calendar_aim(l, time_ns);
}

static inline void calendar_init(struct calendar *l, bool unused)
{
    (void)unused;
    *l = (struct calendar){.count = 0};
    lab_base_init(&l->base);
    nodes_init(&l->nodes);
    calendar_open(l, 2, 1000000, 0);
}

static inline void calendar_link(struct calendar *l, uint32_t node)
{
    const struct node *n = &l->nodes.items[node];
    uint32_t *link = &l->days[(uint64_t)(n->e.time_ns / l->width_ns) & (l->day_count - 1)];
    while (*link && lab_key(&l->nodes.items[*link].e) < lab_key(&n->e))
        link = &l->nodes.items[*link].next;
    l->nodes.items[node].next = *link;
    *link = node;
}

/* Unlink the first event: today's, or, after a year without one, the earliest of all. */
static inline uint32_t calendar_first(struct calendar *l)
{
    for (uint32_t i = 0; i < l->day_count; i++) {
        uint32_t node = l->days[l->today];
        if (node && l->nodes.items[node].e.time_ns < l->end_ns) {
            l->days[l->today] = l->nodes.items[node].next;
            return node;
        }
        l->today = (l->today + 1) & (l->day_count - 1);
        l->end_ns += l->width_ns;
    }
    uint32_t best = 0;
    for (uint32_t i = 0; i < l->day_count; i++) {
        uint32_t node = l->days[i];
        if (node && (!best || lab_key(&l->nodes.items[node].e) < lab_key(&l->nodes.items[best].e)))
            best = node;
    }
    calendar_aim(l, l->nodes.items[best].e.time_ns);
    l->days[l->today] = l->nodes.items[best].next;
    return best;
}

static inline int64_t calendar_width(struct calendar *l)
{
    uint32_t taken[CALENDAR_SAMPLE] = {0}, n = CALENDAR_SAMPLE;
    if (l->count < n) n = l->count;
    if (n < 2) return l->width_ns;
    for (uint32_t i = 0; i < n; i++)
        taken[i] = calendar_first(l);
    int64_t first = l->nodes.items[taken[0]].e.time_ns;
    double mean = (double)(l->nodes.items[taken[n - 1]].e.time_ns - first) / (n - 1), sum = 0.0;
    uint32_t kept = 0;
    for (uint32_t i = 1; i < n; i++) {
        double gap =
            (double)(l->nodes.items[taken[i]].e.time_ns - l->nodes.items[taken[i - 1]].e.time_ns);
        if (gap <= 2.0 * mean) {
            sum += gap;
            kept++;
        }
    }
    for (uint32_t i = n; i > 0; i--)
        calendar_link(l, taken[i - 1]);
    int64_t width = (int64_t)(3.0 * sum / (kept ? kept : 1));
    return width > 0 ? width : 1;
}

static inline void calendar_resize(struct calendar *l, uint32_t days)
{
    int64_t width_ns = calendar_width(l);
    uint32_t *old = l->days, old_count = l->day_count;
    calendar_open(l, days, width_ns, l->taken_ns);
    for (uint32_t i = 0; i < old_count; i++)
        for (uint32_t next, node = old[i]; node; node = next) {
            next = l->nodes.items[node].next;
            calendar_link(l, node);
        }
    free(old);
}

static inline void calendar_add(struct calendar *l, struct event e)
{
    uint32_t node = nodes_take(&l->nodes);
    l->nodes.items[node].e = e;
    calendar_link(l, node);
    if (e.time_ns < l->end_ns - l->width_ns) calendar_aim(l, e.time_ns);
    if (++l->count > 2 * l->day_count) calendar_resize(l, 2 * l->day_count);
}

static inline bool calendar_take(struct calendar *l, struct event *out)
{
    if (l->count == 0) return false;
    uint32_t node = calendar_first(l);
    *out = l->nodes.items[node].e;
    nodes_give(&l->nodes, node);
    l->taken_ns = out->time_ns;
    if (--l->count < l->day_count / 2 && l->day_count > 2) calendar_resize(l, l->day_count / 2);
    return true;
}

static inline void calendar_free(struct calendar *l)
{
    free(l->nodes.items);
    free(l->days);
}

#endif
