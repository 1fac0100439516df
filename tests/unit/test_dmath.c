/* SPDX-License-Identifier: Apache-2.0
 * Tests of the deterministic elementary functions: the error bounds that sim/dmath.h states, the
 * edges of each domain, and the bits themselves.
 *
 * The reference is the long double libm, whose own error is below 0.001 of a double's ulp.  Where
 * long double has no more bits than double (valgrind), the accuracy tests skip and say so; the
 * golden bits are tested everywhere. */
#include <float.h>
#include <math.h>

#include "sim/dmath.h"
#include "sim/rng.h"
#include "tests/unit/unit.h"

enum { DENSE = 60000, RANDOM = 120000 };
#define GOLDEN_BITS 0xa6775820d2ec8e43ULL

static struct rng_stream draws;
static double worst_ulp, worst_x, worst_y;

static int setup(void **state)
{
    (void)state;
    draws = rng_open(2385, 0, 0, 0);
    worst_ulp = 0.0;
    return 0;
}

static double uniform(double low, double high)
{
    return low + (high - low) * rng_unit(&draws);
}

/* Any positive finite double, each bit pattern equally likely: all exponents, subnormals too. */
static double any_positive(void)
{
    for (;;) {
        double x = dmath_from_bits(rng_u64(&draws) >> 1);
        if (x > 0.0 && x < (double)INFINITY) return x;
    }
}

static void need_long_double(void)
{
    volatile long double one = 1.0L, small = LDBL_EPSILON;
    if (LDBL_MANT_DIG >= 64 && one + small != one) return;
    print_message("skipped: long double has no more bits than double here (valgrind?)\n");
    skip();
}

/* Error of `got` in ulps of a double near `want`; an overflow must be infinite. */
static double ulps(double got, long double want)
{
    const long double overflow = 0x1.fffffffffffff8p1023L;
    if (want >= overflow || want <= -overflow)
        return isinf(got) && (got > 0) == (want > 0) ? 0.0 : 1e9;
    if (want == 0.0L) return got == 0.0 ? 0.0 : 1e9;
    int exponent;
    frexpl(want, &exponent);
    exponent -= 53;
    return (double)fabsl(((long double)got - want) /
                         ldexpl(1.0L, exponent < -1074 ? -1074 : exponent));
}

static void note(double x, double y, double got, long double want)
{
    double error = ulps(got, want);
    if (error > worst_ulp || error != error) worst_ulp = error, worst_x = x, worst_y = y;
}

static void within(const char *name, double bound)
{
    print_message("%s: worst %.3f ulp (bound %.2f) at %a %a\n", name, worst_ulp, bound, worst_x,
                  worst_y);
    assert_true(worst_ulp <= bound);
    assert_true(worst_ulp > 0.3); /* a reference that agrees too well is not a reference */
}

static void check_exp(double x)
{
    note(x, 0.0, dmath_exp(x), expl(x));
}

static void exp_is_accurate(void **state)
{
    (void)state;
    need_long_double();
    for (int i = 0; i < DENSE; i++)
        check_exp(-746.0 + 1457.0 * i / DENSE);
    for (int i = 0; i < DENSE; i++)
        check_exp(-1.0 + 2.0 * i / DENSE);
    for (int i = 0; i < RANDOM; i++) {
        check_exp(uniform(-745.2, 709.8));
        check_exp(uniform(-2.0, 2.0));
        check_exp(uniform(-745.2, -708.0)); /* subnormal results */
        check_exp(uniform(-1.0, 1.0) * dmath_exp(uniform(-60.0, 0.0)));
    }
    check_exp(0x1.62e42fefa39efp+9); /* the largest argument with a finite result, and the next */
    check_exp(0x1.62e42fefa39f0p+9);
    check_exp(-0x1.74910d52d3051p+9); /* the smallest result, and zero */
    check_exp(-0x1.74910d52d3053p+9);
    within("exp", 1.0);
}

static void check_log(double x)
{
    note(x, 0.0, dmath_log(x), logl(x));
}

