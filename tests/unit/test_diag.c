/* SPDX-License-Identifier: Apache-2.0
 * Findings: their order, their text, and which misspelt words are recognised. */
#include "sim/diag.h"
#include "tests/unit/unit.h"

static void check_printed(struct diag *diag, const char *expected)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    diag_print(diag, out);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static void test_sorted_by_place(void **state)
{
    (void)state;
    struct arena arena;
    struct diag diag;
    arena_init(&arena, "test", 0);
    diag_init(&diag, &arena);
    struct diag_where set = {.file = "--set#2", .order = 1002};
    const char *no_key = NULL;
    char name[] = "b.yaml"; /* texts are copied: the caller's may change */
    diag_add(&diag, set, "nodes[0].count", "%s is not a whole number", "3.7");
    diag_add(&diag, (struct diag_where){name, 1, 2, 10}, "x", "tenth column");
    name[0] = 'X';
    diag_add(&diag, (struct diag_where){"a.yaml", 0, 12, 1}, no_key, "no key");
    diag_add(&diag, (struct diag_where){"b.yaml", 1, 2, 9}, "y", "ninth column");
    diag_add(&diag, (struct diag_where){"b.yaml", 1, 2, 9}, "y", "found second");
    diag_add(&diag, (struct diag_where){"a.yaml", 0, 0, 0}, no_key, "the whole file");
    diag_add(&diag, (struct diag_where){"a.yaml", 0, 3, 4}, "z", "line 3");
    diag_add(&diag, (struct diag_where){0}, no_key, "no place");
    check_printed(&diag, "a.yaml: error: the whole file\n"
                         "error: no place\n"
                         "a.yaml:3:4: error: z: line 3\n"
                         "a.yaml:12:1: error: no key\n"
                         "b.yaml:2:9: error: y: ninth column\n"
                         "b.yaml:2:9: error: y: found second\n"
                         "b.yaml:2:10: error: x: tenth column\n"
                         "--set#2: error: nodes[0].count: 3.7 is not a whole number\n"
                         "8 errors\n");
    arena_free(&arena);
}

static void test_identical_once(void **state)
{
    (void)state;
    struct arena arena;
    struct diag diag;
    arena_init(&arena, "test", 0);
    diag_init(&diag, &arena);
    check_printed(&diag, "");
    struct diag_where where = {"a.yaml", 0, 1, 1};
    for (int i = 0; i < 3; i++)
        diag_add(&diag, where, "k", "same");
    assert_int_equal(diag.count, 1);
    check_printed(&diag, "a.yaml:1:1: error: k: same\n");
    where.column = 2;
    diag_add(&diag, where, "k", "same");
    diag_add(&diag, where, NULL, "same");
    assert_int_equal(diag.count, 3);
    arena_free(&arena);
}

static void test_limit(void **state)
{
    (void)state;
    struct arena arena;
    struct diag diag;
    arena_init(&arena, "test", 0);
    diag_init(&diag, &arena);
    for (uint32_t i = 0; i < DIAG_LIMIT + 7; i++)
        diag_add(&diag, (struct diag_where){"a.yaml", 0, i + 1, 1}, "k", "bad");
    assert_int_equal(diag.count, DIAG_LIMIT);
    assert_int_equal(diag.dropped, 7);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    diag_print(&diag, out);
    fclose(out);
    assert_non_null(strstr(text, "\n1000 errors, and 7 more that are not shown\n"));
    free(text);
    arena_free(&arena);
}

static const char *near(const char *word)
{
    static const char *const keys[] = {"count", "region", "timeout_commit", "gpus", "gpu", "at"};
    return diag_nearest(word, keys, 6);
}

static void test_nearest(void **state)
{
    (void)state;
    assert_string_equal(near("cuont"), "count");                   /* exchange: one step */
    assert_string_equal(near("regoin"), "region");                 /* so within 6 / 3 */
    assert_string_equal(near("reg1on"), "region");                 /* change */
    assert_string_equal(near("ocunt"), "count");                   /* exchange at the start */
    assert_string_equal(near("timeoutcommits"), "timeout_commit"); /* 2 of 14 */
    assert_string_equal(near("gpux"), "gpus");                     /* the first of two at 1 */
    assert_string_equal(near("gpu"), "gpu");
    assert_null(near("cxxnt")); /* 2 of 5 is too far */
    assert_null(near("x"));     /* one letter resembles everything */
    assert_null(near(""));
    assert_null(near("entirely_different"));
    char longest[100];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(near(longest));
    assert_null(diag_nearest("word", NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorted_by_place),
        cmocka_unit_test(test_identical_once),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
