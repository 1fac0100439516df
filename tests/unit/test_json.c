/* SPDX-License-Identifier: Apache-2.0
 * JSON text: layout, escapes, numbers, key order, size. */
#include <float.h>
#include <libfyaml.h>
#include <locale.h>
#include <math.h>
#include <time.h>

#include "sim/json.h"
#include "tests/unit/unit.h"

static char *written(struct json *json, struct json_node *root, bool compact)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(json_write(json, root, out, compact), STATUS_OK);
    fclose(out);
    return text;
}

static void check(struct json *json, struct json_node *root, bool compact, const char *expected)
{
    char *text = written(json, root, compact);
    assert_string_equal(text, expected);
    free(text);
}

static void test_layout(void **state)
{
    (void)state;
    struct json *json = json_open();
    struct json_node *root = json_object(json), *list = json_array(json);
    json_set(json, root, "b", json_integer(json, INT64_MIN));
    json_set(json, root, "a", json_bool(json, true));
    json_set(json, root, "list", list);
    json_push(json, list, json_null(json));
    json_push(json, list, json_array(json));
    json_push(json, list, json_object(json));
    json_set_path(json, root, "gap.s.p99", json_real(json, 0.1));
    json_set_path(json, root, "gap.s.p50", json_text(json, "1"));
    json_set_path(json, root, "gap.never", json_bool(json, false));
    json_set(json, root, "a", json_text(json, "replaced in its place"));
    check(json, root, false,
          "{\n  \"b\": -9223372036854775808,\n  \"a\": \"replaced in its place\",\n"
          "  \"list\": [\n    null,\n    [],\n    {}\n  ],\n"
          "  \"gap\": {\n    \"s\": {\n      \"p99\": 0.1,\n      \"p50\": \"1\"\n    },\n"
          "    \"never\": false\n  }\n}\n");
    check(json, root, true,
          "{\"b\": -9223372036854775808, \"a\": \"replaced in its place\", "
          "\"list\": [null, [], {}], "
          "\"gap\": {\"s\": {\"p99\": 0.1, \"p50\": \"1\"}, \"never\": false}}\n");
    check(json, json_object(json), false, "{}\n");
    check(json, json_array(json), true, "[]\n");
    json_close(json);
    json_close(NULL);
}

static void check_text(const char *given, const char *expected)
{
    struct json *json = json_open();
    check(json, json_text(json, given), true, expected);
    struct json_node *root = json_object(json);
    json_set(json, root, given, json_null(json));
    char *text = written(json, root, true);
    assert_memory_equal(text + 1, expected, strlen(expected) - 1);
    free(text);
    json_close(json);
}

