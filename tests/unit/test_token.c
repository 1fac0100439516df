/* SPDX-License-Identifier: Apache-2.0
 * Tests of the token designs: supply and vesting against the published figures, the way of a fee
 * under each design, gas, emission, the market tick, planted breaches, and random histories after
 * each step of which every fee has exactly one destination and the ledger is sound. */
#include "models/token/token.h"
#include "tests/unit/unit.h"

#define NS 1000000000LL
#define MONTH (2629800 * NS)
#define OPG(x) ((x)*MONEY_ATTO)

enum { USERS = 5, NODES = 3, VALIDATORS = 4 };

struct everything { /* what the tables below fill, as a scenario would */
    struct token_params token;
    struct payment_params payment;
    struct staking_params staking;
};
static const struct param rows[] = {
    PARAM_SUB(everything, token, PARAM_GROUP, token_table, "{}", "token", "test"),
    PARAM_SUB(everything, payment, PARAM_GROUP, payment_table, "{}", "payment", "test"),
    PARAM_SUB(everything, staking, PARAM_GROUP, staking_table, "{}", "staking", "test"),
};
static const struct param_table table = PARAM_TABLE("everything", everything, rows);

static struct arena arena;
static struct everything par;
static struct ledger led;
static struct payment pay;
static struct staking st;
static struct price price;
static struct token t;
static struct token_setup size;
static money_t node_stake[NODES], validator_stake[VALIDATORS];
static const int64_t power[VALIDATORS] = {10, 5, 5, 1};

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

static void assert_amount(money_t have, money_t want)
{
    char a[MONEY_TEXT], b[MONEY_TEXT];
    assert_string_equal(money_print(a, have, 0), money_print(b, want, 0));
}

static money_t opg(const char *text)
{
    money_t amount = 0;
    assert_true(money_scan(text, strlen(text), 18, &amount));
    return amount;
}

static void read_params(const char *yaml)
{
    struct diag diag;
    diag_init(&diag, &arena);
    memset(&par, 0, sizeof par);
    struct param_doc *doc = param_load_text(&arena, "test", yaml, strlen(yaml), NULL, 0, &diag);
    param_read(doc, &table, &par, &diag);
    diag_print(&diag, stderr);
    assert_int_equal(diag.count, 0);
    param_close(doc);
}

static void assert_sound(void)
{
    assert_true(token_check(&t));
    assert_amount(ledger_check(&led), 0);
    assert_string_equal(led.breach, "");
}

static bool open_tokens(void)
{
    for (int i = 0; i < NODES; i++) {
        node_stake[i] = OPG(10000);
    }
    for (int i = 0; i < VALIDATORS; i++) {
        validator_stake[i] = OPG(100000);
    }
    size = (struct token_setup){.users = USERS,
                                .nodes = NODES,
                                .validators = VALIDATORS,
                                .node_stake = node_stake,
                                .validator_stake = validator_stake,
                                .wallet = par.payment.wallet,
                                .insurance = par.staking.insurance.fund,
                                .seed = 1};
    ledger_init(&led, &arena);
    payment_init(&pay, &arena, &par.payment);
    staking_init(&st, &arena, &par.staking, &led, NODES + VALIDATORS);
    return token_open(&t, &arena, &par.token, &size, &led, &pay, &st, &price);
}

static void open_world(const char *yaml)
{
    read_params(yaml);
    assert_true(open_tokens());
    assert_sound();
}

static money_t held_by_user(uint32_t user)
{
    return ledger_balance(&led, LEDGER_OPG, token_user(&t, user));
}

static money_t held_by_node(uint32_t node)
{
    return ledger_balance(&led, LEDGER_OPG, token_operator(&t, node));
}

/* ---- supply -------------------------------------------------------------------------------- */

/* Published: 190 M at the event, 9.1 M a month in the first year, then 16.1 M (docs/sources.md OG
 * and 7). */
