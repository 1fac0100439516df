/* SPDX-License-Identifier: Apache-2.0
 * Requests per second of serving nodes, on one core: the Azure hour of conversations, 19,366
 * requests, from the trace itself where DATA holds it, else drawn from the quantiles of its lengths
 * at its rate; read beforehand, only serving is timed.  One A100-80G with Llama-3-8B takes all of
 * it, under each policy, leaping and stepping, with measured tables where DATA holds them; then 40
 * nodes of four A100 with Llama-3-70B share it in turn.  A node is driven without an event list:
 * arrivals and its own wake-ups in order of time, its laws compared at each.  Seconds are of the
 * processor, and each figure is the best of several runs: on a shared machine only slowness is
 * noise. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "models/perf_tables.h"
#include "models/serving.h"
#include "models/trace.h"
#include "sim/variate.h"

enum { REQUESTS = 19366, REPEATS = 5, NODES = 40, DONE_MAX = 256 };

static const double share[] = {0, 0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99, 0.999, 1};
static const double prompt_at[] = {2, 29, 181, 207, 396, 1020, 1189, 2735, 4083, 4142, 6212, 14050};
static const double output_at[] = {7, 16, 41, 54, 85, 129, 395, 424, 451, 601, 954, 1000};

static int64_t arrive_ns[REQUESTS], prompt_tok[REQUESTS], output_tok[REQUESTS];

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void draw_workload(void)
{
    struct rng_stream s = rng_open(1, 0, 902, 0);
    double now_s = 0.0;
    for (int i = 0; i < REQUESTS; i++) {
        now_s += variate_exponential(&s, 1.0 / 5.53);
        arrive_ns[i] = (int64_t)(now_s * 1e9);
        prompt_tok[i] = (int64_t)variate_quantiles(rng_unit(&s), share, prompt_at, 12);
        output_tok[i] = (int64_t)variate_quantiles(rng_unit(&s), share, output_at, 12);
    }
}

static bool read_workload(void)
{
    struct arena arena;
    struct trace *trace;
    struct trace_row row;
    const char *data = getenv("DATA");
    bool more = true;
    int n = 0;
    arena_init(&arena, "bench trace", 0);
    const char *path = arena_print(&arena, "%s/azure-conv-2023.csv", data ? data : "");
    bool found = trace_open(path, &arena, &trace) == STATUS_OK;
    for (; found && n < REQUESTS; n++) {
        if (trace_next(trace, &row, &more) != STATUS_OK || !more) break;
        arrive_ns[n] = row.time_ns;
        prompt_tok[n] = row.prompt_tok;
        output_tok[n] = row.output_tok;
    }
    if (found) trace_close(trace);
    arena_free(&arena);
    return n == REQUESTS;
}

static void make_workload(void)
{
    if (read_workload()) return;
    printf("# serving: no Azure trace in DATA, requests are drawn from its quantiles\n");
    draw_workload();
}

struct outcome {
    uint64_t completed, steps, tokens, wakes, preemptions;
    double held_s, waiting_s, busy_s, blocks_peak; /* requests x s; the peak as a share */
    int64_t end_ns;
};

/* One node that gets each `every`-th request, from `first` on. */
static void serve(const struct serving_params *params, const struct perf *perf, struct arena *arena,
                  int first, int every, struct outcome *o)
{
    struct serving s;
    static struct serving_done done[DONE_MAX];
    char law[160];
    int next = first;
    serving_init(&s, params, perf, arena);
    for (;;) {
        int64_t wake_ns = serving_next_ns(&s);
        if (serving_laws_check(&s, law, sizeof law)) {
            fprintf(stderr, "%s\n", law);
            exit(1);
        }
        int64_t call_ns = next < REQUESTS ? arrive_ns[next] : INT64_MAX;
        if (wake_ns == INT64_MAX && call_ns == INT64_MAX) break;
        if (wake_ns <= call_ns) {
            serving_advance(&s, wake_ns, done, DONE_MAX);
            o->wakes++;
        } else {
            struct serving_terms terms = {.tag = (uint32_t)next,
                                          .prompt_tok = prompt_tok[next],
                                          .output_tok = output_tok[next]};
            serving_submit(&s, call_ns, &terms, NULL);
            next += every;
        }
    }
    struct serving_counters c = serving_count(&s, s.now_ns);
    o->completed += c.completed;
    o->steps += c.steps;
    o->tokens += c.prefill_tok + c.decode_tok;
    o->preemptions += c.preemptions;
    o->held_s += (double)s.laws.area_ns * 1e-9;
    o->waiting_s += (double)s.laws.waiting_ns * 1e-9;
    o->busy_s += (double)c.busy_ns * 1e-9;
    double peak = (double)c.blocks_peak / (double)s.blocks_total;
    if (peak > o->blocks_peak) o->blocks_peak = peak;
    if (s.now_ns > o->end_ns) o->end_ns = s.now_ns;
}