static void test_escapes(void **state)
{
    (void)state;
    check_text("", "\"\"\n");
    check_text("\"\\/", "\"\\\"\\\\/\"\n");
    check_text("\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"\n");
    check_text("\x01\x0b\x1f\x7f", "\"\\u0001\\u000b\\u001f\\u007f\"\n");
    check_text("h\xC3\xA9 \xF0\x9F\x98\x80", "\"h\xC3\xA9 \xF0\x9F\x98\x80\"\n");
    check_text("  spaces at  both ends  ", "\"  spaces at  both ends  \"\n");
    check_text("true", "\"true\"\n");
    check_text("null", "\"null\"\n");
    check_text("-1.5e3", "\"-1.5e3\"\n");
    /* lone start, continuation, overlong, surrogate, above U+10FFFF, cut off */
    check_text("a\xFFz", "\"a\xEF\xBF\xBDz\"\n");
    check_text("\x80", "\"\xEF\xBF\xBD\"\n");
    check_text("\xC0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\"\n");
    check_text("\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"\n");
    check_text("\xF4\x90\x80\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"\n");
    check_text("x\xE2\x82", "\"x\xEF\xBF\xBD\xEF\xBF\xBD\"\n");
}

static void test_utf8_prefix(void **state)
{
    (void)state;
    assert_int_equal(json_utf8_prefix("abc", 3), 3);
    assert_int_equal(json_utf8_prefix("", 0), 0);
    assert_int_equal(json_utf8_prefix("a\xE2\x82\xAC", 4), 4);
    assert_int_equal(json_utf8_prefix("a\xE2\x82\xAC", 3), 1);
    assert_int_equal(json_utf8_prefix("ab\xE0\x80\x80", 5), 2);
    assert_int_equal(json_utf8_prefix("\xF4\x8F\xBF\xBF\xF5", 5), 4);
}

static void check_real(double value, const char *expected)
{
    char text[JSON_REAL_TEXT];
    assert_string_equal(json_real_text(text, value), expected);
    assert_true(strtod(text, NULL) == value);
}

static void test_numbers(void **state)
{
    (void)state;
    check_real(0.0, "0");
    check_real(-0.0, "-0");
    check_real(0.1, "0.1");
    check_real(1.0 / 3.0, "0.3333333333333333");
    check_real(0.1 + 0.2, "0.30000000000000004");
    check_real(1e22, "1e+22");
    check_real(1e-7, "1e-07");
    check_real(123456789012345678.0, "1.2345678901234568e+17");
    check_real(DBL_MAX, "1.7976931348623157e+308");
    check_real(DBL_MIN, "2.2250738585072014e-308");
    check_real(5e-324, "5e-324");
    struct json *json = json_open();
    check(json, json_real(json, (double)NAN), true, "null\n");
    check(json, json_real(json, (double)-INFINITY), true, "null\n");
    json_close(json);
    uint64_t x = 88172645463325252U;
    for (int i = 0; i < 20000; i++) { /* any bit pattern reads back */
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        double value;
        char text[JSON_REAL_TEXT];
        memcpy(&value, &x, sizeof value);
        if (isfinite(value)) assert_true(strtod(json_real_text(text, value), NULL) == value);
    }
}

/* A locale with a decimal comma must not reach the text.  Skipped where none is installed. */
static void test_locale(void **state)
{
    (void)state;
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8")) skip();
    char text[JSON_REAL_TEXT];
    assert_string_equal(json_real_text(text, 0.5), "0.5");
    setlocale(LC_ALL, "C");
}

static void test_large(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    struct json *json = json_open();
    struct json_node *root = json_object(json), *list = json_array(json);
    for (int i = 0; i < COUNT; i++) {
        char key[32];
        snprintf(key, sizeof key, "key %d", i);
        json_set(json, root, key, json_real(json, i / 7.0));
        json_push(json, list, json_text(json, key));
    }
    json_set(json, root, "list", list);
    char *text = written(json, root, false);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds =
        (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
    assert_true(seconds < 2.0); /* 0.1 s here; quadratic work would take minutes */
    assert_ptr_equal(strstr(text, "{\n  \"key 0\": 0,\n"), text);
    assert_non_null(strstr(text, "\n  \"key 99999\": 14285.57142857143,\n"));
    free(text);
    json_close(json);
}

/* Another implementation reads what was written: libfyaml in strict JSON mode. */
static void test_parses(void **state)
{
    (void)state;
    struct json *json = json_open();
    struct json_node *root = json_object(json);
    json_set(json, root, "\"\\\b\x01 \xC3\xA9 # : -", json_text(json, "\xF0\x9F\x98\x80 \"q\" \t"));
    json_set_path(json, root, "a.b", json_real(json, -1.5e300));
    char *text = written(json, root, false);
    struct fy_parse_cfg config = {.flags = FYPCF_QUIET | FYPCF_JSON_FORCE};
    struct fy_document *document = fy_document_build_from_string(&config, text, FY_NT);
    assert_non_null(document);
    struct fy_node *node = fy_document_root(document);
    assert_int_equal(fy_node_mapping_item_count(node), 2);
    struct fy_node_pair *pair = fy_node_mapping_get_by_index(node, 0);
    assert_string_equal(fy_node_get_scalar0(fy_node_pair_key(pair)), "\"\\\b\x01 \xC3\xA9 # : -");
    assert_string_equal(fy_node_get_scalar0(fy_node_pair_value(pair)), "\xF0\x9F\x98\x80 \"q\" \t");
    fy_document_destroy(document);
    free(text);
    json_close(json);
}

static void test_full_disk(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "w");
    if (!full) skip();
    struct json *json = json_open();
    assert_int_equal(json_write(json, json_object(json), full, true), STATUS_OPERATING);
    char line[200];
    status_take(line, sizeof line);
    assert_string_equal(line, "cannot write JSON: No space left on device");
    json_close(json);
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),      cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_utf8_prefix), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_locale),      cmocka_unit_test(test_large),
        cmocka_unit_test(test_parses),      cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
