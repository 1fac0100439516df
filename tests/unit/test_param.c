/* SPDX-License-Identifier: Apache-2.0
 * Scenario text: scalars, tables, findings with their exact text, inheritance, overrides, bad
 * files, the effective and the canonical scenario, schemas.  The table is that of param_sample.h;
 * files go to a directory under TMPDIR that is removed at the end. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <ftw.h>
#include <libfyaml.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/param_sample.h"

#define SETS_MAX 8

/* ---- scaffolding --------------------------------------------------------------------------- */

struct loaded {
    struct arena arena;
    struct diag diag;
    struct param_doc *doc;
    struct sample sample;
};

static size_t count_sets(const char *const *sets)
{
    size_t count = 0;
    while (sets && sets[count])
        count++;
    return count;
}

static void load_text(struct loaded *l, const char *text, const char *const *sets)
{
    memset(l, 0, sizeof *l);
    arena_init(&l->arena, "test", 0);
    diag_init(&l->diag, &l->arena);
    l->doc =
        param_load_text(&l->arena, "x.yaml", text, strlen(text), sets, count_sets(sets), &l->diag);
    if (l->doc) param_read(l->doc, &sample_table, &l->sample, &l->diag);
}

static void load_file(struct loaded *l, const char *path, const char *const *sets)
{
    memset(l, 0, sizeof *l);
    arena_init(&l->arena, "test", 0);
    diag_init(&l->diag, &l->arena);
    l->doc = param_load(&l->arena, path, sets, count_sets(sets), &l->diag);
    if (l->doc) param_read(l->doc, &sample_table, &l->sample, &l->diag);
}

static void unload(struct loaded *l)
{
    param_close(l->doc);
    arena_free(&l->arena);
}

static char *printed(struct loaded *l)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    diag_print(&l->diag, out);
    fclose(out);
    return text;
}

static void check_printed(struct loaded *l, const char *expected)
{
    char *text = printed(l);
    assert_string_equal(text, expected);
    free(text);
    unload(l);
}

/* The findings of a scenario given as text; "name: x" is put before it, on the first line. */
static void check_sets(const char *text, const char *const *sets, const char *expected)
{
    struct loaded l;
    char *whole = NULL;
    assert_true(asprintf(&whole, "name: x\n%s", text) > 0);
    load_text(&l, whole, sets);
    check_printed(&l, expected);
    free(whole);
}

static void check(const char *text, const char *expected)
{
    check_sets(text, NULL, expected);
}

#define SETS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- scalars ------------------------------------------------------------------------------- */

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

/* ---- a good scenario ----------------------------------------------------------------------- */

static const char good[] = "hacasim: 1\n"
                           "name: base-line\n"
                           "# a comment\n"
                           "nodes:\n"
                           "  - {name: eu, count: 40}\n"
                           "  - name: us\n"
                           "    region: \"Virginia\"\n"
                           "    gpu_price: $3/h\n"
                           "delay: {lognormal: {median: 50 ms, sigma: 0.5}}\n"
                           "start: 25%\n"
                           "trace: data/a.csv\n"
                           "lock_rule: current\n"
                           "expect: [gap.s.p99 < 30, \"ledger.residual == 0\"]\n";

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

static const char *origin_of(struct loaded *l, const char *path, const char *value)
{
    size_t count;
    const struct param_effective *effective = param_effective(l->doc, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(effective[i].path, path) != 0) continue;
        assert_string_equal(effective[i].value, value);
        return effective[i].origin;
    }
    fail_msg("%s is not effective", path);
    return NULL;
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

/* ---- overrides ----------------------------------------------------------------------------- */

