/* SPDX-License-Identifier: Apache-2.0
 * Tests of tallies, levels, histograms and intervals, against plain definitions and GSL. */
#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_statistics_double.h>

#include "analysis/wide.h"
#include "sim/hist.h"
#include "sim/interval.h"
#include "sim/level.h"
#include "sim/tally.h"
#include "sim/variate.h"
#include "tests/unit/unit.h"

enum { SAMPLES = 5000 };

static struct arena memory;
static struct rng_stream draws;
static double sample[SAMPLES];

static int setup(void **state)
{
    (void)state;
    arena_init(&memory, "test", 0);
    draws = rng_open(77, 0, 0, 0);
    for (int i = 0; i < SAMPLES; i++)
        sample[i] = 1e6 + variate_normal(&draws);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&memory);
    return 0;
}

/* ---- tally ---------------------------------------------------------------------------------- */

static void a_tally_agrees_with_the_definition(void **state)
{
    (void)state;
    struct tally t = {0};
    assert_true(tally_variance(&t) == 0.0);
    tally_add(&t, -3.0);
    assert_true(t.min == -3.0 && t.max == -3.0 && t.mean == -3.0 && tally_variance(&t) == 0.0);
    t = (struct tally){0};
    for (int i = 0; i < SAMPLES; i++)
        tally_add(&t, sample[i]);
    double low, high;
    gsl_stats_minmax(&low, &high, sample, 1, SAMPLES);
    assert_true(t.n == SAMPLES && t.min == low && t.max == high);
    assert_true(fabs(t.mean - gsl_stats_mean(sample, 1, SAMPLES)) < 1e-7);
    /* A mean a million deviations from zero: the textbook sum of squares loses all its digits. */
    double variance = gsl_stats_variance(sample, 1, SAMPLES);
    assert_true(fabs(tally_variance(&t) / variance - 1.0) < 1e-9);
}

static void merged_tallies_equal_one(void **state)
{
    (void)state;
    for (int cut = 0; cut <= SAMPLES; cut += 500) {
        struct tally whole = {0}, left = {0}, right = {0};
        for (int i = 0; i < SAMPLES; i++) {
            tally_add(&whole, sample[i]);
            tally_add(i < cut ? &left : &right, sample[i]);
        }
        tally_merge(&left, &right);
        assert_true(left.n == whole.n && left.min == whole.min && left.max == whole.max);
        assert_true(fabs(left.mean - whole.mean) < 1e-7);
        assert_true(fabs(tally_variance(&left) / tally_variance(&whole) - 1.0) < 1e-9);
    }
    struct tally empty = {0}, one = {0};
    tally_add(&one, 5.0);
    struct tally copy = one;
    tally_merge(&one, &empty);
    assert_memory_equal(&one, &copy, sizeof one);
}

/* ---- level ---------------------------------------------------------------------------------- */

static void a_level_integrates_exactly(void **state)
{
    (void)state;
    struct level l;
    level_init(&l, 100, 7);
    assert_true(isnan(level_mean(&l, 100)));
    assert_true(level_mean(&l, 150) == 7.0);
    level_set(&l, 110, -3); /* 7 x 10 */
    level_set(&l, 110, 20); /* for no time at all */
    level_set(&l, 115, 2);  /* 20 x 5 */
    assert_true(level_mean(&l, 120) == (70.0 + 100.0 + 10.0) / 20.0);
    assert_int_equal(l.peak, 20);
    level_init(&l, 0, INT64_MAX); /* an integral beyond 64 bits */
    level_set(&l, INT64_MAX / 2, INT64_MIN);
    level_set(&l, INT64_MAX - 1, 0);
    assert_true(l.integral == -(money_t)(INT64_MAX / 2));
}

/* Levels and times of all sizes, against 512-bit integers.  The integral must agree to the last
 * bit; the mean is one quotient of it, so it is off by at most three roundings: of the integral, of
 * the time and of the quotient. */
static void a_level_agrees_with_big_integers(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct level l;
        int64_t now = (int64_t)(rng_u64(&draws) >> 40), start = now;
        int64_t value = (int64_t)rng_u64(&draws) >> rng_below(&draws, 64), peak = value;
        struct wide integral = wide_integer(0);
        level_init(&l, now, value);
        for (int i = 0; i < 50; i++) {
            int64_t step = (int64_t)(rng_u64(&draws) >> (7 + rng_below(&draws, 57)));
            if (step > (INT64_MAX - now) / 2) step = 0;
            integral = wide_add(integral, wide_multiply(wide_integer(value), wide_integer(step)));
            now += step;
            value = (int64_t)rng_u64(&draws) >> rng_below(&draws, 64);
            if (value > peak) peak = value;
            level_set(&l, now, value);
        }
        assert_true(l.integral == wide_money(integral) && l.peak == peak);
        __float128 exact = (__float128)l.integral / (now - start);
        __float128 error = level_mean(&l, now) - exact, size = exact < 0 ? -exact : exact;
        assert_true((error < 0 ? -error : error) <= 3 * 0x1p-53 * size);
    }
}

