/* SPDX-License-Identifier: Apache-2.0
 * Tests of `hacasim eval`: every function against numbers that it did not make itself.
 *
 * Sources, named at the rows: test vectors of the projects whose rules are copied (go-ethereum,
 * cosmos-sdk, specs-actors, subtensor, Gonka, Uniswap v2, tokenomics-decentralization), tables of
 * proposals (HIP-20, RNP-006), derivations by hand, and tests/oracle/eval.py, which takes another
 * road (exact sums, quadrature, bisection). */
#include <math.h>

#include "analysis/eval.h"
#include "analysis/eval_csv.h"
#include "tests/unit/unit.h"

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

/* Evaluate "function key=value key=value"; values hold no blanks here. */
static bool evaluate(const char *command, struct eval_call *call, struct diag *diag,
                     const struct eval_function **function)
{
    struct eval_given given[EVAL_INPUTS] = {0};
    char *copy = arena_text(&arena, command, strlen(command)), *rest = NULL;
    *function = eval_find(strtok_r(copy, " ", &rest));
    assert_non_null(*function);
    for (char *word; (word = strtok_r(NULL, " ", &rest)) != NULL;) {
        char *equals = strchr(word, '=');
        long input = eval_input_find(*function, word, (size_t)(equals - word));
        assert_true(input >= 0);
        given[input].text = equals + 1;
        given[input].length = strlen(equals + 1);
    }
    diag_init(diag, &arena);
    return eval_evaluate(*function, given, call, &arena, diag);
}

static const struct eval_value *result(const char *command, struct eval_call *call,
                                       const char *output)
{
    const struct eval_function *function;
    struct diag diag;
    if (!evaluate(command, call, &diag, &function)) {
        diag_print(&diag, stderr);
        fail_msg("%s", command);
    }
    for (size_t i = 0; i < eval_output_count(function); i++)
        if (strcmp(function->outputs[i].name, output) == 0) return &call->out[i];
    fail_msg("%s has no result %s", command, output);
    return NULL;
}

struct exact_case {
    const char *command, *output, *text;
};

static void check_exact(const struct exact_case *cases, size_t count)
{
    struct eval_call call;
    for (size_t i = 0; i < count; i++) {
        const struct eval_value *value = result(cases[i].command, &call, cases[i].output);
        const char *text = eval_value_text(value, &arena);
        if (strcmp(text, cases[i].text) != 0)
            fail_msg("%s: %s is %s, expected %s", cases[i].command, cases[i].output, text,
                     cases[i].text);
    }
}

struct real_case {
    const char *command, *output;
    double value, relative; /* largest relative error */
};

static void check_real(const struct real_case *cases, size_t count)
{
    struct eval_call call;
    for (size_t i = 0; i < count; i++) {
        const struct eval_value *value = result(cases[i].command, &call, cases[i].output);
        assert_int_equal(value->kind, EVAL_KIND_REAL);
        double error = fabs(value->real - cases[i].value);
        if (!(error <= cases[i].relative * fabs(cases[i].value)))
            fail_msg("%s: %s is %.17g, expected %.17g", cases[i].command, cases[i].output,
                     value->real, cases[i].value);
    }
}

#define CHECK(check, cases) check(cases, sizeof(cases) / sizeof((cases)[0]))

/* ---- chain --------------------------------------------------------------------------------- */

static void test_base_fee(void **state)
{
    static const struct exact_case cases[] = {
        /* go-ethereum consensus/misc/eip1559 TestCalcBaseFee */
        {"base-fee parent_base_fee=1000000000 parent_gas_used=10000000 parent_gas_limit=20000000",
         "base_fee", "1000000000"},
        {"base-fee parent_base_fee=1000000000 parent_gas_used=9000000 parent_gas_limit=20000000",
         "base_fee", "987500000"},
        {"base-fee parent_base_fee=1000000000 parent_gas_used=11000000 parent_gas_limit=20000000",
         "base_fee", "1012500000"},
        /* Ethereum mainnet: block 12,965,000 (London) and the base fee of 12,965,001 */
        {"base-fee parent_base_fee=1000000000 parent_gas_used=30025257 parent_gas_limit=30029122",
         "base_fee", "1124967822"},
        /* by hand: 1 can rise to 2, 7 cannot fall, 8 can (floor of 8/8) */
        {"base-fee parent_base_fee=1 parent_gas_used=30 parent_gas_limit=30", "base_fee", "2"},
        {"base-fee parent_base_fee=7 parent_gas_used=0 parent_gas_limit=30", "base_fee", "7"},
        {"base-fee parent_base_fee=8 parent_gas_used=0 parent_gas_limit=30", "base_fee", "7"},
        {"base-fee parent_base_fee=0 parent_gas_used=30 parent_gas_limit=30", "base_fee", "1"},
        /* by hand: 1e9 x 3 / 4, a full block at elasticity 4 and denominator 4 */
        {"base-fee parent_base_fee=1000000000 parent_gas_used=40 parent_gas_limit=40 "
         "elasticity=4 denominator=4",
         "base_fee", "1750000000"},
        /* oracle */
        {"base-fee parent_base_fee=1000000000000000000000000000007 parent_gas_used=29999999 "
         "parent_gas_limit=30000000",
         "base_fee", "1124999991666666666666666666674"},
    };
    (void)state;
    CHECK(check_exact, cases);
}

