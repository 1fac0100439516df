/* SPDX-License-Identifier: Apache-2.0
 * Checking a scenario against its table: the structs it fills, findings with their exact text, the
 * effective scenario, positions. */
#include <math.h>

#include "tests/unit/param_fixture.h"

static void test_fills_structs(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, good, NULL);
    assert_int_equal(l.diag.count, 0);
    const struct sample *s = &l.sample;
    assert_string_equal(s->name, "base-line");
    assert_string_equal(s->trace, "data/a.csv");
    assert_int_equal(s->lock_rule, 1);
    assert_int_equal(s->horizon, 3600000000000);
    assert_true(s->pictures && s->share == 0.3 && s->memory == 85899345920);
    assert_true(s->stake == 10000 * MONEY_ATTO && s->price == MONEY_NANO / 2);
    assert_int_equal(s->start.kind, SAMPLE_SHARE);
    assert_true(s->start.share == 0.25);
    assert_int_equal(s->delay.kind, DIST_LOGNORMAL);
    assert_true(s->delay.a == 0.05 && s->delay.b == 0.5);
    assert_int_equal(s->value.kind, DIST_LOGNORMAL);
    assert_true(s->value.a == 0.5 && s->value.b == 2.0);
    assert_int_equal(s->factor.kind, DIST_FIXED);
    assert_true(s->factor.a == 1.0);
    assert_int_equal(s->nodes.count, 2);
    const struct sample_node *nodes = s->nodes.items;
    assert_int_equal(nodes[0].count, 40);
    assert_string_equal(nodes[0].region, "Frankfurt");
    assert_string_equal(nodes[1].region, "Virginia");
    assert_true(nodes[1].gpu_price == 3.0 && nodes[1].count == 1 && nodes[1].point.high == 5.0);
    const double *quantiles = s->quantiles.items;
    assert_int_equal(s->quantiles.count, 2);
    assert_true(quantiles[0] == 0.1 && quantiles[1] == 0.5);
    const struct param_text *expect = s->expect.items;
    assert_int_equal(s->expect.count, 2);
    assert_string_equal(expect[1].text, "ledger.residual == 0");
    assert_int_equal(expect[1].where.line, 13);
    assert_int_equal(expect[1].where.column, 26);
    unload(&l);
}

static void check_doc(const char *quoted, const char *expected)
{
    struct loaded l;
    char text[200];
    snprintf(text, sizeof text, "name: x\ndoc: %s\n", quoted);
    load_text(&l, text, NULL);
    assert_int_equal(l.diag.count, 0);
    assert_string_equal(l.sample.doc, expected);
    unload(&l);
}

static void test_quoting(void **state)
{
    (void)state;
    check_doc("it's # comment", "it's");
    check_doc("'it''s'", "it's");
    check_doc("''''", "'");
    check_doc("''''''''''''", "'''''");
    check_doc("'a''''b  '", "a''b  ");
    check_doc("'a\n  b\n\n  c'", "a b\nc");
    check_doc("\"\\u00e9\\x41\\t\\\"  \"", "\xC3\xA9"
                                           "A\t\"  ");
    check_doc("|\n  two\n    lines\n", "two\n  lines\n");
    check_doc(">-\n  two\n  lines\n", "two lines");
    check_doc("''", "");
    check_doc("two\n  lines", "two lines");
}

static void test_effective(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, good, SETS("nodes[1].count=7", "start={window: {high: 3}}", "count = 9"));
    assert_int_equal(l.diag.count, 1); /* "count " is another key */
    assert_string_equal(origin_of(&l, "hacasim", "1"), "x.yaml:1:10");
    assert_string_equal(origin_of(&l, "nodes[0].count", "40"), "x.yaml:5:23");
    assert_string_equal(origin_of(&l, "nodes[0].region", "Frankfurt"), "default");
    assert_string_equal(origin_of(&l, "nodes[1].name", "us"), "x.yaml:6:11");
    assert_string_equal(origin_of(&l, "nodes[1].count", "7"), "--set#1");
    assert_string_equal(origin_of(&l, "start.window.high", "3"), "--set#2");
    assert_string_equal(origin_of(&l, "start.window.low", "1"), "default");
    assert_string_equal(origin_of(&l, "delay.lognormal.median", "50 ms"), "x.yaml:9:29");
    assert_string_equal(origin_of(&l, "factor", "1"), "default");
    assert_string_equal(origin_of(&l, "quantiles[1]", "50%"), "default");
    assert_string_equal(origin_of(&l, "expect[0]", "gap.s.p99 < 30"), "x.yaml:13:10");
    unload(&l);
    load_text(&l, "name: x", NULL);
    assert_string_equal(origin_of(&l, "nodes", "[]"), "default");
    assert_string_equal(origin_of(&l, "start", "at_once"), "default");
    unload(&l);
}

