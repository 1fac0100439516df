/* SPDX-License-Identifier: Apache-2.0
 * Laws that a serving node obeys over long runs: conservation of tokens, work and blocks, first
 * come first served, Little's law (exact), M/D/1 and processor sharing (within an interval), and
 * once more that leaping equals stepping, on a real card's figures under overload. */
#include "models/serving.h"
#include "sim/sim.h"
#include "tests/unit/serving_toy.h"
#include "tests/unit/unit.h"

enum { PURPOSE = 904 };

/* ---- a longer run of one node, for the laws ------------------------------------------------- */

enum { LONG_REQUESTS = 1500 };

struct run {
    struct serving_params params;
    struct perf perf;
    int64_t arrive_ns[LONG_REQUESTS], prompt[LONG_REQUESTS], output[LONG_REQUESTS];
    int64_t first_ns[LONG_REQUESTS], done_ns[LONG_REQUESTS];
    int count;
    __extension__ __int128 load_area_ns; /* integral of requests held */
    int64_t held_ns;                     /* time with any */
    uint64_t wakes;
    struct serving_counters counters;
};

static void account(struct run *r, int64_t *since_ns, int64_t now_ns, uint32_t load)
{
    r->load_area_ns += (__int128)load * (now_ns - *since_ns);
    if (load > 0) r->held_ns += now_ns - *since_ns;
    *since_ns = now_ns;
}

static void run_node(struct run *r)
{
    struct arena arena;
    struct serving s;
    struct serving_done done;
    int64_t since_ns = 0, now_ns;
    uint32_t load = 0;
    int next = 0;
    arena_init(&arena, "test", 0);
    serving_init(&s, &r->params, &r->perf, &arena);
    r->load_area_ns = r->held_ns = 0;
    for (r->wakes = 0;; r->wakes++) {
        int64_t wake_ns = serving_next_ns(&s);
        int64_t arrive_ns = next < r->count ? r->arrive_ns[next] : INT64_MAX;
        if (wake_ns == INT64_MAX && arrive_ns == INT64_MAX) break;
        now_ns = wake_ns < arrive_ns ? wake_ns : arrive_ns;
        account(r, &since_ns, now_ns, load);
        while (serving_advance(&s, now_ns, &done, 1) > 0) {
            r->first_ns[done.tag] = done.first_token_ns;
            r->done_ns[done.tag] = done.done_ns;
        }
        if (arrive_ns == now_ns) {
            struct serving_terms terms = {.tag = (uint32_t)next,
                                          .prompt_tok = r->prompt[next],
                                          .output_tok = r->output[next]};
            assert_true(serving_submit(&s, now_ns, &terms, NULL));
            next++;
        }
        load = serving_load(&s, now_ns);
    }
    r->counters = serving_count(&s, s.now_ns);
    arena_free(&arena);
}

static void draw_run(struct run *r, uint32_t replication, int count, double gap_ns)
{
    struct rng_stream s = rng_open(77, replication, PURPOSE, 1);
    double now_ns = 0.0;
    r->count = count;
    for (int i = 0; i < count; i++) {
        now_ns += variate_exponential(&s, gap_ns);
        r->arrive_ns[i] = (int64_t)now_ns;
        r->prompt[i] = between(&s, 1, 2500);
        r->output[i] = between(&s, 1, 400);
    }
}

/* Llama-3-8B on an RTX 4090 with the KV memory that such a card really has, overloaded. */
static void real_node_leaps_as_it_steps(void **state)
{
    (void)state;
    static struct run leap, step;
    draw_run(&leap, 1, 600, 0.15e9);
    leap.params = toy_params(256, 2048, 16, 2587);
    leap.perf = perf_build(perf_hardware_find("rtx4090"), perf_model_find("llama3-8b"), PERF_BF16,
                           1, 200000, 0.002);
    step = leap;
    step.params.fidelity = SERVING_STEP;
    run_node(&leap);
    run_node(&step);
    assert_memory_equal(leap.done_ns, step.done_ns, sizeof leap.done_ns);
    assert_memory_equal(leap.first_ns, step.first_ns, sizeof leap.first_ns);
    assert_true(leap.counters.preemptions > 20);
    print_message("%llu steps: %llu calls leaping, %llu stepping; %llu preemptions\n",
                  (unsigned long long)leap.counters.steps, (unsigned long long)leap.wakes,
                  (unsigned long long)step.wakes, (unsigned long long)leap.counters.preemptions);
    assert_true(leap.wakes < step.wakes);
}