/* A distribution weighted by time and the level it was made of hold the same integral. */
static void a_time_weighted_mean_is_the_level(void **state)
{
    (void)state;
    struct level l;
    struct hist h;
    int64_t now = 0, value = 7;
    level_init(&l, 0, value);
    hist_init(&h, &memory);
    for (int i = 0; i < 2000; i++) {
        int64_t step = (int64_t)rng_below(&draws, 1u << 30);
        hist_add(&h, value, (uint64_t)step);
        now += step;
        value = (int64_t)(rng_u64(&draws) >> (1 + rng_below(&draws, 63)));
        level_set(&l, now, value);
    }
    assert_true(h.sum == l.integral && h.weight == (uint64_t)now);
    assert_true(hist_mean(&h) == level_mean(&l, now));
}

/* ---- histogram ------------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Values of all magnitudes, many of them small. */
static int64_t any_value(void)
{
    return (int64_t)(rng_u64(&draws) >> (1 + rng_below(&draws, 63)));
}

static void every_value_is_within_the_stated_error(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct hist h;
        int64_t value = i < 600 ? i : any_value();
        if (i == 600) value = INT64_MAX;
        arena_reset(&memory);
        hist_init(&h, &memory);
        hist_add(&h, 0, 1); /* so that neither end clamps the middle of the cell */
        hist_add(&h, value, 1);
        hist_add(&h, INT64_MAX, 1);
        double middle = hist_quantile(&h, 0.5);
        if (value < 256) assert_true(middle == (double)value);
        assert_true(fabs(middle - (double)value) <= (double)value * 0x1p-8);
    }
}

static void check_quantiles(int64_t *values, int n, const struct hist *h)
{
    static const double q[] = {0.001, 0.1, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999};
    qsort(values, (size_t)n, sizeof *values, by_value);
    for (size_t k = 0; k < sizeof q / sizeof q[0]; k++) {
        double rank = ceil(q[k] * n);
        double exact = (double)values[(int)rank - 1], got = hist_quantile(h, q[k]);
        assert_true(fabs(got - exact) <= exact * 0x1p-8);
        if (exact < 256) assert_true(got == exact);
    }
    assert_true(hist_quantile(h, 0.0) == (double)values[0]);
    assert_true(hist_quantile(h, 1.0) == (double)values[n - 1]);
}

static void quantiles_agree_with_the_sorted_sample(void **state)
{
    (void)state;
    static int64_t values[SAMPLES];
    for (int n = 1; n <= SAMPLES; n = n * 3 + 1) {
        for (int kind = 0; kind < 3; kind++) {
            struct hist h;
            arena_reset(&memory);
            hist_init(&h, &memory);
            for (int i = 0; i < n; i++) {
                values[i] = kind == 0   ? any_value()
                            : kind == 1 ? (int64_t)rng_below(&draws, 300)
                                        : (int64_t)variate_lognormal(&draws, 2e9, 1.0);
                hist_add(&h, values[i], 1);
            }
            check_quantiles(values, n, &h);
        }
    }
}

enum shape { AT_EDGES, TWO_POINTS, HEAVY_TAIL, ONE_CELL, GEOMETRIC, SHAPES };

/* Samples meant to hurt: at both ends of cells, where the middle is furthest from the value; far
 * apart, so that a rank off by one is off by everything; crowded into one cell. */
static int64_t hostile_value(enum shape shape)
{
    int exponent = 8 + (int)rng_below(&draws, 54);
    int64_t first = (int64_t)1 << exponent, width = (int64_t)1 << (exponent - HIST_SUB_BITS);
    switch (shape) {
    case AT_EDGES:
        return first + (int64_t)rng_below(&draws, 1u << HIST_SUB_BITS) * width +
               (rng_below(&draws, 2) ? width - 1 : 0);
    case TWO_POINTS:
        return rng_below(&draws, 2) ? INT64_MAX : 257;
    case HEAVY_TAIL:
        return (int64_t)fmin(1e3 * pow(rng_unit(&draws), -3.0), 9e18);
    case ONE_CELL:
        return ((int64_t)1 << 40) + (int64_t)rng_below(&draws, (uint64_t)1 << 33);
    default:
        return ((int64_t)1 << rng_below(&draws, 63)) - 1;
    }
}