static void check_where(struct loaded *l, const char *path, uint32_t line, uint32_t column)
{
    struct diag_where where = param_where(l->doc, path);
    assert_int_equal(where.line, line);
    assert_int_equal(where.column, column);
}

static void test_where(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, good, SETS("count=9"));
    check_where(&l, "nodes[1].region", 7, 13);
    check_where(&l, "nodes[1].count", 6, 5); /* left to its default: the item */
    check_where(&l, "nodes[5].count", 5, 3); /* the list */
    check_where(&l, "horizon", 1, 1);
    check_where(&l, "delay.lognormal", 9, 20);
    check_where(&l, "not a [ path", 1, 1);
    assert_string_equal(param_where(l.doc, "count").file, "--set#1");
    param_error(l.doc, &l.diag, "nodes[1].region", "no region is called %s", "Virginia");
    param_error(l.doc, &l.diag, "count", "is odd");
    check_printed(&l, "x.yaml:7:13: error: nodes[1].region: no region is called Virginia\n"
                      "--set#1: error: count: is odd\n"
                      "2 errors\n");
}

/* ---- findings ------------------------------------------------------------------------------ */

static void test_values(void **state)
{
    (void)state;
    check("count: 3.7",
          "x.yaml:2:8: error: count: 3.7 is not a whole number (allowed: 1 to 1000000)\n");
    check("count: 0", "x.yaml:2:8: error: count: 0 is out of range (allowed: 1 to 1000000)\n");
    check("count: -5", "x.yaml:2:8: error: count: -5 is out of range (allowed: 1 to 1000000)\n");
    check("count: 99999999999999999999",
          "x.yaml:2:8: error: count: 99999999999999999999 is too large (allowed: 1 to 1000000)\n");
    check("hacasim: 2", "x.yaml:2:10: error: hacasim: 2 is out of range (allowed: 1)\n");
    check("horizon: 50msx",
          "x.yaml:2:10: error: horizon: 50msx: unit 'msx' is not a time; expected "
          "ns us ms s min h d y (allowed: 1 ns to 100 y)\n");
    check("horizon: 50 MB", "x.yaml:2:10: error: horizon: 50 MB: unit 'MB' is not a time; expected "
                            "ns us ms s min h d y (allowed: 1 ns to 100 y)\n");
    check("wait_s: 5", "x.yaml:2:9: error: wait_s: 5 has no unit; expected a time such as 50 ms "
                       "(allowed: 0 s to 1 h)\n");
    check("rent: $11/h",
          "x.yaml:2:7: error: rent: $11/h is out of range (allowed: at most $10/h)\n");
    check("stake: -1 OPG",
          "x.yaml:2:8: error: stake: -1 OPG is out of range (allowed: at least 0 OPG)\n");
    check("real: nan", "x.yaml:2:7: error: real: nan is not a number (allowed: -1e3 to 1e3)\n");
    check("share: 130%", "x.yaml:2:8: error: share: 130% is out of range (allowed: 0% to 100%)\n");
    check("pictures: yes", "x.yaml:2:11: error: pictures: yes is not true or false\n");
    check("lock_rule: legasy",
          "x.yaml:2:12: error: lock_rule: legasy is not one of legacy, current, "
          "future; did you mean 'legacy'?\n");
    check("lock_rule: none", "x.yaml:2:12: error: lock_rule: none is not one of legacy, current, "
                             "future\n");
    check("trace: ''", "x.yaml:2:8: error: trace: is empty (expected a file name)\n");
    check("nodes: [{name: a b}]", "x.yaml:2:16: error: nodes[0].name: a b is not a name (letters, "
                                  "digits and _ - . : / + only)\n");
    check("count: '7'\ndoc: \"~\"\nreal: 1e2\nquantiles: []", "");
    check("count: \"\\a\\tbell\"",
          "x.yaml:2:8: error: count: ??bell is not a whole number (allowed: "
          "1 to 1000000)\n");
    check("lock_rule: aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgg",
          "x.yaml:2:12: error: lock_rule: "
          "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff... is not one of legacy, "
          "current, future\n");
}