static void test_mint_inflation(void **state)
{
    static const struct exact_case cases[] = {
        /* cosmos-sdk x/mint TestNextInflation, its eight cases; digits by the oracle */
        {"mint-inflation inflation=0.07 bonded_ratio=0", "inflation", "0.070000020597257079"},
        {"mint-inflation inflation=0.20 bonded_ratio=1", "inflation", "0.199999989855082334"},
        {"mint-inflation inflation=0.10 bonded_ratio=0.5", "inflation", "0.100000005226169707"},
        {"mint-inflation inflation=0.07 bonded_ratio=1", "inflation", "0.070000000000000000"},
        {"mint-inflation inflation=0.0700000001 bonded_ratio=1", "inflation",
         "0.070000000000000000"},
        {"mint-inflation inflation=0.20 bonded_ratio=0", "inflation", "0.200000000000000000"},
        {"mint-inflation inflation=0.1999999999 bonded_ratio=0", "inflation",
         "0.200000000000000000"},
        {"mint-inflation inflation=0.15 bonded_ratio=0.67", "inflation", "0.150000000000000000"},
        /* oracle */
        {"mint-inflation inflation=0.1234 bonded_ratio=0.123456789", "inflation",
         "0.123400016801926898"},
        /* by hand: (1 - 0.3/0.6) x 0.5 / 1000 = 0.00025 */
        {"mint-inflation inflation=0.12 bonded_ratio=0.3 goal=0.6 rate_change=0.5 "
         "blocks_per_year=1000",
         "inflation", "0.120250000000000000"},
    };
    (void)state;
    CHECK(check_exact, cases);
}

static void test_slash(void **state)
{
    static const struct exact_case cases[] = {
        /* Gonka x/collateral TestSlashing_Proportional, _ActiveOnly, _UnbondingOnly */
        {"slash tokens=1000 fraction=0.1 unbonding=500", "burned", "150"},
        {"slash tokens=1000 fraction=0.1 unbonding=500", "remaining", "1350"},
        {"slash tokens=1000 fraction=0.2", "burned", "200"},
        {"slash tokens=0 fraction=0.5 unbonding=500", "remaining", "250"},
        /* by hand: 49.95 and 0.95 are rounded down each on its own */
        {"slash tokens=999 fraction=0.05 unbonding=19", "burned", "49"},
        {"slash tokens=170141183460469231731687303715884105727 fraction=1", "remaining", "0"},
    };
    (void)state;
    CHECK(check_exact, cases);
}

/* ---- queues -------------------------------------------------------------------------------- */

static void test_queues(void **state)
{
    static const struct real_case cases[] = {
        /* by hand: c = 4, a = 3 gives 27/53; c = 1 gives rho; c = 2 gives 2 rho^2 / (1 + rho) */
        {"queue-mmc servers=4 arrival_rate=3 service_rate=1", "wait_probability", 27 / 53., 1e-14},
        {"queue-mmc servers=1 arrival_rate=0.3 service_rate=0.5", "wait_probability", 0.6, 1e-14},
        {"queue-mmc servers=1 arrival_rate=0.3 service_rate=0.5", "mean_wait_s", 3, 1e-14},
        {"queue-mmc servers=2 arrival_rate=1 service_rate=1", "wait_probability", 1 / 3., 1e-14},
        {"queue-mmc servers=9 arrival_rate=0 service_rate=1", "mean_wait_s", 0, 0},
        /* oracle: exact sums, and a series in 120 digits for c = 100,000 */
        {"queue-mmc servers=3 arrival_rate=0.7 service_rate=0.25", "wait_probability",
         0.8766773162939298, 1e-13},
        {"queue-mmc servers=100 arrival_rate=90 service_rate=1", "wait_probability",
         0.2169404809063664, 1e-13},
        {"queue-mmc servers=100 arrival_rate=90 service_rate=1", "mean_wait_s",
         0.021694048090636638, 1e-13},
        {"queue-mmc servers=100000 arrival_rate=99900 service_rate=1", "wait_probability",
         0.657993511795302649, 1e-11},
        /* by hand: M/D/1 waits half as long as M/M/1, whose wait is rho / (mu - lambda) */
        {"queue-mg1 arrival_rate=0.5 service_s=1 cv2=0", "mean_wait_s", 0.5, 1e-14},
        {"queue-mg1 arrival_rate=0.5 service_s=1 cv2=1", "mean_wait_s", 1, 1e-14},
        {"queue-mg1 arrival_rate=2 service_s=0.45 cv2=3", "mean_wait_s", 8.1, 1e-14},
        /* oracle: mean of 0..19 arrivals; by hand 0 for a batch of one */
        {"batch-wait batch_size=20 rate_per_s=0.4", "mean_wait_s", 23.75, 1e-14},
        {"batch-wait batch_size=1 rate_per_s=0.4", "mean_wait_s", 0, 0},
    };
    (void)state;
    CHECK(check_real, cases);
}

