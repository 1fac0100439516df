/* SPDX-License-Identifier: Apache-2.0
 * Tests of analysis/expect: what parses, what is refused with which words, and what holds. */
#include <math.h>

#include "analysis/expect.h"
#include "tests/unit/unit.h"

static struct arena arena;

static int open_arena(void **state)
{
    (void)state;
    arena_init(&arena, "test", 0);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* ---- helpers ------------------------------------------------------------------------------ */

static struct expect *parse(const char *text, struct diag *diag)
{
    struct param_text line = {.text = text, .where = {.file = "x.yaml", .line = 31, .column = 9}};
    diag_init(diag, &arena);
    return expect_parse(&arena, NULL, &line, diag);
}

static struct expect *good(const char *text)
{
    struct diag diag;
    struct expect *expect = parse(text, &diag);
    if (expect == NULL) fail_msg("'%s' was refused: %s", text, diag.items[0].message);
    assert_int_equal(diag.count, 0);
    return expect;
}

static void refused(const char *text, const char *words)
{
    struct diag diag;
    assert_null(parse(text, &diag));
    assert_int_equal(diag.count, 1);
    if (strstr(diag.items[0].message, words) == NULL)
        fail_msg("'%s': expected \"%s\" in \"%s\"", text, words, diag.items[0].message);
    assert_int_equal(diag.items[0].where.line, 31);
    assert_int_equal(diag.items[0].where.column, 9);
}

/* All null until something is set. */
static struct models_value *values_new(void)
{
    return arena_alloc(&arena, models_metric_count(), sizeof(struct models_value));
}

static struct models_value *at(struct models_value *values, const char *metric)
{
    long index = models_metric_find(metric);
    if (index < 0) fail_msg("no metric %s", metric);
    return &values[index];
}

static void set_real(struct models_value *values, const char *metric, double real)
{
    *at(values, metric) = (struct models_value){.kind = MODELS_REAL, .real = real};
}

static void set_exact(struct models_value *values, const char *metric, money_t amount)
{
    *at(values, metric) = (struct models_value){
        .kind = MODELS_EXACT, .real = money_real(amount, 18), .exact = amount, .decimals = 18};
}

static void set_count(struct models_value *values, const char *metric, int64_t count)
{
    *at(values, metric) =
        (struct models_value){.kind = MODELS_INTEGER, .real = (double)count, .integer = count};
}

static struct expect_outcome judge_one(const char *text, const struct models_value *values)
{
    const struct models_value *list[] = {values};
    return expect_judge(good(text), &arena, list, 1);
}

static void holds(const char *text, const struct models_value *values)
{
    struct expect_outcome outcome = judge_one(text, values);
    if (outcome.failures != 0) fail_msg("'%s' failed: %s", text, outcome.miss);
    assert_null(outcome.miss);
}

static void fails(const char *text, const struct models_value *values, const char *actual,
                  const char *miss)
{
    struct expect_outcome outcome = judge_one(text, values);
    assert_int_equal(outcome.failures, 1);
    assert_string_equal(outcome.actual, actual);
    assert_string_equal(outcome.miss, miss);
}

static struct models_value *sample(void)
{
    struct models_value *values = values_new();
    set_real(values, "gap.s.p99", 34.25);
    set_real(values, "gap.never_ratio", 0.3);
    set_count(values, "requests.arrived", 19366);
    set_count(values, "requests.completed", 19360);
    set_exact(values, "ledger.residual", 0);
    set_exact(values, "econ.supply_opg.burned", 7 * MONEY_ATTO + 1);
    set_exact(values, "econ.supply_opg.minted", 7 * MONEY_ATTO);
    return values;
}

/* ---- tests -------------------------------------------------------------------------------- */

static void test_every_operator(void **state)
{
    (void)state;
    const struct models_value *v = sample();
    holds("gap.s.p99 < 34.26", v);
    holds("gap.s.p99 <= 34.25", v);
    holds("gap.s.p99 > 34.24", v);
    holds("gap.s.p99 >= 34.25", v);
    holds("gap.s.p99 == 34.25", v);
    holds("gap.s.p99 != 34.24", v);
    holds("gap.s.p99 in [34.25, 34.25]", v);
    holds("  gap.s.p99<35  ", v);
    fails("gap.s.p99 < 34.25", v, "gap.s.p99 = 34.25", "both sides are equal");
    fails("gap.s.p99 > 40", v, "gap.s.p99 = 34.25", "misses by 5.75 (14.4 %)");
    fails("gap.s.p99 <= 30", v, "gap.s.p99 = 34.25", "misses by 4.25 (14.2 %)");
    fails("gap.s.p99 >= 40", v, "gap.s.p99 = 34.25", "misses by 5.75 (14.4 %)");
    fails("gap.s.p99 == 30", v, "gap.s.p99 = 34.25", "misses by 4.25 (14.2 %)");
    fails("gap.s.p99 != 34.25", v, "gap.s.p99 = 34.25", "both sides are equal");
    fails("gap.s.p99 in [1, 30]", v, "gap.s.p99 = 34.25", "misses by 4.25 (14.2 %)");
    fails("gap.s.p99 in [40, 50]", v, "gap.s.p99 = 34.25", "misses by 5.75 (14.4 %)");
}

static void test_arithmetic(void **state)
{
    (void)state;
    const struct models_value *v = sample();
    holds("1 + 2 * 3 == 7", v);
    holds("(1 + 2) * 3 == 9", v);
    holds("8 / 4 / 2 == 1", v);
    holds("8 - 4 - 2 == 2", v);
    holds("-2 * -(3) == 6", v);
    holds("1.5e2 == 150", v);
    holds("gap.never_ratio == 30%", v);
    holds("gap.never_ratio in [29.9%, 30%]", v);
    holds("requests.completed / requests.arrived > 99%", v);
    fails("requests.arrived - requests.completed <= 2 * 2", v,
          "requests.arrived - requests.completed = 6", "misses by 2 (50 %)");
}

static void test_exact_amounts(void **state)
{
    (void)state;
    struct models_value *v = sample();
    holds("ledger.residual == 0", v);
    holds("0.1 + 0.2 == 0.3", v);
    holds("econ.supply_opg.burned - econ.supply_opg.minted == 0.000000000000000001", v);
    holds("econ.supply_opg.burned > econ.supply_opg.minted", v); /* equal as doubles */
    fails("econ.supply_opg.burned == 7", v, "econ.supply_opg.burned = 7.000000000000000001",
          "misses by 0.000000000000000001 (1.43e-17 %)");
    set_exact(v, "ledger.residual", -1);
    fails("ledger.residual == 0", v, "ledger.residual = -0.000000000000000001",
          "misses by 0.000000000000000001");
    set_count(v, "requests.arrived", INT64_MAX);
    fails("requests.arrived == 9223372036854775806", v, "requests.arrived = 9223372036854775807",
          "misses by 1 (1.08e-17 %)");
}

static void test_amounts_too_large_to_align(void **state)
{
    (void)state;
    struct models_value *v = sample();
    *at(v, "requests.arrived") = (struct models_value){
        .kind = MODELS_EXACT, .real = money_real(MONEY_MAX, 0), .exact = MONEY_MAX};
    holds("requests.arrived > econ.supply_opg.burned", v);
    holds("requests.arrived + requests.arrived > requests.arrived", v);
    holds("-requests.arrived < 0", v);
}

static void test_null(void **state)
{
    (void)state;
    struct models_value *v = sample();
    fails("gap.s.p50 < 5", v, "gap.s.p50 = null",
          "gap.s.p50 is null: there was nothing to measure");
    fails("gap.s.p50 != 5", v, "gap.s.p50 = null",
          "gap.s.p50 is null: there was nothing to measure");
    fails("gap.s.p99 < gap.s.p50", v, "gap.s.p99 = 34.25, gap.s.p50 = null",
          "gap.s.p50 is null: there was nothing to measure");
    fails("gap.s.p99 in [0, gap.s.p50]", v, "gap.s.p99 = 34.25, gap.s.p50 = null",
          "gap.s.p50 is null: there was nothing to measure");
    fails("2 * gap.s.p50 > 0", v, "2 * gap.s.p50 = null",
          "gap.s.p50 is null: there was nothing to measure");
    set_real(v, "gap.s.p50", NAN);
    fails("gap.s.p50 < 5", v, "gap.s.p50 = null",
          "gap.s.p50 is null: there was nothing to measure");
    fails("1 / ledger.residual > 0", v, "1 / ledger.residual = null", "division by zero");
}

static void test_parts_of_a_compound(void **state)
{
    (void)state;
    struct expect_outcome outcome = judge_one("(gap.s.p99 - 4) / gap.never_ratio < 1", sample());
    assert_string_equal(outcome.actual, "(gap.s.p99 - 4) / gap.never_ratio = 100.83333333333334");
    assert_string_equal(outcome.parts, "gap.s.p99 = 34.25, gap.never_ratio = 0.3");
    assert_null(judge_one("gap.s.p99 < 1", sample()).parts);
}

static void test_worst_replication(void **state)
{
    (void)state;
    const double reals[] = {29, 31, 12, 47.5, 33};
    struct models_value *v[5];
    const struct models_value *list[5];
    for (size_t i = 0; i < 5; i++) {
        list[i] = v[i] = values_new();
        set_real(v[i], "gap.s.p99", reals[i]);
    }
    struct expect_outcome outcome = expect_judge(good("gap.s.p99 < 30"), &arena, list, 5);
    assert_int_equal(outcome.failures, 3);
    assert_int_equal(outcome.worst, 3);
    assert_string_equal(outcome.actual, "gap.s.p99 = 47.5");
    assert_string_equal(outcome.miss, "misses by 17.5 (58.3 %)");
    *at(v[2], "gap.s.p99") = (struct models_value){.kind = MODELS_NULL};
    outcome = expect_judge(good("gap.s.p99 < 30"), &arena, list, 5);
    assert_int_equal(outcome.failures, 4);
    assert_int_equal(outcome.worst, 2); /* a null is worse than any number */
    set_real(v[2], "gap.s.p99", 12);
    assert_int_equal(expect_judge(good("gap.s.p99 < 50"), &arena, list, 5).failures, 0);
}

static void test_refused(void **state)
{
    (void)state;
    refused("", "a metric or a number is missing before the end");
    refused("gap.s.p99", "one of < <= > >= == != in is missing before the end");
    refused("gap.s.p99 <", "a metric or a number is missing before the end");
    refused("gap.s.p99 = 3", "one of < <= > >= == != in is missing before '= 3'");
    refused("gap.s.p98 < 3", "there is no metric 'gap.s.p98'; did you mean 'gap.s.p9");
    refused("gap.s.p99 < lateny.ttft_s.p50", "did you mean 'latency.ttft_s.p50'?");
    refused("nonsense_entirely < 3", "there is no metric 'nonsense_entirely'");
    refused("gap.s.p99 < 30 s", "'s' is left over");
    refused("gap.s.p99 < 30s", "a number takes no unit but %");
    refused("1 < gap.s.p99 < 30", "'< 30' is left over; a line holds one comparison");
    refused("(gap.s.p99 < 30", "')' is missing before '< 30'");
    refused("gap.s.p99 in 3", "'in' takes a range: [low, high]");
    refused("gap.s.p99 in [3", "',' is missing before the end");
    refused("gap.s.p99 in [3, 4", "']' is missing before the end");
    refused("gap.s.p99 < 0x10", "is not a number");
    refused("gap.s.p99 < 1e999", "is not a number");
    refused("gap.s.p99 < nan", "there is no metric 'nan'");
    refused("gap.s.p99 < 1 +", "a metric or a number is missing before the end");
    refused("gap.s.p99 < \x01", "a metric or a number is missing");
}

static void test_hostile_length_and_depth(void **state)
{
    (void)state;
    char text[2000];
    memset(text, '(', 200);
    memcpy(text + 200, "1 < 2", sizeof "1 < 2");
    refused(text, "nested more than 64 deep");
    memset(text, '-', 200);
    refused(text, "nested more than 64 deep");
    memset(text, '1', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    refused(text, "is longer than 1000 characters");
}

/* The sign of the slack is the verdict, whatever the operator; a null has none. */
static void test_slack_agrees_with_the_verdict(void **state)
{
    (void)state;
    static const char *const lines[] = {"gap.s.p99 < 3",      "gap.s.p99 <= 3", "gap.s.p99 > 3",
                                        "gap.s.p99 >= 3",     "gap.s.p99 == 3", "gap.s.p99 != 3",
                                        "gap.s.p99 in [2, 3]"};
    static const double values[] = {1.5, 2, 2.5, 3, 3.5};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct expect *expect = good(lines[i]);
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            struct models_value *row = values_new();
            const struct models_value *const one[] = {row};
            set_real(row, "gap.s.p99", values[k]);
            struct expect_slack slack = expect_slack(expect, &arena, row);
            bool holds = slack.slack > 0 || (slack.slack == 0 && !expect_strict(expect));
            assert_true(slack.left == values[k]);
            assert_int_equal(holds, expect_judge(expect, &arena, one, 1).failures == 0);
        }
        assert_true(isnan(expect_slack(expect, &arena, values_new()).slack));
    }
    struct models_value *row = values_new();
    set_real(row, "gap.s.p99", 2.25);
    assert_true(expect_slack(good("gap.s.p99 in [2, 3]"), &arena, row).slack == 0.25);
    assert_true(expect_slack(good("gap.s.p99 >= 3"), &arena, row).slack == -0.75);
}