static void test_kinds(void **state)
{
    (void)state;
    check("count:", "x.yaml:2:1: error: count: has no value (expected a whole number)\n");
    check("count: ~", "x.yaml:2:8: error: count: has no value (expected a whole number)\n");
    check("doc: null", "x.yaml:2:6: error: doc: has no value (expected a text)\n");
    check("count: [1]", "x.yaml:2:8: error: count: is a list, not a whole number\n");
    check("horizon: {a: 1}",
          "x.yaml:2:10: error: horizon: is a mapping, not a time such as 50 ms\n");
    check("lock_rule: [x]",
          "x.yaml:2:12: error: lock_rule: is a list, not one of legacy, current, future\n");
    check("point: 5", "x.yaml:2:8: error: point: 5 is not a mapping with the keys low, high\n");
    check("point:", "x.yaml:2:1: error: point: has no value (expected a mapping with the keys low, "
                    "high)\n");
    check("nodes: {name: a}", "x.yaml:2:8: error: nodes: is a mapping, not a list\n");
    check("nodes: eu", "x.yaml:2:8: error: nodes: eu is not a list\n");
    check("nodes: [eu]", "x.yaml:2:9: error: nodes[0]: eu is not a mapping with the keys name, "
                         "region, count, gpu_price, point\n");
    check("quantiles: [10%, [1], x, 2]",
          "x.yaml:2:18: error: quantiles[1]: is a list, not a ratio such as 30% or 0.3\n"
          "x.yaml:2:23: error: quantiles[2]: x is not a ratio such as 30% or 0.3 (allowed: 0% to "
          "100%)\n"
          "x.yaml:2:26: error: quantiles[3]: 2 is out of range (allowed: 0% to 100%)\n"
          "3 errors\n");
    check("expect: [a, b, c]", "x.yaml:2:9: error: expect: has 3 items (allowed: at most 2)\n");
    check("expect: [a, {b: 1}]", "x.yaml:2:13: error: expect[1]: is a mapping, not a text\n");
}

static void test_keys(void **state)
{
    (void)state;
    check("cuont: 5", "x.yaml:2:1: error: cuont: unknown key; did you mean 'count'?\n");
    check("point: {high: 3, zzz: 1}",
          "x.yaml:2:18: error: point.zzz: unknown key (allowed here: low, high)\n");
    check("nodes: [{name: a, regoin: b}]",
          "x.yaml:2:19: error: nodes[0].regoin: unknown key; did you mean 'region'?\n");
    check("count: 5\nreal: 1\ncount: 6",
          "x.yaml:4:1: error: count: duplicate key, first given on line 2\n");
    check("nodes: [{name: a}, {name: b, name: c}]",
          "x.yaml:2:30: error: nodes[1].name: duplicate key, first given on line 2\n");
    check("nodes:\n  - count: 5\n",
          "x.yaml:3:5: error: nodes[0].name: required key is missing (name of the class)\n");
    check("point: {low: 2}", "x.yaml:2:8: error: point.high: required key is missing (largest)\n");
    check("point: {low: 5, high: 3}", "x.yaml:2:8: error: point: low is above high\n");
    check(
        "'a\\tb\"': 1\n\"\\x07\": 2",
        "x.yaml:2:1: error: a\\tb\": unknown key (allowed here: hacasim, name, doc, trace, count, "
        "horizon, pictures, real, share, wait_s, rate, bandwidth, ...)\n"
        "x.yaml:3:1: error: ?: unknown key (allowed here: hacasim, name, doc, trace, count, "
        "horizon, pictures, real, share, wait_s, rate, bandwidth, ...)\n"
        "2 errors\n");
    struct loaded l;
    load_text(&l, "# nothing but\ncount: 5", NULL);
    check_printed(&l, "x.yaml:2:1: error: name: required key is missing (name of the scenario)\n");
}

