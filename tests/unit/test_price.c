/* SPDX-License-Identifier: Apache-2.0
 * Tests of the price rules: Uniswap's own vectors, the pool's invariant under random trades, the
 * law of the random walk, both legs of every trade, and what is remembered of the path. */
#include <math.h>

#include "models/price/price.h"
#include "tests/unit/unit.h"

#define NS_PER_DAY 86400000000000LL

static struct arena arena;
static struct ledger led;
static struct price_params params;
static struct price price;
static uint32_t crowd, trader;

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, "test", 0);
    return 0;
}

static void assert_amount(money_t have, money_t want)
{
    char a[MONEY_TEXT], b[MONEY_TEXT];
    assert_string_equal(money_print(a, have, 0), money_print(b, want, 0));
}

/* cmocka's own goes through float. */
static void assert_near(double have, double want, double tolerance)
{
    if (!(fabs(have - want) <= tolerance)) fail_msg("%.17g is not %.17g", have, want);
}

/* A market of `opg` whole OPG under a scenario text, and a trader with a thousand. */
static void open_market(const char *yaml, money_t opg, uint32_t replication)
{
    struct diag diag;
    diag_init(&diag, &arena);
    memset(&params, 0, sizeof params);
    struct param_doc *doc = param_load_text(&arena, "test", yaml, strlen(yaml), NULL, 0, &diag);
    param_read(doc, &price_table, &params, &diag);
    diag_print(&diag, stderr);
    assert_int_equal(diag.count, 0);
    param_close(doc);
    ledger_init(&led, &arena);
    crowd = ledger_open(&led, LEDGER_POOL, "crowd", LEDGER_NOBODY);
    trader = ledger_open(&led, LEDGER_HELD, "trader", LEDGER_NOBODY);
    ledger_genesis(&led, LEDGER_OPG, crowd, opg * MONEY_ATTO);
    ledger_genesis(&led, LEDGER_OPG, trader, 1000 * MONEY_ATTO);
    assert_true(price_open(&price, &params, &led, crowd, 7, replication));
}

static void assert_sound(void)
{
    assert_amount(ledger_check(&led), 0);
    assert_string_equal(led.breach, "");
}

/* ---- constant product ---------------------------------------------------------------------- */

/* swapTestCases of uniswap/v2-core test/UniswapV2Pair.spec.ts, in units of 1e18. */
static void test_uniswap_vectors(void **state)
{
    (void)state;
    static const struct {
        int in, reserve_in, reserve_out;
        int64_t out;
    } cases[] = {
        {1, 5, 10, 1662497915624478906},     {1, 10, 5, 453305446940074565},
        {2, 5, 10, 2851015155847869602},     {2, 10, 5, 831248957812239453},
        {1, 10, 10, 906610893880149131},     {1, 100, 100, 987158034397061298},
        {1, 1000, 1000, 996006981039903216},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        money_t in = cases[i].in * MONEY_ATTO, rin = cases[i].reserve_in * MONEY_ATTO;
        money_t rout = cases[i].reserve_out * MONEY_ATTO;
        assert_amount(amm_out(in, rin, rout, 30), cases[i].out);
        /* asking for exactly that costs at most what was paid, and more than one unit less buys */
        money_t back = amm_in(cases[i].out, rin, rout, 30);
        assert_true(back <= in + 1 && amm_out(back, rin, rout, 30) >= cases[i].out);
    }
    assert_amount(amm_in(10, 100, 10, 30), -1);
    assert_amount(amm_in(11, 100, 10, 30), -1);
    assert_amount(amm_out(0, 100, 10, 30), 0);
}

static void test_product_never_falls(void **state)
{
    (void)state;
    struct rng_stream s = rng_open(5, 0, 0, 0);
    for (int fee = 0; fee <= 300; fee += 30) {
        money_t x = 1234567890123, y = 98765432101;
        for (int i = 0; i < 2000; i++) {
            money_t product = x * y;
            if (rng_below(&s, 2)) {
                money_t in = (money_t)rng_below(&s, 1000000000);
                money_t out = amm_out(in, x, y, fee);
                x += in;
                y -= out;
            } else {
                money_t out = (money_t)rng_below(&s, 50000000000);
                money_t in = amm_in(out, y, x, fee);
                assert_int_equal(in < 0, out >= x);
                if (in < 0) continue;
                y += in;
                x -= out;
            }
            assert_true(x > 0 && y > 0 && x * y >= product);
        }
    }
}

