/* SPDX-License-Identifier: Apache-2.0
 * Tests of the ledger: operations, each invariant on a planted breach, and 20,000 random
 * operations against a slow twin that keeps its books in decimal digits. */
#include "models/ledger.h"
#include "tests/unit/unit.h"

static struct arena arena;
static struct ledger led;
static uint32_t alice, bob, vault;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, "test", 0);
    ledger_init(&led, &arena);
    uint32_t first = ledger_open_many(&led, LEDGER_HELD, "user", 2);
    alice = first;
    bob = first + 1;
    vault = ledger_open(&led, LEDGER_LOCKED, "vault", LEDGER_NOBODY);
    assert_true(ledger_genesis(&led, LEDGER_OPG, alice, 1000 * MONEY_ATTO));
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

/* ---- operations ---------------------------------------------------------------------------- */

static void test_operations(void **state)
{
    (void)state;
    assert_true(ledger_move(&led, LEDGER_OPG, alice, bob, 7 * MONEY_ATTO + 1, LEDGER_FEE_TO_NODE));
    assert_true(ledger_burn(&led, LEDGER_OPG, bob, 2 * MONEY_ATTO, LEDGER_SETTLEMENT_BURN));
    assert_true(ledger_mint(&led, LEDGER_USD, vault, 5, LEDGER_USD_IN));
    assert_true(ledger_move(&led, LEDGER_OPG, alice, alice, 3, LEDGER_STAKE));
    assert_true(
        ledger_move(&led, LEDGER_GAS, bob, alice, 0, LEDGER_GAS_TIP)); /* nothing of nothing */
    assert_amount(ledger_balance(&led, LEDGER_OPG, alice), 993 * MONEY_ATTO - 1);
    assert_amount(ledger_balance(&led, LEDGER_OPG, bob), 5 * MONEY_ATTO + 1);
    assert_amount(ledger_supply(&led, LEDGER_OPG), 998 * MONEY_ATTO);
    assert_amount(ledger_supply(&led, LEDGER_USD), 5);
    assert_amount(led.total[LEDGER_OPG][LEDGER_FEE_TO_NODE], 7 * MONEY_ATTO + 1);
    assert_amount(led.total[LEDGER_OPG][LEDGER_SETTLEMENT_BURN], 2 * MONEY_ATTO);
    assert_int_equal(led.entries, 5); /* genesis included, the zero not */
    assert_amount(ledger_check(&led), 0);
    assert_true(ledger_sound(&led));
}

static void test_classes(void **state)
{
    (void)state;
    ledger_move(&led, LEDGER_OPG, alice, vault, 400 * MONEY_ATTO, LEDGER_ENDOW);
    assert_amount(ledger_class_total(&led, LEDGER_OPG, LEDGER_HELD), 600 * MONEY_ATTO);
    assert_amount(ledger_class_total(&led, LEDGER_OPG, LEDGER_LOCKED), 400 * MONEY_ATTO);
    assert_amount(ledger_class_total(&led, LEDGER_OPG, LEDGER_STAKED), 0);
    assert_amount(ledger_total(&led, LEDGER_OPG), 1000 * MONEY_ATTO);
}

static void test_overdraw_moves_nothing(void **state)
{
    (void)state;
    assert_false(
        ledger_move(&led, LEDGER_OPG, alice, bob, 1000 * MONEY_ATTO + 1, LEDGER_SESSION_PAYMENT));
    assert_string_equal(led.breach, "overdrawn: session_payment from user 0, "
                                    "1000.000000000000000001 OPG of 1000 held");
    assert_amount(ledger_balance(&led, LEDGER_OPG, bob), 0);
    assert_false(ledger_burn(&led, LEDGER_GAS, vault, 1, LEDGER_GAS_BURN));
    assert_non_null(strstr(led.breach, "session_payment")); /* the first one is kept */
    assert_int_equal(led.refused, 2);
    assert_amount(ledger_check(&led), 0);
}

static void test_negative_moves_nothing(void **state)
{
    (void)state;
    assert_false(ledger_move(&led, LEDGER_USD, vault, bob, -2500000000, LEDGER_MARKET_BUY));
    assert_string_equal(led.breach, "negative amount: market_buy from vault, -2.5 USD");
    assert_false(ledger_mint(&led, LEDGER_USD, bob, -1, LEDGER_USD_IN));
    assert_false(ledger_burn(&led, LEDGER_OPG, alice, -1, LEDGER_SLASH_BURN));
    assert_amount(led.burned[LEDGER_OPG], 0);
    assert_amount(ledger_total(&led, LEDGER_USD), 0);
    assert_false(ledger_sound(&led));
}

static void test_names(void **state)
{
    (void)state;
    for (int r = 0; r < LEDGER_REASONS; r++) {
        assert_non_null(ledger_reason_name((enum ledger_reason)r));
    }
    assert_string_equal(ledger_asset_name(LEDGER_GAS), "GAS");
    assert_int_equal(ledger_decimals(LEDGER_USD), 9);
}

