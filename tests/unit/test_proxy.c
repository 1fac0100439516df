/* SPDX-License-Identifier: Apache-2.0
 * Calls to an outside API: against a queue with a known answer, against a plain simulation that
 * looks at every moment, and against a token bucket filled by hand. */
#include <math.h>

#include "models/proxy.h"
#include "sim/variate.h"
#include "tests/unit/unit.h"

#define SECOND 1000000000LL

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

static struct rng_stream stream(uint32_t entity)
{
    return rng_open(5, 0, 0x9a01, entity);
}

/* ---- a queue with a known answer --------------------------------------------------------------
 */

/* Probability that an arrival waits in M/M/c (Erlang C), offered load a. */
static double erlang_c(int c, double a)
{
    double term = 1, sum = 0;
    for (int k = 0; k < c; k++) {
        sum += term;
        term *= a / (k + 1);
    }
    double last = term * c / (c - a);
    return last / (sum + last);
}

/* M/M/4 at 80 %: mean wait C / (c mu - lambda).  200,000 calls; waits are correlated over about
 * 1 / (1 - rho)^2 = 25 calls, so some 8,000 independent ones of a spread of about 1.5 means (waits
 * are an exponential with an atom at 0) give a standard error of 1.7 %; four of them are 7 %. */
static void test_erlang_c(void **state)
{
    (void)state;
    enum { CALLS = 200000, PLACES = 4 };
    const double service_s = 1.0, rate = 3.2;
    struct proxy_params params = {.concurrency = PLACES, .burst = 1};
    struct proxy p;
    struct rng_stream s = stream(1);
    double waited_s = 0, now_s = 0, want;
    int64_t *arrived = arena_alloc(&arena, CALLS, sizeof *arrived);
    int64_t *total = arena_alloc(&arena, CALLS, sizeof *total);
    uint64_t taken = 0;
    proxy_init(&p, &params, CALLS, &arena);
    for (uint32_t i = 0; i <= CALLS; i++) {
        struct proxy_done done[16];
        now_s += variate_exponential(&s, 1 / rate);
        int64_t now = i < CALLS ? (int64_t)(now_s * 1e9) : INT64_MAX / 2;
        for (uint32_t n; (n = proxy_advance(&p, now, done, 16)) > 0;)
            for (uint32_t k = 0; k < n; k++, taken++) {
                uint32_t tag = done[k].tag;
                assert_int_equal(done[k].outcome, PROXY_DONE);
                waited_s += (double)(done[k].done_ns - arrived[tag] - total[tag]) / 1e9;
            }
        if (i == CALLS) break;
        arrived[i] = now;
        total[i] = 1 + (int64_t)(variate_exponential(&s, service_s) * 1e9);
        struct proxy_call call = {.tag = i, .first_ns = 1, .total_ns = total[i]};
        assert_int_equal(proxy_submit(&p, now, &call), PROXY_TAKEN);
    }
    want = erlang_c(PLACES, rate * service_s) / (PLACES / service_s - rate);
    printf("measured: mean wait %.4f s, Erlang C %.4f s\n", waited_s / CALLS, want);
    assert_int_equal(taken, CALLS);
    assert_true(fabs(waited_s / CALLS - want) < 0.07 * want);
}

/* ---- a plain twin -----------------------------------------------------------------------------
 */

enum { TWIN_CALLS = 400, TWIN_WAITING = 12 };

struct twin { /* looks at every nanosecond at which anything happens, over arrays */
    const struct proxy_params *params;
    struct {
        bool held, open;
        int64_t since, first_ns, total_ns, end;
        bool fails;
    } calls[TWIN_CALLS];
    uint32_t queue[TWIN_CALLS], queued, open;
    struct proxy_done done[2 * TWIN_CALLS];
    uint32_t finished;
};

static void twin_begin(struct twin *t, uint32_t tag, int64_t now)
{
    t->calls[tag].open = true;
    t->calls[tag].since = now;
    t->calls[tag].end =
        now + (t->calls[tag].fails ? t->calls[tag].first_ns : t->calls[tag].total_ns);
    t->open++;
}

