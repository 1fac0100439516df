/* SPDX-License-Identifier: Apache-2.0
 * Tests of the keyed streams, and of the scenario's distributions; those of the variates are in
 * tests/unit/test_variate.c.
 *
 * All seeds are fixed, so a statistical test either always passes or never; its threshold says how
 * unlikely the draw would be if the sampler were right. */
#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gsl/gsl_cdf.h>

#include "sim/dist.h"
#include "sim/rng.h"
#include "sim/variate.h"
#include "tests/unit/unit.h"

enum { N = 20000, STREAMS = 20 };

static double sample[N];

/* ---- the generator -------------------------------------------------------------------------- */

/* The known answers that Random123 publishes for philox4x32-10 (tests/kat_vectors). */
static void philox_gives_the_published_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], answer[4];
    } rows[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        philox4x32_ctr_t counter;
        philox4x32_key_t key;
        memcpy(counter.v, rows[i].counter, sizeof counter.v);
        memcpy(key.v, rows[i].key, sizeof key.v);
        philox4x32_ctr_t block = philox4x32(counter, key);
        assert_memory_equal(block.v, rows[i].answer, sizeof block.v);
    }
}

/* The same answers through the stream: where seed, replication, purpose and entity go. */
static void a_stream_is_that_generator(void **state)
{
    (void)state;
    struct rng_stream s = rng_open(0, 0, 0, 0);
    assert_true(rng_u64(&s) == 0xe169c58d6627e8d5ULL);
    assert_true(rng_u64(&s) == 0x9b00dbd8bc57ac4cULL);
    s = rng_open(0x299f31d0a4093822ULL, 0x13198a2e, 0x03707344, 0x85a308d3);
    rng_seek(&s, 0x243f6a88);
    assert_true(rng_u64(&s) == 0x94fdccebd16cfe09ULL);
    assert_true(rng_u64(&s) == 0x24126ea15001e420ULL);
    s = rng_open(UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX);
    rng_seek(&s, UINT32_MAX);
    assert_true(rng_u64(&s) == 0x41c83b0e408f276dULL);
    assert_true(rng_u64(&s) == 0x6d5451fda20bc7c6ULL);
}

/* Draw `index` of a stream by the plain path: one block, by itself. */
static uint64_t plain(const struct rng_stream *s, uint64_t index)
{
    philox4x32_ctr_t counter = s->counter;
    counter.v[0] = (uint32_t)(index / 2);
    philox4x32_ctr_t block = philox4x32(counter, s->key);
    unsigned low = index % 2 ? 2 : 0;
    return (uint64_t)block.v[low + 1] << 32 | block.v[low];
}

/* However far a stream has worked ahead, the draws are those of the plain path, in counter order:
 * from its start, from any block, across a copy, and up to its end. */
static void working_ahead_changes_nothing(void **state)
{
    (void)state;
    struct rng_stream keys = rng_open(4, 0, 0, 0);
    for (int k = 0; k < 2000; k++) {
        uint64_t seed = rng_u64(&keys), other = rng_u64(&keys);
        struct rng_stream s = rng_open(seed, (uint32_t)k, (uint32_t)other, (uint32_t)(other >> 32));
        static const uint32_t starts[] = {0, 1, 0x7fffffff, UINT32_MAX - 9};
        uint64_t index = 2 * ((uint64_t)starts[k % 4] + (k % 4 < 3 ? rng_below(&keys, 10) : 0));
        rng_seek(&s, (uint32_t)(index / 2));
        uint64_t count = k % 4 < 3 ? 1 + rng_below(&keys, 60) : 20;
        for (uint64_t i = 0; i < count; i++, index++) {
            struct rng_stream copy = s;
            assert_true(rng_u64(&copy) == plain(&s, index));
            assert_true(rng_u64(&s) == plain(&s, index));
        }
    }
}

static int run_child(void (*body)(void))
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); /* cmocka catches it */
        if (!freopen("/dev/null", "w", stderr)) _exit(1);
        body();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void draw_the_last(void)
{
    struct rng_stream s = rng_open(4, 0, 0, 0);
    rng_seek(&s, UINT32_MAX - 20);
    for (int i = 0; i < 42; i++)
        rng_u64(&s);
}

static void draw_beyond_the_last(void)
{
    struct rng_stream s = rng_open(4, 0, 0, 0);
    rng_seek(&s, UINT32_MAX - 20);
    for (int i = 0; i < 43; i++)
        rng_u64(&s);
}

