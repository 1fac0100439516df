/* SPDX-License-Identifier: Apache-2.0
 * Speed of the kernel: lines `bench NAME VALUE UNIT`.
 *
 * kernel.mm1_*: an M/M/1 queue at load 0.9 with 10^7 customers, arrival and departure as events,
 * each with one exponential variate: the kernel with a short list and the random numbers it needs.
 * mm1_random_share is the part of that time which drawing the same variates alone takes.
 * kernel.mm1_replications_*: 100 independent queues of 10^5 customers on all cores, by the clock on
 * the wall; replications_2t_ratio is two threads against one on the same work.
 * kernel.hold_*: the hold model of the literature on event lists (take the first of N pending
 * events, schedule it again an increment later), with increments drawn beforehand, so that only
 * the list is timed.  Shapes: exponential; uniform; skewed (90 % short, 10 % long); now (90 %
 * within 10 ns); shift (exponential, 1000 times finer from the middle of the run on).
 *
 * All but the replications are in CPU time, and each figure is the best of several runs: the
 * machine is shared, and only slowness is noise. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sim/event.h"
#include "sim/variate.h"

enum { REPEATS = 3, INCREMENTS = 1 << 16 };
enum { MM1_CUSTOMERS = 10000000, REPLICATIONS = 100, REPLICATION_CUSTOMERS = 100000 };
enum { HOLD_EVENTS = 2000000 };
enum { ARRIVE, DEPART };
enum shape { EXPONENTIAL, UNIFORM, SKEWED, NOW, SHIFT, SHAPES };

static const char *const shape_names[SHAPES] = {"", "uniform_", "skewed_", "now_", "shift_"};

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Two events a customer; the queue is empty at the end.  Comes back: the trace hash. */
static uint64_t mm1_run(struct arena *arena, uint64_t seed, uint64_t customers)
{
    struct rng_stream gaps = rng_open(seed, 0, 1, 0), services = rng_open(seed, 0, 2, 0);
    struct event_list list;
    uint64_t waiting = 0, arrived = 0;
    event_list_init(&list, arena, 100);
    event_schedule(&list, 0, ARRIVE, 0, 0);
    for (struct event e; event_next(&list, INT64_MAX, &e);) {
        if (e.kind == ARRIVE) {
            if (++arrived < customers)
                event_schedule(&list, e.time_ns + (int64_t)variate_exponential(&gaps, 1e9), ARRIVE,
                               0, 0);
            if (waiting++ > 0) continue;
        } else if (--waiting == 0) {
            continue;
        }
        event_schedule(&list, e.time_ns + (int64_t)variate_exponential(&services, 0.9e9), DEPART, 0,
                       0);
    }
    return list.hash;
}

/* The variates of such a run and nothing else. */
static uint64_t mm1_draw(uint64_t seed, uint64_t customers)
{
    struct rng_stream gaps = rng_open(seed, 0, 1, 0), services = rng_open(seed, 0, 2, 0);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < customers; i++) {
        sum += (uint64_t)variate_exponential(&gaps, 1e9);
        sum += (uint64_t)variate_exponential(&services, 0.9e9);
    }
    return sum;
}

static void mm1_lines(struct arena *arena)
{
    double best = 1e9, draws = 1e9;
    volatile uint64_t kept;
    for (int i = 0; i < REPEATS; i++) {
        double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
        kept = mm1_run(arena, 1, MM1_CUSTOMERS);
        double middle = seconds(CLOCK_PROCESS_CPUTIME_ID);
        kept = mm1_draw(1, MM1_CUSTOMERS);
        double end = seconds(CLOCK_PROCESS_CPUTIME_ID);
        if (middle - start < best) best = middle - start;
        if (end - middle < draws) draws = end - middle;
    }
    (void)kept;
    printf("bench kernel.mm1_events_per_s %.0f 1/s\n", 2.0 * MM1_CUSTOMERS / best);
    printf("bench kernel.mm1_ns_per_event %.1f ns\n", best * 1e9 / (2.0 * MM1_CUSTOMERS));
    printf("bench kernel.mm1_random_share %.2f ratio\n", draws / best);
}