static void test_set_values(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, good,
              SETS("value=$0.75", "rate=5/s", "doc=a: b # c, [d", "nodes=[{name: n, count: 3}]",
                   "nodes[0].region=\"Paris\"", "point.high=9", "trace=t.csv", "name= padded "));
    assert_int_equal(l.diag.count, 0);
    assert_true(l.sample.value.kind == DIST_FIXED && l.sample.value.a == 0.75);
    assert_true(l.sample.rate == 5.0);
    assert_string_equal(l.sample.doc, "a: b # c, [d");
    assert_int_equal(l.sample.nodes.count, 1);
    const struct sample_node *node = l.sample.nodes.items;
    assert_string_equal(node->region, "Paris");
    assert_int_equal(node->count, 3);
    assert_true(l.sample.point.high == 9.0 && l.sample.point.low == 1.0);
    assert_string_equal(l.sample.trace, "t.csv");
    assert_string_equal(l.sample.name, "padded");
    unload(&l);
    /* a variant of a choice replaces another, whichever way it is written */
    load_text(&l, good,
              SETS("delay.uniform.low=1 s", "delay.uniform.high=2 s", "start.window.high=4"));
    assert_true(l.sample.delay.kind == DIST_UNIFORM && l.sample.delay.b == 2.0);
    check_printed(&l, "--set#3: error: start.window.high: start is a value, not a mapping\n");
    load_text(&l, good, SETS("delay.uniform={low: 1 s, high: 2 s}", "start={window: {high: 4}}"));
    assert_int_equal(l.diag.count, 0);
    assert_true(l.sample.delay.kind == DIST_UNIFORM && l.sample.delay.b == 2.0);
    assert_int_equal(l.sample.start.kind, SAMPLE_WINDOW);
    unload(&l);
    load_text(&l, good, SETS("delay.lognormal.median=3 s"));
    assert_true(l.sample.delay.kind == DIST_LOGNORMAL && l.sample.delay.a == 3.0);
    assert_true(l.sample.delay.b == 0.5);
    unload(&l);
}

static void test_set_findings(void **state)
{
    (void)state;
    const char *text = "nodes: [{name: a}, {name: b}]";
    check_sets(text, SETS("count=3.7", "nodes[0].count=0", "zzz=1"),
               "--set#1: error: count: 3.7 is not a whole number (allowed: 1 to 1000000)\n"
               "--set#2: error: nodes[0].count: 0 is out of range (allowed: 1 to 1000000)\n"
               "--set#3: error: zzz: unknown key (allowed here: hacasim, name, doc, trace, count, "
               "horizon, pictures, real, share, wait_s, rate, bandwidth, ...)\n"
               "3 errors\n");
    check_sets(text,
               SETS("novalue", "=x", "a..b=3", "nodes[b]=1", "nodes[1=2", ".a=1", "a.=1", "[0]=1"),
               "--set#1: error: novalue is not KEY=VALUE\n"
               "--set#2: error: '' is not a key path such as a.b[2].c\n"
               "--set#3: error: a..b is not a key path such as a.b[2].c\n"
               "--set#4: error: nodes[b] is not a key path such as a.b[2].c\n"
               "--set#5: error: nodes[1 is not a key path such as a.b[2].c\n"
               "--set#6: error: .a is not a key path such as a.b[2].c\n"
               "--set#7: error: a. is not a key path such as a.b[2].c\n"
               "--set#8: error: [0] is not a key path such as a.b[2].c\n"
               "8 errors\n");
    check_sets(text,
               SETS("nodes[2].count=3", "nodes.count=3", "name.x=3", "name[0]=3", "expect[0]=3"),
               "--set#1: error: nodes[2].count: nodes has 2 items, so there is none at index 2\n"
               "--set#2: error: nodes.count: nodes is a list, not a mapping\n"
               "--set#3: error: name.x: name is a value, not a mapping\n"
               "--set#4: error: name[0]: name is a value, not a list\n"
               "--set#5: error: expect[0]: expect is not given in the scenario, so it has no item "
               "0\n"
               "5 errors\n");
    check_sets(
        text, SETS("point=[1", "count=", "base=b.yaml", "doc=\xFF", "nodes[0]=5"),
        "--set#1: error: point: syntax error in [1: flow sequence without a closing bracket\n"
        "--set#2: error: count: has no value (expected a whole number)\n"
        "--set#3: error: base: cannot be set here, only in the file\n"
        "--set#4: error: the text is not UTF-8\n"
        "--set#5: error: nodes[0]: 5 is not a mapping with the keys name, region, count, "
        "gpu_price, point\n"
        "5 errors\n");
    check_sets(text, SETS("point={high: 1, high: 2}", "nodes[1]={name: c, x: &a 1}"),
               "--set#1: error: point.high: duplicate key\n"
               "--set#2: error: nodes[1].x: anchors (&) are not supported; use base: to inherit\n"
               "2 errors\n");
}