static void twin_refill(struct twin *t, int64_t now)
{
    while (t->queued > 0 && t->open < t->params->concurrency) {
        twin_begin(t, t->queue[0], now);
        t->queued--;
        memmove(t->queue, t->queue + 1, t->queued * sizeof t->queue[0]);
    }
}

static void twin_end(struct twin *t, uint32_t tag, enum proxy_outcome outcome, int64_t now)
{
    int64_t first = t->calls[tag].since + t->calls[tag].first_ns;
    bool known = t->calls[tag].open && !t->calls[tag].fails && first <= now;
    t->open -= t->calls[tag].open;
    t->calls[tag].held = t->calls[tag].open = false;
    t->done[t->finished++] = (struct proxy_done){tag, outcome, known ? first : -1, now};
}

/* The earliest end by `now`, of equals the one begun first; calls are begun in order of `since`. */
static void twin_until(struct twin *t, int64_t now)
{
    for (;;) {
        uint32_t best = TWIN_CALLS;
        for (uint32_t i = 0; i < TWIN_CALLS; i++) {
            if (!t->calls[i].open || t->calls[i].end > now) continue;
            bool sooner = best == TWIN_CALLS || t->calls[i].end < t->calls[best].end;
            if (sooner) best = i;
        }
        if (best == TWIN_CALLS) return;
        int64_t end = t->calls[best].end;
        twin_end(t, best, t->calls[best].fails ? PROXY_FAILED : PROXY_DONE, end);
        twin_refill(t, end);
    }
}

static bool twin_cancel(struct twin *t, uint32_t tag, int64_t now)
{
    twin_until(t, now);
    if (!t->calls[tag].held) return false;
    for (uint32_t i = 0; i < t->queued; i++) {
        if (t->queue[i] != tag) continue;
        t->queued--;
        memmove(t->queue + i, t->queue + i + 1, (t->queued - i) * sizeof t->queue[0]);
        break;
    }
    t->open -= t->calls[tag].open;
    t->calls[tag].held = t->calls[tag].open = false;
    twin_refill(t, now);
    return true;
}

static void same_done(const struct proxy_done *a, const struct proxy_done *b)
{
    assert_int_equal(a->tag, b->tag);
    assert_int_equal(a->outcome, b->outcome);
    assert_int_equal(a->done_ns, b->done_ns);
    assert_int_equal(a->first_token_ns, b->first_token_ns);
}

static void take_all(struct proxy *p, int64_t now, const struct twin *t, uint32_t *taken)
{
    struct proxy_done done[7];
    for (uint32_t n; (n = proxy_advance(p, now, done, 7)) > 0;)
        for (uint32_t k = 0; k < n; k++)
            same_done(&done[k], &t->done[(*taken)++]);
    assert_int_equal(*taken, t->finished);
}

/* Random calls and cancels give the same ends; lengths are primes apart, so no two calls end at one
 * time by chance.  A failure at the end loses the rest. */
static void one_twin(uint32_t seed)
{
    struct rng_stream s = stream(100 + seed);
    struct proxy_params params = {.concurrency = 1 + (int64_t)rng_below(&s, 5), .burst = 1};
    struct twin *t = arena_alloc(&arena, 1, sizeof *t);
    struct proxy p;
    int64_t now = 0;
    uint32_t taken = 0;
    *t = (struct twin){.params = &params};
    proxy_init(&p, &params, TWIN_WAITING, &arena);
    for (uint32_t i = 0; i < TWIN_CALLS; i++) {
        now += (int64_t)rng_below(&s, 1000000007);
        twin_until(t, now);
        struct proxy_call call = {.tag = i,
                                  .fails = rng_below(&s, 10) == 0,
                                  .first_ns = 1 + (int64_t)rng_below(&s, 500000009)};
        call.total_ns = call.first_ns + (int64_t)rng_below(&s, 2500000001);
        bool full = t->open >= params.concurrency && t->queued >= TWIN_WAITING;
        assert_int_equal(proxy_submit(&p, now, &call), full ? PROXY_QUEUE_FULL : PROXY_TAKEN);
        if (!full) {
            t->calls[i].held = true;
            t->calls[i].fails = call.fails;
            t->calls[i].first_ns = call.first_ns;
            t->calls[i].total_ns = call.total_ns;
            t->queue[t->queued++] = i;
            twin_refill(t, now);
        }
        uint32_t other = (uint32_t)rng_below(&s, i + 1);
        if (rng_below(&s, 4) == 0)
            assert_int_equal(proxy_cancel(&p, now, other), twin_cancel(t, other, now));
        take_all(&p, now, t, &taken);
    }
    uint32_t held = p.open_count + p.waiting_count;
    proxy_fail(&p, now);
    struct proxy_done done[TWIN_CALLS];
    assert_int_equal(proxy_advance(&p, now, done, TWIN_CALLS), held);
    for (uint32_t k = 0; k < held; k++) {
        assert_int_equal(done[k].outcome, PROXY_LOST);
        assert_true(t->calls[done[k].tag].held);
    }
    assert_int_equal(proxy_next_ns(&p), INT64_MAX);
}

