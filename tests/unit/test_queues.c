/* SPDX-License-Identifier: Apache-2.0
 * The kernel against queueing theory: M/M/1, M/M/c and M/G/1 queues on the event list.
 *
 * Each queue runs in 40 independent replications, from empty, the first customers left out.  The
 * theoretical value must lie in the 99 % Student interval of the replications, and that interval
 * must be narrow (3 % of the value), so that the test says something.  Seeds are fixed: the test
 * either always passes or never.  That it can fail is a test of its own: with a service rate two
 * per cent off, theory falls out of the interval. */
#include <math.h>

#include "sim/dist.h"
#include "sim/event.h"
#include "sim/hist.h"
#include "sim/interval.h"
#include "sim/level.h"
#include "sim/tally.h"
#include "sim/variate.h"
#include "tests/unit/unit.h"

enum { REPLICATIONS = 40, WARMUP = 5000, CUSTOMERS = 50000 + WARMUP };
enum { ARRIVE, DEPART };
enum { STREAM_GAPS = 1, STREAM_SERVICE };

struct queue {
    const char *name;
    uint32_t servers;
    double arrival_per_s;
    struct dist service_s;
};

/* What one replication measures, and what theory says. */
enum measure { WAIT_S, WAIT_PROBABILITY, IN_SYSTEM, SOJOURN_P90_S, MEASURES };

struct world {
    const struct queue *queue;
    struct event_list list;
    struct rng_stream gaps, services;
    int64_t *arrived_ns; /* by customer, in order of arrival, which is the order of service */
    uint32_t arrived, started, busy;
    struct tally wait_s, waited;
    struct level in_system;
    struct hist sojourn_ns;
};

static struct arena memory;

static int64_t in_ns(double seconds)
{
    return (int64_t)(1e9 * seconds + 0.5);
}

static void start_service(struct world *w)
{
    uint32_t customer = w->started++;
    int64_t wait_ns = w->list.now_ns - w->arrived_ns[customer];
    if (customer >= WARMUP) {
        tally_add(&w->wait_s, 1e-9 * (double)wait_ns);
        tally_add(&w->waited, wait_ns > 0);
    }
    w->busy++;
    int64_t service_ns = in_ns(dist_draw(&w->queue->service_s, &w->services));
    event_schedule(&w->list, w->list.now_ns + service_ns, DEPART, customer, 0);
}

static void arrive(struct world *w)
{
    w->arrived_ns[w->arrived++] = w->list.now_ns;
    if (w->arrived == WARMUP) level_init(&w->in_system, w->list.now_ns, w->in_system.value);
    level_set(&w->in_system, w->list.now_ns, w->in_system.value + 1);
    int64_t gap_ns = in_ns(variate_exponential(&w->gaps, 1.0 / w->queue->arrival_per_s));
    if (w->arrived < CUSTOMERS)
        event_schedule(&w->list, w->list.now_ns + gap_ns, ARRIVE, w->arrived, 0);
    if (w->busy < w->queue->servers) start_service(w);
}

static void depart(struct world *w, uint32_t customer)
{
    if (customer >= WARMUP) hist_add(&w->sojourn_ns, w->list.now_ns - w->arrived_ns[customer], 1);
    if (w->arrived < CUSTOMERS) /* emptying at the end is no part of the long run */
        level_set(&w->in_system, w->list.now_ns, w->in_system.value - 1);
    w->busy--;
    if (w->started < w->arrived) start_service(w);
}

static void run(const struct queue *queue, uint32_t replication, double *measured)
{
    arena_reset(&memory);
    struct world w = {.queue = queue,
                      .gaps = rng_open(2385, replication, STREAM_GAPS, 0),
                      .services = rng_open(2385, replication, STREAM_SERVICE, 0)};
    w.arrived_ns = arena_alloc(&memory, CUSTOMERS, sizeof *w.arrived_ns);
    event_list_init(&w.list, &memory, 1 + queue->servers);
    hist_init(&w.sojourn_ns, &memory);
    level_init(&w.in_system, 0, 0);
    event_schedule(&w.list, 0, ARRIVE, 0, 0);
    for (struct event e; event_next(&w.list, INT64_MAX, &e);) {
        if (e.kind == ARRIVE)
            arrive(&w);
        else
            depart(&w, e.entity);
    }
    assert_int_equal(w.started, CUSTOMERS);
    measured[WAIT_S] = w.wait_s.mean;
    measured[WAIT_PROBABILITY] = w.waited.mean;
    measured[IN_SYSTEM] = level_mean(&w.in_system, w.arrived_ns[CUSTOMERS - 1]);
    measured[SOJOURN_P90_S] = 1e-9 * hist_quantile(&w.sojourn_ns, 0.9);
}

static double values[MEASURES][REPLICATIONS];

static void run_all(const struct queue *queue)
{
    for (uint32_t i = 0; i < REPLICATIONS; i++) {
        double measured[MEASURES];
        run(queue, i, measured);
        for (int k = 0; k < MEASURES; k++)
            values[k][i] = measured[k];
    }
}