/* A scenario's own metrics stand behind the common ones and are found, and suggested, by name. */
static void test_metrics_of_a_scenario(void **state)
{
    (void)state;
    static const struct models_metric own[] = {{"slo.class.chat.met", "requests"}};
    const struct models_metrics metrics = {own, 1};
    struct diag diag;
    struct param_text line = {.text = "slo.class.chat.met >= 7"};
    diag_init(&diag, &arena);
    struct expect *expect = expect_parse(&arena, &metrics, &line, &diag);
    assert_non_null(expect);
    struct models_value *row = arena_alloc(&arena, models_metrics_count(&metrics), sizeof *row);
    row[models_metric_count()] =
        (struct models_value){.kind = MODELS_INTEGER, .integer = 9, .real = 9};
    const struct models_value *const one[] = {row};
    assert_int_equal(expect_judge(expect, &arena, one, 1).failures, 0);
    line.text = "slo.class.chta.met >= 7";
    assert_null(expect_parse(&arena, &metrics, &line, &diag));
    assert_non_null(strstr(diag.items[0].message, "did you mean 'slo.class.chat.met'?"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slack_agrees_with_the_verdict),
        cmocka_unit_test(test_metrics_of_a_scenario),
        cmocka_unit_test(test_every_operator),
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_exact_amounts),
        cmocka_unit_test(test_amounts_too_large_to_align),
        cmocka_unit_test(test_null),
        cmocka_unit_test(test_parts_of_a_compound),
        cmocka_unit_test(test_worst_replication),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_hostile_length_and_depth),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