static void the_bound_holds_for_hostile_samples(void **state)
{
    (void)state;
    static int64_t values[SAMPLES];
    double worst = 0.0;
    for (int shape = 0; shape < SHAPES; shape++) {
        for (int n = 1; n <= SAMPLES; n = n * 2 + 1) {
            struct hist h;
            arena_reset(&memory);
            hist_init(&h, &memory);
            for (int i = 0; i < n; i++)
                hist_add(&h, values[i] = hostile_value((enum shape)shape), 1);
            qsort(values, (size_t)n, sizeof *values, by_value);
            for (int k = 1; k <= n; k += 1 + n / 500) { /* each rank by a fraction amid its step */
                double exact = (double)values[k - 1], got = hist_quantile(&h, (k - 0.5) / n);
                double error = fabs(got - exact) / fmax(exact, 1.0);
                if (error > worst) worst = error;
                assert_true(error <= 0x1p-8);
            }
        }
    }
    print_message("worst relative error of a quantile %.3f %%, stated %.3f %%\n", 100 * worst,
                  100 * 0x1p-8);
    assert_true(worst > 0.95 * 0x1p-8); /* hostile enough to come near the bound */
}

static void weights_are_repeated_samples(void **state)
{
    (void)state;
    struct hist weighted, repeated;
    hist_init(&weighted, &memory);
    hist_init(&repeated, &memory);
    for (int i = 0; i < 300; i++) {
        int64_t value = (int64_t)rng_below(&draws, 1000000);
        uint64_t weight = rng_below(&draws, 20);
        hist_add(&weighted, value, weight);
        for (uint64_t k = 0; k < weight; k++)
            hist_add(&repeated, value, 1);
    }
    for (int i = 0; i <= 100; i++)
        assert_true(hist_quantile(&weighted, i / 100.0) == hist_quantile(&repeated, i / 100.0));
    assert_true(hist_mean(&weighted) == hist_mean(&repeated));
    assert_true(hist_share_below(&weighted, 5000) == hist_share_below(&repeated, 5000));
    assert_memory_equal(weighted.cells, repeated.cells, HIST_CELLS * sizeof(uint64_t));
}

static bool same_hist(const struct hist *a, const struct hist *b)
{
    return a->n == b->n && a->weight == b->weight && a->min == b->min && a->max == b->max &&
           a->sum == b->sum && memcmp(a->cells, b->cells, HIST_CELLS * sizeof *a->cells) == 0;
}

static void merging_equals_adding_all(void **state)
{
    (void)state;
    struct hist whole, forward, backward, parts[5];
    hist_init(&whole, &memory);
    hist_init(&forward, &memory);
    hist_init(&backward, &memory);
    for (int k = 0; k < 5; k++)
        hist_init(&parts[k], &memory);
    for (int i = 0; i < 3000; i++) {
        int64_t value = any_value() >> 20;
        uint64_t weight = rng_below(&draws, 1000),
                 part = rng_below(&draws, 4); /* one stays empty */
        hist_add(&whole, value, weight);
        hist_add(&parts[part], value, weight);
    }
    for (int k = 0; k < 5; k++) {
        hist_merge(&forward, &parts[k]);
        hist_merge(&backward, &parts[4 - k]);
    }
    assert_true(same_hist(&whole, &forward) && same_hist(&whole, &backward));
}

/* Any partition, merged in any order and any shape of tree, gives the bits of the whole. */
static void any_partition_merges_to_the_whole(void **state)
{
    (void)state;
    enum { PARTS = 24, ROUNDS = 12 };
    for (int round = 0; round < ROUNDS; round++) {
        struct hist whole, parts[PARTS];
        arena_reset(&memory);
        hist_init(&whole, &memory);
        for (int k = 0; k < PARTS; k++)
            hist_init(&parts[k], &memory);
        for (int i = 0; i < 2000; i++) {
            int64_t value = i == 0 ? INT64_MAX : i == 1 ? 0 : any_value();
            uint64_t weight = rng_below(&draws, 1u << 20);
            hist_add(&whole, value, weight);
            hist_add(&parts[rng_below(&draws, 1 + rng_below(&draws, PARTS))], value, weight);
        }
        for (uint64_t left = PARTS; left > 1; left--) { /* two at random become one */
            uint64_t into = rng_below(&draws, left), from = rng_below(&draws, left - 1);
            if (from >= into) from++;
            hist_merge(&parts[into], &parts[from]);
            parts[from] = parts[left - 1]; /* the merged one too, when it is the last */
        }
        assert_true(same_hist(&whole, &parts[0]));
    }
}

