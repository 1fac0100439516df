/* SPDX-License-Identifier: Apache-2.0
 * Speed of the kernel: lines `bench NAME VALUE UNIT`.
 *
 * kernel.mm1_events_per_s: an M/M/1 queue at load 0.9, arrivals and departures as events, each
 * with one exponential variate: the kernel with a small list and with the random numbers it needs.
 * kernel.hold_N_events_per_s: the hold model of the literature on event lists (take the first of N
 * pending events, schedule it again an exponential time later); the increments are drawn
 * beforehand, so that only the list is timed.  Each figure is the best of several runs, because
 * the machine is shared and only slowness is noise. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sim/event.h"
#include "sim/variate.h"

enum { REPEATS = 5, MM1_EVENTS = 4000000, HOLD_EVENTS = 2000000, INCREMENTS = 1 << 16 };
enum { ARRIVE, DEPART };

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void report(const char *name, double events, double best_s)
{
    printf("bench kernel.%s_events_per_s %.0f 1/s\n", name, events / best_s);
}

static double mm1_once(struct arena *arena)
{
    struct rng_stream gaps = rng_open(1, 0, 1, 0), services = rng_open(1, 0, 2, 0);
    struct event_list list;
    struct event e;
    uint64_t waiting = 0;
    event_list_init(&list, arena, 100);
    event_schedule(&list, 0, ARRIVE, 0, 0);
    double start = seconds();
    while (list.fired < MM1_EVENTS && event_next(&list, INT64_MAX, &e)) {
        if (e.kind == ARRIVE) {
            event_schedule(&list, e.time_ns + (int64_t)variate_exponential(&gaps, 1e9), ARRIVE, 0,
                           0);
            if (waiting++ > 0) continue;
        } else if (--waiting == 0) {
            continue;
        }
        event_schedule(&list, e.time_ns + (int64_t)variate_exponential(&services, 0.9e9), DEPART, 0,
                       0);
    }
    return seconds() - start;
}

static double hold_once(struct arena *arena, uint32_t pending, const int64_t *increments)
{
    struct event_list list;
    struct event e;
    event_list_init(&list, arena, pending);
    for (uint32_t i = 0; i < pending; i++)
        event_schedule(&list, increments[i % INCREMENTS] + i % 977, 0, i, 0);
    uint32_t warm = HOLD_EVENTS / 4;
    double start = 0.0;
    for (uint32_t i = 0; i < HOLD_EVENTS + warm; i++) {
        if (i == warm) start = seconds();
        event_next(&list, INT64_MAX, &e);
        event_schedule(&list, e.time_ns + increments[i % INCREMENTS], 0, e.entity, 0);
    }
    return seconds() - start;
}

int main(void)
{
    static const struct {
        const char *name;
        uint32_t pending;
    } sizes[] = {
        {"hold_1k", 1000}, {"hold_10k", 10000}, {"hold_100k", 100000}, {"hold_1m", 1000000}};
    struct arena arena;
    arena_init(&arena, "bench", 0);
    double best = 1e9;
    for (int i = 0; i < REPEATS; i++) {
        double s = mm1_once(&arena);
        if (s < best) best = s;
    }
    report("mm1", MM1_EVENTS, best);
    static int64_t increments[INCREMENTS];
    struct rng_stream draws = rng_open(2, 0, 0, 0);
    for (int i = 0; i < INCREMENTS; i++)
        increments[i] = (int64_t)variate_exponential(&draws, 1e9);
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        best = 1e9;
        for (int i = 0; i < REPEATS; i++) {
            arena_reset(&arena);
            double s = hold_once(&arena, sizes[k].pending, increments);
            if (s < best) best = s;
        }
        report(sizes[k].name, HOLD_EVENTS, best);
    }
    arena_free(&arena);
    return 0;
}