static void log_is_accurate(void **state)
{
    (void)state;
    need_long_double();
    for (int i = 1; i < DENSE; i++)
        check_log(4.0 * i / DENSE);
    for (int i = 0; i < RANDOM; i++) {
        check_log(any_positive());
        check_log(uniform(0.5, 2.0));
        check_log(rng_unit(&draws));
        check_log(1.0 + uniform(-0.5, 0.5) * dmath_exp(uniform(-36.0, 0.0)));
        check_log((double)(rng_u64(&draws) >> 12) * 0x1p-1074); /* subnormal */
    }
    check_log(0x1.6a09e667f3bccp-1);
    check_log(0x1.6a09e667f3bcdp-1);
    check_log(0x1.fffffffffffffp-1);
    check_log(0x1.0000000000001p+0);
    check_log(0x1p-1074);
    check_log(DBL_MIN);
    check_log(DBL_MAX);
    within("log", 1.0);
    assert_true(dmath_bits(dmath_log(1.0)) == 0);
}

static void check_pow(double x, double y)
{
    note(x, y, dmath_pow(x, y), powl(x, y));
}

static void pow_is_accurate(void **state)
{
    (void)state;
    need_long_double();
    for (int i = 0; i < RANDOM; i++) {
        double x = any_positive();
        check_pow(x, uniform(-746.0, 710.0) / fabs(log(x)));
        x = uniform(0.5, 2.0);
        check_pow(x, uniform(-746.0, 710.0) / fabs(log(x)));
        check_pow(uniform(0.0, 10.0), uniform(-5.0, 5.0));
        x = 1.0 + uniform(-0.5, 0.5) * dmath_exp(uniform(-36.0, 0.0));
        check_pow(x, uniform(-746.0, 710.0) / fabs(log(x)));
        check_pow(any_positive(), uniform(-1.0, 1.0) * dmath_exp(uniform(-700.0, 0.0)));
    }
    check_pow(DBL_MAX, 1.0);
    check_pow(0x1p-1074, 1.0);
    check_pow(0x1.fffffffffffffp-1, 0x1p60);
    check_pow(0x1.0000000000001p+0, 0x1.6p61);
    within("pow", 1.25);
}

/* Reduced to an eighth of a turn in exact steps, so that the reference is as good near a zero. */
static long double reference_sin(double turns)
{
    long double t = turns - rint(turns), quarter = rintl(4.0L * t), r = t - quarter / 4.0L;
    long double angle = 2.0L * acosl(-1.0L) * r;
    switch ((int)quarter & 3) {
    case 0:
        return sinl(angle);
    case 1:
        return cosl(angle);
    case 2:
        return -sinl(angle);
    default:
        return -cosl(angle);
    }
}

static long double reference_cos(double turns)
{
    long double t = turns - rint(turns), quarter = rintl(4.0L * t), r = t - quarter / 4.0L;
    long double angle = 2.0L * acosl(-1.0L) * r;
    switch ((int)quarter & 3) {
    case 0:
        return cosl(angle);
    case 1:
        return -sinl(angle);
    case 2:
        return -cosl(angle);
    default:
        return sinl(angle);
    }
}

static double one_argument_of_turns(int i)
{
    switch (i % 4) {
    case 0:
        return uniform(-1.0, 1.0);
    case 1:
        return uniform(-1.0, 1.0) * dmath_exp(uniform(-700.0, 37.0));
    case 2:
        return 0.25 * (double)rng_below(&draws, 100) + dmath_exp(uniform(-40.0, -1.0));
    default:
        return -0.25 * (double)rng_below(&draws, 100) + dmath_exp(uniform(-40.0, -1.0));
    }
}

static void sin_is_accurate(void **state)
{
    (void)state;
    need_long_double();
    for (int i = 0; i < 4 * RANDOM; i++) {
        double x = one_argument_of_turns(i);
        note(x, 0.0, dmath_sin_turns(x), reference_sin(x));
    }
    within("sin_turns", 1.15);
}

