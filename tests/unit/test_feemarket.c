/* SPDX-License-Identifier: Apache-2.0
 * The base fee against the facts of EIP-1559 that do not come from this code. */
#include "models/feemarket.h"
#include "sim/sim.h"
#include "tests/unit/unit.h"

static struct feemarket_params params = {
    .initial_base_fee = 1000000000, .denominator = 8, .elasticity = 2, .min_gas_multiplier = 0.5};

static int64_t next(int64_t base_fee, uint64_t used, uint64_t limit)
{
    return (int64_t)feemarket_next(base_fee, used, limit, 2, 8, NULL);
}

/* geth consensus/misc/eip1559/eip1559_test.go: limit 20 M, parent fee 1 gwei. */
static void test_geth_vectors(void **state)
{
    (void)state;
    assert_int_equal(next(1000000000, 10000000, 20000000), 1000000000);
    assert_int_equal(next(1000000000, 9000000, 20000000), 987500000);
    assert_int_equal(next(1000000000, 11000000, 20000000), 1012500000);
    assert_int_equal(next(1000000000, 20000000, 20000000), 1125000000);
    assert_int_equal(next(1000000000, 0, 20000000), 875000000);
}

static void test_small_fees(void **state)
{
    (void)state;
    assert_int_equal(next(1, 20000000, 20000000), 2);
    assert_int_equal(next(0, 20000000, 20000000), 1);
    assert_int_equal(next(0, 0, 20000000), 0);
    for (int64_t fee = 0; fee <= 7; fee++)
        assert_int_equal(next(fee, 0, 20000000), fee);
    assert_int_equal(next(8, 0, 20000000), 7);
    assert_int_equal(next(1000, 10000001, 20000000), 1001); /* 0 before the least step of 1 */
    assert_int_equal(next(5, 3, 1), 5);                     /* no target: limit 1, elasticity 2 */
}

/* (u - T) / T is floored before the division by 8, as geth does. */
static void test_two_floors(void **state)
{
    (void)state;
    assert_int_equal(next(79, 17, 20), 79 + 6); /* 79 x 7 / 10 = 55.3 -> 55; 55 / 8 -> 6 */
    assert_int_equal(next(79, 19, 20), 79 + 8); /* 71.1 -> 71; 71 / 8 -> 8 */
    assert_int_equal(next(23, 3, 20), 23 - 2);  /* 16.1 -> 16; 16 / 8 = 2 */
    assert_int_equal((int64_t)feemarket_next(1000, 30, 40, 4, 5, NULL), 1000 + 1000 * 20 / 10 / 5);
}

/* The product of fee and gas passes 128 bits only beyond any chain, but 64 bits at once. */
static void test_large(void **state)
{
    (void)state;
    money_t huge = (money_t)1 << 100;
    assert_true(feemarket_next(huge, 20000000, 20000000, 2, 8, NULL) == huge + huge / 8);
    assert_true(feemarket_next(huge, 0, 20000000, 2, 8, NULL) == huge - huge / 8);
}

/* A full and an empty block together lose 1/64; the log drift is zero at
 * ln(8/7) / (ln(9/8) + ln(8/7)) = 53.13% full blocks. */
static void test_drift(void **state)
{
    (void)state;
    int64_t fee = (int64_t)1 << 40;
    assert_int_equal(next(next(fee, 2, 2), 0, 2), fee - fee / 64);
    double high = 1e15, low = 1e15;
    money_t up = (money_t)high, down = (money_t)low;
    for (int i = 0; i < 10000; i++) { /* 5400 and 5200 full blocks of 10000, evenly spread */
        up = feemarket_next(up, i * 54 / 100 != (i + 1) * 54 / 100 ? 2 : 0, 2, 2, 8, NULL);
        down = feemarket_next(down, i * 52 / 100 != (i + 1) * 52 / 100 ? 2 : 0, 2, 2, 8, NULL);
    }
    assert_true(money_real(up, 0) > 2.0 * high);
    assert_true(money_real(down, 0) < 0.5 * low);
}

/* Demand D(b) = T (b* / b)^e: the multiplier at b* is 1 - e/8, so 15.5 converges and 16.5 does not
 * (docs/sources.md EC).  The fee is large, so that whole atto do not matter. */
static double wander(int exponent_halves)
{
    const double fixed = 1e15, target = 1e9;
    money_t fee = (money_t)(fixed * 1.001);
    double worst = 0.0;
    for (int i = 0; i < 2000; i++) {
        double ratio = fixed / money_real(fee, 0);
        double used = target * dmath_pow(ratio, 0.5 * exponent_halves);
        if (used > 2 * target) used = 2 * target;
        fee = feemarket_next(fee, (uint64_t)used, (uint64_t)(2 * target), 2, 8, NULL);
        double off = money_real(fee, 0) / fixed - 1.0;
        if (i >= 1900 && (off < 0 ? -off : off) > worst) worst = off < 0 ? -off : off;
    }
    return worst;
}