/* ---- files --------------------------------------------------------------------------------- */

static char *folder;

static void write_file(const char *name, const char *text, size_t length)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    fclose(file);
}

static void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

/* Load a file of the folder; "@" in the expected text stands for the folder. */
static void check_file(const char *name, const char *expected)
{
    char path[300], whole[4000] = "";
    struct loaded l;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    load_file(&l, path, NULL);
    for (const char *at = expected; *at; at++) {
        size_t used = strlen(whole);
        snprintf(whole + used, sizeof whole - used, *at == '@' ? "%s" : "%.1s",
                 *at == '@' ? folder : at);
    }
    check_printed(&l, whole);
}

static void test_base(void **state)
{
    (void)state;
    struct loaded l;
    char path[300];
    write_text("base.yaml", "name: base\ncount: 5\npoint: {low: 2, high: 3}\ntrace: b.csv\n"
                            "delay: {lognormal: {median: 1 s, sigma: 1}}\n"
                            "value: {lognormal: {median: $1, sigma: 1}}\n"
                            "nodes: [{name: a}, {name: b}]\n");
    write_text("child.yaml", "base: base.yaml\npoint: {high: 7}\nhorizon: 2 h\n"
                             "delay: {fixed: 3 s}\nvalue: {lognormal: {sigma: 2}}\n"
                             "nodes: [{name: c}]\n");
    snprintf(path, sizeof path, "%s/child.yaml", folder);
    load_file(&l, path, SETS("count=6"));
    assert_int_equal(l.diag.count, 0);
    assert_string_equal(l.sample.name, "base");
    assert_int_equal(l.sample.count, 6);
    assert_true(l.sample.point.low == 2.0 && l.sample.point.high == 7.0);
    assert_true(l.sample.delay.kind == DIST_FIXED && l.sample.delay.a == 3.0);
    assert_true(l.sample.value.kind == DIST_LOGNORMAL && l.sample.value.a == 1.0);
    assert_true(l.sample.value.b == 2.0);
    assert_int_equal(l.sample.nodes.count, 1);
    assert_int_equal(strncmp(l.sample.trace, folder, strlen(folder)), 0);
    snprintf(path, sizeof path, "%s/base.yaml:3:14", folder);
    assert_string_equal(origin_of(&l, "point.low", "2"), path);
    snprintf(path, sizeof path, "%s/child.yaml:2:15", folder);
    assert_string_equal(origin_of(&l, "point.high", "7"), path);
    assert_null(strstr(param_canonical(l.doc), "base:"));
    /* the inherited variant of the choice is gone */
    assert_non_null(strstr(param_canonical(l.doc), "delay:\n  fixed: 3 s\nhorizon: 2 h\n"));
    unload(&l);
}