static void test_unlocks_as_published(void **state)
{
    (void)state;
    read_params("{}");
    assert_amount(token_float(&par.token), OPG(190000000));
    money_t before = OPG(190000000), first = 0, later = 0;
    for (int month = 1; month <= 13; month++) {
        par.token.age = month * MONTH;
        money_t now = token_float(&par.token);
        if (month <= 12) first += now - before;
        later = now - before;
        before = now;
    }
    assert_true(first / 12 > opg("9124999") && first / 12 < opg("9125001"));
    assert_true(later > opg("16069443") && later < opg("16069445"));
    par.token.age = 97 * MONTH;
    assert_amount(token_float(&par.token), par.token.supply);
    assert_amount(token_unlocked(&par.token, TOKEN_CORE, 12 * MONTH), 0);
    assert_amount(token_unlocked(&par.token, TOKEN_CORE, 48 * MONTH), OPG(150000000));
    assert_amount(token_unlocked(&par.token, TOKEN_CORE, 30 * MONTH), OPG(75000000));
}

static void test_emission_as_published(void **state)
{
    (void)state;
    read_params("{}");
    money_t second = token_emitted(&par.token, NS);
    assert_true(second > opg("0.396") && second < opg("0.3962"));
    assert_amount(token_emitted(&par.token, 96 * MONTH), OPG(100000000));
    assert_amount(token_emitted(&par.token, 200 * MONTH), OPG(100000000));
}

static void test_genesis(void **state)
{
    (void)state;
    open_world("{}");
    struct token_supply s = token_supply(&t);
    assert_amount(s.total, OPG(1000000000));
    assert_amount(s.locked, OPG(810000000));
    assert_amount(s.staked, OPG(430000));
    assert_amount(s.circulating, OPG(190000000 - 430000));
    assert_amount(s.minted, 0);
    assert_amount(s.burned, 0);
    assert_amount(ledger_total(&led, LEDGER_GAS), OPG(10000));
    assert_int_equal(st.count, NODES + VALIDATORS);
    assert_amount(staking_bonded(&st, NODES), OPG(100000));
    assert_amount(held_by_user(0), OPG(10));
    assert_amount(held_by_node(0), OPG(100));
    assert_amount(led.cap[LEDGER_OPG], OPG(1000000000));
}

static void test_genesis_of_an_odd_supply(void **state)
{
    (void)state;
    open_world("{token: {supply: 999999999.000000000000000777 OPG, age: 400 d,"
               " emission: {amount: 99999999 OPG}, price: {rule: amm}}}");
    assert_amount(token_supply(&t).total, par.token.supply);
    assert_amount(ledger_balance(&led, LEDGER_OPG, t.at.pool), OPG(10000000));
    assert_amount(ledger_balance(&led, LEDGER_USD, t.at.pool), 1600000 * MONEY_NANO);
    struct token_supply s = token_supply(&t);
    assert_amount(s.circulating + s.staked, token_float(&par.token));
    /* vesting and emission go on from that age */
    int64_t age_ns = par.token.age;
    token_block(&t, power, NS);
    token_market(&t, NS);
    assert_amount(led.total[LEDGER_OPG][LEDGER_EMISSION],
                  token_emitted(&par.token, age_ns + NS) - token_emitted(&par.token, age_ns));
    par.token.age += NS;
    s = token_supply(&t);
    assert_amount(s.circulating + s.staked, token_float(&par.token));
    assert_sound();
}

static void test_cross_checks(void **state)
{
    (void)state;
    struct token_problem problem;
    read_params("{}");
    assert_false(token_params_bad(&par.token, &problem));
    read_params("{token: {burn_share: 1%}}");
    assert_true(token_params_bad(&par.token, &problem));
    assert_string_equal(problem.key, "burn_share");
    read_params("{token: {burn_per_proof: 0.1 OPG}}");
    assert_true(token_params_bad(&par.token, &problem));
    assert_string_equal(problem.key, "burn_per_proof");
    read_params("{token: {design: dual_cycle, burn_share: 30%, burn_per_proof: 1 OPG}}");
    assert_false(token_params_bad(&par.token, &problem));
    read_params("{token: {emission: {amount: 100000001 OPG}}}");
    assert_true(token_params_bad(&par.token, &problem));
    assert_string_equal(problem.key, "emission.amount");
    assert_string_equal(problem.text, "100000001 OPG is more than the staking bucket (10% of the "
                                      "supply), 100000000 OPG");
    read_params("{token: {price: {rule: amm, amm: {reserve: 190000000 OPG}}}}");
    assert_true(token_params_bad(&par.token, &problem));
    assert_string_equal(problem.key, "price.amm.reserve");
}

