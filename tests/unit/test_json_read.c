/* SPDX-License-Identifier: Apache-2.0
 * Reading JSON: the examples of RFC 8259, what our own writer writes, and texts that are refused
 * with the place of the first wrong byte. */
#include "sim/json_read.h"
#include "sim/sim.h"
#include "tests/unit/unit.h"

static struct arena arena;

static const struct json_value *read_text(const char *text, struct diag *diag)
{
    struct diag_where where = {.file = "t.json", .line = 1, .column = 1};
    diag_init(diag, &arena);
    return json_read(&arena, where, text, strlen(text), diag);
}

static const struct json_value *good(const char *text)
{
    struct diag diag;
    const struct json_value *value = read_text(text, &diag);
    if (value == NULL) diag_print(&diag, stdout);
    assert_non_null(value);
    return value;
}

static void values_are_read(void **state)
{
    (void)state;
    const struct json_value *v =
        good(" {\"Image\": {\"Width\": 800, \"Title\": \"View from 15th Floor\", \"Thumbnail\": "
             "{\"Url\": \"http://www.example.com/image/481989943\", \"Height\": 125},\r\n\t"
             "\"Animated\" : false, \"IDs\": [116, 943, 234, 38793], \"none\": null}}\n");
    int64_t whole;
    assert_true(json_read_whole(json_read_at(v, "Image.Width"), &whole));
    assert_int_equal(whole, 800);
    assert_string_equal(json_read_at(v, "Image.Title")->text, "View from 15th Floor");
    assert_true(json_read_whole(json_read_at(v, "Image.Thumbnail.Height"), &whole));
    assert_int_equal(whole, 125);
    assert_false(json_read_at(v, "Image.Animated")->truth);
    assert_null(json_read_at(v, "Image.none")); /* null is not there */
    assert_null(json_read_at(v, "Image.Widt"));
    assert_null(json_read_at(v, "Image.Width.x"));
    const struct json_value *ids = json_read_at(v, "Image.IDs");
    assert_int_equal(ids->length, 4);
    assert_true(json_read_whole(ids->first->next->next->next, &whole));
    assert_int_equal(whole, 38793);
    assert_int_equal(json_read_at(v, "Image.Animated")->where.line, 2);
    assert_int_equal(json_read_at(v, "Image.Animated")->where.column, 15);
    assert_int_equal(json_read_at(good("{\"a\": 1, \"a\": 2}"), "a")->number, 2); /* the last */
    assert_int_equal(good("[]")->length, 0);
    assert_int_equal(good("{ }")->length, 0);
}

static void numbers_are_exact(void **state)
{
    (void)state;
    int64_t whole;
    assert_true(good("27536.660701067")->number == 27536.660701067);
    assert_true(good("-0.0")->number == 0.0);
    assert_true(good("1.25E-2")->number == 0.0125);
    assert_true(json_read_whole(good("9223372036854775807"), &whole)); /* beyond 2^53 */
    assert_true(whole == INT64_MAX);
    assert_true(json_read_whole(good("2.0e3"), &whole));
    assert_int_equal(whole, 2000);
    assert_false(json_read_whole(good("2.5"), &whole));
    assert_false(json_read_whole(good("9223372036854775808"), &whole));
    assert_false(json_read_whole(good("1e300"), &whole));
    assert_false(json_read_whole(good("\"1\""), &whole));
}

static void escapes_are_read(void **state)
{
    (void)state;
    assert_string_equal(good("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"")->text, "\"\\/\b\f\n\r\t");
    assert_string_equal(good("\"\\u0041\\u00e4\\u20AC\\ud834\\udd1e\"")->text,
                        "A\xc3\xa4\xe2\x82\xac\xf0\x9d\x84\x9e");
    assert_string_equal(good("\"\\ud834x\\udd1e\"")->text, "\xef\xbf\xbdx\xef\xbf\xbd");
    const struct json_value *zero = good("\"a\\u0000b\"");
    assert_int_equal(zero->length, 3);
    assert_memory_equal(zero->text, "a\0b", 4);
}

static void our_own_text_is_read_back(void **state)
{
    (void)state;
    static const double reals[] = {0.1, -1e-300, 123456789.123456789, 5e-324,
                                   1.7976931348623157e308};
    struct json *json = json_open();
    struct json_node *list = json_array(json);
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        json_push(json, list, json_real(json, reals[i]));
    json_push(json, list, json_text(json, "line\n\"quoted\" \xe2\x82\xac \x01"));
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    assert_int_equal(json_write(json, list, file, false), STATUS_OK);
    fclose(file);
    const struct json_value *v = good(text)->first;
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++, v = v->next)
        assert_true(v->number == reals[i]);
    assert_string_equal(v->text, "line\n\"quoted\" \xe2\x82\xac \x01");
    free(text);
    json_close(json);
}

static void what_is_not_json_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t column;
    } cases[] = {
        {"", 1},       {"{", 2},       {"[1", 3},          {"[1,]", 4},     {"{\"a\":1,}", 8},
        {"{a: 1}", 2}, {"'a'", 1},     {"nul", 1},         {"nan", 1},      {"01", 3},
        {"1.", 3},     {"1e", 3},      {"-", 2},           {"+1", 1},       {".5", 1},
        {"\"a", 3},    {"\"\\x\"", 3}, {"\"\\u12g4\"", 6}, {"1 2", 3},      {"{\"a\" 1}", 6},
        {"\"\t\"", 2}, {"// x\n1", 1}, {"[1 2]", 4},       {"\"\xff\"", 2}, {"{\"a\"}", 5},
        {"\"\\", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct diag diag;
        assert_null(read_text(cases[i].text, &diag));
        assert_int_equal(diag.count, 1);
        if (diag.items[0].where.column != cases[i].column) {
            print_message("%s: column %u, not %u: %s\n", cases[i].text, diag.items[0].where.column,
                          cases[i].column, diag.items[0].message);
            fail();
        }
    }
    char deep[200];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    struct diag diag;
    assert_null(read_text(deep, &diag));
    assert_non_null(strstr(diag.items[0].message, "nested more than 64 deep"));
}

int main(void)
{
    arena_init(&arena, "test", 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(escapes_are_read),
        cmocka_unit_test(our_own_text_is_read_back),
        cmocka_unit_test(what_is_not_json_is_refused),
    };
    int failed = cmocka_run_group_tests_name("json read", tests, NULL, NULL);
    arena_free(&arena);
    return failed;
}
