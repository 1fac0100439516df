/* SPDX-License-Identifier: Apache-2.0
 * Tests of staking: slash arithmetic and its split, compensation at the price when paid, the
 * unbonding queue with its slashable entries, jail, and 20,000 random acts under which no slash
 * exceeds the stake and the ledger stays sound. */
#include "models/staking.h"
#include "tests/unit/unit.h"

#define NS 1000000000LL
#define DAY (86400 * NS)

enum { STAKERS = 3 };

static struct arena arena;
static struct ledger led;
static struct staking_params params;
static struct staking st;
static uint32_t stake0, wallet0, user;

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

/* Three stakers with 10,000 OPG bonded and 500 in the wallet. */
static void open_staking(const char *yaml)
{
    struct diag diag;
    diag_init(&diag, &arena);
    memset(&params, 0, sizeof params);
    struct param_doc *doc = param_load_text(&arena, "test", yaml, strlen(yaml), NULL, 0, &diag);
    param_read(doc, &staking_table, &params, &diag);
    diag_print(&diag, stderr);
    assert_int_equal(diag.count, 0);
    param_close(doc);
    ledger_init(&led, &arena);
    stake0 = ledger_open_many(&led, LEDGER_STAKED, "stake", STAKERS);
    wallet0 = ledger_open_many(&led, LEDGER_HELD, "wallet", STAKERS);
    user = ledger_open(&led, LEDGER_HELD, "user", LEDGER_NOBODY);
    staking_init(&st, &arena, &params, &led, STAKERS);
    for (uint32_t i = 0; i < STAKERS; i++) {
        ledger_genesis(&led, LEDGER_OPG, stake0 + i, 10000 * MONEY_ATTO);
        ledger_genesis(&led, LEDGER_OPG, wallet0 + i, 500 * MONEY_ATTO);
        assert_int_equal(staking_add(&st, stake0 + i, wallet0 + i), i);
    }
    ledger_genesis(&led, LEDGER_OPG, st.fund_account, params.insurance.fund);
}

static struct staking_verdict slash(uint32_t staker, money_t loss_usd, money_t price,
                                    int64_t committed_ns, int64_t now_ns)
{
    struct staking_offence o = {.staker = staker,
                                .victim = user,
                                .loss_usd = loss_usd,
                                .price = price,
                                .committed_ns = committed_ns,
                                .now_ns = now_ns};
    return staking_slash(&st, &o);
}

static void assert_sound(void)
{
    assert_amount(ledger_check(&led), 0);
    assert_string_equal(led.breach, "");
}

/* ---- split --------------------------------------------------------------------------------- */

static void test_cut(void **state)
{
    (void)state;
    assert_amount(staking_cut(1000003, 0.05), 50000);
    assert_amount(staking_cut(19, 0.05), 0);
    assert_amount(staking_cut(19, 1), 19);
    assert_amount(staking_cut(10000 * MONEY_ATTO + 9, 0.1), 1000 * MONEY_ATTO);
}

static void test_split_with_a_small_loss(void **state)
{
    (void)state;
    open_staking("{}");
    struct staking_verdict v = slash(0, 32 * MONEY_NANO, 160000000, 0, 5 * NS);
    assert_amount(v.slashed_opg, 1000 * MONEY_ATTO);
    assert_amount(v.burned_opg, 500 * MONEY_ATTO);
    assert_amount(v.victim_opg, 200 * MONEY_ATTO); /* $32 at $0.16 */
    assert_amount(v.fund_opg, 300 * MONEY_ATTO);
    assert_amount(v.insured_opg, 0);
    assert_amount(v.recovered_usd, 32 * MONEY_NANO);
    assert_amount(ledger_balance(&led, LEDGER_OPG, user), 200 * MONEY_ATTO);
    assert_amount(staking_bonded(&st, 0), 9000 * MONEY_ATTO);
    assert_amount(led.burned[LEDGER_OPG], 500 * MONEY_ATTO);
    assert_sound();
}

static void test_fund_covers_what_the_slash_does_not(void **state)
{
    (void)state;
    open_staking("{slash_burn: 30%, slash_victims: 60%, insurance: {fund: 250 OPG}}");
    struct staking_verdict v = slash(0, 1000 * MONEY_NANO, MONEY_NANO, 0, 1);
    assert_amount(v.victim_opg, 600 * MONEY_ATTO);
    assert_amount(v.fund_opg, 100 * MONEY_ATTO);
    assert_amount(v.insured_opg, 350 * MONEY_ATTO); /* 250 and the 100 just paid in */
    assert_amount(v.recovered_usd, 600 * MONEY_NANO);
    assert_amount(v.insured_usd, 350 * MONEY_NANO);
    assert_amount(ledger_balance(&led, LEDGER_OPG, st.fund_account), 0);
    /* half the price: the same slash is worth half */
    v = slash(1, 1000 * MONEY_NANO, MONEY_NANO / 2, 0, 1);
    assert_amount(v.recovered_usd, 300 * MONEY_NANO);
    assert_amount(v.insured_usd, 50 * MONEY_NANO);
    assert_amount(st.paid_usd, 900 * MONEY_NANO);
    assert_amount(st.insured_usd, 400 * MONEY_NANO);
    assert_sound();
}