static void test_float_is_not_overspent(void **state)
{
    (void)state;
    struct token_problem problem;
    open_world("{}");
    assert_false(token_setup_bad(&par.token, &size, &problem));
    read_params("{payment: {wallet: 1000000 OPG}}");
    par.payment.wallet = OPG(40000000);
    assert_false(open_tokens());
    assert_non_null(strstr(led.breach, "overdrawn: endow from other holders"));
    assert_true(token_setup_bad(&par.token, &size, &problem));
    assert_string_equal(problem.text, "stakes 430000 + wallets and funds 200000300 + pool 0 OPG "
                                      "are more than the float, 190000000 OPG");
}

/* ---- as_coded ------------------------------------------------------------------------------ */

static void test_as_coded_pays_by_session(void **state)
{
    (void)state;
    struct token_fee a = {0}, b = {0}, c = {0};
    open_world("{}");
    token_answered(&t, &a, 2, 1, opg("0.04"), 1 * NS);
    token_answered(&t, &b, 2, 1, opg("0.05"), 2 * NS);
    assert_int_equal(a.state, TOKEN_FEE_SESSION);
    token_rejected(&t, &a); /* the code never learns of it */
    token_settled(&t, &b);
    assert_amount(held_by_user(2), OPG(10));
    assert_sound();
    token_answered(&t, &c, 2, 1, opg("0.02"), 3 * NS); /* crosses the cap: served for nothing */
    assert_int_equal(c.state, TOKEN_FEE_UNCHARGED);
    token_lost(&t, &c);
    assert_amount(held_by_user(2), opg("9.91"));
    assert_amount(held_by_node(1), opg("100.09"));
    assert_amount(t.charged_opg, opg("0.09"));
    assert_amount(t.node_income[1], opg("0.09"));
    assert_amount(led.burned[LEDGER_OPG], 0);
    assert_sound();
}

static void test_as_coded_transfer_reverts_when_short(void **state)
{
    (void)state;
    struct token_fee fees[3] = {{0}};
    open_world("{payment: {wallet: 0.209999999999999999 OPG}}");
    for (uint32_t i = 0; i < 3; i++) {
        token_answered(&t, &fees[i], 0, i, opg("0.07"), 1); /* three permits on one wallet */
    }
    payment_flush(&pay);
    assert_amount(t.unpaid_opg, opg("0.07"));
    assert_int_equal(t.unpaid, 1);
    assert_amount(held_by_user(0), opg("0.069999999999999999"));
    assert_sound();
}

static void test_as_coded_gas_goes_to_the_collector(void **state)
{
    (void)state;
    open_world("{token: {relayer_balance: 1 OPG}}");
    assert_true(token_gas(&t, t.at.relayer, 3, opg("0.6"), opg("0.1")));
    assert_amount(ledger_balance(&led, LEDGER_GAS, t.at.collector), opg("0.7"));
    assert_false(token_gas(&t, t.at.relayer, 3, opg("0.2"), opg("0.11")));
    assert_int_equal(t.gas_refused, 1);
    assert_amount(ledger_total(&led, LEDGER_OPG), OPG(1000000000));
    assert_amount(led.burned[LEDGER_GAS], 0);
    assert_sound();
}

/* ---- dual_cycle ---------------------------------------------------------------------------- */

#define DUAL "{token: {design: dual_cycle, burn_share: 30%"