static void test_order_statistics(void **state)
{
    static const struct real_case cases[] = {
        /* by hand: 1/3 + 1/2, 1/9 + 1/4 */
        {"order-statistic distribution=exponential n=3 k=2", "mean", 5 / 6., 1e-14},
        {"order-statistic distribution=exponential n=3 k=2", "variance", 13 / 36., 1e-14},
        /* oracle: inclusion and exclusion; integration of the density as a polynomial */
        {"order-statistic distribution=exponential n=7 k=5", "mean", 1.0928571428571427, 1e-14},
        {"order-statistic distribution=exponential n=20 k=14", "mean", 1.147739657143682, 1e-14},
        {"order-statistic distribution=exponential n=20 k=14", "variance", 0.10477435502413443,
         1e-13},
        {"order-statistic distribution=uniform n=7 k=5", "mean", 0.625, 1e-14},
        {"order-statistic distribution=uniform n=7 k=5", "variance", 0.026041666666666668, 1e-14},
        {"order-statistic distribution=uniform n=20 k=14", "variance", 0.010101010101010102, 1e-14},
    };
    (void)state;
    CHECK(check_real, cases);
}

/* ---- trust --------------------------------------------------------------------------------- */

static void test_trust(void **state)
{
    static const struct real_case cases[] = {
        /* docs/sources.md EC: 459 checks reach 99 % at 1 %; oracle: exact fractions */
        {"detection rate=0.01 checks=459", "probability", 0.9900790257989593, 1e-14},
        {"detection rate=0.001 checks=4602", "probability", 0.9899913197264546, 1e-13},
        {"detection rate=1e-15 checks=1000", "probability", 9.999999999995006e-13, 1e-12},
        {"detection rate=1 checks=1", "probability", 1, 0},
        {"detection rate=1 checks=0", "probability", 0, 0},
        /* oracle: bisection on the payoffs */
        {"audit-rate gain=1 reward=2 slash=98 collusion=0.1", "min_rate", 0.01111111111111111,
         1e-13},
        {"audit-rate gain=0.3 reward=1.5 slash=20 collusion=0.5 detection=0.8 "
         "false_positive=0.01 verifiers=2",
         "min_rate", 0.02364998029168309, 1e-13},
        {"audit-rate gain=0 reward=0 slash=0", "min_rate", 0, 0},
        /* by hand: 1/0.05 + 2 x 30 = 80 */
        {"bond gain_usd=0.01 detection=0.05 rate_per_s=2 delay_s=30", "cheats", 80, 1e-14},
        {"bond gain_usd=0.01 detection=0.05 rate_per_s=2 delay_s=30", "stake_usd", 0.8, 1e-14},
        /* oracle: geometric sums of exponential ladder heights; by hand 1/(1 + loading) at 0 */
        {"ruin reserve=10 loading=0.25 claim_mean=1", "probability", 0.10826822658929022, 1e-13},
        {"ruin reserve=250 loading=0.1 claim_mean=40", "probability", 0.5150496382631502, 1e-13},
        {"ruin reserve=0 loading=0.25 claim_mean=7", "probability", 0.8, 1e-14},
        /* oracle: quadrature of the inverse Gaussian density */
        {"first-passage drift=0.1 volatility=0.8 years=1 fraction=0.5", "touch", 0.4813969816896531,
         1e-10},
        {"first-passage drift=0.1 volatility=0.8 years=1 fraction=0.5", "end_below",
         0.2771148406202269, 1e-12},
        {"first-passage drift=-0.3 volatility=0.6 years=2 fraction=0.2", "touch",
         0.3119710572946268, 1e-10},
        {"first-passage drift=0.5 volatility=0.4 years=3 fraction=0.7", "touch",
         0.14876341463165973, 1e-10},
        {"first-passage drift=0.5 volatility=0.4 years=3 fraction=0.7", "end_below",
         0.009811764279577488, 1e-12},
        /* by hand: growth drowns the noise, so touch is f^(2 nu / sigma^2) = 0.9^199 */
        {"first-passage drift=1 volatility=0.1 years=50 fraction=0.9", "touch", 7.838976787e-10,
         1e-9},
    };
    static const struct exact_case none[] = {
        {"audit-rate gain=1 reward=0 slash=0.5", "min_rate", ""},
        {"audit-rate gain=1 reward=0 slash=0.5", "feasible", "false"},
        {"audit-rate gain=1 reward=9 slash=99 detection=0.1 false_positive=0.1", "feasible",
         "false"},
        {"audit-rate gain=1 reward=9 slash=99 collusion=1", "feasible", "false"},
        {"audit-rate gain=1 reward=1 slash=0", "feasible", "true"},
    };
    (void)state;
    CHECK(check_real, cases);
    CHECK(check_exact, none);
}