/* ---- planted breaches ---------------------------------------------------------------------- */

static void test_check_sees_a_wrong_balance(void **state)
{
    (void)state;
    led.balance[LEDGER_OPG][bob] += 1;
    assert_amount(ledger_check(&led), 1);
    assert_string_equal(led.breach, "accounts hold 1000.000000000000000001 OPG, genesis + minted - "
                                    "burned is 1000");
}

static void test_check_sees_value_that_vanished(void **state)
{
    (void)state;
    led.balance[LEDGER_OPG][alice] -= 3;
    led.minted[LEDGER_USD] += 4; /* and dollars that nobody got */
    assert_amount(ledger_check(&led), 7);
    assert_false(ledger_sound(&led));
}

static void test_check_sees_a_negative_account(void **state)
{
    (void)state;
    led.balance[LEDGER_OPG][alice] += MONEY_ATTO; /* the sum is right */
    led.balance[LEDGER_OPG][bob] -= MONEY_ATTO;
    assert_amount(ledger_check(&led), 0);
    assert_string_equal(led.breach, "negative account: user 1 holds -1 OPG");
}

static void test_check_sees_burned_fall(void **state)
{
    (void)state;
    ledger_burn(&led, LEDGER_OPG, alice, 10, LEDGER_GAS_BURN);
    assert_amount(ledger_check(&led), 0);
    assert_true(ledger_sound(&led));
    led.burned[LEDGER_OPG] -= 4; /* burned tokens come back, the sum is right */
    led.balance[LEDGER_OPG][bob] += 4;
    assert_amount(ledger_check(&led), 0);
    assert_string_equal(led.breach, "burned fell: 0.000000000000000006 OPG after "
                                    "0.00000000000000001");
}

static void test_check_sees_the_cap(void **state)
{
    (void)state;
    led.cap[LEDGER_OPG] = 1000 * MONEY_ATTO;
    assert_amount(ledger_check(&led), 0);
    assert_true(ledger_sound(&led));
    ledger_mint(&led, LEDGER_OPG, bob, 1, LEDGER_EMISSION);
    assert_amount(ledger_check(&led), 0);
    assert_string_equal(led.breach,
                        "supply above its cap: 1000.000000000000000001 OPG of at most 1000");
}

/* ---- shares and values --------------------------------------------------------------------- */

static void test_shares_are_exact(void **state)
{
    (void)state;
    assert_amount(ledger_share(10 * MONEY_ATTO, 0.3), 3 * MONEY_ATTO);
    assert_amount(ledger_share(9, 0.3), 2);
    assert_amount(ledger_share(1000000000 * MONEY_ATTO, 1), 1000000000 * MONEY_ATTO);
    assert_amount(ledger_share(MONEY_ATTO, 0), 0);
    for (int ppm = 0; ppm <= 1000000; ppm++) { /* 0.000065 x 1e9 falls short of 65000 in doubles */
        assert_true(ledger_share(100000000007, ppm / 1e6) == (money_t)100000000007 * ppm / 1000000);
    }
}

static void test_values(void **state)
{
    (void)state;
    const money_t price = 160000000; /* $0.16 */
    assert_amount(ledger_value_usd(3 * MONEY_ATTO, price, MONEY_FLOOR), 480000000);
    assert_amount(ledger_value_usd(1, price, MONEY_FLOOR), 0);
    assert_amount(ledger_value_usd(1, price, MONEY_CEIL), 1);
    assert_amount(ledger_value_opg(480000000, price, MONEY_CEIL), 3 * MONEY_ATTO);
    assert_amount(ledger_value_opg((money_t)1 << 100, 1, MONEY_CEIL), MONEY_MAX);
}

/* ---- the slow twin: decimal digits, school arithmetic -------------------------------------- */

enum { DIGITS = 40, ACCOUNTS = 9, OPERATIONS = 20000 };

struct book {
    char digit[DIGITS]; /* least significant first */
};

static struct book book_of(money_t amount)
{
    char text[MONEY_TEXT];
    struct book b = {{0}};
    size_t n = strlen(money_print(text, amount, 0));
    for (size_t i = 0; i < n; i++) {
        b.digit[i] = (char)(text[n - 1 - i] - '0');
    }
    return b;
}

static void book_add(struct book *a, const struct book *b)
{
    int carry = 0;
    for (int i = 0; i < DIGITS; i++) {
        int sum = a->digit[i] + b->digit[i] + carry;
        a->digit[i] = (char)(sum % 10);
        carry = sum / 10;
    }
}

static int book_compare(const struct book *a, const struct book *b)
{
    for (int i = DIGITS; i-- > 0;) {
        if (a->digit[i] != b->digit[i]) return a->digit[i] < b->digit[i] ? -1 : 1;
    }
    return 0;
}

