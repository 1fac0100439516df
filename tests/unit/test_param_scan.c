/* SPDX-License-Identifier: Apache-2.0
 * Scalars of scenario text: numbers, units, exact amounts, and how they are printed back. */
#include <math.h>

#include "tests/unit/param_fixture.h"

static int64_t duration(const char *text)
{
    int64_t value = -1;
    const char *why = "";
    if (param_scan(PARAM_DURATION, text, strlen(text), &value, &why) != 0)
        fail_msg("%s %s", text, why);
    return value;
}

static double real(enum param_type type, const char *text)
{
    double value = (double)NAN;
    const char *why = "";
    if (param_scan(type, text, strlen(text), &value, &why) != 0) fail_msg("%s %s", text, why);
    return value;
}

static void check_refused(enum param_type type, const char *text, const char *expected)
{
    money_t value;
    const char *why = "accepted";
    param_scan(type, text, strlen(text), &value, &why);
    assert_string_equal(why, expected);
}

static void test_durations(void **state)
{
    (void)state;
    assert_int_equal(duration("50 ms"), 50000000);
    assert_int_equal(duration("50ms"), 50000000);
    assert_int_equal(duration("1.5 s"), 1500000000);
    assert_int_equal(duration("0.000000001 s"), 1);
    assert_int_equal(duration("1.500000000000000000000 us"), 1500);
    assert_int_equal(duration("0.05 min"), 3000000000);
    assert_int_equal(duration("2 h"), 7200000000000);
    assert_int_equal(duration("30 d"), 2592000000000000);
    assert_int_equal(duration("1 y"), 31557600000000000);
    assert_int_equal(duration("0"), 0);
    assert_int_equal(duration("0.0"), 0);
    assert_int_equal(duration("-3 ns"), -3);
    assert_int_equal(duration("9223372036854775807 ns"), INT64_MAX);
    check_refused(PARAM_DURATION, "9223372036854775808 ns", "is too large");
    check_refused(PARAM_DURATION, "300 y", "is too large");
    check_refused(PARAM_DURATION, "0.1 ns", "is finer than 1 ns");
    check_refused(PARAM_DURATION, "0.0000000000001 d", "is finer than 1 ns");
    check_refused(PARAM_DURATION, "99999999999999999999999999999999999999999 s",
                  "is too large or has too many digits");
    check_refused(PARAM_DURATION, "50", "has no unit; expected a time such as 50 ms");
    check_refused(PARAM_DURATION, "50 MB",
                  "unit 'MB' is not a time; expected ns us ms s min h d y");
    check_refused(PARAM_DURATION, "50msx",
                  "unit 'msx' is not a time; expected ns us ms s min h d y");
    check_refused(PARAM_DURATION, "1e3 ms", "must be written in plain digits, without an exponent");
    check_refused(PARAM_DURATION, "soon", "is not a time such as 50 ms");
    check_refused(PARAM_DURATION, "$5", "is not a time such as 50 ms");
    check_refused(PARAM_DURATION, "05 s", "is not a time such as 50 ms");
    check_refused(PARAM_DURATION, "5. s", "is not a time such as 50 ms");
    check_refused(PARAM_DURATION, ".5 s", "is not a time such as 50 ms");
    check_refused(PARAM_DURATION, "+5 s", "is not a time such as 50 ms");
    check_refused(PARAM_DURATION, "5 s ", "unit 's ' is not a time; expected ns us ms s min h d y");
}