static void measure(const char *name, const struct serving_params *params, const struct perf *perf,
                    int nodes)
{
    double best_s = 1e9;
    struct outcome o;
    size_t bytes = 0;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        struct arena arena;
        arena_init(&arena, "bench", 0);
        o = (struct outcome){0};
        double start_s = seconds();
        for (int i = 0; i < nodes; i++)
            serve(params, perf, &arena, i, nodes, &o);
        double took_s = seconds() - start_s;
        if (took_s < best_s) best_s = took_s;
        bytes = arena.used_bytes / (size_t)nodes + sizeof(struct serving);
        arena_free(&arena);
    }
    double span_s = (double)o.end_ns * 1e-9 * nodes;
    fprintf(
        stderr,
        "%s: %llu requests, %llu steps, %llu wake-ups, %llu tokens, %llu preemptions; busy "
        "%.0f %%, %.1f requests held and %.2f waiting in the mean, KV at most %.0f %%; %.4f s\n",
        name, (unsigned long long)o.completed, (unsigned long long)o.steps,
        (unsigned long long)o.wakes, (unsigned long long)o.tokens,
        (unsigned long long)o.preemptions, 100 * o.busy_s / span_s, o.held_s / span_s,
        o.waiting_s / span_s, 100 * o.blocks_peak, best_s);
    printf("bench serving.%s_requests_per_s %.0f requests/s\n", name, (double)o.completed / best_s);
    printf("bench serving.%s_node_bytes %zu B\n", name, bytes);
}

/* One A100-80G with Llama-3-8B, by the published tables where DATA holds them. */
static struct perf measured_perf(struct arena *arena)
{
    struct diag diag;
    const char *data = getenv("DATA");
    diag_init(&diag, arena);
    struct perf_terms terms = {.hardware = perf_hardware_find("a100-80g"),
                               .model = perf_model_find("llama3-8b"),
                               .tp = 1,
                               .pp = 1,
                               .ep = 1};
    struct perf_tables_ask ask = {.folder = arena_print(arena, "%s/gpu_tables", data ? data : ""),
                                  .hardware = terms.hardware,
                                  .tp = 1};
    terms.tables = perf_tables_load(&ask, arena, &diag);
    if (terms.tables == NULL) printf("# serving: no timing tables in DATA, steps are modelled\n");
    return perf_make(&terms, arena);
}

static void measure_both(const char *what, struct serving_params *params, const struct perf *perf)
{
    char name[64];
    for (int fidelity = SERVING_LEAP; fidelity <= SERVING_STEP; fidelity++) {
        params->fidelity = fidelity;
        snprintf(name, sizeof name, "azure_%s%s", what, fidelity == SERVING_STEP ? "_step" : "");
        measure(name, params, perf, 1);
    }
    params->fidelity = SERVING_LEAP;
}

/* Each line of the table, and what bends the first one. */
static void measure_policies(const struct serving_params *params, const struct perf *perf)
{
    struct serving_params p = *params;
    for (p.policy = 0; p.policy < SERVING_POLICIES; p.policy++)
        measure_both(serving_policies[p.policy].name, &p, perf);
    p = *params;
    p.async_scheduling = true;
    measure_both("async_scheduling", &p, perf);
    p = *params;
    p.speculative =
        (struct serving_speculative){.tokens = 3, .acceptance = 0.7, .draft_cost = 0.05};
    measure_both("speculative", &p, perf);
}

int main(void)
{
    struct arena arena;
    struct serving_params params = {.max_num_seqs = 256,
                                    .max_num_batched_tokens = 8192,
                                    .gpu_memory_utilization = 0.9,
                                    .block_tokens = 16,
                                    .max_waiting = 1000000,
                                    .prefix_caching = true,
                                    .fidelity = SERVING_LEAP};
    const struct perf_hardware *a100 = perf_hardware_find("a100-80g");
    struct perf large = perf_build(a100, perf_model_find("llama3-70b"), PERF_BF16, 4, 0, 0.0);
    struct perf roofline = perf_build(a100, perf_model_find("llama3-8b"), PERF_BF16, 1, 0, 0.0);
    arena_init(&arena, "bench tables", 0);
    struct perf measured = measured_perf(&arena);
    make_workload();
    measure_policies(&params, &measured);
    measure("azure_roofline", &params, &roofline, 1);
    measure("azure_40_nodes", &params, &large, NODES);
    arena_free(&arena);
    return 0;
}