/* ---- token --------------------------------------------------------------------------------- */

static void test_swap(void **state)
{
    static const struct exact_case cases[] = {
        /* Uniswap v2-core UniswapV2Pair.spec.ts swapTestCases (units of 1e18) */
        {"amm-swap amount_in=1000000000000000000 reserve_in=5000000000000000000 "
         "reserve_out=10000000000000000000",
         "amount_out", "1662497915624478906"},
        {"amm-swap amount_in=1000000000000000000 reserve_in=10000000000000000000 "
         "reserve_out=5000000000000000000",
         "amount_out", "453305446940074565"},
        {"amm-swap amount_in=1000000000000000000 reserve_in=1000000000000000000000 "
         "reserve_out=1000000000000000000000",
         "amount_out", "996006981039903216"},
        /* v2-periphery getAmountOut(2, 100, 100) = 1 */
        {"amm-swap amount_in=2 reserve_in=100 reserve_out=100", "amount_out", "1"},
        /* by hand: no fee, 100 x 100 / 200 */
        {"amm-swap amount_in=100 reserve_in=100 reserve_out=100 fee_bps=0", "amount_out", "50"},
    };
    (void)state;
    CHECK(check_exact, cases);
}

static void test_concentration(void **state)
{
    /* tokenomics-decentralization tests/test_metrics.py, to the digits given there. */
    static const struct {
        const char *values;
        double gini, hhi, shannon, theil;
        const char *nakamoto[3];
    } cases[] = {
        {"[3,2,1]", 0.22222, 3889, 1.459, 0.087, {"1", "1", "2"}},
        {"[1,3,1,2,1,1]", 0.24074, 2099, 2.419, 0.115, {"1", "2", "3"}},
        {"[1]", 0, 10000, 0, 0, {"1", "1", "1"}},
        {"[1,1,1]", 0, 3333, 1.585, 0, {"1", "2", "2"}},
        {"[432,0,0,0]", 0.75, 10000, 0, 1.386, {"1", "1", "1"}},
    };
    static const char *const outputs[] = {"nakamoto33", "nakamoto50", "nakamoto66"};
    struct eval_call call;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *command = arena_print(&arena, "concentration values=%s", cases[i].values);
        assert_true(fabs(result(command, &call, "gini")->real - cases[i].gini) < 5.1e-6);
        assert_true(fabs(result(command, &call, "hhi")->real - cases[i].hhi) <= 0.5);
        assert_true(fabs(result(command, &call, "shannon")->real - cases[i].shannon) < 5.1e-4);
        assert_true(fabs(result(command, &call, "theil")->real - cases[i].theil) < 5.1e-4);
        for (int k = 0; k < 3; k++) {
            struct exact_case one = {command, outputs[k], cases[i].nakamoto[k]};
            check_exact(&one, 1);
        }
    }
    /* ten equal decimals: five reach one half exactly, whatever 0.1 is in binary */
    struct exact_case half = {"concentration values=[0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1]",
                              "nakamoto50", "5"};
    check_exact(&half, 1);
}

static void test_loop_gain(void **state)
{
    /* oracle: slope of one turn of the loop by finite differences */
    static const struct real_case cases[] = {
        {"loop-gain stable_fee_share=0 token_fee_share=0.5 mint_share=0.5 capacity_elasticity=1 "
         "price_elasticity=1.2",
         "gain", 1.7, 1e-9},
        {"loop-gain stable_fee_share=0.6 token_fee_share=0.1 mint_share=0.3 "
         "capacity_elasticity=0.8 price_elasticity=1.5",
         "gain", 1.04, 1e-9},
        {"loop-gain stable_fee_share=1 token_fee_share=0 mint_share=0 capacity_elasticity=0.9 "
         "price_elasticity=2",
         "gain", 0.9, 1e-9},
    };
    static const struct exact_case stable[] = {
        {"loop-gain stable_fee_share=1 token_fee_share=0 mint_share=0 capacity_elasticity=0.9 "
         "price_elasticity=2",
         "stable", "true"},
        {"loop-gain stable_fee_share=0 token_fee_share=1 mint_share=0 capacity_elasticity=0.9 "
         "price_elasticity=2",
         "stable", "false"},
    };
    (void)state;
    CHECK(check_real, cases);
    CHECK(check_exact, stable);
}