static void test_choices(void **state)
{
    (void)state;
    check("start: on_finality\ndelay: 3 s\nvalue: {fixed: $2}", "");
    check("start: at_onse",
          "x.yaml:2:8: error: start: at_onse is not one of at_once, on_finality, share, window, "
          "marks; did you mean 'at_once'?\n");
    check("start: 130%", "x.yaml:2:8: error: start: 130% is out of range (allowed: 0% to 100%)\n");
    check("start: {at_once: }",
          "x.yaml:2:9: error: start.at_once: takes no value; write the word at_once alone\n");
    check("start: {window: {high: 0.5}}", "x.yaml:2:17: error: start.window: low is above high\n");
    check("start: {marks: [1 s, -1 s]}",
          "x.yaml:2:22: error: start.marks[1]: -1 s is out of range (allowed: at least 0 s)\n");
    check("start: window", "x.yaml:2:8: error: start: window needs a value: write {window: ...}\n");
    check("start:",
          "x.yaml:2:1: error: start: has no value (expected one of at_once, on_finality or "
          "a ratio such as 30% or 0.3 or a mapping with one of the keys share, window, "
          "marks)\n");
    check("delay: soon", "x.yaml:2:8: error: delay: soon is not a time such as 50 ms (allowed: at "
                         "least 0 s)\n");
    check("delay: lognormal",
          "x.yaml:2:8: error: delay: lognormal needs a value: write {lognormal: ...}\n");
    check("delay: {}", "x.yaml:2:8: error: delay: has 0 keys, but exactly one of fixed, uniform, "
                       "exponential, lognormal may stand here\n");
    check("delay: {fixed: 1 s, uniform: 2}",
          "x.yaml:2:8: error: delay: has 2 keys, but exactly one of fixed, uniform, exponential, "
          "lognormal may stand here\n");
    check("delay: {lognorml: {median: 1 s, sigma: 1}}",
          "x.yaml:2:9: error: delay.lognorml: unknown key; did you mean 'lognormal'?\n");
    check("delay: [1 s]", "x.yaml:2:8: error: delay: is a list, not a time such as 50 ms or a "
                          "mapping with one of the keys fixed, uniform, exponential, lognormal\n");
    check("delay: {uniform: {low: 3 s, high: 2 s}}",
          "x.yaml:2:18: error: delay.uniform: low is above high\n");
    check("delay: {lognormal: {sigma: 20}}",
          "x.yaml:2:20: error: delay.lognormal.median: required key is missing (value that half of "
          "the draws exceed)\n"
          "x.yaml:2:28: error: delay.lognormal.sigma: 20 is out of range (allowed: 0 to 10)\n"
          "2 errors\n");
}

static void test_yaml(void **state)
{
    (void)state;
    check("a: [1\nb: 2",
          "x.yaml:4:1: error: syntax error: flow sequence without a closing bracket\n");
    check(" count: 2", "x.yaml:1:7: error: syntax error: invalid multiline plain key (is the next "
                       "line indented too far?)\n");
    check("a: &x 1\nb: *x\nc: !!str d\n<<: 4",
          "x.yaml:2:5: error: a: anchors (&) are not supported; use base: to inherit\n"
          "x.yaml:3:5: error: b: aliases (*) are not supported; use base: to inherit\n"
          "x.yaml:4:4: error: c: tags (!) are not supported\n"
          "x.yaml:5:1: error: <<: merge keys are not supported; use base: to inherit\n"
          "4 errors\n");
    check("---\na: 1", "x.yaml:2:1: error: a second document begins here; a scenario is one "
                       "document\n");
    check("? [a]\n: 1", "x.yaml:2:3: error: a key must be a plain word, not a list or a mapping\n");
    check("doc: \"a\\0b\"", "x.yaml:2:6: error: doc: holds a NUL character\n");
    check("doc: |\n  two\n  lines\nreal: 1 # comment", "");
}