static void cos_is_accurate(void **state)
{
    (void)state;
    need_long_double();
    for (int i = 0; i < 4 * RANDOM; i++) {
        double x = one_argument_of_turns(i);
        note(x, 0.0, dmath_cos_turns(x), reference_cos(x));
    }
    within("cos_turns", 1.15);
}

/* Newton's method from the tested value on the side where nothing cancels. */
static long double reference_quantile(double p)
{
    const long double sqrt2 = sqrtl(2.0L), norm = sqrtl(2.0L * acosl(-1.0L));
    long double z = dmath_normal_quantile(p), q = (long double)p - 0.5L, miss;
    for (int i = 0; i < 3; i++) {
        if (fabsl(q) < 0.2L)
            miss = erfl(z / sqrt2) / 2.0L - q;
        else if (q < 0.0L)
            miss = erfcl(-z / sqrt2) / 2.0L - p;
        else
            miss = (1.0L - (long double)p) - erfcl(z / sqrt2) / 2.0L;
        z -= miss * norm * expl(z * z / 2.0L);
    }
    return z;
}

static void check_quantile(double p)
{
    note(p, 0.0, dmath_normal_quantile(p), reference_quantile(p));
}

static void quantile_is_accurate(void **state)
{
    (void)state;
    need_long_double();
    for (int i = 1; i < DENSE; i++)
        check_quantile((double)i / DENSE);
    for (int i = 0; i < RANDOM; i++) {
        check_quantile(rng_unit(&draws));
        check_quantile(dmath_exp(uniform(-745.0, -2.0)));
        check_quantile(0.5 + uniform(-0.5, 0.5) * dmath_exp(uniform(-36.0, 0.0)));
    }
    check_quantile(0.075);
    check_quantile(0.925);
    check_quantile(0x1p-1074);
    check_quantile(0x1.fffffffffffffp-1);
    within("normal_quantile", 10.0);
    assert_true(dmath_normal_quantile(0.5) == 0.0);
    assert_true(dmath_normal_quantile(0.25) == -dmath_normal_quantile(0.75));
}

static void edges_are_as_stated(void **state)
{
    (void)state;
    const double inf = (double)INFINITY, nan = (double)NAN;
    assert_true(dmath_exp(inf) == inf && dmath_exp(1e300) == inf && dmath_exp(710.0) == inf);
    assert_true(dmath_exp(-inf) == 0.0 && dmath_exp(-1e300) == 0.0 && dmath_exp(-746.0) == 0.0);
    assert_true(dmath_exp(0.0) == 1.0 && dmath_exp(-0.0) == 1.0 && isnan(dmath_exp(nan)));
    assert_true(dmath_exp(0x1p-1074) == 1.0 && dmath_exp(-0x1p-60) == 1.0);
    assert_true(dmath_log(0.0) == -inf && dmath_log(-0.0) == -inf && dmath_log(inf) == inf);
    assert_true(isnan(dmath_log(-1.0)) && isnan(dmath_log(-inf)) && isnan(dmath_log(nan)));
    assert_true(dmath_pow(0.0, 2.5) == 0.0 && dmath_pow(0.0, -2.5) == inf);
    assert_true(dmath_pow(inf, 0.5) == inf && dmath_pow(inf, -0.5) == 0.0);
    assert_true(dmath_pow(2.0, inf) == inf && dmath_pow(2.0, -inf) == 0.0);
    assert_true(dmath_pow(0.5, inf) == 0.0 && dmath_pow(0.5, -inf) == inf);
    assert_true(dmath_pow(1.0, nan) == 1.0 && dmath_pow(nan, 0.0) == 1.0);
    assert_true(dmath_pow(0.0, 0.0) == 1.0 && dmath_pow(1.0, inf) == 1.0);
    assert_true(isnan(dmath_pow(nan, 1.0)) && isnan(dmath_pow(2.0, nan)));
    assert_true(isnan(dmath_pow(-2.0, 2.0)) && isnan(dmath_pow(0.0, nan)));
    assert_true(dmath_pow(DBL_MAX, DBL_MAX) == inf && dmath_pow(DBL_MAX, -DBL_MAX) == 0.0);
    assert_true(dmath_pow(0x1.0000000000001p+0, DBL_MAX) == inf);
    assert_true(dmath_pow(3.0, 0x1p-1074) == 1.0);
    assert_true(isnan(dmath_sin_turns(inf)) && isnan(dmath_cos_turns(-inf)));
    assert_true(isnan(dmath_sin_turns(nan)) && isnan(dmath_cos_turns(nan)));
    assert_true(dmath_normal_quantile(0.0) == -inf && dmath_normal_quantile(1.0) == inf);
    assert_true(dmath_normal_quantile(-1.0) == -inf && dmath_normal_quantile(2.0) == inf);
    assert_true(isnan(dmath_normal_quantile(nan)));
}