static void test_supply_path(void **state)
{
    static const struct real_case cases[] = {
        /* docs/sources.md EC: S* = K + w / (b v), p* = b y / w whatever the velocity */
        {"supply-path supply_opg=1e9 staked_opg=4e8 mint_opg_per_month=1e6 burn_share=0.3 "
         "velocity_per_month=0.5 usage_usd_per_month=2e7 months=10000",
         "supply_opg", 4e8 + 1e6 / 0.15, 1e-14},
        {"supply-path supply_opg=1e9 staked_opg=4e8 mint_opg_per_month=1e6 burn_share=0.3 "
         "velocity_per_month=0.5 usage_usd_per_month=2e7 months=10000",
         "price_usd", 0.3 * 2e7 / 1e6, 1e-12},
        {"supply-path supply_opg=1e9 staked_opg=4e8 mint_opg_per_month=1e6 burn_share=0.3 "
         "velocity_per_month=5 usage_usd_per_month=2e7 months=10000",
         "price_usd", 0.3 * 2e7 / 1e6, 1e-12},
        /* HIP-20's rule of thumb: 1 M USD a month over 50,000 HNT a month are 20 USD */
        {"supply-path supply_opg=182500000 staked_opg=0 mint_opg_per_month=50000 burn_share=1 "
         "velocity_per_month=0.7 usage_usd_per_month=1000000 months=1000",
         "price_usd", 20, 1e-12},
        /* oracle: Runge and Kutta, whose own error is below 1e-13 here */
        {"supply-path supply_opg=1e9 staked_opg=4e8 mint_opg_per_month=1e6 burn_share=0.3 "
         "velocity_per_month=0.5 usage_usd_per_month=2e7 months=24",
         "supply_opg", 422878741.98539317, 1e-11},
        {"supply-path supply_opg=1e9 staked_opg=4e8 mint_opg_per_month=1e6 burn_share=0.3 "
         "velocity_per_month=0.5 usage_usd_per_month=2e7 months=24",
         "price_usd", 1.748347877935676, 1e-11},
        {"supply-path supply_opg=1e9 staked_opg=4e8 mint_opg_per_month=0 burn_share=0.01 "
         "velocity_per_month=0.02 usage_usd_per_month=1e5 months=120",
         "supply_opg", 985771425.8547475, 1e-11},
        /* by hand: nothing burns, 24 M OPG more */
        {"supply-path supply_opg=1e9 staked_opg=4e8 mint_opg_per_month=1e6 burn_share=0 "
         "velocity_per_month=0.5 usage_usd_per_month=2e7 months=24",
         "supply_opg", 1.024e9, 1e-15},
        {"supply-path supply_opg=1e9 staked_opg=4e8 mint_opg_per_month=1e6 burn_share=0 "
         "velocity_per_month=0.5 usage_usd_per_month=2e7 months=24",
         "price_usd", 2e7 / (0.5 * 6.24e8), 1e-15},
    };
    static const struct exact_case none[] = {
        {"supply-path supply_opg=1e9 staked_opg=4e8 mint_opg_per_month=0 burn_share=1 "
         "velocity_per_month=1 usage_usd_per_month=1 months=100000",
         "price_usd", ""},
    };
    (void)state;
    CHECK(check_real, cases);
    CHECK(check_exact, none);
}

static void test_proposers(void **state)
{
    static const struct exact_case cases[] = {
        /* cometbft types/validator_set_test.go
           TestAveragingInIncrementProposerPriorityWithVotingPower */
        {"proposers powers=[10,1,1] priorities=[0,0,0] rounds=11", "proposers",
         "[0,0,0,0,1,0,0,0,2,0,0]"},
        {"proposers powers=[10,1,1] rounds=2", "priorities", "[[-2,1,1],[-4,2,2]]"},
        /* the trap of spec/consensus/proposer-selection.md: the code floors the average */
        {"proposers powers=[1,3,8] priorities=[2,-2,-13] rounds=1", "priorities", "[[-4,6,0]]"},
        /* oracle: whole numbers of Python; the first round divides by ceil(190 / 32) */
        {"proposers powers=[7,5,3,1] priorities=[100,-50,20,-90] rounds=6", "proposers",
         "[0,0,2,0,1,0]"},
        {"proposers powers=[7,5,3,1] priorities=[100,-50,20,-90] rounds=6", "priorities",
         "[[8,-2,7,-13],[-1,3,10,-12],[6,8,-3,-11],[-3,13,0,-10],[4,2,3,-9],[-5,7,6,-8]]"},
    };
    (void)state;
    CHECK(check_exact, cases);
}

