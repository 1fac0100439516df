/* SPDX-License-Identifier: Apache-2.0
 * A whole world over long times: queueing theory by the metrics that a user sees, and memory.
 *
 * Poisson arrivals that clients
 * spread at random over N engines with one place each are N queues M/G/1, delays of the network
 * notwithstanding (independent displacements of a Poisson process leave it one).
 *
 * The time that a request needs alone comes from an engine that serves nothing else, on a grid of
 * lengths; the rest is Pollaczek's and Khinchine's formula.  Gauges are read once a second, which
 * adds noise to what the interval over replications measures, and no bias. */
#include <math.h>

#include "models/models.h"
#include "models/serving.h"
#include "tests/unit/serving_toy.h"
#include "tests/unit/unit.h"

enum { NODES = 8, REPS = 8, REPS_LONG = 60, SHORTEST = 10, LONGEST = 200, PROMPT = 100 };

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, "test", 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static uint32_t replications(void)
{
    const char *mode = getenv("HACASIM_MODE");
    return mode && strcmp(mode, "long") == 0 ? REPS_LONG : REPS;
}

static double alone_s(const struct perf *perf, int64_t output_tok)
{
    struct serving s;
    struct serving_done done;
    struct serving_params params = toy_params(1, 8192, 16, 1000);
    serving_init(&s, &params, perf, &arena);
    assert_true(submit_plainly(&s, 0, 0, PROMPT, output_tok, NULL));
    while (serving_advance(&s, serving_next_ns(&s), &done, 1) == 0)
        continue;
    return (double)done.done_ns * 1e-9;
}

struct moments {
    double mean_s, square_s2;
};

/* Of answers whose lengths are equally likely from the shortest to the longest. */
static struct moments service(const struct perf *perf)
{
    struct moments m = {0.0, 0.0};
    double n = LONGEST - SHORTEST + 1;
    for (int64_t output = SHORTEST; output <= LONGEST; output++) {
        double s = alone_s(perf, output);
        m.mean_s += s / n;
        m.square_s2 += s * s / n;
    }
    return m;
}

static double metric(const struct models_record *record, const char *name)
{
    long index = models_metric_find(name);
    assert_true(index >= 0);
    return record->values[index].real;
}

static struct models_scenario *load(double rate_per_s)
{
    const char *sets[] = {
        arena_print(&arena, "workload.arrivals.poisson=%.6f/s", rate_per_s),
        arena_print(&arena,
                    "workload.lengths={quantiles: {prompt: [{p: 0%%, tokens: %d}, {p: "
                    "100%%, tokens: %d}], output: [{p: 0%%, tokens: %d}, {p: 100%%, tokens: %d}]}}",
                    PROMPT, PROMPT, SHORTEST, LONGEST),
        arena_print(&arena,
                    "nodes=[{name: a, count: %d, gpu: a100-80g, model: llama3-8b, tee: none}]",
                    NODES),
        "models=[{name: llama3-8b}]",
        "router.policy=random",
        "serving.max_num_seqs=1",
        "client.timeout=1 h",
        "adversaries=[]",
        "events=[]",
        "validators.count=4",
        "horizon=1 h",
        "warmup=2 min",
    };
    struct diag diag;
    diag_init(&diag, &arena);
    struct models_scenario *scenario =
        models_load(&arena, "scenarios/baseline.yaml", sets, sizeof sets / sizeof *sets, &diag);
    if (!scenario) diag_print(&diag, stderr);
    assert_non_null(scenario);
    return scenario;
}

static void holds(const char *what, const double *values, uint32_t reps, double theory)
{
    double mean, half = interval_half_width(values, reps, 0.99, &mean);
    printf("measured: %s %.5g +- %.3g, theory %.5g\n", what, mean, half, theory);
    /* The lengths come in whole tokens: up to half of one in the mean, 0.5 % of the service. */
    assert_true(fabs(mean - theory) <= half + 0.005 * theory);
    assert_true(half < 0.15 * theory);
}

static void nodes_are_queues_m_g_1(void **state)
{
    (void)state;
    static double busy[REPS_LONG], waiting[REPS_LONG], running[REPS_LONG];
    const double rho = 0.6;
    struct perf perf = perf_build(perf_hardware_find("a100-80g"), perf_model_find("llama3-8b"),
                                  PERF_BF16, 1, 0, 0.0);
    struct moments m = service(&perf);
    double lambda = rho / m.mean_s; /* of one node */
    struct models_scenario *scenario = load(lambda * NODES);
    for (uint32_t rep = 0; rep < replications(); rep++) {
        struct models_record record;
        struct arena own;
        arena_init(&own, "replication", 0);
        assert_int_equal(models_run(scenario, 5, rep, NULL, &own, &record), STATUS_OK);
        busy[rep] = metric(&record, "node.utilisation_ratio.mean");
        waiting[rep] = metric(&record, "serving.waiting.mean");
        running[rep] = metric(&record, "serving.running.mean");
        assert_true(metric(&record, "serving.residual_ns") == 0);
        arena_free(&own);
    }
    models_close(scenario);
    holds("busy share", busy, replications(), rho);
    holds("running", running, replications(), rho);
    holds("waiting", waiting, replications(), lambda * lambda * m.square_s2 / (2.0 * (1.0 - rho)));
}

/* ---- memory --------------------------------------------------------------------------------- */

static size_t world_bytes(const char *horizon, double *arrived)
{
    const char *sets[] = {horizon, "events=[]"};
    struct models_record record;
    struct diag diag;
    struct arena own;
    arena_init(&own, "replication", 0);
    diag_init(&diag, &arena);
    struct models_scenario *scenario =
        models_load(&arena, "scenarios/baseline.yaml", sets, 2, &diag);
    assert_non_null(scenario);
    assert_int_equal(models_run(scenario, 5, 0, NULL, &own, &record), STATUS_OK);
    *arrived = metric(&record, "requests.arrived");
    size_t bytes = own.used_bytes;
    arena_free(&own);
    models_close(scenario);
    return bytes;
}

/* A whole world keeps nothing of a finished request.  What grows a little is room for the most
 * things at a time, which a longer run has a better chance of. */
static void memory_does_not_grow_with_the_served(void **state)
{
    (void)state;
    double few, many;
    size_t once = world_bytes("horizon=10 min", &few);
    size_t often = world_bytes("horizon=100 min", &many);
    printf("measured: %zu bytes after %.0f requests, %zu after %.0f\n", once, few, often, many);
    assert_true(many > 9 * few);
    assert_true((double)often - (double)once < many - few); /* less than a byte for each */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nodes_are_queues_m_g_1, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_does_not_grow_with_the_served, setup, teardown),
    };
    return cmocka_run_group_tests_name("world_queues", tests, NULL, NULL);
}