static void test_base_findings(void **state)
{
    (void)state;
    write_text("missing.yaml", "count: 0\nbase: nowhere.yaml\n");
    check_file("missing.yaml",
               "@/missing.yaml:1:8: error: count: 0 is out of range (allowed: 1 to 1000000)\n"
               "@/missing.yaml:2:1: error: base: cannot use @/nowhere.yaml: No such file or "
               "directory\n2 errors\n");
    write_text("a.yaml", "name: a\nbase: b.yaml\n");
    write_text("b.yaml", "\n\nbase: a.yaml\n");
    check_file("a.yaml",
               "@/b.yaml:3:1: error: base: cannot use @/a.yaml: it inherits from itself\n");
    write_text("dir.yaml", "base: .\n");
    check_file("dir.yaml", "@/dir.yaml:1:1: error: base: cannot use @/.: it is a directory\n");
    write_text("list.yaml", "base: [a]\n");
    check_file("list.yaml", "@/list.yaml:1:7: error: base: must be the name of a scenario file\n");
    write_text("broken.yaml", "a: [\n");
    write_text("on_broken.yaml", "base: broken.yaml\ncuont: 1\n");
    check_file("on_broken.yaml",
               "@/on_broken.yaml:2:1: error: cuont: unknown key; did you mean 'count'?\n"
               "@/broken.yaml:2:1: error: syntax error: flow sequence without a closing bracket\n"
               "2 errors\n");
    for (int i = 0; i < 18; i++) {
        char name[20], text[40];
        snprintf(name, sizeof name, "c%d.yaml", i);
        snprintf(text, sizeof text, "name: c\nbase: c%d.yaml\n", i + 1);
        write_text(name, text);
    }
    check_file("c0.yaml",
               "@/c16.yaml:2:1: error: base: more than 16 files inherit from each other\n");
    write_text("c16.yaml", "count: 3\n");
    check_file("c0.yaml", "");
    write_text("bad_base.yaml", "name: x\ncount: x\n");
    write_text("on_bad.yaml", "real: x\nbase: bad_base.yaml\n");
    check_file(
        "on_bad.yaml",
        "@/on_bad.yaml:1:7: error: real: x is not a number (allowed: -1e3 to 1e3)\n"
        "@/bad_base.yaml:2:8: error: count: x is not a whole number (allowed: 1 to 1000000)\n"
        "2 errors\n");
}

static void test_bad_files(void **state)
{
    (void)state;
    char path[300];
    check_file("nowhere.yaml", "@/nowhere.yaml: error: cannot use the file: No such file or "
                               "directory\n");
    check_file("", "@/: error: cannot use the file: it is a directory\n");
    write_text("empty.yaml", "");
    check_file("empty.yaml",
               "@/empty.yaml: error: the file is empty (a scenario begins with 'hacasim: 1')\n");
    write_text("comment.yaml", "# only a comment\n\n");
    check_file("comment.yaml",
               "@/comment.yaml: error: the file is empty (a scenario begins with 'hacasim: 1')\n");
    write_file("nul.yaml", "a: 1\nb: \0", 9);
    check_file("nul.yaml", "@/nul.yaml:2:4: error: the file is not text: NUL byte at offset 8\n");
    write_text("latin1.yaml", "name: x\ndoc: caf\xE9\n");
    check_file("latin1.yaml",
               "@/latin1.yaml:2:9: error: the file is not UTF-8: byte 0xE9 at offset 16\n");
    write_text("cut.yaml", "doc: \xC3\xA9\xE2\x82");
    check_file("cut.yaml", "@/cut.yaml:1:7: error: the file is not UTF-8: byte 0xE2 at offset 7\n");
    write_text("top.yaml", "- a\n- b\n");
    check_file("top.yaml",
               "@/top.yaml:1:1: error: the file is a list, not a mapping (key: value)\n");
    write_text("word.yaml", "hello\n");
    check_file("word.yaml",
               "@/word.yaml:1:1: error: the file is a value, not a mapping (key: value)\n");
    write_text("bom.yaml", "\xEF\xBB\xBFname: x\ncount: 0\n");
    check_file("bom.yaml",
               "@/bom.yaml:2:8: error: count: 0 is out of range (allowed: 1 to 1000000)\n");
    write_text("huge.yaml", "a: 1\n");
    snprintf(path, sizeof path, "%s/huge.yaml", folder);
    assert_int_equal(truncate(path, 100 << 20), 0);
    check_file("huge.yaml", "@/huge.yaml: error: cannot use the file: it is larger than 16 MiB\n");
    write_text("secret.yaml", "name: x\n");
    snprintf(path, sizeof path, "%s/secret.yaml", folder);
    assert_int_equal(chmod(path, 0), 0);
    if (access(path, R_OK) != 0) /* root reads it all the same */
        check_file("secret.yaml", "@/secret.yaml: error: cannot use the file: Permission denied\n");
    struct loaded l;
    load_file(&l, "/dev/zero", NULL);
    check_printed(&l, "/dev/zero: error: the file is larger than 16 MiB\n");
}