static void test_vesting(void **state)
{
    static const struct exact_case cases[] = {
        /* docs/sources.md OG: 190 M at the event, 9.1 M a month in the first year, and from month
         * 12 on 6.94 M more: 250 M / 36 */
        {"vesting bucket=all month=0", "unlocked_opg", "190000000"},
        {"vesting bucket=all month=1", "unlocked_opg", "199124999.999999999999999999"},
        {"vesting bucket=all month=12", "unlocked_opg", "299500000"},
        {"vesting bucket=all month=13", "unlocked_opg", "315569444.444444444444444442"},
        {"vesting bucket=all month=96", "unlocked_opg", "1000000000"},
        {"vesting bucket=contributors month=12", "unlocked_opg", "0"},
        {"vesting bucket=contributors month=48", "unlocked_opg", "150000000"},
        {"vesting bucket=staking month=48", "unlocked_opg", "50000000"},
        {"vesting bucket=ecosystem month=10", "unlocked_opg", "100000000"},
        {"vesting bucket=airdrop month=0", "unlocked_opg", "40000000"},
    };
    (void)state;
    CHECK(check_exact, cases);
}

/* ---- emission ------------------------------------------------------------------------------ */

static void test_emission(void **state)
{
    static const struct exact_case cases[] = {
        /* HIP-20, its table (rounded there to one decimal) */
        {"emission schedule=helium at=1", "emission", "60000000"},
        {"emission schedule=helium at=3", "emission", "30000000"},
        {"emission schedule=helium at=20", "emission", "117187.5"},
        {"emission schedule=helium at=50", "emission", "3.5762786865234375"},
        /* specs-actors reward_test.go EpochZeroReward; the others by the oracle, which gives the
         * golden file of specs-actors for 300 M */
        {"emission schedule=filecoin_simple at=0", "emission", "36266264293777134739"},
        {"emission schedule=filecoin_simple at=5000", "emission", "36246341860983438171"},
        {"emission schedule=filecoin_simple at=2555000", "emission", "27387841182142501307"},
        {"emission schedule=filecoin_simple at=6307200", "emission", "18133132146888567369"},
        {"emission schedule=filecoin_simple at=44999999", "emission", "258073372764625942"},
        /* Gonka: InitialEpochReward; the others by the oracle in 120 digits */
        {"emission schedule=gonka at=0", "emission", "285000000000000"},
        {"emission schedule=gonka at=1", "emission", "284864657146472"},
        {"emission schedule=gonka at=99", "emission", "271908110525520"},
        {"emission schedule=gonka at=1460", "emission", "142449732098060"},
        {"emission schedule=gonka at=60000", "emission", "119"},
        {"emission schedule=gonka at=1000000", "emission", "0"},
        /* RNP-006; RENDER documentation for year 2 */
        {"emission schedule=render at=1", "emission", "9126804"},
        {"emission schedule=render at=2", "emission", "5905580"},
    };
    (void)state;
    CHECK(check_exact, cases);
}

/* subtensor pallets/subtensor/src/tests, test_halving: rao issued, rao per block. */
static void test_bittensor(void **state)
{
    static const struct {
        uint64_t issued, emission;
    } cases[] = {
        {0, 1000000000},
        {1776000000000, 1000000000},
        {10500000000000000, 500000000},
        {15749999000000000, 500000000},
        {15800000000000000, 250000000},
        {18400000000000000, 125000000},
        {19906249000000000, 62500000},
        {20500000000000000, 31250000},
        {20900000000000000, 7812500},
        {20917970000000000, 3906250},
        {20979493000000000, 976562},
        {20999360000000000, 30517},
        {20999990000000000, 476},
        {20999999000000000, 59},
        {21000000000000000, 0},
        {UINT64_MAX, 0},
    };
    char issued[MONEY_TEXT];
    struct eval_call call;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *command = arena_print(&arena, "emission schedule=bittensor at=%s",
                                          money_print(issued, (money_t)cases[i].issued, 9));
        assert_true(result(command, &call, "emission")->amount == (money_t)cases[i].emission);
    }
    /* test_issance_bounds: 100 halvings of 10.5 M blocks each */
    money_t total = 0;
    for (int i = 0; i < 100; i++) {
        const char *command =
            arena_print(&arena, "emission schedule=bittensor at=%s", money_print(issued, total, 9));
        total += result(command, &call, "emission")->amount * 10500000;
    }
    assert_true(total == (money_t)20999999989500000);
}

/* ---- what is wrong ------------------------------------------------------------------------- */