static void book_subtract(struct book *a, const struct book *b)
{
    int borrow = 0;
    for (int i = 0; i < DIGITS; i++) {
        int difference = a->digit[i] - b->digit[i] - borrow;
        borrow = difference < 0;
        a->digit[i] = (char)(difference + 10 * borrow);
    }
}

struct twin {
    struct book balance[LEDGER_ASSETS][ACCOUNTS], supply[LEDGER_ASSETS];
    struct book total[LEDGER_ASSETS][LEDGER_REASONS];
    uint64_t entries;
};

/* The journal tells the twin what happened; it refuses to follow an entry that it cannot pay. */
static void twin_follow(void *context, const struct ledger_entry *e)
{
    struct twin *t = context;
    struct book amount = book_of(e->amount);
    if (e->from == LEDGER_NOBODY) {
        book_add(&t->supply[e->asset], &amount);
    } else {
        assert_true(book_compare(&t->balance[e->asset][e->from], &amount) >= 0);
        book_subtract(&t->balance[e->asset][e->from], &amount);
    }
    if (e->to == LEDGER_NOBODY)
        book_subtract(&t->supply[e->asset], &amount);
    else
        book_add(&t->balance[e->asset][e->to], &amount);
    book_add(&t->total[e->asset][e->reason], &amount);
    t->entries++;
}

static void assert_book(money_t have, const struct book *want)
{
    struct book b = book_of(have);
    assert_int_equal(book_compare(&b, want), 0);
}

static void compare_with_twin(const struct twin *t)
{
    for (int a = 0; a < LEDGER_ASSETS; a++) {
        for (uint32_t i = 0; i < ACCOUNTS; i++) {
            assert_book(led.balance[a][i], &t->balance[a][i]);
        }
        for (int r = 0; r < LEDGER_REASONS; r++) {
            assert_book(led.total[a][r], &t->total[a][r]);
        }
        assert_book(ledger_supply(&led, (enum ledger_asset)a), &t->supply[a]);
        assert_book(ledger_total(&led, (enum ledger_asset)a), &t->supply[a]);
    }
    assert_int_equal(led.entries, t->entries);
}

/* One operation with an amount of any size, negative and unpayable ones among them; the
 * expectation whether it is done comes from the twin's digits. */
static void random_operation(struct rng_stream *s, const struct twin *t)
{
    enum ledger_asset asset = (enum ledger_asset)rng_below(s, LEDGER_ASSETS);
    enum ledger_reason reason = (enum ledger_reason)rng_below(s, LEDGER_REASONS);
    uint32_t from = (uint32_t)rng_below(s, ACCOUNTS), to = (uint32_t)rng_below(s, ACCOUNTS);
    money_t amount =
        (money_t)(((money_u128)rng_u64(s) << 64 | rng_u64(s)) >> (35 + rng_below(s, 93)));
    if (rng_below(s, 50) == 0) amount = -amount - 1;
    bool payable = false;
    if (amount >= 0) {
        struct book b = book_of(amount);
        payable = book_compare(&t->balance[asset][from], &b) >= 0;
    }
    uint64_t kind = rng_below(s, 10);
    if (kind == 0)
        assert_int_equal(ledger_mint(&led, asset, to, amount, reason), amount >= 0);
    else if (kind == 1)
        assert_int_equal(ledger_burn(&led, asset, from, amount, reason), payable);
    else
        assert_int_equal(ledger_move(&led, asset, from, to, amount, reason), payable);
}

static void test_against_the_slow_twin(void **state)
{
    (void)state;
    static struct twin t;
    struct rng_stream s = rng_open(11, 0, 0, 0);
    ledger_init(&led, &arena);
    ledger_open_many(&led, LEDGER_HELD, "x", ACCOUNTS);
    memset(&t, 0, sizeof t);
    led.journal = twin_follow;
    led.journal_context = &t;
    ledger_genesis(&led, LEDGER_OPG, 0, 1000000000 * MONEY_ATTO);
    for (int i = 0; i < OPERATIONS; i++) {
        random_operation(&s, &t);
        if (i % 100 == 0) compare_with_twin(&t);
    }
    compare_with_twin(&t);
    assert_true(led.entries > OPERATIONS / 4 && led.refused > OPERATIONS / 50);
    led.breach[0] = '\0'; /* the refusals were meant; the books must be sound all the same */
    assert_amount(ledger_check(&led), 0);
    assert_true(ledger_sound(&led));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_operations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_classes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overdraw_moves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_negative_moves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_check_sees_a_wrong_balance, setup, teardown),
        cmocka_unit_test_setup_teardown(test_check_sees_value_that_vanished, setup, teardown),
        cmocka_unit_test_setup_teardown(test_check_sees_a_negative_account, setup, teardown),
        cmocka_unit_test_setup_teardown(test_check_sees_burned_fall, setup, teardown),
        cmocka_unit_test_setup_teardown(test_check_sees_the_cap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shares_are_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_against_the_slow_twin, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