static void test_exact_amounts(void **state)
{
    (void)state;
    uint64_t bytes = 0;
    money_t amount = 0;
    const char *why;
    assert_int_equal(param_scan(PARAM_BYTES, "80 GiB", 6, &bytes, &why), 0);
    assert_int_equal(bytes, 85899345920);
    assert_int_equal(param_scan(PARAM_BYTES, "1.5kB", 5, &bytes, &why), 0);
    assert_int_equal(bytes, 1500);
    assert_int_equal(param_scan(PARAM_BYTES, "18446744073709551615 B", 22, &bytes, &why), 0);
    assert_true(bytes == UINT64_MAX);
    check_refused(PARAM_BYTES, "18446744073709551616 B", "is too large");
    check_refused(PARAM_BYTES, "1.5 B", "is finer than 1 B");
    check_refused(PARAM_BYTES, "-1 B", "is negative");
    check_refused(PARAM_BYTES, "80 GB/s",
                  "unit 'GB/s' is not a size; expected B kB MB GB TB KiB MiB GiB TiB");
    assert_int_equal(param_scan(PARAM_OPG, "0.1 OPG", 7, &amount, &why), 0);
    assert_true(amount == MONEY_ATTO / 10);
    assert_int_equal(param_scan(PARAM_OPG, "0.123456789012345678 OPG", 24, &amount, &why), 0);
    assert_true(amount == 123456789012345678LL);
    check_refused(PARAM_OPG, "0.1234567890123456781 OPG", "is finer than 1e-18 OPG");
    check_refused(PARAM_OPG, "0.1 opg", "unit 'opg' is not an amount of OPG; expected OPG");
    assert_int_equal(param_scan(PARAM_USD, "$0.50", 5, &amount, &why), 0);
    assert_true(amount == 500000000);
    assert_int_equal(param_scan(PARAM_USD, "-$2", 3, &amount, &why), 0);
    assert_true(amount == -2 * MONEY_NANO);
    assert_int_equal(param_scan(PARAM_USD, "0", 1, &amount, &why), 0);
    assert_true(amount == 0);
    check_refused(PARAM_USD, "0.50", "has no unit; expected an amount of USD such as $0.50");
    check_refused(PARAM_USD, "5 USD", "is not an amount of USD such as $0.50");
    check_refused(PARAM_USD, "$-2", "is not an amount of USD such as $0.50");
    check_refused(PARAM_USD, "$", "is not an amount of USD such as $0.50");
    check_refused(PARAM_USD, "$0.0000000001", "is finer than $1e-9");
    check_refused(PARAM_USD, "$1.5/h", "is not an amount of USD such as $0.50");
}

static void test_doubles(void **state)
{
    (void)state;
    assert_true(real(PARAM_RATIO, "30%") == 0.3);
    assert_true(real(PARAM_RATIO, "0.3") == 0.3);
    assert_true(real(PARAM_RATIO, "7 %") == 0.07);
    assert_true(real(PARAM_SECONDS, "0.1 ms") == 1e-4);
    assert_true(real(PARAM_SECONDS, "0.1 ns") == 1e-10);
    assert_true(real(PARAM_SECONDS, "1.5 h") == 5400.0);
    assert_true(real(PARAM_RATE, "5.5/s") == 5.5);
    assert_true(real(PARAM_RATE, "3 /min") == 3.0 / 60.0);
    assert_true(real(PARAM_BANDWIDTH, "1 Gbit/s") == 1.25e8);
    assert_true(real(PARAM_BANDWIDTH, "4.8 TB/s") == 4.8e12);
    assert_true(real(PARAM_FLOPS, "989 TFLOP/s") == 9.89e14);
    assert_true(real(PARAM_WATTS, "1.2 kW") == 1200.0);
    assert_true(real(PARAM_DOLLARS, "$1e-7") == 1e-7);
    assert_true(real(PARAM_USD_PER_H, "$2.50/h") == 2.5);
    assert_true(real(PARAM_REAL, "-1.25E+2") == -125.0);
    check_refused(PARAM_REAL, "1e400", "is too large");
    check_refused(PARAM_REAL, "1e-400", "is too close to zero");
    check_refused(PARAM_REAL, "0e-400", "accepted");
    check_refused(PARAM_REAL, "1e99999999999999999999", "is too large");
    check_refused(PARAM_REAL, "nan", "is not a number");
    check_refused(PARAM_REAL, "inf", "is not a number");
    check_refused(PARAM_REAL, "0x10", "is not a number");
    check_refused(PARAM_REAL, "1,5", "is not a number");
    check_refused(PARAM_REAL, "5e", "is not a number");
    check_refused(PARAM_REAL, "", "is not a number");
    check_refused(PARAM_REAL, "-", "is not a number");
    check_refused(PARAM_RATIO, "30 percent", "is not a ratio such as 30% or 0.3");
    check_refused(PARAM_USD_PER_H, "$2.5", "has no unit; expected an hourly price such as $2.50/h");
    check_refused(PARAM_REAL, "0.00000000000000000000000000000000000000000000000000000000000000001",
                  "has too many digits");
}

