/* SPDX-License-Identifier: Apache-2.0
 * Tests of payment: exact quotes, the feed's age, and sessions against a slow twin that keeps them
 * in a plain list and looks at all of them every time. */
#include "models/payment.h"
#include "tests/unit/unit.h"

#define NS 1000000000LL

static struct arena arena;
static struct payment_params params;
static struct payment pay;

struct settled {
    uint32_t user, node;
    money_t spent;
};
enum { LOG_MOST = 100000 };
static struct settled seen[LOG_MOST];
static uint32_t seen_count;

static void on_settle(void *context, uint32_t user, uint32_t node, money_t spent)
{
    assert_ptr_equal(context, &pay);
    seen[seen_count++] = (struct settled){user, node, spent};
}

static void open_payment(const char *yaml)
{
    struct diag diag;
    diag_init(&diag, &arena);
    memset(&params, 0, sizeof params);
    struct param_doc *doc = param_load_text(&arena, "test", yaml, strlen(yaml), NULL, 0, &diag);
    param_read(doc, &payment_table, &params, &diag);
    diag_print(&diag, stderr);
    assert_int_equal(diag.count, 0);
    param_close(doc);
    payment_init(&pay, &arena, &params);
    payment_on_settle(&pay, on_settle, &pay);
    seen_count = 0;
}

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

/* ---- quotes -------------------------------------------------------------------------------- */

static void test_quote(void **state)
{
    (void)state;
    money_t fee = 0;
    open_payment("{}");
    payment_feed_refresh(&pay, 160000000, 0);
    assert_true(payment_quote(&pay, 1000, 500, 0, &fee));
    assert_amount(fee, opg("0.0390625")); /* $0.00625 at $0.16: docs/sources.md OG */
    assert_amount(payment_cost_usd(&pay, 1000, 500), 6250000);
    assert_amount(payment_cost_femto(&pay, 1, 0), 1250000000);
    assert_true(payment_quote(&pay, 0, 0, 0, &fee));
    assert_amount(fee, 0);
}

/* One rounding, upwards: fee x price >= cost > (fee - 1) x price, in units of 1e-27 USD. */
static void test_quote_rounds_up_once(void **state)
{
    (void)state;
    struct rng_stream s = rng_open(3, 0, 0, 0);
    open_payment("{input: $0.37, output: $2.000000001}");
    for (int i = 0; i < 5000; i++) {
        money_t price = 1 + (money_t)(rng_u64(&s) >> (20 + rng_below(&s, 44))), fee = 0;
        uint64_t in = rng_below(&s, 100000), out = rng_below(&s, 10000);
        payment_feed_refresh(&pay, price, 0);
        assert_true(payment_quote(&pay, in, out, 0, &fee));
        money_t cost = ((money_t)370000000 * in + (money_t)2000000001 * out) * 1000000000000;
        assert_true(fee * price >= cost && (fee - 1) * price < cost);
        money_t usd = payment_cost_usd(&pay, in, out);
        assert_true(usd * 1000000 >= payment_cost_femto(&pay, in, out));
        assert_true((usd - 1) * 1000000 < payment_cost_femto(&pay, in, out));
    }
}

static void test_feed_goes_stale(void **state)
{
    (void)state;
    money_t fee = 0;
    open_payment("{}");
    assert_amount(payment_feed_price(&pay, 0), 0); /* nothing read yet */
    assert_false(payment_quote(&pay, 1, 1, 0, &fee));
    payment_feed_refresh(&pay, 200000000, 10 * NS);
    payment_feed_down(&pay, true);
    payment_feed_refresh(&pay, 100000000, 310 * NS); /* does not get through */
    int64_t last = 10 * NS + 4 * 3600 * NS;
    assert_amount(payment_feed_price(&pay, last), 200000000);
    assert_amount(payment_feed_price(&pay, last + 1), 0);
    assert_false(payment_quote(&pay, 1, 1, last + 1, &fee));
    payment_feed_down(&pay, false);
    payment_feed_refresh(&pay, 100000000, last + 2);
    assert_amount(payment_feed_price(&pay, last + 2), 100000000);
}

/* ---- sessions ------------------------------------------------------------------------------ */