/* ---- canonical text ------------------------------------------------------------------------ */

static void check_canonical(const char *text, const char *expected)
{
    struct loaded l;
    load_text(&l, text, NULL);
    assert_string_equal(param_canonical(l.doc), expected);
    /* It is a scenario, and its own canonical form. */
    struct loaded again;
    load_text(&again, expected, NULL);
    assert_string_equal(param_canonical(again.doc), expected);
    unload(&again);
    unload(&l);
}

static void test_canonical(void **state)
{
    (void)state;
    static const char expected[] = "# hacasim canonical scenario 1\n"
                                   "a: 50 ms\n"
                                   "b:\n"
                                   "  x: []\n"
                                   "  y: {}\n"
                                   "  z: null\n"
                                   "c:\n"
                                   "  - 1\n"
                                   "  -\n"
                                   "    k: \"v: # \\\"q\\\"\"\n"
                                   "  -\n"
                                   "    - \"\"\n"
                                   "    - \"null\"\n"
                                   "    - \" \\x09\xC3\xA9\"\n"
                                   "\"odd key!\": $0.5\n";
    check_canonical("# comment\nc: [1, {k: 'v: # \"q\"'}, ['', \"null\", \" \\t\xC3\xA9\"]]\n"
                    "b: {z: ~, y: {}, x: []}\na:   '50 ms'\n'odd key!': $0.5",
                    expected);
    check_canonical(
        "'odd key!': \"$0.5\"\na: 50 ms # another\nb:\n  y: {}\n  x: []\n  z:\nc:\n- 1\n"
        "- k: \"v: # \\\"q\\\"\"\n- - \"\"\n  - 'null'\n  - \" \\t\xC3\xA9\"\n",
        expected);
    check_canonical("{}", "# hacasim canonical scenario 1\n{}\n");
}

/* ---- schema -------------------------------------------------------------------------------- */

static char *schema(enum param_schema form)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(param_schema_write(&sample_table, form, out), STATUS_OK);
    fclose(out);
    return text;
}

static void check_holds(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("missing: %s", part);
}

static void test_schema_text(void **state)
{
    (void)state;
    char *text = schema(PARAM_SCHEMA_TEXT);
    check_holds(text, "  duration       such as 50 ms        units ns us ms s min h d y\n");
    check_holds(text, "\ntop level\n  key        type           default ");
    check_holds(text, "\n  count      count          8                                      1 to "
                      "1000000             how many [assumption]\n");
    check_holds(text, "\nstart: exactly one of\n");
    check_holds(text, "\n  start.at_once      word                                     without "
                      "waiting\n");
    check_holds(text, "at a share of the run; may stand without its key\n");
    check_holds(text, "\nnodes: a list; each item has\n");
    check_holds(text, "\n  nodes[].name       name          required ");
    check_holds(text, "\npoint: used by several keys\n");
    check_holds(text, "\n  high  number  required             largest\n");
    free(text);
    text = schema(PARAM_SCHEMA_MARKDOWN);
    check_holds(text,
                "# Keys of a scenario (hacasim: 1)\n\n## types\n\n| type | such as | units |\n");
    check_holds(text, "\n## nodes\n\na list; each item has\n\n| key | type | default | allowed | "
                      "meaning | source |\n|---|---|---|---|---|---|\n| `nodes[].name` | name | "
                      "required |  | name of the class |  |\n");
    check_holds(text, "\n| `lock_rule` | choice | legacy | legacy, current, future | a rule | "
                      "assumption |\n");
    free(text);
}