static void test_remainders_are_assigned(void **state)
{
    (void)state;
    open_staking("{slash: 1%, slash_burn: 33.3333333%, slash_victims: 66.6666667%}");
    ledger_move(&led, LEDGER_OPG, wallet0, stake0, 12345678901, LEDGER_STAKE);
    struct staking_verdict v = slash(0, 7, 3, 0, 1);
    assert_amount(v.slashed_opg, 100 * MONEY_ATTO + 123456789);
    assert_amount(v.burned_opg + v.victim_opg + v.fund_opg, v.slashed_opg);
    assert_true(v.recovered_usd + v.insured_usd <= 7);
    v = slash(1, 0, 1, 0, 1); /* nobody harmed: all that is not burned goes to the fund */
    assert_amount(v.victim_opg, 0);
    assert_amount(v.fund_opg, v.slashed_opg - v.burned_opg);
    assert_sound();
}

static void test_all_of_it_and_no_more(void **state)
{
    (void)state;
    open_staking("{slash: 100%, slash_burn: 100%, slash_victims: 0%}");
    assert_amount(slash(0, MONEY_NANO, MONEY_NANO, 0, 1).slashed_opg, 10000 * MONEY_ATTO);
    struct staking_verdict v = slash(0, MONEY_NANO, MONEY_NANO, 0, 2);
    assert_amount(v.slashed_opg, 0);
    assert_amount(v.recovered_usd, 0);
    assert_amount(staking_bonded(&st, 0), 0);
    assert_sound();
}

static void test_worthless_token(void **state)
{
    (void)state;
    open_staking("{}");
    /* a loss that no amount of tokens can make good */
    struct staking_verdict v = slash(0, (money_t)1 << 90, 1, 0, 1);
    assert_amount(v.victim_opg, 500 * MONEY_ATTO);
    assert_amount(v.recovered_usd, 500);
    assert_sound();
}

static void test_shares_are_checked(void **state)
{
    (void)state;
    open_staking("{slash_burn: 60%, slash_victims: 50%}");
    assert_non_null(staking_params_error(&params));
    open_staking("{slash_burn: 10%, slash_victims: 90%}");
    assert_null(staking_params_error(&params));
}

/* ---- jail ---------------------------------------------------------------------------------- */

static void test_jail(void **state)
{
    (void)state;
    open_staking("{slash_jailed: false}");
    assert_false(staking_jailed(&st, 0, 0));
    slash(0, 0, MONEY_NANO, 0, 10 * NS);
    assert_true(staking_jailed(&st, 0, 610 * NS - 1));
    assert_false(staking_jailed(&st, 0, 610 * NS));
    assert_false(staking_jailed(&st, 1, 20 * NS));
    /* jailed: not slashed again, the victim is still paid from the fund */
    struct staking_verdict v = slash(0, 10 * MONEY_NANO, MONEY_NANO, 0, 20 * NS);
    assert_amount(v.slashed_opg, 0);
    assert_amount(v.insured_usd, 10 * MONEY_NANO);
    assert_amount(slash(0, 0, MONEY_NANO, 0, 610 * NS).slashed_opg, 900 * MONEY_ATTO);
    assert_int_equal(st.slashes, 2);
    open_staking("{}");
    slash(0, 0, MONEY_NANO, 0, 1);
    assert_amount(slash(0, 0, MONEY_NANO, 0, 2).slashed_opg, 900 * MONEY_ATTO);
}

/* ---- bonding and unbonding ----------------------------------------------------------------- */