static void test_stability(void **state)
{
    (void)state;
    assert_true(wander(8) < 1e-6);
    assert_true(wander(31) < 1e-6);
    assert_true(wander(33) > 1e-2);
    assert_true(wander(40) > 1e-2);
}

static void test_charged(void **state)
{
    (void)state;
    assert_int_equal(feemarket_charged(&params, 9000000, 97000), 4500000);
    assert_int_equal(feemarket_charged(&params, 9000001, 97000), 4500000);
    assert_int_equal(feemarket_charged(&params, 100000, 97000), 97000);
    struct feemarket_params third = params;
    third.min_gas_multiplier = 0.3;
    assert_int_equal(feemarket_charged(&third, 10, 0), 3);
    third.min_gas_multiplier = 1.0;
    assert_int_equal(feemarket_charged(&third, UINT64_MAX, 0), UINT64_MAX);
}

static void test_floor(void **state)
{
    (void)state;
    struct feemarket_params floored = params;
    floored.min_gas_price = 900000000;
    assert_int_equal((int64_t)feemarket_step(&floored, 1000000000, 0, 10000000), 900000000);
    assert_int_equal((int64_t)feemarket_step(&floored, 900000000, 0, 10000000), 900000000);
}

/* The relayer of OpenGradient offers 0.002 gwei where a new chain asks 1 gwei: about 47 empty
 * blocks pass before its first settlement (docs/sources.md OG). */
static void test_relayer_waits(void **state)
{
    (void)state;
    money_t fee =
        feemarket_open(&(struct feemarket_params){1000000000, 8, 2, 0, 0.5, FEEMARKET_GENESIS}, 0,
                       10000000, 2000000);
    int blocks = 0;
    for (; fee > 2000000; blocks++)
        fee = feemarket_step(&params, fee, 0, 10000000);
    assert_int_equal(blocks, 47);
}

static void test_steady(void **state)
{
    (void)state;
    money_t cap = 2000000;
    /* Light load: the fee decays until a step is less than one atto, so b (T - u) / T < 8. */
    assert_int_equal((int64_t)feemarket_steady(&params, 0, 10000000, cap), 7);
    assert_int_equal((int64_t)feemarket_steady(&params, 2500000, 10000000, cap), 15);
    assert_int_equal((int64_t)feemarket_steady(&params, 4500000, 10000000, cap), 79);
    /* At the target it stays where the first payable fee was; above it demand's cap binds. */
    int64_t at_target = (int64_t)feemarket_steady(&params, 5000000, 10000000, cap);
    assert_in_range(at_target, 1750000, 2000000);
    assert_int_equal((int64_t)feemarket_steady(&params, 5000001, 10000000, cap), 2000000);
    /* A floor above the cap: nobody can pay, and the floor is the price. */
    struct feemarket_params floored = params;
    floored.min_gas_price = 3000000;
    assert_int_equal((int64_t)feemarket_steady(&floored, 6000000, 10000000, cap), 3000000);
    assert_int_equal((int64_t)feemarket_steady(&floored, 1000000, 10000000, cap), 3000000);
    /* A fixed point stays one. */
    assert_int_equal((int64_t)feemarket_step(&params, 79, 4500000, 10000000), 79);
}

static void test_defaults(void **state)
{
    (void)state;
    struct arena arena;
    struct diag diag;
    struct feemarket_params read = {0};
    arena_init(&arena, "test", 0);
    diag_init(&diag, &arena);
    struct param_doc *doc = param_load_text(&arena, "t", "{}", 2, NULL, 0, &diag);
    assert_non_null(doc);
    param_read(doc, &feemarket_table, &read, &diag);
    assert_int_equal(diag.count, 0);
    assert_int_equal(read.initial_base_fee, 1000000000);
    assert_int_equal(read.denominator, 8);
    assert_int_equal(read.elasticity, 2);
    assert_int_equal(read.min_gas_price, 0);
    assert_true(read.min_gas_multiplier == 0.5);
    assert_int_equal(read.start, FEEMARKET_STEADY);
    param_close(doc);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_geth_vectors),  cmocka_unit_test(test_small_fees),
        cmocka_unit_test(test_two_floors),    cmocka_unit_test(test_large),
        cmocka_unit_test(test_drift),         cmocka_unit_test(test_stability),
        cmocka_unit_test(test_charged),       cmocka_unit_test(test_floor),
        cmocka_unit_test(test_relayer_waits), cmocka_unit_test(test_steady),
        cmocka_unit_test(test_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
