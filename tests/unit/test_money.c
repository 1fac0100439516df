/* SPDX-License-Identifier: Apache-2.0
 * Tests of exact amounts: muldiv against a bit-by-bit twin, text, and doubles. */
#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/money.h"
#include "sim/rng.h"
#include "tests/unit/unit.h"

#define MONEY_MIN (-MONEY_MAX - 1)

static struct rng_stream draws;

static int setup(void **state)
{
    (void)state;
    draws = rng_open(42, 0, 0, 0);
    return 0;
}

/* An amount of any size and sign: small ones, large ones, powers of two and their neighbours. */
static money_t any_amount(void)
{
    money_u128 bits = (money_u128)rng_u64(&draws) << 64 | rng_u64(&draws);
    uint64_t choice = rng_below(&draws, 10);
    if (choice == 0) return (money_t)rng_below(&draws, 5) - 2;
    if (choice == 1) bits = ((money_u128)1 << rng_below(&draws, 128)) + rng_below(&draws, 3) - 1;
    if (choice == 2) bits = ~(money_u128)0 << rng_below(&draws, 128);
    if (choice > 5) bits >>= rng_below(&draws, 128);
    if (choice > 7) bits = -bits;
    return (money_t)bits;
}

/* The slow twin: product and quotient one bit at a time, as at school. */
struct twin {
    money_u128 quotient, remainder;
    bool fits;
};

static struct twin twin_divide(money_u128 a, money_u128 b, money_u128 c)
{
    unsigned char product[256] = {0}; /* bits, lowest first */
    for (int i = 0; i < 128; i++) {
        if (!(a >> i & 1)) continue;
        int carry = 0;
        for (int j = 0; i + j < 256; j++) {
            int sum = product[i + j] + (j < 128 ? (int)(b >> j & 1) : 0) + carry;
            product[i + j] = sum & 1;
            carry = sum >> 1;
        }
    }
    struct twin t = {0, 0, true};
    for (int i = 255; i >= 0; i--) {
        bool out = t.remainder >> 127;
        t.remainder = t.remainder << 1 | product[i];
        t.fits = t.fits && !(t.quotient >> 127);
        t.quotient <<= 1;
        if (out || t.remainder >= c) {
            t.remainder -= c;
            t.quotient |= 1;
        }
    }
    return t;
}

static money_u128 magnitude(money_t x)
{
    return x < 0 ? -(money_u128)x : (money_u128)x;
}

static bool twin_muldiv(money_t a, money_t b, money_t c, enum money_rounding rounding, money_t *out)
{
    bool negative = (a < 0) != ((b < 0) != (c < 0));
    money_u128 divisor = magnitude(c);
    struct twin t = twin_divide(magnitude(a), magnitude(b), divisor);
    bool up = false;
    if (rounding == MONEY_FLOOR) up = negative && t.remainder != 0;
    if (rounding == MONEY_CEIL) up = !negative && t.remainder != 0;
    if (rounding == MONEY_HALF_EVEN)
        up = t.remainder > divisor - t.remainder ||
             (t.remainder == divisor - t.remainder && (t.quotient & 1));
    money_u128 q = t.quotient + up, most = (money_u128)1 << 127;
    if (!t.fits || (up && q == 0) || q > most || (q == most && !negative)) return false;
    *out = (money_t)(negative ? -q : q);
    return true;
}

static void check_muldiv(money_t a, money_t b, money_t c)
{
    if (c == 0) return;
    for (int rounding = MONEY_FLOOR; rounding <= MONEY_TRUNCATE; rounding++) {
        bool overflow = false;
        money_t expected = 0;
        bool fits = twin_muldiv(a, b, c, (enum money_rounding)rounding, &expected);
        money_t got = money_muldiv(a, b, c, (enum money_rounding)rounding, &overflow);
        assert_true(overflow == !fits);
        if (fits) assert_true(got == expected);
    }
}

static void muldiv_equals_its_slow_twin(void **state)
{
    (void)state;
    for (int i = 0; i < 4000; i++)
        check_muldiv(any_amount(), any_amount(), any_amount());
    const money_t edges[] = {MONEY_MIN, MONEY_MIN + 1, -MONEY_ATTO,   -1,       0, 1,
                             2,         MONEY_ATTO,    MONEY_MAX - 1, MONEY_MAX};
    enum { EDGES = sizeof edges / sizeof edges[0] };
    for (int i = 0; i < EDGES; i++)
        for (int j = 0; j < EDGES; j++)
            for (int k = 0; k < EDGES; k++)
                check_muldiv(edges[i], edges[j], edges[k]);
}

/* Quotients that make the digit estimate of algorithm D wrong: a leading digit of the divisor at
 * its smallest, the rest at its largest. */