static void test_dual_cycle_waits_for_the_proof(void **state)
{
    (void)state;
    struct token_fee a = {0}, b = {0}, c = {0};
    open_world(DUAL "}}");
    token_answered(&t, &a, 0, 2, 1000001, 1);
    token_answered(&t, &b, 0, 2, OPG(1), 2);
    token_answered(&t, &c, 1, 2, OPG(2), 3);
    assert_amount(held_by_node(2), OPG(100));
    assert_amount(ledger_balance(&led, LEDGER_OPG, t.at.escrow), OPG(3) + 1000001);
    assert_sound();
    token_settled(&t, &a); /* 300,000.3 burn: rounded down, the rest is the node's */
    assert_amount(led.burned[LEDGER_OPG], 300000);
    assert_amount(held_by_node(2), OPG(100) + 700001);
    token_rejected(&t, &b);
    assert_amount(held_by_user(0), OPG(10) - 1000001);
    assert_int_equal(b.state, TOKEN_FEE_REFUNDED);
    token_lost(&t, &c);
    assert_int_equal(c.state, TOKEN_FEE_STRANDED);
    assert_amount(t.stranded_opg, OPG(2));
    assert_amount(ledger_balance(&led, LEDGER_OPG, t.at.escrow), OPG(2));
    assert_amount(token_supply(&t).total, OPG(1000000000) - 300000);
    assert_sound();
}

static void test_dual_cycle_refunds_lost_fees_if_asked(void **state)
{
    (void)state;
    struct token_fee a = {0};
    open_world(DUAL ", lost_fee: refund}}");
    token_answered(&t, &a, 0, 2, OPG(1), 1);
    token_lost(&t, &a);
    assert_amount(held_by_user(0), OPG(10));
    assert_amount(ledger_balance(&led, LEDGER_OPG, t.at.escrow), 0);
    assert_sound();
}

static void test_dual_cycle_short_wallet(void **state)
{
    (void)state;
    struct token_fee a = {0};
    open_world(DUAL "}}");
    token_answered(&t, &a, 0, 2, OPG(11), 1);
    assert_int_equal(a.state, TOKEN_FEE_UNPAID);
    token_settled(&t, &a);
    assert_amount(held_by_node(2), OPG(100));
    assert_amount(held_by_user(0), OPG(10));
    assert_amount(t.unpaid_opg, OPG(11));
    assert_sound();
}

static void test_dual_cycle_burn_per_proof(void **state)
{
    (void)state;
    struct token_fee a = {0}, b = {0};
    open_world(DUAL ", burn_per_proof: 60 OPG}}");
    token_answered(&t, &a, 0, 0, OPG(1), 1);
    token_settled(&t, &a);
    assert_amount(held_by_node(0), opg("40.7"));
    assert_amount(t.to_sell[0], 0); /* the income went into the burn */
    token_answered(&t, &b, 0, 0, OPG(1), 2);
    token_settled(&t, &b); /* 41.4 is all it has */
    assert_amount(held_by_node(0), 0);
    assert_amount(led.total[LEDGER_OPG][LEDGER_PROOF_BURN], opg("101.4"));
    assert_amount(led.burned[LEDGER_OPG], opg("102"));
    assert_sound();
}

static void test_dual_cycle_gas_burns_the_base_fee(void **state)
{
    (void)state;
    open_world(DUAL "}}");
    assert_true(token_gas(&t, t.at.relayer, 3, OPG(6), OPG(1)));
    assert_amount(led.burned[LEDGER_OPG], OPG(6));
    assert_amount(ledger_balance(&led, LEDGER_OPG, token_validator(&t, 3)), OPG(1));
    assert_false(token_gas(&t, t.at.relayer, 3, OPG(9993), 1));
    assert_true(token_gas(&t, t.at.relayer, 0, OPG(9993), 0));
    assert_amount(ledger_total(&led, LEDGER_GAS), 0);
    token_market(&t, 60 * NS); /* the relayer buys its stock back */
    assert_amount(ledger_balance(&led, LEDGER_OPG, t.at.relayer), OPG(10000));
    assert_sound();
}

static void test_validators_can_be_payees(void **state)
{
    (void)state;
    struct token_fee a = {0};
    open_world(DUAL "}}");
    token_answered(&t, &a, 0, NODES + 1, OPG(1), 1);
    token_settled(&t, &a);
    assert_amount(ledger_balance(&led, LEDGER_OPG, token_validator(&t, 1)), opg("0.7"));
    token_market(&t, 60 * NS);
    assert_amount(ledger_balance(&led, LEDGER_OPG, token_validator(&t, 1)), 0);
    assert_sound();
}