static void test_pool_moves_as_the_formula(void **state)
{
    (void)state;
    open_market("{rule: amm, initial: $0.16, amm: {fee: 0%}}", 10000000, 0);
    double usd = money_real(ledger_balance(&led, LEDGER_USD, crowd), 9);
    assert_near(usd, 1.6e6, 0);
    assert_true(price_buy(&price, trader, 900000 * MONEY_ATTO));
    double paid = money_real(led.total[LEDGER_USD][LEDGER_USD_IN], 9);
    double factor = (1 + paid / usd) * (1 + paid / usd);
    assert_near(money_real(price_spot(&price), 9) / 0.16, factor, 1e-8);
    assert_sound();

    double before = money_real(price_spot(&price), 9);
    double share = 500000 / money_real(ledger_balance(&led, LEDGER_OPG, crowd), 18);
    money_t got = price_sell(&price, trader, 500000 * MONEY_ATTO);
    assert_amount(ledger_balance(&led, LEDGER_USD, trader), got);
    assert_near(money_real(price_spot(&price), 9), before / ((1 + share) * (1 + share)), 1e-8);
    assert_amount(price.bought_opg, 900000 * MONEY_ATTO);
    assert_amount(price.sold_opg, 500000 * MONEY_ATTO);
    assert_sound();
}

static void test_pool_keeps_its_fee(void **state)
{
    (void)state;
    open_market("{rule: amm}", 1000000, 0);
    for (int i = 0; i < 50; i++) {
        assert_true(price_buy(&price, trader, 10000 * MONEY_ATTO));
        price_sell(&price, trader, 10000 * MONEY_ATTO);
    }
    /* the trader has his OPG back and is 0.3% of each leg poorer */
    assert_amount(ledger_balance(&led, LEDGER_OPG, trader), 1000 * MONEY_ATTO);
    double in = money_real(led.total[LEDGER_USD][LEDGER_USD_IN], 9);
    double out = money_real(ledger_balance(&led, LEDGER_USD, trader), 9);
    assert_true(in > out && in - out > 0.005 * in && in - out < 0.0065 * in);
    assert_sound();
}

static void test_pool_refuses_what_it_has_not(void **state)
{
    (void)state;
    open_market("{rule: amm, amm: {slippage: 5%}}", 1000, 0);
    money_t before = price_spot(&price);
    assert_false(price_buy(&price, trader, 1000 * MONEY_ATTO));
    assert_false(price_buy(&price, trader, 2000 * MONEY_ATTO));
    assert_false(price_buy(&price, trader, 60 * MONEY_ATTO)); /* 6% of the pool: 6.4% dearer */
    assert_amount(price.unfilled_opg, 3060 * MONEY_ATTO);
    assert_true(price_buy(&price, trader, 40 * MONEY_ATTO));
    assert_true(price_spot(&price) > before);
    assert_int_equal(price.trades, 1);
    assert_amount(price_sell(&price, trader, 1), 0); /* one atto is worth nothing */
    assert_sound();
}

/* ---- prices from outside ------------------------------------------------------------------- */

static void test_fixed_rounds_against_the_trader(void **state)
{
    (void)state;
    open_market("{initial: $0.16}", 100, 0);
    assert_string_equal(price_rule_name(&params), "fixed");
    assert_false(price_has_pool(&params));
    assert_true(price_buy(&price, trader, 1)); /* a nano-dollar for an atto */
    assert_amount(led.total[LEDGER_USD][LEDGER_USD_IN], 1);
    assert_amount(price_sell(&price, trader, 10 * MONEY_ATTO + 1), 1600000000);
    /* the crowd held one nano-dollar and brought the rest */
    assert_amount(led.total[LEDGER_USD][LEDGER_USD_IN], 1600000000);
    assert_amount(ledger_balance(&led, LEDGER_USD, crowd), 0);
    assert_false(price_buy(&price, trader, 111 * MONEY_ATTO)); /* the crowd has 110 */
    price_step(&price, 1000 * NS_PER_DAY);
    assert_amount(price_spot(&price), 160000000);
    assert_true(price.drawdown_ratio == 0);
    assert_sound();
}