static void test_request_that_crosses_the_cap_is_free(void **state)
{
    (void)state;
    open_payment("{}");
    money_t fee = opg("0.0390625");
    assert_true(payment_charge(&pay, 3, 5, fee, 1));
    assert_true(payment_charge(&pay, 3, 5, fee, 2));
    assert_int_equal(pay.open, 1);
    assert_false(payment_charge(&pay, 3, 5, fee, 3)); /* 0.117 would pass 0.1 */
    assert_int_equal(seen_count, 1);
    assert_int_equal(seen[0].user, 3);
    assert_int_equal(seen[0].node, 5);
    assert_amount(seen[0].spent, 2 * fee);
    assert_int_equal(pay.open, 0);
    assert_amount(pay.accrued_opg, 0);
    assert_amount(pay.uncharged_opg, fee);
    assert_true(payment_charge(&pay, 3, 5, fee, 4)); /* and so on, a new one */
    assert_false(payment_charge(&pay, 8, 5, opg("0.100000000000000001"), 5));
    assert_int_equal(pay.open, 1);
    assert_int_equal(pay.uncharged, 2);
    assert_true(payment_charge(&pay, 8, 5, opg("0.1"), 6)); /* exactly full: settles at once */
    assert_amount(seen[1].spent, opg("0.1"));
    assert_int_equal(pay.open, 1);
}

static void test_idle_sessions_settle_in_order(void **state)
{
    (void)state;
    open_payment("{}");
    assert_int_equal(payment_next_ns(&pay), INT64_MAX);
    payment_charge(&pay, 1, 1, 10, 0);
    payment_charge(&pay, 2, 1, 20, 1 * NS);
    payment_charge(&pay, 1, 2, 30, 2 * NS);
    payment_charge(&pay, 1, 1, 40, 3 * NS); /* the first is now the last */
    assert_int_equal(payment_next_ns(&pay), 101 * NS);
    payment_expire(&pay, 101 * NS - 1);
    assert_int_equal(seen_count, 0);
    payment_expire(&pay, 101 * NS);
    assert_int_equal(seen_count, 1);
    assert_amount(seen[0].spent, 20);
    payment_expire(&pay, 500 * NS);
    assert_int_equal(seen_count, 3);
    assert_amount(seen[1].spent, 30);
    assert_amount(seen[2].spent, 50);
    assert_int_equal(pay.settled, 3);
    assert_int_equal(payment_next_ns(&pay), INT64_MAX);
}

static void test_charge_does_not_revive_an_idle_session(void **state)
{
    (void)state;
    open_payment("{}");
    payment_charge(&pay, 1, 1, 10, 0);
    payment_charge(&pay, 1, 1, 7, 100 * NS); /* nobody called payment_expire in between */
    assert_int_equal(seen_count, 1);
    assert_amount(seen[0].spent, 10);
    assert_amount(pay.accrued_opg, 7);
}

static void test_dead_gateway_takes_its_sessions_along(void **state)
{
    (void)state;
    open_payment("{}");
    for (uint32_t user = 0; user < 300; user++) {
        payment_charge(&pay, user, user % 3, user + 1, user);
    }
    payment_drop_node(&pay, 1);
    assert_int_equal(pay.dropped, 100);
    assert_amount(pay.dropped_opg, 100 * 2 + 3 * 99 * 100 / 2);
    payment_flush(&pay);
    assert_int_equal(seen_count, 200);
    for (uint32_t i = 1; i < seen_count; i++) {
        assert_true(seen[i].node != 1 && seen[i].user > seen[i - 1].user);
    }
    assert_amount(pay.accrued_opg, 0);
    assert_int_equal(pay.open, 0);
}

static void test_limit_settles_the_oldest(void **state)
{
    (void)state;
    open_payment("{sessions: 2}");
    payment_charge(&pay, 1, 0, 10, 1);
    payment_charge(&pay, 2, 0, 20, 2);
    payment_charge(&pay, 1, 0, 11, 3);
    payment_charge(&pay, 3, 0, 30, 4);
    assert_int_equal(pay.evicted, 1);
    assert_int_equal(pay.open, 2);
    assert_int_equal(seen_count, 1);
    assert_amount(seen[0].spent, 20);
}