/* ---- emission and market ------------------------------------------------------------------- */

static void test_emission_by_power(void **state)
{
    (void)state;
    open_world("{}");
    for (int block = 1; block <= 500; block++) {
        token_block(&t, power, block * 1234567891LL);
    }
    money_t all = token_emitted(&par.token, 500 * 1234567891LL);
    assert_amount(led.total[LEDGER_OPG][LEDGER_EMISSION], all);
    money_t last = ledger_balance(&led, LEDGER_OPG, token_validator(&t, 3));
    assert_true(last <= all / 21 && last > all / 21 - 501);
    assert_amount(ledger_balance(&led, LEDGER_OPG, token_validator(&t, 1)),
                  ledger_balance(&led, LEDGER_OPG, token_validator(&t, 2)));
    money_t first = ledger_balance(&led, LEDGER_OPG, token_validator(&t, 0));
    assert_true(first >= all * 10 / 21); /* with what the others' rounding left */
    assert_sound();
    const int64_t none[VALIDATORS] = {0};
    token_block(&t, none, 700 * 1234567891LL); /* nobody to pay: the next block pays for two */
    token_block(&t, power, 701 * 1234567891LL);
    assert_amount(led.total[LEDGER_OPG][LEDGER_EMISSION],
                  token_emitted(&par.token, 701 * 1234567891LL));
    token_block(&t, power, 97 * MONTH); /* the pool runs dry and not negative */
    token_block(&t, power, 98 * MONTH);
    assert_amount(led.total[LEDGER_OPG][LEDGER_EMISSION], OPG(100000000));
    assert_sound();
}

static void test_market_tick(void **state)
{
    (void)state;
    struct token_fee a = {0}, b = {0};
    open_world(DUAL ", price: {sell_share: 50%}}}");
    token_answered(&t, &a, 0, 2, OPG(2), 1);
    token_answered(&t, &b, 1, 2, OPG(1), 1);
    token_settled(&t, &a);
    money_t crowd = ledger_balance(&led, LEDGER_OPG, t.at.market);
    token_market(&t, 1); /* too early for a visible unlock, not for trades */
    assert_amount(held_by_user(0), OPG(10));
    assert_amount(held_by_user(1), OPG(10)); /* what is in escrow is bought back too */
    assert_amount(price.bought_opg, OPG(3));
    assert_amount(price.sold_opg, opg("0.7"));
    assert_amount(ledger_balance(&led, LEDGER_USD, token_operator(&t, 2)), 112000000);
    assert_amount(held_by_node(2), opg("100.7"));
    assert_amount(ledger_balance(&led, LEDGER_OPG, t.at.market) -
                      led.total[LEDGER_OPG][LEDGER_UNLOCK],
                  crowd - OPG(3) + opg("0.7"));
    token_market(&t, 2);
    assert_amount(price.sold_opg, opg("0.7")); /* the other half is kept for good */
    token_market(&t, MONTH);
    assert_amount(led.total[LEDGER_OPG][LEDGER_UNLOCK],
                  token_unlocked(&par.token, TOKEN_ECOSYSTEM, MONTH) - OPG(40000000) +
                      token_unlocked(&par.token, TOKEN_FOUNDATION, MONTH) - OPG(50000000));
    assert_sound();
}

/* With a pool, spending that burns lifts the price and spending that does not leaves it a little
 * lower each round (the pool's fee and the operators' sales against the users' purchases). */
