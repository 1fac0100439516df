/* SPDX-License-Identifier: Apache-2.0
 * A day of 100 million chat requests on 10,000 nodes, each an A100-80G with Llama-3-8B: the serving
 * layer under the event list, fed by the workload stream, each request to a node at random.  The
 * laws of each node are compared at each of its events, as in every run.  The rate is by
 * seconds of the processor, into which other programs do not count.  BENCH_DAY_REQUESTS asks
 * for fewer, at the same rate. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "models/perf.h"
#include "models/serving.h"
#include "models/workload.h"

enum { NODES = 10000, DAY_REQUESTS = 100000000, DONE_MAX = 16, ROUTE = 903 };

enum { EV_ARRIVAL, EV_SERVE };

struct node {
    struct serving serving;
    struct event_handle wake;
    int64_t wake_ns;
};

struct flight { /* what is known of a request under way */
    int64_t arrived_ns;
    uint32_t next_free;
};

struct day {
    struct arena arena;
    struct event_list events;
    struct workload workload;
    struct workload_arrival next;
    struct rng_stream route;
    struct node *nodes;
    struct flight *flights;
    uint32_t flight_capacity, flight_used, flight_free; /* 0 is nobody's */
    uint64_t asked, submitted, finished;
    uint64_t in_flight, in_flight_peak;
    struct hist first_token_ns, answer_ns;
};

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static uint32_t flight_take(struct day *d)
{
    uint32_t slot = d->flight_free;
    if (slot != 0) {
        d->flight_free = d->flights[slot].next_free;
        return slot;
    }
    if (d->flight_used == d->flight_capacity) {
        uint32_t capacity = 2 * d->flight_capacity;
        d->flights =
            arena_grow(&d->arena, d->flights, d->flight_capacity, capacity, sizeof *d->flights);
        d->flight_capacity = capacity;
    }
    return d->flight_used++;
}

static void wake(struct day *d, uint32_t index)
{
    struct node *n = &d->nodes[index];
    char text[160];
    int64_t next_ns = serving_next_ns(&n->serving);
    if (serving_laws_check(&n->serving, text, sizeof text)) {
        fprintf(stderr, "node %u: %s\n", index, text);
        exit(1);
    }
    if (next_ns == n->wake_ns) return;
    if (n->wake_ns != INT64_MAX) event_cancel(&d->events, n->wake);
    n->wake_ns = next_ns;
    if (next_ns == INT64_MAX) return;
    int64_t at_ns = next_ns < d->events.now_ns ? d->events.now_ns : next_ns;
    n->wake = event_schedule_cancellable(&d->events, at_ns, EV_SERVE, index, 0);
}

static void fetch(struct day *d)
{
    bool more;
    if (d->submitted == d->asked) return;
    if (workload_next(&d->workload, &d->next, &more) != STATUS_OK || !more) exit(1);
    event_schedule(&d->events, d->next.time_ns, EV_ARRIVAL, 0, 0);
}

static void arrive(struct day *d)
{
    uint32_t index = (uint32_t)rng_below(&d->route, NODES), slot = flight_take(d);
    d->flights[slot].arrived_ns = d->events.now_ns;
    struct serving_terms terms = {
        .tag = slot, .prompt_tok = d->next.prompt_tok, .output_tok = d->next.output_tok};
    if (!serving_submit(&d->nodes[index].serving, d->events.now_ns, &terms, NULL)) exit(1);
    d->submitted++;
    if (++d->in_flight > d->in_flight_peak) d->in_flight_peak = d->in_flight;
    wake(d, index);
    fetch(d);
}

static void serve(struct day *d, uint32_t index)
{
    struct serving_done done[DONE_MAX];
    uint32_t count;
    d->nodes[index].wake_ns = INT64_MAX;
    do {
        count = serving_advance(&d->nodes[index].serving, d->events.now_ns, done, DONE_MAX);
        for (uint32_t i = 0; i < count; i++) {
            struct flight *f = &d->flights[done[i].tag];
            hist_add(&d->first_token_ns, done[i].first_token_ns - f->arrived_ns, 1);
            hist_add(&d->answer_ns, done[i].done_ns - f->arrived_ns, 1);
            f->next_free = d->flight_free;
            d->flight_free = done[i].tag;
        }
        d->in_flight -= count;
        d->finished += count;
    } while (count == DONE_MAX);
    wake(d, index);
}