static void test_unbonding_takes_its_time(void **state)
{
    (void)state;
    open_staking("{}");
    assert_int_equal(staking_next_ns(&st), INT64_MAX);
    assert_true(staking_unbond(&st, 0, 4000 * MONEY_ATTO, 1 * DAY));
    assert_true(staking_unbond(&st, 1, 1000 * MONEY_ATTO, 2 * DAY));
    assert_false(staking_unbond(&st, 0, 6001 * MONEY_ATTO, 3 * DAY));
    assert_amount(staking_bonded(&st, 0), 6000 * MONEY_ATTO);
    assert_int_equal(staking_next_ns(&st), 22 * DAY);
    staking_release(&st, 22 * DAY - 1);
    assert_amount(ledger_balance(&led, LEDGER_OPG, wallet0), 500 * MONEY_ATTO);
    staking_release(&st, 22 * DAY);
    assert_amount(ledger_balance(&led, LEDGER_OPG, wallet0), 4500 * MONEY_ATTO);
    assert_int_equal(staking_next_ns(&st), 23 * DAY);
    assert_true(staking_bond(&st, 0, 4500 * MONEY_ATTO));
    assert_false(staking_bond(&st, 0, 1));
    assert_amount(staking_bonded(&st, 0), 10500 * MONEY_ATTO);
    assert_int_equal(st.unbond_refused, 1);
    assert_sound();
}

static void test_unbonding_stake_is_slashed_for_older_offences(void **state)
{
    (void)state;
    open_staking("{}");
    staking_unbond(&st, 0, 1000 * MONEY_ATTO, 5 * DAY); /* before the offence: safe */
    staking_unbond(&st, 0, 2000 * MONEY_ATTO, 7 * DAY); /* after it */
    staking_unbond(&st, 1, 3000 * MONEY_ATTO, 8 * DAY); /* somebody else */
    struct staking_verdict v = slash(0, 0, MONEY_NANO, 6 * DAY, 9 * DAY);
    assert_amount(v.slashed_opg, 900 * MONEY_ATTO); /* 10% of 7000 + 2000 */
    assert_amount(staking_bonded(&st, 0), 6300 * MONEY_ATTO);
    staking_release(&st, 100 * DAY);
    assert_amount(ledger_balance(&led, LEDGER_OPG, wallet0), 3300 * MONEY_ATTO);
    assert_amount(ledger_balance(&led, LEDGER_OPG, wallet0 + 1), 3500 * MONEY_ATTO);
    assert_amount(ledger_balance(&led, LEDGER_OPG, st.unbonding_account), 0);
    assert_sound();
}

static void test_entries_are_limited(void **state)
{
    (void)state;
    open_staking("{}");
    for (int i = 0; i < STAKING_ENTRIES; i++) {
        assert_true(staking_unbond(&st, 2, 1, i));
    }
    assert_false(staking_unbond(&st, 2, 1, 10));
    staking_release(&st, 21 * DAY); /* the first is out */
    assert_true(staking_unbond(&st, 2, 1, 21 * DAY));
    assert_sound();
}

static void test_random_acts(void **state)
{
    (void)state;
    struct rng_stream s = rng_open(9, 0, 0, 0);
    int64_t now_ns = 0;
    open_staking("{slash: 3%, unbonding: 1 d, insurance: {fund: 10 OPG}}");
    for (int i = 0; i < 20000; i++) {
        uint32_t who = (uint32_t)rng_below(&s, STAKERS);
        money_t amount = (money_t)(rng_u64(&s) >> rng_below(&s, 40));
        now_ns += (int64_t)rng_below(&s, (uint64_t)DAY / 2);
        staking_release(&st, now_ns);
        money_t owned =
            staking_bonded(&st, who) + ledger_balance(&led, LEDGER_OPG, st.unbonding_account);
        uint64_t act = rng_below(&s, 3);
        if (act == 0) staking_bond(&st, who, amount);
        if (act == 1) staking_unbond(&st, who, amount, now_ns);
        if (act == 2) {
            money_t loss = (money_t)rng_below(&s, 1000000), price = 1 + (money_t)rng_below(&s, 99);
            int64_t back_ns = (int64_t)rng_below(&s, (uint64_t)DAY);
            struct staking_verdict v = slash(who, loss, price, now_ns - back_ns, now_ns);
            assert_true(v.slashed_opg <= owned && v.recovered_usd + v.insured_usd <= loss);
            assert_amount(v.burned_opg + v.victim_opg + v.fund_opg, v.slashed_opg);
        }
        money_t waiting = 0;
        for (uint32_t k = 0; k < st.waiting; k++) {
            waiting += st.queue[(st.head + k) % st.queue_capacity].amount;
        }
        assert_amount(ledger_balance(&led, LEDGER_OPG, st.unbonding_account), waiting);
        assert_sound();
    }
    assert_true(st.slashes > 1000 && led.total[LEDGER_OPG][LEDGER_SLASH_RECALL] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_split_with_a_small_loss, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fund_covers_what_the_slash_does_not, setup, teardown),
        cmocka_unit_test_setup_teardown(test_remainders_are_assigned, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_of_it_and_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(test_worthless_token, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shares_are_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_jail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unbonding_takes_its_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unbonding_stake_is_slashed_for_older_offences, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_entries_are_limited, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random_acts, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