static void muldiv_corrects_its_estimates(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        money_u128 c = ((money_u128)1 << 126) + (UINT64_MAX - rng_below(&draws, 4));
        c >>= rng_below(&draws, 64);
        money_u128 a = c - 1 - rng_below(&draws, 4), b = (money_u128)UINT64_MAX << 62;
        check_muldiv((money_t)a, (money_t)(b + rng_u64(&draws)), (money_t)c);
        check_muldiv((money_t)a, (money_t)a, (money_t)c);
    }
}

static void each_rounding_rounds_as_named(void **state)
{
    (void)state;
    static const struct {
        int a, floor, ceil, half_even, truncate; /* of a x 1 / 4 */
    } rows[] = {
        {5, 1, 2, 1, 1},      {6, 1, 2, 2, 1},      {7, 1, 2, 2, 1},      {8, 2, 2, 2, 2},
        {2, 0, 1, 0, 0},      {10, 2, 3, 2, 2},     {-5, -2, -1, -1, -1}, {-6, -2, -1, -2, -1},
        {-7, -2, -1, -2, -1}, {-8, -2, -2, -2, -2}, {-2, -1, 0, 0, 0},    {-10, -3, -2, -2, -2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            money_t a = rows[i].a * sign, c = 4 * sign;
            assert_true(money_muldiv(a, 1, c, MONEY_FLOOR, NULL) == rows[i].floor);
            assert_true(money_muldiv(a, 1, c, MONEY_CEIL, NULL) == rows[i].ceil);
            assert_true(money_muldiv(a, 1, c, MONEY_HALF_EVEN, NULL) == rows[i].half_even);
            assert_true(money_muldiv(a, 1, c, MONEY_TRUNCATE, NULL) == rows[i].truncate);
        }
    }
}

static void overflow_is_sticky(void **state)
{
    (void)state;
    bool overflow = false;
    money_muldiv(MONEY_MAX, 2, 1, MONEY_FLOOR, &overflow);
    assert_true(overflow);
    assert_true(money_muldiv(6, 7, 1, MONEY_FLOOR, &overflow) == 42);
    assert_true(overflow);
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

static void overflow_unwatched(void)
{
    money_muldiv(MONEY_MAX, MONEY_MAX, 1, MONEY_FLOOR, NULL);
}

static void divide_by_zero(void)
{
    money_muldiv(1, 1, 0, MONEY_FLOOR, NULL);
}

static void real_too_large(void)
{
    money_from_real(1e30, 18);
}

static void real_not_a_number(void)
{
    money_from_real((double)NAN, 18);
}

static void misuse_aborts(void **state)
{
    (void)state;
    assert_true(aborts(overflow_unwatched));
    assert_true(aborts(divide_by_zero));
    assert_true(aborts(real_too_large));
    assert_true(aborts(real_not_a_number));
}

static void check_text(const char *text, int decimals, money_t amount)
{
    char buffer[MONEY_TEXT];
    money_t scanned = 1;
    assert_string_equal(money_print(buffer, amount, decimals), text);
    assert_true(money_scan(text, strlen(text), decimals, &scanned));
    assert_true(scanned == amount);
}

static void text_is_exact(void **state)
{
    (void)state;
    check_text("0", 18, 0);
    check_text("0.1", 18, MONEY_ATTO / 10);
    check_text("-3", 18, -3 * MONEY_ATTO);
    check_text("-0.000000000000000001", 18, -1);
    check_text("1000000000", 18, 1000000000 * MONEY_ATTO);
    check_text("1234.05", 9, 1234050000000);
    check_text("17", 0, 17);
    check_text("-1200", 0, -1200);
    check_text("170141183460469231731.687303715884105727", 18, MONEY_MAX);
    check_text("-170141183460469231731.687303715884105728", 18, MONEY_MIN);
    check_text("-1.70141183460469231731687303715884105728", 38, MONEY_MIN);
    check_text("-0.00000000000000000000000000000000000001", 38, -1);
    check_text("170141183460469231731687303715884105727", 0, MONEY_MAX);
}

static void text_round_trips(void **state)
{
    (void)state;
    char buffer[MONEY_TEXT];
    for (int i = 0; i < 20000; i++) {
        money_t amount = any_amount(), scanned;
        int decimals = (int)rng_below(&draws, 39);
        money_print(buffer, amount, decimals);
        assert_true(strlen(buffer) <= 42);
        assert_true(money_scan(buffer, strlen(buffer), decimals, &scanned));
        assert_true(scanned == amount);
    }
}

static void other_spellings_are_read(void **state)
{
    (void)state;
    money_t amount;
    assert_true(money_scan("1.50", 4, 2, &amount) && amount == 150);
    assert_true(money_scan("007", 3, 0, &amount) && amount == 7);
    assert_true(money_scan("-0.0", 4, 1, &amount) && amount == 0);
    assert_true(money_scan("12345", 2, 0, &amount) && amount == 12);
}

static void junk_is_refused(void **state)
{
    (void)state;
    static const char *const junk[] = {
        "",
        "-",
        ".",
        "1.",
        ".5",
        "-.5",
        "-1.",
        "+1",
        "1e3",
        "1E3",
        "0x10",
        " 1",
        "1 ",
        "1 000",
        "1,5",
        "1..2",
        "1.2.3",
        "--1",
        "1-",
        "nan",
        "inf",
        "1.2345",
        "1_000",
        "\xd9\xa3",
        "170141183460469231731687303715884106", /* one more than fits with three places */
        "999999999999999999999999999999999999999999999999999999",
    };
    for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++) {
        money_t amount = 77;
        assert_false(money_scan(junk[i], strlen(junk[i]), 3, &amount));
        assert_true(amount == 77);
    }
    money_t amount;
    assert_false(money_scan("1\0", 2, 3, &amount));
    assert_false(money_scan("170141183460469231731687303715884105728", 39, 0, &amount));
    assert_false(money_scan("-170141183460469231731687303715884105729", 40, 0, &amount));
}