static void a_stream_does_not_begin_again(void **state)
{
    (void)state;
    assert_int_equal(run_child(draw_the_last), 0);
    assert_int_equal(run_child(draw_beyond_the_last), SIGABRT);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* No two streams share a draw, and a stream never repeats: all of 2^15 draws differ. */
static void streams_do_not_collide(void **state)
{
    (void)state;
    enum { KEYS = 1 << 11, DRAWS = 16 };
    static uint64_t all[KEYS * DRAWS];
    size_t count = 0;
    for (uint32_t i = 0; i < KEYS; i++) {
        /* every combination of few values: neighbours differ in one key part by one bit */
        struct rng_stream s = rng_open(i & 3, i >> 2 & 7, i >> 5 & 7, i >> 8);
        for (int k = 0; k < DRAWS; k++)
            all[count++] = rng_u64(&s);
    }
    qsort(all, count, sizeof *all, by_value);
    for (size_t i = 1; i < count; i++)
        assert_true(all[i] != all[i - 1]);
}

/* Neighbouring streams look independent: the correlation of n uniform pairs is about 1/sqrt(n). */
static double correlation(struct rng_stream a, struct rng_stream b)
{
    double sum = 0.0;
    for (int i = 0; i < N; i++)
        sum += (rng_unit(&a) - 0.5) * (rng_unit(&b) - 0.5);
    return sum / N * 12.0;
}

static void neighbouring_streams_are_uncorrelated(void **state)
{
    (void)state;
    const double bound = 4.0 / sqrt(N); /* four standard errors */
    assert_true(fabs(correlation(rng_open(1, 0, 0, 0), rng_open(2, 0, 0, 0))) < bound);
    assert_true(fabs(correlation(rng_open(1, 0, 0, 0), rng_open(1, 1, 0, 0))) < bound);
    assert_true(fabs(correlation(rng_open(1, 0, 0, 0), rng_open(1, 0, 1, 0))) < bound);
    assert_true(fabs(correlation(rng_open(1, 0, 0, 0), rng_open(1, 0, 0, 1))) < bound);
    struct rng_stream shifted = rng_open(1, 0, 0, 0);
    rng_unit(&shifted);
    assert_true(fabs(correlation(rng_open(1, 0, 0, 0), shifted)) < bound);
    assert_true(fabs(correlation(rng_open(1, 0, 0, 0), rng_open(1, 0, 0, 0)) - 1.0) < 0.03);
}

static void below_is_uniform_and_below(void **state)
{
    (void)state;
    struct rng_stream s = rng_open(3, 0, 0, 0);
    static const uint64_t ends[] = {1, 2, 3, 10, 1000};
    for (size_t k = 0; k < sizeof ends / sizeof ends[0]; k++) {
        uint32_t counts[1000] = {0};
        for (int i = 0; i < N; i++) {
            uint64_t x = rng_below(&s, ends[k]);
            assert_true(x < ends[k]);
            counts[x]++;
        }
        double chi2 = 0.0, expected = N / (double)ends[k];
        for (uint64_t i = 0; i < ends[k]; i++)
            chi2 += (counts[i] - expected) * (counts[i] - expected) / expected;
        if (ends[k] > 1) assert_true(gsl_cdf_chisq_Q(chi2, (double)ends[k] - 1.0) > 1e-3);
    }
    for (int i = 0; i < 1000; i++)
        assert_true(rng_below(&s, UINT64_MAX) < UINT64_MAX);
}

/* ---- variates ------------------------------------------------------------------------------- */

static int by_real(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov and Smirnov: sqrt(n) D of the sample. */
static double distance(double (*cdf)(double))
{
    double worst = 0.0;
    qsort(sample, N, sizeof *sample, by_real);
    for (int i = 0; i < N; i++) {
        double p = cdf(sample[i]);
        worst = fmax(worst, fmax(fabs(p - (double)i / N), fabs(p - (i + 1.0) / N)));
    }
    return worst * sqrt(N);
}

/* Over 20 streams: the distance exceeds 1.36 with probability 5 %, hence five times or more in 20
 * with 0.26 %, and it exceeds 2.3 with 0.005 %. */
static bool follows(double (*draw)(struct rng_stream *), double (*cdf)(double))
{
    int large = 0;
    double worst = 0.0;
    for (uint32_t k = 0; k < STREAMS; k++) {
        struct rng_stream s = rng_open(2385, k, 0, 0);
        for (int i = 0; i < N; i++)
            sample[i] = draw(&s);
        double d = distance(cdf);
        large += d > 1.358;
        worst = fmax(worst, d);
    }
    return large < 5 && worst < 2.3;
}

/* Mean and variance within four standard errors of what they should be. */
static void check_moments(double mean, double variance, double fourth)
{
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < N; i++)
        sum += sample[i] - mean;
    assert_true(fabs(sum / N) < 4.0 * sqrt(variance / N));
    for (int i = 0; i < N; i++)
        squares += (sample[i] - mean) * (sample[i] - mean);
    assert_true(fabs(squares / N - variance) < 4.0 * sqrt((fourth - variance * variance) / N));
}

static double cdf_unit(double x)
{
    return x;
}

static void uniforms_are_uniform_and_open(void **state)
{
    (void)state;
    assert_true(follows(rng_unit, cdf_unit));
    check_moments(0.5, 1.0 / 12.0, 1.0 / 80.0);
    assert_true(sample[0] > 0.0 && sample[N - 1] < 1.0); /* sorted by now */
    /* the ends of the range, which no test could wait for */
    struct rng_stream ends = {.word = {0, UINT64_MAX, UINT64_MAX}};
    assert_true(rng_unit(&ends) == 0x1p-53 && rng_unit(&ends) == 1.0 - 0x1p-53);
    assert_true(variate_uniform(&ends, -3.0, 5.0) < 5.0);
}

/* ---- distributions of a scenario ------------------------------------------------------------ */

static void distributions_draw_and_know_their_mean(void **state)
{
    (void)state;
    static const struct dist rows[] = {{DIST_FIXED, 2.385, 0.0},
                                       {DIST_UNIFORM, 1.0, 4.0},
                                       {DIST_EXPONENTIAL, 0.3, 0.0},
                                       {DIST_LOGNORMAL, 2.0, 0.8}};
    static const double mean[] = {2.385, 2.5, 0.3, 2.0 * 1.3771277643359572 /* exp(0.32) */};
    static const double variance[] = {0.0, 0.75, 0.09, 1.0};
    for (size_t k = 0; k < 4; k++) {
        struct rng_stream s = rng_open(8, 0, 0, (uint32_t)k);
        double sum = 0.0, squares = 0.0;
        for (int i = 0; i < N; i++) {
            double x = dist_draw(&rows[k], &s);
            sum += x - mean[k], squares += (x - mean[k]) * (x - mean[k]);
        }
        assert_true(fabs(dist_mean(&rows[k]) - mean[k]) < 1e-14);
        assert_true(fabs(sum / N) <= 4.0 * sqrt(squares) / N);
        if (k < 3) assert_true(fabs(squares / N - variance[k]) <= 0.08 * variance[k]);
    }
}

/* One draw each, so that another kind or parameter moves nothing else in the stream. */
static void distributions_take_one_draw(void **state)
{
    (void)state;
    static const struct dist rows[] = {
        {DIST_UNIFORM, 1.0, 4.0}, {DIST_EXPONENTIAL, 0.3, 0.0}, {DIST_LOGNORMAL, 2.0, 0.8}};
    struct rng_stream a = rng_open(9, 0, 0, 0), b = a;
    for (int i = 0; i < 3000; i++) {
        dist_draw(&rows[i % 3], &a);
        rng_u64(&b);
    }
    const struct dist fixed = {DIST_FIXED, 1.0, 0.0};
    dist_draw(&fixed, &a); /* needs no chance, takes none */
    assert_true(rng_u64(&a) == rng_u64(&b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_published_answers),
        cmocka_unit_test(a_stream_is_that_generator),
        cmocka_unit_test(working_ahead_changes_nothing),
        cmocka_unit_test(a_stream_does_not_begin_again),
        cmocka_unit_test(streams_do_not_collide),
        cmocka_unit_test(neighbouring_streams_are_uncorrelated),
        cmocka_unit_test(below_is_uniform_and_below),
        cmocka_unit_test(uniforms_are_uniform_and_open),
        cmocka_unit_test(distributions_draw_and_know_their_mean),
        cmocka_unit_test(distributions_take_one_draw),
    };
    return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