static void test_walk_without_noise_is_the_trend(void **state)
{
    (void)state;
    open_market("{rule: gbm, initial: $2, gbm: {drift: 50%, volatility: 0%}}", 100, 0);
    for (int day = 1; day <= 365; day++) {
        price_step(&price, day * NS_PER_DAY);
    }
    double want = 2 * exp(0.5 * 365 / 365.25);
    assert_near(money_real(price_spot(&price), 9), want, 2e-9 * want);
    assert_amount(price.max, price_spot(&price));
    assert_amount(price.min, 2000000000);
    price_step(&price, 3 * NS_PER_DAY); /* time does not go back */
    assert_near(money_real(price_spot(&price), 9), want, 2e-9 * want);
}

/* Log returns over 90 days of 2,000 paths: mean and variance within 4 standard errors. */
static void test_walk_has_the_stated_law(void **state)
{
    (void)state;
    enum { PATHS = 2000 };
    const double years = 90 / 365.25, sigma = 3, mu = 0.2;
    double sum = 0, squares = 0;
    for (uint32_t r = 0; r < PATHS; r++) {
        open_market("{rule: gbm, gbm: {drift: 20%, volatility: 300%}}", 1, r);
        for (int day = 10; day <= 90; day += 10) {
            price_step(&price, day * NS_PER_DAY);
        }
        double growth = log(money_real(price_spot(&price), 9) / 0.16);
        sum += growth;
        squares += growth * growth;
    }
    double mean = sum / PATHS, variance = squares / PATHS - mean * mean;
    double want_variance = sigma * sigma * years;
    assert_near(mean, (mu - sigma * sigma / 2) * years, 4 * sqrt(want_variance / PATHS));
    assert_near(variance, want_variance, 4 * want_variance * sqrt(2.0 / PATHS));
}

static void test_walk_is_keyed(void **state)
{
    (void)state;
    money_t path[2][20];
    for (int run = 0; run < 2; run++) {
        open_market("{rule: gbm}", 1000, 3);
        for (int i = 0; i < 20; i++) {
            if (run == 1) price_sell(&price, trader, MONEY_ATTO); /* trades do not move it */
            price_step(&price, (i + 1) * NS_PER_DAY);
            path[run][i] = price_spot(&price);
        }
    }
    assert_memory_equal(path[0], path[1], sizeof path[0]);
    open_market("{rule: gbm}", 1000, 4);
    price_step(&price, NS_PER_DAY);
    assert_true(price_spot(&price) != path[0][0]);
}

static void test_price_has_a_floor(void **state)
{
    (void)state;
    open_market("{rule: gbm, gbm: {drift: -5000%, volatility: 0%}}", 100, 0);
    price_step(&price, 365 * NS_PER_DAY);
    assert_amount(price_spot(&price), 1);
    assert_true(price.drawdown_ratio > 0.99999);
}

static void test_drawdown_is_from_the_peak(void **state)
{
    (void)state;
    open_market("{rule: amm, initial: $1, amm: {fee: 0%, slippage: 200%}}", 1000, 0);
    assert_true(price_buy(&price, trader, 500 * MONEY_ATTO)); /* price x 4 */
    assert_near(money_real(price.peak, 9), 4, 1e-6);
    price_sell(&price, trader, 500 * MONEY_ATTO); /* back to 1 */
    price_sell(&price, trader, 200 * MONEY_ATTO); /* / 1.44 */
    assert_true(price_buy(&price, trader, 300 * MONEY_ATTO));
    assert_near(price.drawdown_ratio, 1 - 1 / 1.44 / 4, 1e-6);
    assert_near(money_real(price.min, 9), 1 / 1.44, 1e-6);
    assert_amount(price.max, price.peak);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_uniswap_vectors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_product_never_falls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pool_moves_as_the_formula, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pool_keeps_its_fee, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pool_refuses_what_it_has_not, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fixed_rounds_against_the_trader, setup, teardown),
        cmocka_unit_test_setup_teardown(test_walk_without_noise_is_the_trend, setup, teardown),
        cmocka_unit_test_setup_teardown(test_walk_has_the_stated_law, setup, teardown),
        cmocka_unit_test_setup_teardown(test_walk_is_keyed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_price_has_a_floor, setup, teardown),
        cmocka_unit_test_setup_teardown(test_drawdown_is_from_the_peak, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