static void tokens_work_and_time_are_conserved(void **state)
{
    (void)state;
    static struct run r;
    for (uint32_t replication = 0; replication < 6; replication++) {
        draw_run(&r, replication, LONG_REQUESTS, replication % 2 ? 0.1e9 : 0.5e9);
        r.params = toy_params(64, 2048, 16, replication % 3 ? 5000 : 1000);
        r.perf = perf_build(perf_hardware_find("a100-80g"), perf_model_find("llama3-8b"), PERF_BF16,
                            1, 0, 0.0);
        run_node(&r);
        __int128 sojourn_ns = 0;
        uint64_t tokens = 0;
        for (int i = 0; i < r.count; i++) {
            sojourn_ns += r.done_ns[i] - r.arrive_ns[i];
            tokens += (uint64_t)(r.prompt[i] + r.output[i] - 1);
            assert_true(r.arrive_ns[i] < r.first_ns[i] && r.first_ns[i] <= r.done_ns[i]);
            assert_true((r.output[i] == 1) == (r.first_ns[i] == r.done_ns[i]));
        }
        assert_true(sojourn_ns == r.load_area_ns);       /* Little's law, exact over a whole run */
        assert_int_equal(r.counters.busy_ns, r.held_ns); /* never idle while it holds a request */
        assert_int_equal(r.counters.prefill_tok + r.counters.decode_tok,
                         tokens + r.counters.wasted_tok);
        assert_int_equal(r.counters.completed, r.count);
        if (r.counters.preemptions == 0)
            assert_int_equal(r.counters.prefill_tok + r.counters.decode_tok, tokens);
    }
}

static void first_tokens_come_in_order_of_arrival(void **state)
{
    (void)state;
    static struct run r;
    draw_run(&r, 9, LONG_REQUESTS, 0.05e9);
    r.params = toy_params(32, 512, 16, 100000);
    r.perf = perf_build(perf_hardware_find("h100-sxm"), perf_model_find("llama3-8b"), PERF_BF16, 1,
                        0, 0.0);
    run_node(&r);
    assert_int_equal(r.counters.preemptions, 0);
    for (int i = 1; i < r.count; i++)
        assert_true(r.first_ns[i - 1] <= r.first_ns[i]);
}

/* ---- queues with known answers -------------------------------------------------------------- */

static void check_mean(const char *what, const double *values, size_t n, double theory)
{
    double mean, half = interval_half_width(values, n, 0.99, &mean);
    print_message("%s: %.4f +- %.4f, theory %.4f\n", what, mean, half, theory);
    assert_true(mean - half <= theory && theory <= mean + half);
    assert_true(half < 0.05 * theory);
}

/* One place, prompts of one length, outputs of one token: M/D/1, waiting rho D / (2 (1 - rho)). */
static void one_place_is_m_d_1(void **state)
{
    (void)state;
    enum { REPS = 100, WARM = 200 };
    static struct run r;
    double waits[REPS], rho = 0.6;
    struct toy toy = {.base = 1000 * PERF_TICKS};
    for (uint32_t rep = 0; rep < REPS; rep++) {
        draw_run(&r, 100 + rep, LONG_REQUESTS, 1000.0 / rho);
        r.params = toy_params(1, 2500, 16, 1000);
        r.perf = toy_perf(&toy);
        double sum_ns = 0.0;
        for (int i = 0; i < r.count; i++)
            r.output[i] = 1;
        run_node(&r);
        for (int i = WARM; i < r.count; i++)
            sum_ns += (double)(r.done_ns[i] - r.arrive_ns[i] - 1000);
        waits[rep] = sum_ns / (r.count - WARM);
    }
    /* Arrivals are cut to whole ns, which moves a mean by half of one at most. */
    check_mean("M/D/1 wait, ns", waits, REPS, rho * 1000.0 / (2.0 * (1.0 - rho)));
}

/* A step as long as the number of its sequences, exponential outputs: processor sharing, whose mean
 * sojourn is E[S] / (1 - rho) whatever the distribution of S. */
static void equal_shares_are_processor_sharing(void **state)
{
    (void)state;
    enum { REPS = 40, WARM = 300 };
    static struct run r;
    double sojourns[REPS], rho = 0.5, work_ns = 200.0 * 100.0;
    struct toy toy = {.base = PERF_TICKS, .per_seq = 100 * PERF_TICKS};
    for (uint32_t rep = 0; rep < REPS; rep++) {
        draw_run(&r, 300 + rep, LONG_REQUESTS, work_ns / rho);
        r.params = toy_params(1000, 100000, 16, 10000000);
        r.perf = toy_perf(&toy);
        struct rng_stream s = rng_open(78, rep, PURPOSE, 2);
        double sum_ns = 0.0;
        for (int i = 0; i < r.count; i++) {
            r.prompt[i] = 1;
            r.output[i] = 1 + (int64_t)variate_exponential(&s, 199.5);
        }
        run_node(&r);
        for (int i = WARM; i < r.count; i++)
            sum_ns += (double)(r.done_ns[i] - r.arrive_ns[i]);
        sojourns[rep] = sum_ns / (r.count - WARM);
    }
    /* A newcomer waits for the running step, 2 in 200 of the work; the interval is wider. */
    check_mean("processor sharing sojourn, ns", sojourns, REPS, work_ns / (1.0 - rho));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_node_leaps_as_it_steps),
        cmocka_unit_test(tokens_work_and_time_are_conserved),
        cmocka_unit_test(first_tokens_come_in_order_of_arrival),
        cmocka_unit_test(one_place_is_m_d_1),
        cmocka_unit_test(equal_shares_are_processor_sharing),
    };
    return cmocka_run_group_tests_name("serving_laws", tests, NULL, NULL);
}