static void test_counts_and_bools(void **state)
{
    (void)state;
    int64_t count = 0;
    const char *why;
    assert_int_equal(param_scan(PARAM_COUNT, "9223372036854775807", 19, &count, &why), 0);
    assert_true(count == INT64_MAX);
    assert_int_equal(param_scan(PARAM_COUNT, "-17", 3, &count, &why), 0);
    assert_int_equal(count, -17);
    check_refused(PARAM_COUNT, "9223372036854775808", "is too large");
    static const char *const junk[] = {"3.7", "1e3", "0x10", "--5", "007", "+1",      "1_000",
                                       "",    "-",   "nan",  "5 ",  " 5",  "\xD9\xA3"};
    for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++)
        check_refused(PARAM_COUNT, junk[i], "is not a whole number");
    check_refused(PARAM_BOOL, "yes", "is not true or false");
    check_refused(PARAM_BOOL, "True", "is not true or false");
}

static void check_print(enum param_type type, const char *text, const char *expected)
{
    struct arena arena;
    arena_init(&arena, "test", 0);
    money_t value = 0, back = 0;
    const char *why;
    assert_int_equal(param_scan(type, text, strlen(text), &value, &why), 0);
    const char *again = param_print(&arena, type, &value);
    assert_string_equal(again, expected);
    assert_int_equal(param_scan(type, again, strlen(again), &back, &why), 0);
    assert_memory_equal(&value, &back, sizeof value);
    arena_free(&arena);
}

static void test_print(void **state)
{
    (void)state;
    check_print(PARAM_BOOL, "true", "true");
    check_print(PARAM_COUNT, "-12", "-12");
    check_print(PARAM_DURATION, "1500000 us", "1500 ms");
    check_print(PARAM_DURATION, "90 s", "90 s");
    check_print(PARAM_DURATION, "86400 s", "1 d");
    check_print(PARAM_DURATION, "365.25 d", "1 y");
    check_print(PARAM_DURATION, "0", "0 s");
    check_print(PARAM_DURATION, "1000001 ns", "1000001 ns");
    check_print(PARAM_SECONDS, "0.05 s", "50 ms");
    check_print(PARAM_SECONDS, "5400 s", "1.5 h");
    check_print(PARAM_BYTES, "85899345920 B", "80 GiB");
    check_print(PARAM_BYTES, "5000 MB", "5 GB");
    check_print(PARAM_RATIO, "0.3", "30%");
    check_print(PARAM_RATIO, "1", "100%");
    check_print(PARAM_RATIO, "0.001", "0.1%");
    check_print(PARAM_RATE, "0.05/s", "3/min");
    check_print(PARAM_BANDWIDTH, "1000 Mbit/s", "1 Gbit/s");
    check_print(PARAM_FLOPS, "989000 GFLOP/s", "989 TFLOP/s");
    check_print(PARAM_WATTS, "1200 W", "1.2 kW");
    check_print(PARAM_OPG, "10000.50 OPG", "10000.5 OPG");
    check_print(PARAM_USD, "-$0.500", "-$0.5");
    check_print(PARAM_DOLLARS, "$0.0000001", "$1e-07");
    check_print(PARAM_USD_PER_H, "$2.50/h", "$2.5/h");
}

/* Every quantity held as a double prints to a text that reads back the same, bit for bit. */
static void test_print_any(void **state)
{
    (void)state;
    static const enum param_type types[] = {PARAM_REAL,  PARAM_RATIO,     PARAM_SECONDS,
                                            PARAM_RATE,  PARAM_BANDWIDTH, PARAM_FLOPS,
                                            PARAM_WATTS, PARAM_DOLLARS,   PARAM_USD_PER_H};
    struct arena arena;
    arena_init(&arena, "test", 0);
    uint64_t x = 88172645463325252U;
    for (int i = 0; i < 1500; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        double value = ldexp((double)(x >> 11), (int)(x % 120) - 100), back = 0.0;
        if (i % 3 == 0) value = (double)(x % 100000) / 1000.0;
        enum param_type type = types[i % 9];
        const char *why, *text = param_print(&arena, type, &value);
        assert_int_equal(param_scan(type, text, strlen(text), &back, &why), 0);
        assert_true(back == value);
        arena_reset(&arena);
    }
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations), cmocka_unit_test(test_exact_amounts),
        cmocka_unit_test(test_doubles),   cmocka_unit_test(test_counts_and_bools),
        cmocka_unit_test(test_print),     cmocka_unit_test(test_print_any),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