static void test_refusals(void **state)
{
    static const struct {
        const char *command, *message; /* all of them, joined by " | " */
    } cases[] = {
        {"queue-mmc servers=4", "arrival_rate: missing (arrivals per second; allowed: at least 0)"
                                " | service_rate: missing (completions per second and server; "
                                "allowed: more than 0)"},
        {"queue-mmc servers=3.7 arrival_rate=nan service_rate=0",
         "servers: 3.7 is not a whole number (allowed: 1 to 10000000) | "
         "arrival_rate: nan is not a number (allowed: at least 0) | "
         "service_rate: 0 is out of range (allowed: more than 0)"},
        {"queue-mmc servers=0 arrival_rate=0x10 service_rate=1e999",
         "servers: 0 is out of range (allowed: 1 to 10000000) | "
         "arrival_rate: 0x10 is not a number (allowed: at least 0) | "
         "service_rate: 1e999 is not a number (allowed: more than 0)"},
        {"queue-mmc servers=2 arrival_rate=3 service_rate=1.5",
         "arrival_rate: 3 is not below servers x service_rate = 3: the queue grows without end"},
        {"queue-mg1 arrival_rate=2 service_s=0.5 cv2=1",
         "arrival_rate: arrival_rate x service_s = 1 is not below 1: the queue grows without end"},
        {"base-fee parent_base_fee=1 parent_gas_used=5 parent_gas_limit=4",
         "parent_gas_used: is more than parent_gas_limit = 4"},
        {"base-fee parent_base_fee=1 parent_gas_used=0 parent_gas_limit=1",
         "parent_gas_limit: must be at least elasticity = 2"},
        {"base-fee parent_base_fee=170141183460469231731687303715884105728 parent_gas_used=0 "
         "parent_gas_limit=4",
         "parent_base_fee: 170141183460469231731687303715884105728 does not fit 127 bits (allowed: "
         "at least 0)"},
        {"proposers powers=[1,0] rounds=1",
         "powers: must each be above 0 and sum to at most 2^60 - 1"},
        {"proposers powers=[1,2] priorities=[1] rounds=1",
         "priorities: has 1 numbers, and powers has 2"},
        {"proposers powers=[1.5] rounds=0",
         "powers: [1.5] is not a list of whole numbers below 2^63 such as [1, -2, 3] (allowed: any)"
         " | rounds: 0 is out of range (allowed: 1 to 1000000)"},
        {"supply-path supply_opg=1 staked_opg=1 mint_opg_per_month=0 burn_share=0 "
         "velocity_per_month=1 usage_usd_per_month=1 months=1",
         "staked_opg: must be less than supply_opg"},
        {"order-statistic distribution=normal n=3 k=4",
         "distribution: normal is not a known name (allowed: one of exponential, uniform)"},
        {"order-statistic distribution=uniform n=3 k=4", "k: 4 is more than n = 3"},
        {"first-passage drift=0 volatility=1 years=1 fraction=1",
         "fraction: 1 is out of range (allowed: more than 0 and less than 1)"},
        {"concentration values=[1,-2]", "values: [1,-2] is out of range (allowed: at least 0)"},
        {"concentration values=[1,,2]",
         "values: [1,,2] is not a list of numbers such as [1, 2.5, 3] (allowed: at least 0)"},
        {"concentration values=[0,0]", "values: at least one must be above 0"},
        {"emission schedule=render at=3", "at: is out of range for render (allowed: year 1 to 2)"},
        {"emission schedule=helium at=1.5", "at: the year of helium has at most 0 decimal places"},
        {"mint-inflation inflation=0.1 bonded_ratio=0.5 min=0.3", "min: is more than max"},
        {"loop-gain stable_fee_share=0.5 token_fee_share=0.25 mint_share=0 capacity_elasticity=1 "
         "price_elasticity=1",
         "stable_fee_share: stable_fee_share + token_fee_share + mint_share = 0.75, not 1"},
    };
    const struct eval_function *function;
    struct eval_call call;
    struct diag diag;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_false(evaluate(cases[i].command, &call, &diag, &function));
        const char *text = "";
        for (uint32_t k = 0; k < diag.count; k++)
            text = arena_print(&arena, "%s%s%s: %s", text, k ? " | " : "", diag.items[k].key,
                               diag.items[k].message);
        assert_string_equal(text, cases[i].message);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(eval_nearest("queue-mcm"), "queue-mmc");
    assert_null(eval_nearest("zzzzzz"));
    assert_string_equal(eval_input_nearest(eval_find("queue-mmc"), "server"), "servers");
    for (size_t i = 0; i < eval_count(); i++) {
        assert_ptr_equal(eval_find(eval_at(i)->name), eval_at(i));
        assert_true(eval_input_count(eval_at(i)) > 0);
        assert_true(eval_output_count(eval_at(i)) > 0);
    }
}

/* ---- printing ------------------------------------------------------------------------------ */

static const char *json_of(struct eval_value value)
{
    char *text = NULL;
    size_t size = 0;
    struct json *json = json_open();
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(json_write(json, eval_value_json(json, &value), out, true), STATUS_OK);
    fclose(out);
    json_close(json);
    char *copy = arena_text(&arena, text, size - 1); /* without the newline */
    free(text);
    return copy;
}

static void test_json(void **state)
{
    money_t limit = (money_t)1 << 53;
    (void)state;
    assert_string_equal(json_of(eval_exact(limit, 0)), "9007199254740992");
    assert_string_equal(json_of(eval_exact(limit + 1, 0)), "\"9007199254740993\"");
    assert_string_equal(json_of(eval_exact(-limit - 1, 0)), "\"-9007199254740993\"");
    assert_string_equal(json_of(eval_exact(5 * MONEY_ATTO / 2, 18)), "\"2.5\"");
    assert_string_equal(json_of(eval_exact(3 * MONEY_ATTO, 18)), "3");
    assert_string_equal(json_of(eval_fixed(MONEY_ATTO / 8, 18)), "\"0.125000000000000000\"");
    assert_string_equal(json_of(eval_fixed(2 * MONEY_ATTO, 18)), "\"2.000000000000000000\"");
    assert_string_equal(json_of(eval_real(0.1)), "0.1");
    assert_string_equal(json_of(eval_null()), "null");
    assert_string_equal(json_of(eval_flag(true)), "true");
}

