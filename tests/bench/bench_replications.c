/* SPDX-License-Identifier: Apache-2.0
 * Speed of independent replications on threads: lines `bench NAME VALUE UNIT`.
 *
 * 100 replications of an M/M/1 queue at load 0.9, 100,000 customers each, on one thread and on all
 * cores.  A thread takes the next replication when it is free, as the program does
 * (analysis/pool.c), and the hashes by index must not depend on the number of threads.  Wall time,
 * the best of several runs. */
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "sim/event.h"
#include "sim/variate.h"

enum { REPEATS = 3, REPLICATIONS = 100, CUSTOMERS = 100000 };
enum { ARRIVE, DEPART };

static double wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void schedule_after(struct event_list *list, struct rng_stream *s, double mean_ns,
                           uint16_t kind)
{
    event_schedule(list, list->now_ns + (int64_t)variate_exponential(s, mean_ns), kind, 0, 0);
}

/* Until all customers have left: two events for each. */
static uint64_t replicate(struct arena *arena, uint32_t replication)
{
    struct rng_stream gaps = rng_open(1, replication, 1, 0);
    struct rng_stream services = rng_open(1, replication, 2, 0);
    struct event_list list;
    struct event e;
    uint32_t arrived = 0, in_system = 0;
    arena_reset(arena);
    event_list_init(&list, arena, 100);
    schedule_after(&list, &gaps, 1e9, ARRIVE);
    while (event_next(&list, INT64_MAX, &e)) {
        if (e.kind == ARRIVE) {
            if (++arrived < CUSTOMERS) schedule_after(&list, &gaps, 1e9, ARRIVE);
            if (in_system++ > 0) continue;
        } else if (--in_system == 0) {
            continue;
        }
        schedule_after(&list, &services, 0.9e9, DEPART);
    }
    return list.fired == 2 * (uint64_t)CUSTOMERS ? list.hash : 0;
}

static double best_events_per_s(int threads, uint64_t *hash)
{
    double best_s = 1e9;
    omp_set_num_threads(threads);
    for (int i = 0; i < REPEATS; i++) {
        double start_s = wall_s();
#pragma omp parallel
        {
            struct arena arena;
            arena_init(&arena, "bench", 0);
#pragma omp for schedule(dynamic, 1)
            for (int r = 0; r < REPLICATIONS; r++)
                hash[r] = replicate(&arena, (uint32_t)r);
            arena_free(&arena);
        }
        double took_s = wall_s() - start_s;
        if (took_s < best_s) best_s = took_s;
    }
    return 2.0 * REPLICATIONS * CUSTOMERS / best_s;
}

int main(void)
{
    static uint64_t alone[REPLICATIONS], together[REPLICATIONS];
    int threads = omp_get_num_procs();
    double one = best_events_per_s(1, alone), all = best_events_per_s(threads, together);
    for (int r = 0; r < REPLICATIONS; r++) {
        if (alone[r] != 0 && alone[r] == together[r]) continue;
        fprintf(stderr, "replication %d: %s\n", r,
                alone[r] ? "the hash depends on the threads" : "events are missing");
        return 1;
    }
    printf("bench replications.1_thread_events_per_s %.0f 1/s\n", one);
    printf("bench replications.all_cores_events_per_s %.0f 1/s\n", all);
    printf("bench replications.threads %d\n", threads);
    return 0;
}