static void powers_and_quarters_are_exact(void **state)
{
    (void)state;
    for (int i = -1074; i <= 1023; i++)
        assert_true(dmath_pow(2.0, i) == ldexp(1.0, i));
    for (int i = 1; i <= 22; i++) {
        double power = 1.0;
        for (int j = 0; j < i; j++)
            power *= 10.0;
        assert_true(dmath_pow(10.0, i) == power);
    }
    static const double sine[] = {0, 1, 0, -1};
    for (int i = -40; i <= 40; i++) {
        assert_true(dmath_sin_turns(0.25 * i) == sine[i & 3]);
        assert_true(dmath_cos_turns(0.25 * i) == sine[(i + 1) & 3]);
    }
    static const double whole[] = {0x1p51, 0x1p51 + 3.0, 0x1p52 - 1.0, 0x1p52 + 1.0, 0x1p1000};
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        assert_true(dmath_sin_turns(whole[i]) == 0.0 && dmath_cos_turns(-whole[i]) == 1.0);
    }
    assert_true(dmath_cos_turns(0x1p51 + 0.5) == -1.0 && dmath_sin_turns(0x1p50 + 0.25) == 1.0);
}

static uint64_t fold(uint64_t hash, double x)
{
    hash = (hash ^ dmath_bits(x)) * 0x9e3779b97f4a7c15ULL;
    return hash ^ hash >> 29;
}

/* The same bits on every processor and compiler.  A change here changes every stored result. */
static void bits_are_golden(void **state)
{
    (void)state;
    uint64_t hash = 0;
    for (int i = 0; i < 100000 / 6; i++) {
        double x = dmath_from_bits((rng_u64(&draws) & ~(1ULL << 63)) % (0x7ffULL << 52));
        hash = fold(hash, dmath_exp(uniform(-746.0, 710.0)));
        hash = fold(hash, dmath_log(x));
        hash = fold(hash, dmath_pow(x, uniform(-2.0, 2.0)));
        double turns = uniform(-1000.0, 1000.0);
        hash = fold(hash, dmath_sin_turns(turns));
        hash = fold(hash, dmath_cos_turns(turns));
        hash = fold(hash, dmath_normal_quantile(rng_unit(&draws)));
    }
    print_message("golden bits: 0x%016llx\n", (unsigned long long)hash);
    assert_true(hash == GOLDEN_BITS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(exp_is_accurate, setup),
        cmocka_unit_test_setup(log_is_accurate, setup),
        cmocka_unit_test_setup(pow_is_accurate, setup),
        cmocka_unit_test_setup(sin_is_accurate, setup),
        cmocka_unit_test_setup(cos_is_accurate, setup),
        cmocka_unit_test_setup(quantile_is_accurate, setup),
        cmocka_unit_test_setup(edges_are_as_stated, setup),
        cmocka_unit_test_setup(powers_and_quarters_are_exact, setup),
        cmocka_unit_test_setup(bits_are_golden, setup),
    };
    return cmocka_run_group_tests_name("dmath", tests, NULL, NULL);
}
