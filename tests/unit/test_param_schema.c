/* SPDX-License-Identifier: Apache-2.0
 * Schemas of a table: text, Markdown, and JSON Schema with its patterns, which are tried with the
 * regular expressions of POSIX. */
#include <libfyaml.h>
#include <regex.h>

#include "sim/param_internal.h"
#include "tests/unit/param_fixture.h"

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
    assert_string_equal(json_at(document, "/properties/steps/items/required/0"), "do");
    assert_string_equal(json_at(document, "/properties/steps/items/allOf/0/if/properties/do/const"),
                        "rest");
    assert_string_equal(json_at(document, "/properties/steps/items/allOf/0/then/required/0"),
                        "wait");
    assert_string_equal(json_at(document, "/properties/steps/items/allOf/1/else/not/required/0"),
                        "label");
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

/* ---- patterns ------------------------------------------------------------------------------ */

static bool matches(const char *pattern, const char *text)
{
    regex_t compiled;
    if (regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0) fail_msg("%s", pattern);
    bool found = regexec(&compiled, text, 0, NULL, 0) == 0;
    regfree(&compiled);
    return found;
}

static void check_pattern(enum param_type type, const char *min, const char *max,
                          const char *const *in, const char *const *out)
{
    struct arena arena;
    struct param row = {.type = type, .min = min, .max = max};
    arena_init(&arena, "test", 0);
    const char *pattern = param_pattern(&arena, &row);
    for (; *in; in++)
        if (!matches(pattern, *in)) fail_msg("%s is not in %s to %s", *in, min, max);
    for (; *out; out++)
        if (matches(pattern, *out)) fail_msg("%s is in %s to %s", *out, min, max);
    arena_free(&arena);
}

#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_patterns(void **state)
{
    (void)state;
    check_pattern(PARAM_RATIO, "0%", "100%", TEXTS("0", "0%", "99.9%", "100%", "100.0 %", "1e1%"),
                  TEXTS("-1%", "101%", "100.1%", "1000%", "30", "50 ms", "007%", "%"));
    check_pattern(PARAM_RATIO, "-10000%", "10000%", TEXTS("-5%", "10000%", "-0.5"),
                  TEXTS("10001%", "101", "--5%"));
    check_pattern(PARAM_DURATION, "1 ms", "100 y",
                  TEXTS("1 ms", "0.5 s", "100 y", "99.99 y", "1000000 ns", "3155760000000 ms"),
                  TEXTS("0", "0 s", "0.00 h", "999999 ns", "0.0 y", "101 y", "3155760001 s", "-1 s",
                        "100.01 y", "1e3 ms", "5", "5 min.", "3155760000000.1 ms"));
    check_pattern(PARAM_USD, "$0", "$1000000", TEXTS("0", "$0.5", "$1000000", "$999999.99"),
                  TEXTS("0.5", "-$1", "$1000001", "$ 5", "$5 "));
    check_pattern(PARAM_BYTES, "1 B", "1 TiB", TEXTS("1 TiB", "1 TB", "1099511627776 B", "80 GiB"),
                  TEXTS("0 B", "2 TB", "1099511627777 B", "1025 GiB", "80"));
    check_pattern(PARAM_GAS_PRICE, "2 wei", NULL, TEXTS("2 wei", "99999999999999999999 gwei"),
                  TEXTS("1 wei", "0 gwei"));
    check_pattern(PARAM_BANDWIDTH, "1 kbit/s", "100 Tbit/s",
                  TEXTS("1 kbit/s", "125 B/s", "1e9 B/s"), TEXTS("124 B/s", "101 Tbit/s", "0"));
    check_pattern(PARAM_OPG, NULL, NULL, TEXTS("-3 OPG", "0", "3OPG"), TEXTS("3", "OPG"));
}

/* Every whole number near the limits, against comparing numbers. */
static void test_patterns_of_ranges(void **state)
{
    (void)state;
    static const int64_t limits[] = {0, 1, 7, 9, 10, 19, 20, 99, 100, 105, 310, 999, 1000, 1024};
    enum { LIMITS = sizeof limits / sizeof *limits, LARGEST = 1200 };
    struct arena arena;
    arena_init(&arena, "test", 0);
    for (int low = 0; low < LIMITS; low++) {
        for (int high = low; high < LIMITS; high++) {
            char min[24], max[24], text[24];
            snprintf(min, sizeof min, "%lld wei", (long long)limits[low]);
            snprintf(max, sizeof max, "%lld wei", (long long)limits[high]);
            struct param row = {.type = PARAM_GAS_PRICE, .min = min, .max = max};
            regex_t compiled;
            assert_int_equal(
                regcomp(&compiled, param_pattern(&arena, &row), REG_EXTENDED | REG_NOSUB), 0);
            for (int value = 0; value < LARGEST; value++) {
                snprintf(text, sizeof text, "%d wei", value);
                bool in = value >= limits[low] && value <= limits[high];
                if ((regexec(&compiled, text, 0, NULL, 0) == 0) != in)
                    fail_msg("%d in %s to %s", value, min, max);
            }
            regfree(&compiled);
        }
    }
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema_text),
        cmocka_unit_test(test_schema_json),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_patterns_of_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