/* ---- CSV ----------------------------------------------------------------------------------- */

/* The rows on success, the printed errors otherwise. */
static const char *csv(const char *name, const char *text)
{
    struct eval_given given[EVAL_INPUTS] = {0};
    struct diag diag;
    char *rows = NULL, *errors = NULL;
    size_t row_size = 0, error_size = 0;
    diag_init(&diag, &arena);
    FILE *out = open_memstream(&rows, &row_size), *err = open_memstream(&errors, &error_size);
    eval_csv_run(eval_find(name), given, "f.csv", text, strlen(text), &arena, &diag, out);
    diag_print(&diag, err);
    fclose(out);
    fclose(err);
    const char *answer = error_size > 0 ? arena_text(&arena, errors, error_size)
                                        : arena_text(&arena, rows, row_size);
    free(rows);
    free(errors);
    return answer;
}

static void test_csv_rows(void **state)
{
    (void)state;
    assert_string_equal(csv("queue-mmc", "service_rate,servers,arrival_rate\n"
                                         "2,1,1\n\n4, 1 ,3\n"),
                        "service_rate,servers,arrival_rate,wait_probability,mean_wait_s\n"
                        "2,1,1,0.5,0.5\n4, 1 ,3,0.75,0.75\n");
    /* byte order mark, CRLF, quotes, a list, an empty cell that takes the default */
    assert_string_equal(csv("concentration", "\xEF\xBB\xBFvalues\r\n\"[2, 2]\"\r\n"),
                        "values,gini,hhi,shannon,theil,nakamoto33,nakamoto50,nakamoto66\n"
                        "\"[2, 2]\",0,5000,1,0,1,1,2\n");
    assert_string_equal(csv("amm-swap", "amount_in,reserve_in,reserve_out,fee_bps\n"
                                        "100,100,100,0\n100,100,100,"),
                        "amount_in,reserve_in,reserve_out,fee_bps,amount_out\n"
                        "100,100,100,0,50\n100,100,100,,49\n");
    assert_string_equal(csv("audit-rate", "gain,reward,slash\n1,0,0.5\n"),
                        "gain,reward,slash,min_rate,feasible\n1,0,0.5,,false\n");
}

static void test_csv_errors(void **state)
{
    (void)state;
    assert_string_equal(
        csv("queue-mmc", "servers,arrival_rate,service_rate\n4,3,1\n4,x,1\n"),
        "f.csv:3:3: error: arrival_rate: x is not a number (allowed: at least 0)\n");
    assert_string_equal(csv("queue-mmc", "servers,arrival_rate,service_rate\n4,  5,1\n1,0\n"),
                        "f.csv:2:5: error: arrival_rate: 5 is not below servers x service_rate = "
                        "4: the queue grows without end\n"
                        "f.csv:3:1: error: 2 cells, the header has 3\n2 errors\n");
    assert_string_equal(csv("queue-mmc", "servers,arival_rate,servers\n"),
                        "f.csv:1:1: error: arrival_rate: no such column, and it has no default\n"
                        "f.csv:1:1: error: service_rate: no such column, and it has no default\n"
                        "f.csv:1:9: error: arival_rate: unknown input of queue-mmc (did you mean "
                        "arrival_rate?)\n"
                        "f.csv:1:21: error: servers: given twice\n4 errors\n");
    assert_string_equal(csv("concentration", "values\n\"[1,2]\n"),
                        "f.csv:2:1: error: this quote is never closed\n");
    assert_string_equal(csv("concentration", "values\n\"[1]\"x\n"),
                        "f.csv:2:6: error: text after the closing quote\n");
    assert_string_equal(csv("concentration", ""),
                        "f.csv:1:1: error: expected a header of input names\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_fee),
        cmocka_unit_test(test_mint_inflation),
        cmocka_unit_test(test_slash),
        cmocka_unit_test(test_queues),
        cmocka_unit_test(test_order_statistics),
        cmocka_unit_test(test_trust),
        cmocka_unit_test(test_swap),
        cmocka_unit_test(test_concentration),
        cmocka_unit_test(test_loop_gain),
        cmocka_unit_test(test_supply_path),
        cmocka_unit_test(test_proposers),
        cmocka_unit_test(test_vesting),
        cmocka_unit_test(test_emission),
        cmocka_unit_test(test_bittensor),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_csv_rows),
        cmocka_unit_test(test_csv_errors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