/* Whether theory lies in the 99 % interval, widened by a known `bias`; asserts that it is narrow.
 */
static bool agrees(const struct queue *queue, enum measure measure, double theory, double bias)
{
    static const char *const names[] = {"wait_s", "wait_probability", "in_system", "sojourn_s.p90"};
    double mean, half = interval_half_width(values[measure], REPLICATIONS, 0.99, &mean);
    print_message("%-12s %-16s theory %.4f, simulated %.4f +- %.4f\n", queue->name, names[measure],
                  theory, mean, half);
    assert_true(half < 0.03 * mean);
    return fabs(mean - theory) <= half + bias;
}

static const struct dist one_second = {DIST_EXPONENTIAL, 1.0, 0.0};

/* Exponential service of mean 1 s: the sojourn is exponential with rate mu - lambda. */
static void mm1_agrees_with_theory(void **state)
{
    (void)state;
    const struct queue queue = {"M/M/1 0.8", 1, 0.8, one_second};
    run_all(&queue);
    double p90 = log(10.0) / 0.2;
    assert_true(agrees(&queue, WAIT_S, 0.8 / 0.2, 0.0));
    assert_true(agrees(&queue, WAIT_PROBABILITY, 0.8, 0.0));
    assert_true(agrees(&queue, IN_SYSTEM, 0.8 / 0.2, 0.0));
    assert_true(agrees(&queue, SOJOURN_P90_S, p90, p90 * 0x1p-8)); /* error of the histogram */
}

/* Erlang's C formula: the probability of waiting, `load` = lambda / mu. */
static double erlang_c(uint32_t servers, double load)
{
    double blocking = 1.0; /* Erlang B by its recursion */
    for (uint32_t k = 1; k <= servers; k++)
        blocking = load * blocking / (k + load * blocking);
    return blocking / (1.0 - load / servers * (1.0 - blocking));
}

static void mmc_agrees_with_theory(void **state)
{
    (void)state;
    static const struct queue queues[] = {{"M/M/3 0.8", 3, 2.4, {DIST_EXPONENTIAL, 1.0, 0.0}},
                                          {"M/M/6 0.7", 6, 4.2, {DIST_EXPONENTIAL, 1.0, 0.0}}};
    for (size_t i = 0; i < sizeof queues / sizeof queues[0]; i++) {
        const struct queue *queue = &queues[i];
        double wait = erlang_c(queue->servers, queue->arrival_per_s);
        double wait_s = wait / (queue->servers - queue->arrival_per_s);
        run_all(queue);
        assert_true(agrees(queue, WAIT_S, wait_s, 0.0));
        assert_true(agrees(queue, WAIT_PROBABILITY, wait, 0.0));
        assert_true(agrees(queue, IN_SYSTEM, queue->arrival_per_s * (wait_s + 1.0), 0.0));
    }
}

/* Pollaczek and Khinchine: the mean wait is lambda E[S^2] / (2 (1 - rho)). */
static void check_mg1(const struct queue *queue, double second_moment)
{
    double rho = queue->arrival_per_s * dist_mean(&queue->service_s);
    double wait_s = queue->arrival_per_s * second_moment / (2.0 * (1.0 - rho));
    run_all(queue);
    assert_true(agrees(queue, WAIT_S, wait_s, 0.0));
    assert_true(agrees(queue, WAIT_PROBABILITY, rho, 0.0));
    assert_true(agrees(queue, IN_SYSTEM, queue->arrival_per_s * wait_s + rho, 0.0));
}

static void mg1_agrees_with_theory(void **state)
{
    (void)state;
    const struct queue fixed = {"M/D/1 0.8", 1, 0.8, {DIST_FIXED, 1.0, 0.0}};
    const struct queue uniform = {"M/U/1 0.7", 1, 0.7, {DIST_UNIFORM, 0.5, 1.5}};
    const struct queue lognormal = {"M/LN/1 0.6", 1, 0.6, {DIST_LOGNORMAL, exp(-0.32), 0.8}};
    check_mg1(&fixed, 1.0);
    check_mg1(&uniform, 1.0 + 1.0 / 12.0);
    check_mg1(&lognormal, exp(0.64));
}

static void a_wrong_service_rate_is_seen(void **state)
{
    (void)state;
    const struct queue queue = {"wrong M/M/1", 1, 0.8, {DIST_EXPONENTIAL, 1.0 / 0.98, 0.0}};
    run_all(&queue);
    assert_false(agrees(&queue, WAIT_S, 4.0, 0.0));
    assert_false(agrees(&queue, WAIT_PROBABILITY, 0.8, 0.0));
    assert_false(agrees(&queue, IN_SYSTEM, 4.0, 0.0));
}

static int setup(void **state)
{
    (void)state;
    arena_init(&memory, "test", 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&memory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mm1_agrees_with_theory),
        cmocka_unit_test(mmc_agrees_with_theory),
        cmocka_unit_test(mg1_agrees_with_theory),
        cmocka_unit_test(a_wrong_service_rate_is_seen),
    };
    return cmocka_run_group_tests_name("queues", tests, setup, teardown);
}
