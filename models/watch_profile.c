/* SPDX-License-Identifier: Apache-2.0
 * The profile of a run: events and wall time by kind, and the levels of its queues.
 *
 * The clock is read when an event is done with, and again when all that looks on is done: an
 * event's time runs from the second reading of the one before, so that it includes taking it from
 * the list.  A trace written beside it still weighs on the kinds that change requests.  Wall times
 * are shown and never stored with results. */
#include <time.h>

#include "models/watch_internal.h"

static int64_t watch_profile_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void watch_profile_values(const struct world *w, int64_t values[WATCH_LEVELS])
{
    values[WATCH_PENDING] = w->events.pending;
    values[WATCH_INFLIGHT] = 0;
    for (int s = 0; s < REQUEST_COMPLETED; s++)
        values[WATCH_INFLIGHT] += (int64_t)w->states[s];
    values[WATCH_RUNNING] = w->watch->running;
    values[WATCH_WAITING] = w->watch->waiting;
    values[WATCH_MEMPOOL] = w->mempool.waiting;
}

void watch_profile_open(struct world *w)
{
    int64_t values[WATCH_LEVELS];
    watch_profile_values(w, values);
    for (int i = 0; i < WATCH_LEVELS; i++)
        level_init(&w->watch->levels[i], world_now(w), values[i]);
    *w->watch->profile = (struct watch_profile){.replications = 1};
    w->watch->clock_ns = watch_profile_clock_ns();
}

void watch_profile_event(struct world *w, const struct event *e)
{
    struct watch *watch = w->watch;
    watch->profile->count[e->kind]++;
    watch->profile->wall_ns[e->kind] += watch_profile_clock_ns() - watch->clock_ns;
}

void watch_profile_levels(struct world *w)
{
    struct watch *watch = w->watch;
    int64_t values[WATCH_LEVELS];
    watch_profile_values(w, values);
    for (int i = 0; i < WATCH_LEVELS; i++) {
        struct level *level = &watch->levels[i];
        if (values[i] != level->value) level_set(level, world_now(w), values[i]);
    }
    watch->clock_ns = watch_profile_clock_ns();
}

void watch_profile_close(struct world *w)
{
    struct watch_profile *profile = w->watch->profile;
    profile->scheduled = w->events.next_seq;
    profile->fired = w->events.fired;
    profile->cancelled = w->events.cancelled_total;
    profile->ties = w->events.ties;
    for (int i = 0; i < WATCH_LEVELS; i++) {
        profile->peak[i] = w->watch->levels[i].peak;
        profile->mean[i] = world_now(w) > 0 ? level_mean(&w->watch->levels[i], world_now(w)) : 0;
    }
}

void watch_profile_add(struct watch_profile *sum, const struct watch_profile *one)
{
    for (int k = 0; k < WATCH_KINDS; k++) {
        sum->count[k] += one->count[k];
        sum->wall_ns[k] += one->wall_ns[k];
    }
    for (int i = 0; i < WATCH_LEVELS; i++) {
        sum->mean[i] += one->mean[i];
        if (one->peak[i] > sum->peak[i]) sum->peak[i] = one->peak[i];
    }
    sum->scheduled += one->scheduled;
    sum->fired += one->fired;
    sum->cancelled += one->cancelled;
    sum->ties += one->ties;
    sum->replications += one->replications;
}