static void check_real(money_t amount, int decimals)
{
    char text[2 * MONEY_TEXT], digits[MONEY_TEXT];
    snprintf(text, sizeof text, "%se-%d", money_print(digits, amount, 0), decimals);
    assert_true(money_real(amount, decimals) == strtod(text, NULL));
}

/* strtod is correctly rounded, so it is the reference for the nearest double. */
static void reals_are_nearest(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++)
        check_real(any_amount(), (int)rng_below(&draws, 39));
    money_t unit = 1;
    for (int i = 0; i < 38; i++)
        unit *= 10;
    for (int i = 1; i < 40000; i += 2) { /* a hair off the middle between two doubles */
        money_t whole = (money_t)1 << 53;
        check_real(money_muldiv(unit, whole + i, whole, MONEY_CEIL, NULL), 38);
        check_real(money_muldiv(unit, whole + i, whole, MONEY_FLOOR, NULL), 38);
    }
    assert_true(money_real(0, 18) == 0.0 && money_real(MONEY_ATTO, 18) == 1.0);
    assert_true(money_real(((money_t)1 << 53) + 1, 0) == 0x1p53); /* a tie, to even */
    assert_true(money_real(MONEY_MIN, 0) == -0x1p127);
}

/* All digits of a double's exact decimal expansion come from printf; rounding them by hand is the
 * reference. */
static money_t twin_from_real(double value, int decimals)
{
    char text[1600];
    snprintf(text, sizeof text, "%.1100f", fabs(value));
    char *point = strchr(text, '.'), *cut = point + 1 + decimals;
    int next = *cut - '0';
    bool beyond = strspn(cut + 1, "0") < strlen(cut + 1);
    memmove(point, point + 1, (size_t)decimals);
    money_t whole;
    assert_true(money_scan(text, (size_t)(point - text) + (size_t)decimals, 0, &whole));
    if (next > 5 || (next == 5 && (beyond || (whole & 1)))) whole++;
    return value < 0 ? -whole : whole;
}

static void reals_are_taken_exactly(void **state)
{
    (void)state;
    for (int i = 0; i < 5000; i++) {
        int decimals = (int)rng_below(&draws, 38);
        double most = money_real(MONEY_MAX, decimals);
        double value = ldexp(most * rng_unit(&draws), -(int)rng_below(&draws, 200));
        if (i & 1) value = -value;
        assert_true(money_from_real(value, decimals) == twin_from_real(value, decimals));
    }
    assert_true(money_from_real(0.5, 0) == 0 && money_from_real(1.5, 0) == 2);
    assert_true(money_from_real(-2.5, 0) == -2 && money_from_real(0.125, 2) == 12);
    assert_true(money_from_real(0.0, 18) == 0 && money_from_real(-0.0, 18) == 0);
    assert_true(money_from_real(0x1p-1074, 38) == 0 && money_from_real(1e-300, 38) == 0);
    assert_true(money_from_real(0x1p-128, 38) == 0 && money_from_real(0x1p-127, 38) == 1);
    assert_true(money_from_real(0x1.fffffffffffffp126, 0) == MONEY_MAX - (((money_t)1 << 74) - 1));
    for (int i = 0; i < 5000; i++) { /* there and back */
        money_t amount = (money_t)(rng_u64(&draws) >> 14);
        assert_true(money_from_real(money_real(amount, 9), 9) == amount);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(muldiv_equals_its_slow_twin, setup),
        cmocka_unit_test_setup(muldiv_corrects_its_estimates, setup),
        cmocka_unit_test(each_rounding_rounds_as_named),
        cmocka_unit_test(overflow_is_sticky),
        cmocka_unit_test(misuse_aborts),
        cmocka_unit_test(text_is_exact),
        cmocka_unit_test_setup(text_round_trips, setup),
        cmocka_unit_test(other_spellings_are_read),
        cmocka_unit_test(junk_is_refused),
        cmocka_unit_test_setup(reals_are_nearest, setup),
        cmocka_unit_test_setup(reals_are_taken_exactly, setup),
    };
    return cmocka_run_group_tests_name("money", tests, NULL, NULL);
}