static void test_limits(void **state)
{
    (void)state;
    char *deep = calloc(1, 100010);
    memset(stpcpy(deep, "doc: "), '[', 100000);
    check(deep, "x.yaml:2:69: error: lists and mappings are nested more than 64 deep\n");
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    for (int i = 0; i < 1001; i++)
        fprintf(out, "k%d: 1\n", i);
    fclose(out);
    check(text, "x.yaml:1001:7: error: k999: more than 1000 keys in one mapping\n");
    free(text);
    out = open_memstream(&text, &size);
    fputs("quantiles: [", out);
    for (int i = 0; i < 1000000; i++)
        fputs("1,", out);
    fputs("]", out);
    fclose(out);
    check(text, "x.yaml:2:2000007: error: quantiles[999997]: more than 1000000 values in one "
                "file\n");
    free(text);
    out = open_memstream(&text, &size);
    fputs("quantiles: [", out);
    for (int i = 0; i < 1500; i++)
        fputs("x,", out);
    fputs("]", out);
    fclose(out);
    struct loaded l;
    load_text(&l, text, NULL);
    assert_int_equal(l.diag.count, DIAG_LIMIT);
    assert_int_equal(l.diag.dropped, 1501 - DIAG_LIMIT);
    unload(&l);
    free(text);
    free(deep);
}

/* Each mistake once, and the struct is sound all the same. */
static void test_conditions(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, "hacasim: 1\nname: x\nsteps: [{do: rest, wait: 1 s}, {do: speak}]\n", NULL);
    assert_int_equal(l.diag.count, 0);
    const struct sample_step *steps = l.sample.steps.items;
    assert_int_equal(steps[0].wait, 1000000000);
    assert_null(steps[0].label);
    assert_string_equal(steps[1].label, "hello");
    unload(&l);
    check("steps:\n"
          "- {do: rest}\n"
          "- {do: rest, wait: 1 s, label: a}\n"
          "- {do: speak, wait: 5}\n"
          "- {do: sleep, wait: 1 s}\n"
          "- {wait: 1 s}\n"
          "- {label: a}\n",
          "x.yaml:3:3: error: steps[0].wait: required key is missing (how long)\n"
          "x.yaml:4:25: error: steps[1].label: has no effect here: it goes with do: speak only\n"
          "x.yaml:5:15: error: steps[2].wait: has no effect here: it goes with do: rest only\n"
          "x.yaml:6:8: error: steps[3].do: sleep is not one of rest, speak\n"
          "x.yaml:7:3: error: steps[4].do: required key is missing (kind)\n"
          "x.yaml:8:3: error: steps[5].do: required key is missing (kind)\n"
          "6 errors\n");
}

/* What did not read has its default, and cross checks can tell; what the user gave is known. */
static void test_good_and_given(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l,
              "hacasim: 1\nname: x\ncuont: 5\nhorizon: 0\nnodes: [{name: a, count: x}, 3]\n"
              "delay: {unform: {low: 1 s, high: 2 s}}\nshare: 40%\nshare: 50%\n",
              NULL);
    assert_non_null(l.doc);
    assert_int_equal(l.diag.count, 6);
    assert_int_equal(l.sample.horizon, INT64_C(3600000000000));
    assert_int_equal(l.sample.count, 8);
    assert_int_equal(((struct sample_node *)l.sample.nodes.items)[0].count, 1);
    assert_int_equal(l.sample.delay.kind, DIST_FIXED);
    static const char *const bad[] = {"count",    "horizon",    "nodes[0].count", "nodes[0]",
                                      "nodes",    "nodes[1]",   "nodes[1].name",  "delay",
                                      "delay.mu", "nodes[1].x", "cuont",          "share"};
    static const char *const good_ones[] = {"name",          "nodes[0].name", "nodes[10].count",
                                            "nodes[0].coun", "hor",           "rate"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (param_good(l.doc, bad[i])) fail_msg("%s counts as good", bad[i]);
    for (size_t i = 0; i < sizeof good_ones / sizeof *good_ones; i++)
        if (!param_good(l.doc, good_ones[i])) fail_msg("%s counts as broken", good_ones[i]);
    assert_true(param_given(l.doc, "nodes[0].name"));
    assert_false(param_given(l.doc, "nodes[0].region"));
    assert_false(param_given(l.doc, "nodes[2]"));
    assert_false(param_given(l.doc, "rate"));
    unload(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fills_structs), cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_effective),     cmocka_unit_test(test_where),
        cmocka_unit_test(test_values),        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_keys),          cmocka_unit_test(test_choices),
        cmocka_unit_test(test_yaml),          cmocka_unit_test(test_limits),
        cmocka_unit_test(test_conditions),    cmocka_unit_test(test_good_and_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