static void open_day(struct day *d, const struct serving_params *params, const struct perf *perf,
                     const struct workload_params *workload, uint64_t requests)
{
    *d = (struct day){.asked = requests, .flight_capacity = 1024, .flight_used = 1};
    arena_init(&d->arena, "bench day", 0);
    event_list_init(&d->events, &d->arena, 1 << 24);
    hist_init(&d->first_token_ns, &d->arena);
    hist_init(&d->answer_ns, &d->arena);
    d->route = rng_open(1, 0, ROUTE, 0);
    d->flights = arena_alloc(&d->arena, d->flight_capacity, sizeof *d->flights);
    d->nodes = arena_alloc(&d->arena, NODES, sizeof *d->nodes);
    for (uint32_t i = 0; i < NODES; i++) {
        serving_init(&d->nodes[i].serving, params, perf, &d->arena);
        d->nodes[i].wake_ns = INT64_MAX;
    }
    if (workload_open(&d->workload, workload, 1, 0, &d->arena) != STATUS_OK) exit(1);
    fetch(d);
}

static void run_day(struct day *d)
{
    struct event e;
    while (event_next(&d->events, INT64_MAX, &e)) {
        if (e.kind == EV_ARRIVAL)
            arrive(d);
        else
            serve(d, e.entity);
    }
}

/* What one more request in flight costs: a node that holds very many, less an empty one. */
static double request_bytes(const struct serving_params *params, const struct perf *perf)
{
    enum { HELD = 1 << 16 };
    struct serving_params roomy = *params;
    struct arena arena;
    struct serving s;
    roomy.max_waiting = 2 * HELD;
    arena_init(&arena, "bench request", 0);
    serving_init(&s, &roomy, perf, &arena);
    size_t empty = arena.used_bytes;
    for (uint32_t i = 0; i < HELD; i++) {
        struct serving_terms terms = {.tag = i, .prompt_tok = 1000, .output_tok = 200};
        if (!serving_submit(&s, 0, &terms, NULL)) exit(1);
    }
    double bytes = (double)(arena.used_bytes - empty) / HELD;
    arena_free(&arena);
    return bytes;
}

int main(void)
{
    const char *asked = getenv("BENCH_DAY_REQUESTS");
    uint64_t requests = asked ? strtoull(asked, NULL, 10) : DAY_REQUESTS;
    static struct day day;
    struct serving_params params = {.max_num_seqs = 256,
                                    .max_num_batched_tokens = 8192,
                                    .gpu_memory_utilization = 0.9,
                                    .block_tokens = 16,
                                    .max_waiting = 4096,
                                    .prefix_caching = true,
                                    .fidelity = SERVING_LEAP};
    struct workload_params workload = {
        .arrivals = {.kind = WORKLOAD_POISSON, .poisson = DAY_REQUESTS / 86400.0},
        .lengths = {.kind = WORKLOAD_LENGTHS_AZURE_CONV_2023},
        .value = {.kind = DIST_FIXED, .a = 1.0},
        .clients = 1000000};
    struct perf perf = perf_build(perf_hardware_find("a100-80g"), perf_model_find("llama3-8b"),
                                  PERF_BF16, 1, 0, 0.0);
    open_day(&day, &params, &perf, &workload, requests);
    size_t opened_bytes = day.arena.used_bytes;
    double start_s = seconds(CLOCK_MONOTONIC), start_cpu_s = seconds(CLOCK_PROCESS_CPUTIME_ID);
    run_day(&day);
    double took_s = seconds(CLOCK_MONOTONIC) - start_s;
    double cpu_s = seconds(CLOCK_PROCESS_CPUTIME_ID) - start_cpu_s;
    fprintf(stderr,
            "day: %llu requests, %.1f h simulated, first token p50 %.3f s, p99 %.3f s, answer p50 "
            "%.2f s, p99 %.2f s, %llu in flight at most, %.2f events each, %zu B at the start and "
            "%zu B at the end\n",
            (unsigned long long)day.finished, (double)day.events.last_ns / 3600e9,
            hist_quantile(&day.first_token_ns, 0.5) / 1e9,
            hist_quantile(&day.first_token_ns, 0.99) / 1e9,
            hist_quantile(&day.answer_ns, 0.5) / 1e9, hist_quantile(&day.answer_ns, 0.99) / 1e9,
            (unsigned long long)day.in_flight_peak, (double)day.events.fired / (double)day.finished,
            opened_bytes, day.arena.used_bytes);
    printf("bench day.wall_s %.1f s\n", took_s);
    printf("bench day.cpu_s %.1f s\n", cpu_s);
    printf("bench day.requests_per_s %.0f requests/s\n", (double)day.finished / cpu_s);
    printf("bench day.node_bytes %.0f B\n", (double)day.arena.used_bytes / NODES);
    printf("bench day.request_in_flight_bytes %.0f B\n", request_bytes(&params, &perf));
    workload_close(&day.workload);
    arena_free(&day.arena);
    return 0;
}