static void test_plain_twin(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 50; seed++)
        one_twin(seed);
}

/* ---- rate limit -------------------------------------------------------------------------------
 */

/* A bucket of `burst` tokens that gains `rate` a second, in quarters of a second, so that sums are
 * exact. */
static void test_rate_limit(void **state)
{
    (void)state;
    struct proxy_params params = {.concurrency = 1000000, .rate = 2, .burst = 3};
    struct proxy p;
    struct rng_stream s = stream(2);
    double tokens = 3;
    int64_t now = 0;
    uint64_t refused = 0;
    proxy_init(&p, &params, 1000000, &arena);
    for (uint32_t i = 0; i < 5000; i++) {
        int64_t step = (int64_t)rng_below(&s, 4);
        now += step * SECOND / 4;
        tokens = fmin(3, tokens + (double)step / 4 * 2);
        struct proxy_call call = {.tag = i, .first_ns = 1, .total_ns = 2};
        bool allowed = tokens >= 1;
        assert_int_equal(proxy_submit(&p, now, &call), allowed ? PROXY_TAKEN : PROXY_RATE_LIMITED);
        tokens -= allowed;
        refused += !allowed;
    }
    assert_true(refused > 500);
    assert_int_equal(p.refused, refused);
}

/* ---- draws ------------------------------------------------------------------------------------
 */

/* Shares of draws below each knot: 20,000 draws, four standard errors of a share are at most
 * 4 x 0.5 / sqrt(20,000) = 1.4 %. */
static void test_quantiles(void **state)
{
    (void)state;
    struct proxy_knot knots[] = {{0, 0.2}, {0.5, 0.6}, {0.9, 1.5}, {1, 6}};
    struct proxy_latency latency = {PROXY_QUANTILES, .quantiles = {knots, 4}};
    uint32_t below[4] = {0};
    for (uint32_t i = 0; i < 20000; i++) {
        struct rng_stream s = stream(1000 + i);
        int64_t ns = proxy_latency_draw(&latency, &s);
        assert_true(ns >= 200000000 && ns <= 6000000000);
        for (int k = 0; k < 4; k++)
            below[k] += (double)ns <= knots[k].seconds_s * 1e9;
    }
    for (int k = 0; k < 4; k++)
        assert_true(fabs(below[k] / 20000.0 - knots[k].p) < 0.014);
}

/* $0.50 and $1.50 a million: 1,000,000 and 1,000,000 tokens are $2; one token is rounded up. */
static void test_price(void **state)
{
    (void)state;
    struct proxy_params params = {.input_price = 500000000, .output_price = 1500000000};
    assert_true(proxy_price(&params, 1000000, 1000000) == 2000000000);
    assert_true(proxy_price(&params, 1, 0) == 500);
    params.input_price = 1;
    assert_true(proxy_price(&params, 1, 0) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_erlang_c, setup, teardown),
        cmocka_unit_test_setup_teardown(test_plain_twin, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rate_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quantiles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_price, setup, teardown),
    };
    return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