static void mean_is_exact_and_empty_is_nan(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h, &memory);
    assert_true(isnan(hist_quantile(&h, 0.5)) && isnan(hist_mean(&h)));
    assert_true(isnan(hist_share_below(&h, 1)));
    hist_add(&h, 1000003, 3);
    hist_add(&h, 7, 0); /* weighs nothing, is nothing */
    hist_add(&h, 5, 1);
    assert_true(hist_mean(&h) == (3.0 * 1000003.0 + 5.0) / 4.0);
    assert_true(h.n == 2 && h.weight == 4 && h.min == 5 && h.max == 1000003);
    assert_true(hist_quantile(&h, 0.25) == 5.0 && hist_quantile(&h, 0.26) == 1000003.0);
    assert_true(isnan(hist_quantile(&h, -0.1)) && isnan(hist_quantile(&h, 1.1)));
    assert_true(isnan(hist_quantile(&h, (double)NAN)));
    hist_add(&h, INT64_MAX, 1ULL << 62);
    assert_true(fabs(hist_quantile(&h, 0.99) / (double)INT64_MAX - 1.0) <= 0x1p-8);
}

static void ranks_ignore_the_last_bit_of_a_fraction(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h, &memory);
    for (int64_t i = 1; i <= 10; i++)
        hist_add(&h, i, 1);
    for (int i = 1; i <= 10; i++)
        assert_true(hist_quantile(&h, i / 10.0) == i);
    assert_true(hist_quantile(&h, 0.91) == 10.0 && hist_quantile(&h, 1e-300) == 1.0);
}

static void share_below_is_the_inverse(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h, &memory);
    for (int64_t i = 0; i < 100000; i++)
        hist_add(&h, i, 1);
    assert_true(hist_share_below(&h, 0) == 0.0 && hist_share_below(&h, 200000) == 1.0);
    assert_true(hist_share_below(&h, 100) == 0.001); /* cells of one value are exact */
    for (int64_t v = 1; v < 100000; v += 317)
        assert_true(fabs(hist_share_below(&h, v) - (double)v / 1e5) < 1e-9);
    for (int i = 1; i < 100; i++) {
        int64_t value = (int64_t)hist_quantile(&h, i / 100.0);
        assert_true(fabs(hist_share_below(&h, value) - i / 100.0) < 0.004);
    }
    arena_reset(&memory);
    hist_init(&h, &memory);
    for (int64_t i = 0; i < 100; i++) /* within one cell, at neither end of it */
        hist_add(&h, (1 << 20) + 500 + i, 1);
    assert_true(fabs(hist_share_below(&h, (1 << 20) + 530) - 0.3) < 1e-12);
}

static void negative_value(void)
{
    struct hist h;
    hist_init(&h, &memory);
    hist_add(&h, -1, 1);
}

static void time_runs_backwards(void)
{
    struct level l;
    level_init(&l, 10, 0);
    level_set(&l, 9, 0);
}

static bool aborts(void (*act)(void))
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr)) _exit(1);
        signal(SIGABRT, SIG_DFL); /* cmocka catches it */
        act();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void misuse_aborts(void **state)
{
    (void)state;
    assert_true(aborts(negative_value));
    assert_true(aborts(time_runs_backwards));
}

/* ---- interval ------------------------------------------------------------------------------- */

static double worst_error, worst_p, worst_degrees;

static void check_t(double p, double degrees)
{
    double got = interval_t_quantile(p, degrees), expected = gsl_cdf_tdist_Pinv(p, degrees);
    double error = fabs(got - expected) / fabs(expected);
    if (!(error <= worst_error)) worst_error = error, worst_p = p, worst_degrees = degrees;
}

static void t_quantiles_agree_with_gsl(void **state)
{
    (void)state;
    static const double p[] = {1e-4,  0.005, 0.025, 0.1, 0.24,  0.26,  0.4,   0.499,
                               0.501, 0.6,   0.75,  0.9, 0.975, 0.995, 0.9995};
    worst_error = 0.0;
    for (size_t k = 0; k < sizeof p / sizeof p[0]; k++) {
        for (int degrees = 1; degrees <= 1000; degrees += degrees < 60 ? 1 : 47)
            check_t(p[k], degrees);
        static const double more[] = {1.25, 2.5, 7.385, 29.01, 333.3, 5000.5, 9999.0, 10001.0, 1e6};
        for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
            check_t(p[k], more[i]);
    }
    print_message("worst relative difference from GSL: %.2g (p %g, %g degrees)\n", worst_error,
                  worst_p, worst_degrees);
    assert_true(worst_error < 1e-10);
}