/* ---- the slow twin ------------------------------------------------------------------------- */

struct slow {
    struct settled session[4096]; /* in order of last use */
    int64_t used_ns[4096];
    uint32_t count;
    struct settled seen[LOG_MOST];
    uint32_t seen_count;
};

static void slow_remove(struct slow *t, uint32_t i)
{
    t->count--;
    memmove(&t->session[i], &t->session[i + 1], (t->count - i) * sizeof t->session[0]);
    memmove(&t->used_ns[i], &t->used_ns[i + 1], (t->count - i) * sizeof t->used_ns[0]);
}

static void slow_settle(struct slow *t, uint32_t i)
{
    t->seen[t->seen_count++] = t->session[i];
    slow_remove(t, i);
}

static bool slow_charge(struct slow *t, uint32_t user, uint32_t node, money_t fee, int64_t now_ns)
{
    while (t->count > 0 && t->used_ns[0] + params.idle <= now_ns) {
        slow_settle(t, 0);
    }
    uint32_t i = 0;
    while (i < t->count && (t->session[i].user != user || t->session[i].node != node)) {
        i++;
    }
    struct settled s = {user, node, 0};
    if (i < t->count) s = t->session[i];
    if (s.spent + fee > params.cap) {
        if (i < t->count) slow_settle(t, i);
        return false;
    }
    if (i < t->count) slow_remove(t, i);
    s.spent += fee;
    t->session[t->count] = s;
    t->used_ns[t->count++] = now_ns;
    if (s.spent == params.cap) slow_settle(t, t->count - 1);
    return true;
}

static void slow_drop(struct slow *t, uint32_t node)
{
    for (uint32_t i = t->count; i-- > 0;) {
        if (t->session[i].node == node) slow_remove(t, i);
    }
}

static void compare_with_twin(const struct slow *t)
{
    assert_int_equal(pay.open, t->count);
    assert_int_equal(seen_count, t->seen_count);
    money_t accrued = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        accrued += t->session[i].spent;
    }
    assert_amount(pay.accrued_opg, accrued);
    if (t->count > 0) assert_int_equal(payment_next_ns(&pay), t->used_ns[0] + params.idle);
}

static void test_against_the_slow_twin(void **state)
{
    (void)state;
    static struct slow t;
    struct rng_stream s = rng_open(4, 0, 0, 0);
    int64_t now_ns = 0;
    open_payment("{cap: 0.1 OPG, idle: 100 s}");
    memset(&t, 0, sizeof t);
    for (int i = 0; i < 40000; i++) {
        uint32_t user = (uint32_t)rng_below(&s, 40), node = (uint32_t)rng_below(&s, 7);
        money_t fee = (money_t)(1 + rng_below(&s, 10)) * (params.cap / 50);
        now_ns += (int64_t)rng_below(&s, (uint64_t)NS / 2);
        if (rng_below(&s, 4000) == 0) now_ns += 95 * NS; /* nearly all fall idle */
        assert_int_equal(payment_charge(&pay, user, node, fee, now_ns),
                         slow_charge(&t, user, node, fee, now_ns));
        if (rng_below(&s, 2000) == 0) {
            payment_drop_node(&pay, node);
            slow_drop(&t, node);
        }
        compare_with_twin(&t);
    }
    assert_true(pay.capacity > 64 && pay.uncharged > 0 && pay.dropped > 0);
    for (uint32_t i = 0; i < seen_count; i++) {
        assert_int_equal(seen[i].user, t.seen[i].user);
        assert_int_equal(seen[i].node, t.seen[i].node);
        assert_true(seen[i].spent == t.seen[i].spent);
    }
    money_t paid = 0;
    for (uint32_t i = 0; i < seen_count; i++) {
        paid += seen[i].spent;
    }
    assert_amount(pay.charged_opg, paid + pay.dropped_opg + pay.accrued_opg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_quote, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quote_rounds_up_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_feed_goes_stale, setup, teardown),
        cmocka_unit_test_setup_teardown(test_request_that_crosses_the_cap_is_free, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idle_sessions_settle_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_charge_does_not_revive_an_idle_session, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_dead_gateway_takes_its_sessions_along, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_limit_settles_the_oldest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_against_the_slow_twin, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