static double replicate(int threads)
{
    static uint64_t hashes[REPLICATIONS];
    volatile uint64_t kept = 0;
    (void)threads; /* without OpenMP there is one */
    double start = seconds(CLOCK_MONOTONIC);
#pragma omp parallel num_threads(threads)
    {
        struct arena arena;
        arena_init(&arena, "replication", 0);
#pragma omp for schedule(dynamic)
        for (int i = 0; i < REPLICATIONS; i++) {
            arena_reset(&arena);
            hashes[i] = mm1_run(&arena, (uint64_t)i, REPLICATION_CUSTOMERS);
        }
        arena_free(&arena);
    }
    double s = seconds(CLOCK_MONOTONIC) - start;
    for (int i = 0; i < REPLICATIONS; i++) /* in index order */
        kept = kept * 31 + hashes[i];
    return s;
}

static void replication_lines(void)
{
    double one = 1e9, two = 1e9;
    for (int i = 0; i < 2 * REPEATS; i++) {
        double s = replicate(1), t = replicate(2);
        if (s < one) one = s;
        if (t < two) two = t;
    }
    printf("bench kernel.mm1_replications_events_per_s %.0f 1/s\n",
           2.0 * REPLICATIONS * REPLICATION_CUSTOMERS / two);
    printf("bench kernel.replications_2t_ratio %.2f ratio\n", one / two);
}

static void draw_increments(enum shape shape, double scale, int64_t *increments)
{
    struct rng_stream draws = rng_open(2, 0, 0, 0);
    for (int i = 0; i < INCREMENTS; i++) {
        bool rare = rng_below(&draws, 10) == 0;
        double ns = variate_exponential(&draws, 1e9);
        if (shape == UNIFORM) ns = variate_uniform(&draws, 0.0, 2e9);
        if (shape == SKEWED) ns *= rare ? 9.1 : 0.1;
        if (shape == NOW) ns = rare ? 10.0 * ns : variate_uniform(&draws, 0.0, 10.0);
        increments[i] = (int64_t)(ns * scale);
    }
}

/* Seconds of `events` holds, after as many as there are pending events. */
static double hold_run(struct arena *arena, uint32_t pending, uint32_t events,
                       const int64_t *increments, const int64_t *later)
{
    struct event_list list;
    struct event e;
    arena_reset(arena);
    event_list_init(&list, arena, pending);
    for (uint32_t i = 0; i < pending; i++)
        event_schedule(&list, increments[i % INCREMENTS] + i % 977, 0, i, 0);
    double start = 0.0;
    for (uint32_t i = 0; i < pending + events; i++) {
        if (i == pending) start = seconds(CLOCK_PROCESS_CPUTIME_ID);
        if (i == pending + events / 2) increments = later;
        if (!event_next(&list, INT64_MAX, &e)) break;
        /* The entity is added, lest as many pending events as increments repeat one order. */
        int64_t increment = increments[(i * 7 + e.entity) % INCREMENTS];
        event_schedule(&list, e.time_ns + increment, 0, e.entity, 0);
    }
    return seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
}

static void hold_lines(struct arena *arena, enum shape shape)
{
    static const struct {
        const char *name;
        uint32_t pending, events;
    } sizes[] = {{"1k", 1000, HOLD_EVENTS},
                 {"10k", 10000, HOLD_EVENTS},
                 {"100k", 100000, HOLD_EVENTS},
                 {"1m", 1000000, 2 * HOLD_EVENTS}};
    static int64_t increments[INCREMENTS], later[INCREMENTS];
    draw_increments(shape, 1.0, increments);
    draw_increments(shape, shape == SHIFT ? 1e-3 : 1.0, later);
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        double best = 1e9;
        for (int i = 0; i < REPEATS; i++) {
            double s = hold_run(arena, sizes[k].pending, sizes[k].events, increments, later);
            if (s < best) best = s;
        }
        printf("bench kernel.hold_%s%s_ns %.1f ns\n", shape_names[shape], sizes[k].name,
               best * 1e9 / sizes[k].events);
        if (shape == EXPONENTIAL)
            printf("bench kernel.hold_%s_events_per_s %.0f 1/s\n", sizes[k].name,
                   sizes[k].events / best);
    }
}

int main(void)
{
    struct arena arena;
    arena_init(&arena, "bench", 0);
    mm1_lines(&arena);
    replication_lines();
    for (int shape = 0; shape < SHAPES; shape++)
        hold_lines(&arena, (enum shape)shape);
    arena_free(&arena);
    return 0;
}