/* Closed forms, and what the expansion for many degrees must join. */
static void t_quantiles_of_known_cases(void **state)
{
    (void)state;
    for (int i = 1; i < 1000; i += 13) {
        double p = i / 1000.0;
        double one = tan(M_PI * (p - 0.5)), two = (2 * p - 1) / sqrt(2 * p * (1 - p));
        assert_true(fabs(interval_t_quantile(p, 1.0) - one) <= 1e-12 * fabs(one) + 1e-15);
        assert_true(fabs(interval_t_quantile(p, 2.0) - two) <= 1e-12 * fabs(two) + 1e-15);
        double below = interval_t_quantile(p, 10000.0),
               above = interval_t_quantile(p, 10000.0000001);
        assert_true(fabs(above / below - 1.0) < 2e-12);
    }
    for (int i = 9; i <= 19; i++) { /* where GSL's own inverse is not this good */
        double p = pow(10.0, -i);
        double one = -1.0 / tan(M_PI * p), two = (2 * p - 1) / sqrt(2 * p * (1 - p));
        assert_true(fabs(interval_t_quantile(p, 1.0) / one - 1.0) < 1e-12);
        assert_true(fabs(interval_t_quantile(p, 2.0) / two - 1.0) < 1e-12);
        double below = interval_t_quantile(p, 10000.0),
               above = interval_t_quantile(p, 10000.0000001);
        assert_true(fabs(above / below - 1.0) < 2e-12);
    }
    assert_true(interval_t_quantile(0.5, 3.0) == 0.0);
    assert_true(interval_t_quantile(0.25, 3.0) == -interval_t_quantile(0.75, 3.0));
    assert_true(interval_t_quantile(0.0, 3.0) == -(double)INFINITY);
    assert_true(interval_t_quantile(1.0, 3.0) == (double)INFINITY);
    assert_true(isnan(interval_t_quantile(-0.1, 3.0)) && isnan(interval_t_quantile(1.1, 3.0)));
    assert_true(isnan(interval_t_quantile(0.9, 0.0)) && isnan(interval_t_quantile(0.9, -1.0)));
    assert_true(isnan(interval_t_quantile((double)NAN, 3.0)));
    assert_true(isnan(interval_t_quantile(0.9, (double)NAN)));
}

static void half_width_is_students(void **state)
{
    (void)state;
    static const double values[] = {2.1, 2.5, 1.9, 2.8, 2.385};
    double mean, expected;
    expected = gsl_cdf_tdist_Pinv(0.975, 4) * gsl_stats_sd(values, 1, 5) / sqrt(5.0);
    assert_true(fabs(interval_half_width(values, 5, 0.95, &mean) - expected) < 1e-12);
    assert_true(fabs(mean - gsl_stats_mean(values, 1, 5)) < 1e-15);
    assert_true(interval_half_width(values, 5, 0.95, NULL) > 0.0);
    assert_true(isnan(interval_half_width(values, 1, 0.95, &mean)) && mean == 2.1);
    assert_true(isnan(interval_half_width(values, 0, 0.95, &mean)) && isnan(mean));
}

/* Of many 90 % intervals for a normal mean, about nine in ten hold it. */
static void intervals_cover(void **state)
{
    (void)state;
    enum { ROUNDS = 4000, N = 6 };
    int held = 0;
    for (int i = 0; i < ROUNDS; i++) {
        double values[N], mean;
        for (int k = 0; k < N; k++)
            values[k] = variate_normal(&draws);
        double half = interval_half_width(values, N, 0.9, &mean);
        held += fabs(mean) <= half;
    }
    /* 3600 expected, standard deviation 19 */
    assert_in_range(held, 3600 - 4 * 19, 3600 + 4 * 19);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_tally_agrees_with_the_definition),
        TEST(merged_tallies_equal_one),
        TEST(a_level_integrates_exactly),
        TEST(a_level_agrees_with_big_integers),
        TEST(a_time_weighted_mean_is_the_level),
        TEST(every_value_is_within_the_stated_error),
        TEST(quantiles_agree_with_the_sorted_sample),
        TEST(the_bound_holds_for_hostile_samples),
        TEST(weights_are_repeated_samples),
        TEST(merging_equals_adding_all),
        TEST(any_partition_merges_to_the_whole),
        TEST(mean_is_exact_and_empty_is_nan),
        TEST(ranks_ignore_the_last_bit_of_a_fraction),
        TEST(share_below_is_the_inverse),
        TEST(misuse_aborts),
        TEST(t_quantiles_agree_with_gsl),
        TEST(t_quantiles_of_known_cases),
        TEST(half_width_is_students),
        TEST(intervals_cover),
    };
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