static void test_burn_moves_the_pool_price(void **state)
{
    (void)state;
    money_t final[2];
    const char *const share[2] = {"0%", "30%"};
    for (int i = 0; i < 2; i++) {
        char yaml[160];
        snprintf(yaml, sizeof yaml,
                 "{token: {design: dual_cycle, burn_share: %s, price: {rule: amm, amm: {reserve: "
                 "1000 OPG, fee: 0%%}}}}",
                 share[i]);
        open_world(yaml);
        for (int round = 0; round < 100; round++) {
            struct token_fee fee = {0};
            token_answered(&t, &fee, (uint32_t)(round % USERS), 0, OPG(2), round);
            token_settled(&t, &fee);
            token_market(&t, round + 1);
        }
        final[i] = price_spot(&price);
        assert_sound();
    }
    assert_true(final[1] > final[0]);
    /* 60 of 1,000 OPG were bought and never sold: (1000/940)^2; without a burn, as it was */
    assert_true(final[0] > 159999000 && final[0] < 160001000);
    assert_true(final[1] > 181077000 && final[1] < 181078000);
}

/* ---- planted breaches ---------------------------------------------------------------------- */

static void test_fee_closed_twice(void **state)
{
    (void)state;
    struct token_fee a = {0};
    open_world(DUAL "}}");
    token_answered(&t, &a, 4, 2, OPG(1), 1);
    token_settled(&t, &a);
    token_rejected(&t, &a);
    assert_string_equal(led.breach, "fee of user 4 at node 2 closed twice");
    assert_amount(held_by_user(4), OPG(9)); /* and nothing moved */
}

static void test_fee_charged_twice_or_closed_too_soon(void **state)
{
    (void)state;
    struct token_fee a = {0}, b = {0};
    open_world(DUAL "}}");
    token_answered(&t, &a, 4, 2, OPG(1), 1);
    token_answered(&t, &a, 4, 2, OPG(1), 1);
    assert_string_equal(led.breach, "fee of user 4 at node 2 charged twice");
    assert_amount(held_by_user(4), OPG(9));
    open_world("{}");
    token_settled(&t, &b);
    assert_string_equal(led.breach, "fee of user 0 at node 0 closed before its answer");
}

static void test_check_sees_a_fee_with_two_destinations(void **state)
{
    (void)state;
    struct token_fee a = {0};
    open_world(DUAL "}}");
    token_answered(&t, &a, 4, 2, OPG(1), 1);
    token_settled(&t, &a);
    /* another fee's escrow pays this one again, past the counters */
    struct token_fee b = {0};
    token_answered(&t, &b, 4, 2, OPG(1), 1);
    ledger_move(&led, LEDGER_OPG, t.at.escrow, token_operator(&t, 2), OPG(1), LEDGER_FEE_TO_NODE);
    assert_amount(ledger_check(&led), 0); /* value is conserved */
    assert_false(token_check(&t));        /* but not the fee */
    assert_string_equal(led.breach, "fees: paid to nodes is 0.7 OPG, the ledger says 1.7 OPG");
}

static void test_check_sees_each_counter(void **state)
{
    (void)state;
    money_t *const counters[] = {&t.charged_opg,  &t.to_nodes_opg, &t.burned_opg,
                                 &t.refunded_opg, &t.unpaid_opg,   &pay.dropped_opg};
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        open_world("{}");
        *counters[i] += 1;
        assert_false(token_check(&t));
        assert_non_null(strstr(led.breach, "fees: "));
    }
    open_world(DUAL "}}"); /* escrow used for something that is no fee */
    ledger_move(&led, LEDGER_OPG, t.at.market, t.at.escrow, 1, LEDGER_MARKET_SELL);
    assert_false(token_check(&t));
}

static void test_rewards_above_the_pool(void **state)
{
    (void)state;
    open_world("{}");
    par.token.emission.amount = OPG(100000001); /* past the cross check */
    token_block(&t, power, 97 * MONTH);
    assert_non_null(strstr(led.breach, "overdrawn: emission from staking reward pool"));
    assert_amount(ledger_check(&led), 0);
}

/* ---- random histories ---------------------------------------------------------------------- */

enum { FEES = 400, STEPS = 20000 };
static struct token_fee fees[FEES];