static const char *json_at(struct fy_document *document, const char *path)
{
    struct fy_node *node =
        fy_node_by_path(fy_document_root(document), path, FY_NT, FYNWF_DONT_FOLLOW);
    if (!node) fail_msg("the schema has no %s", path);
    return fy_node_is_scalar(node) ? fy_node_get_scalar0(node) : "";
}

static void test_schema_json(void **state)
{
    (void)state;
    char *text = schema(PARAM_SCHEMA_JSON);
    struct fy_parse_cfg config = {.flags = FYPCF_QUIET | FYPCF_JSON_FORCE};
    struct fy_document *document = fy_document_build_from_string(&config, text, FY_NT);
    assert_non_null(document);
    assert_string_equal(json_at(document, "/additionalProperties"), "false");
    assert_string_equal(json_at(document, "/properties/base/type"), "string");
    assert_string_equal(json_at(document, "/properties/count/maximum"), "1000000");
    assert_string_equal(json_at(document, "/properties/count/default"), "8");
    assert_string_equal(json_at(document, "/properties/horizon/pattern"),
                        "^(0|-?(0|[1-9][0-9]*)(\\.[0-9]+)? *(ns|us|ms|s|min|h|d|y))$");
    assert_string_equal(json_at(document, "/properties/price/pattern"),
                        "^(0|-?\\$(0|[1-9][0-9]*)(\\.[0-9]+)? *())$");
    assert_string_equal(json_at(document, "/properties/wait_s/description"),
                        "a wait (allowed: 0 s to 1 h). Default from: assumption");
    assert_string_equal(json_at(document, "/properties/lock_rule/enum/2"), "future");
    assert_string_equal(json_at(document, "/properties/nodes/maxItems"), "3");
    assert_string_equal(json_at(document, "/properties/nodes/items/required/0"), "name");
    assert_string_equal(json_at(document, "/properties/start/oneOf/0/enum/1"), "on_finality");
    assert_string_equal(json_at(document, "/properties/start/oneOf/2/properties/window/required/0"),
                        "high");
    assert_string_equal(json_at(document, "/properties/value/default/lognormal/median"), "$0.5");
    assert_string_equal(json_at(document, "/if/not/required/0"), "base");
    assert_string_equal(json_at(document, "/then/required/0"), "name");
    assert_string_equal(json_at(document, "/then/properties/point/required/0"), "high");
    fy_document_destroy(document);
    free(text);
}

/* ---- main ---------------------------------------------------------------------------------- */

static int make_folder(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    if (asprintf(&folder, "%s/test_param.XXXXXX", parent ? parent : "/tmp") < 0) return -1;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static int remove_folder(void **state)
{
    (void)state;
    int failed = nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(folder);
    return failed;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),     cmocka_unit_test(test_exact_amounts),
        cmocka_unit_test(test_doubles),       cmocka_unit_test(test_counts_and_bools),
        cmocka_unit_test(test_print),         cmocka_unit_test(test_print_any),
        cmocka_unit_test(test_fills_structs), cmocka_unit_test(test_effective),
        cmocka_unit_test(test_quoting),       cmocka_unit_test(test_where),
        cmocka_unit_test(test_values),        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_keys),          cmocka_unit_test(test_choices),
        cmocka_unit_test(test_yaml),          cmocka_unit_test(test_limits),
        cmocka_unit_test(test_set_values),    cmocka_unit_test(test_set_findings),
        cmocka_unit_test(test_base),          cmocka_unit_test(test_base_findings),
        cmocka_unit_test(test_bad_files),     cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_schema_text),   cmocka_unit_test(test_schema_json),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