static void random_step(struct rng_stream *s, int64_t now_ns)
{
    struct token_fee *fee = &fees[rng_below(s, FEES)];
    uint32_t user = (uint32_t)rng_below(s, USERS);
    uint32_t node = (uint32_t)rng_below(s, NODES + VALIDATORS);
    if (fee->closed) *fee = (struct token_fee){0};
    if (fee->state == TOKEN_FEE_NONE) {
        money_t amount = (money_t)(rng_u64(s) >> (3 + rng_below(s, 50)));
        token_answered(&t, fee, user, node, amount, now_ns);
        return;
    }
    switch (rng_below(s, 8)) {
    case 0:
        token_rejected(&t, fee);
        break;
    case 1:
        token_lost(&t, fee);
        break;
    case 2:
        token_block(&t, power, now_ns);
        break;
    case 3:
        token_gas(&t, t.at.relayer, (uint32_t)rng_below(s, VALIDATORS), OPG(1) / 100, 7);
        break;
    case 4:
        payment_expire(&pay, now_ns);
        break;
    case 5:
        if (rng_below(s, 20) == 0) payment_drop_node(&pay, node);
        if (rng_below(s, 20) == 0) token_market(&t, now_ns);
        break;
    default:
        token_settled(&t, fee);
    }
}

static void test_random_histories(void **state)
{
    (void)state;
    static const char *const worlds[] = {
        "{token: {price: {rule: amm}}}",
        "{token: {price: {rule: gbm}}, payment: {wallet: 0.05 OPG}}",
        "{token: {design: dual_cycle, burn_share: 30%, price: {rule: amm}}}",
        "{token: {design: dual_cycle, burn_share: 12.3456789%, burn_per_proof: 0.01 OPG, lost_fee: "
        "refund, operator_balance: 1 OPG, relayer_balance: 3 OPG, price: {sell_share: 70%, rule: "
        "gbm}}, payment: {wallet: 1 OPG}}",
    };
    for (uint32_t w = 0; w < sizeof worlds / sizeof worlds[0]; w++) {
        struct rng_stream s = rng_open(21, w, 0, 0);
        int64_t now_ns = 0;
        memset(fees, 0, sizeof fees);
        open_world(worlds[w]);
        for (int i = 0; i < STEPS; i++) {
            now_ns += (int64_t)rng_below(&s, 2 * (uint64_t)NS);
            random_step(&s, now_ns);
            assert_true(token_check(&t));
            if (i % 10 == 0) assert_sound();
        }
        struct token_supply sup = token_supply(&t);
        assert_amount(sup.total + sup.burned, par.token.supply);
        assert_amount(sup.circulating + sup.staked + sup.locked, sup.total);
        assert_true(t.to_nodes_opg > 0 && price.trades > 0);
        assert_true(t.design == &token_as_coded ? sup.burned == 0 : t.burned_opg > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_unlocks_as_published, setup, teardown),
        cmocka_unit_test_setup_teardown(test_emission_as_published, setup, teardown),
        cmocka_unit_test_setup_teardown(test_genesis, setup, teardown),
        cmocka_unit_test_setup_teardown(test_genesis_of_an_odd_supply, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cross_checks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_float_is_not_overspent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_as_coded_pays_by_session, setup, teardown),
        cmocka_unit_test_setup_teardown(test_as_coded_transfer_reverts_when_short, setup, teardown),
        cmocka_unit_test_setup_teardown(test_as_coded_gas_goes_to_the_collector, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dual_cycle_waits_for_the_proof, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dual_cycle_refunds_lost_fees_if_asked, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_dual_cycle_short_wallet, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dual_cycle_burn_per_proof, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dual_cycle_gas_burns_the_base_fee, setup, teardown),
        cmocka_unit_test_setup_teardown(test_validators_can_be_payees, setup, teardown),
        cmocka_unit_test_setup_teardown(test_emission_by_power, setup, teardown),
        cmocka_unit_test_setup_teardown(test_market_tick, setup, teardown),
        cmocka_unit_test_setup_teardown(test_burn_moves_the_pool_price, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fee_closed_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fee_charged_twice_or_closed_too_soon, setup, teardown),
        cmocka_unit_test_setup_teardown(test_check_sees_a_fee_with_two_destinations, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_check_sees_each_counter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rewards_above_the_pool, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random_histories, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
