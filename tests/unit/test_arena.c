/* SPDX-License-Identifier: Apache-2.0
 * Tests of arenas and of the error chain (an arena's only way to fail). */
#include <sys/wait.h>
#include <unistd.h>

#include "sim/arena.h"
#include "sim/status.h"
#include "tests/unit/unit.h"

static bool is_zero(const void *block, size_t size)
{
    const unsigned char *bytes = block;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0) return false;
    return true;
}

static void blocks_are_zero_aligned_and_apart(void **state)
{
    (void)state;
    enum { BLOCKS = 300 };
    struct arena arena;
    unsigned char *blocks[BLOCKS];
    arena_init(&arena, "test", 0);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < BLOCKS; i++) {
            size_t size = 1 + i * i % 997;
            blocks[i] = arena_alloc(&arena, size, 3);
            assert_int_equal((uintptr_t)blocks[i] % 16, 0);
            assert_true(is_zero(blocks[i], 3 * size));
            memset(blocks[i], (int)(i % 255) + 1, 3 * size);
        }
        for (size_t i = 0; i < BLOCKS; i++) {
            size_t size = 1 + i * i % 997;
            assert_int_equal(blocks[i][0], i % 255 + 1);
            assert_int_equal(blocks[i][3 * size - 1], i % 255 + 1);
        }
        assert_true(arena.used_bytes > BLOCKS);
        arena_reset(&arena);
        assert_int_equal(arena.used_bytes, 0);
    }
    arena_free(&arena);
    assert_null(arena.head);
}

static void empty_blocks_are_allowed(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, "test", 0);
    assert_non_null(arena_alloc(&arena, 0, 8));
    assert_non_null(arena_alloc(&arena, 8, 0));
    arena_reset(&arena);
    arena_free(&arena);
    arena_reset(&arena); /* of nothing */
    arena_free(&arena);
}

/* Arrays that begin empty, as those read from a file, are apart however they grow. */
static void empty_arrays_grow_apart(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, "test", 0);
    unsigned char *first = arena_alloc(&arena, 0, 1), *second = arena_alloc(&arena, 0, 1);
    assert_ptr_not_equal(first, second);
    first = arena_grow(&arena, first, 0, 40, 1);
    memset(first, 1, 40);
    second = arena_grow(&arena, second, 0, 40, 1);
    assert_true(is_zero(second, 40));
    memset(second, 2, 40);
    for (int i = 0; i < 40; i++)
        assert_int_equal(first[i], 1);
    unsigned char *newest = arena_alloc(&arena, 0, 1); /* grows where it stands, away from others */
    assert_ptr_equal(arena_grow(&arena, newest, 0, 40, 1), newest);
    memset(newest, 3, 40);
    assert_int_equal(second[39], 2);
    arena_free(&arena);
}

static void newest_block_grows_in_place(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, "test", 0);
    uint32_t *numbers = arena_alloc(&arena, 4, sizeof *numbers);
    for (uint32_t i = 0; i < 4; i++)
        numbers[i] = i + 1;
    assert_ptr_equal(arena_grow(&arena, numbers, 4, 100, sizeof *numbers), numbers);
    assert_true(is_zero(numbers + 4, 96 * sizeof *numbers));
    assert_int_equal(arena.used_bytes, 100 * sizeof *numbers);
    arena_alloc(&arena, 1, 1); /* now it is no longer the newest */
    uint32_t *moved = arena_grow(&arena, numbers, 100, 200, sizeof *numbers);
    assert_ptr_not_equal(moved, numbers);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(moved[i], i + 1);
    assert_true(is_zero(moved + 4, 196 * sizeof *moved));
    uint32_t *from_nothing = arena_grow(&arena, NULL, 0, 10, sizeof *moved);
    assert_true(is_zero(from_nothing, 10 * sizeof *moved));
    arena_free(&arena);
}

static void growth_outlives_many_chunks(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, "test", 0);
    size_t count = 1;
    uint64_t *numbers = arena_alloc(&arena, count, sizeof *numbers);
    for (; count < 1u << 18; count *= 2) {
        numbers = arena_grow(&arena, numbers, count, 2 * count, sizeof *numbers);
        for (size_t i = count; i < 2 * count; i++) {
            assert_int_equal(numbers[i], 0);
            numbers[i] = i;
        }
    }
    for (size_t i = 1; i < count; i++)
        assert_int_equal(numbers[i], i);
    arena_reset(&arena);
    assert_true(is_zero(arena_alloc(&arena, 1u << 17, 8), (size_t)1 << 20));
    arena_free(&arena);
}

static void texts_are_copied_and_printed(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, "test", 0);
    assert_string_equal(arena_text(&arena, "hacasim", 4), "haca");
    assert_string_equal(arena_text(&arena, NULL, 0), "");
    assert_string_equal(arena_print(&arena, "%s-%d", "node", 7), "node-7");
    char *long_text = arena_print(&arena, "%100000d", 1);
    assert_int_equal(strlen(long_text), 100000);
    arena_free(&arena);
}

/* Run `act` in a child; its exit code comes back and what it printed to standard error. */
static int run_child(void (*act)(void), char *text, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        act();
        _exit(0);
    }
    close(ends[1]);
    size_t used = 0;
    for (ssize_t got; (got = read(ends[0], text + used, size - 1 - used)) > 0;)
        used += (size_t)got;
    text[used] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void overfill(void)
{
    struct arena arena;
    arena_init(&arena, "replication", 1000);
    for (;;)
        arena_alloc(&arena, 10, 10);
}

static void overflow_size(void)
{
    struct arena arena;
    arena_init(&arena, "world", 0);
    arena_alloc(&arena, SIZE_MAX / 2, 4);
}

static void a_full_arena_is_an_operating_error(void **state)
{
    (void)state;
    char text[1000];
    assert_int_equal(run_child(overfill, text, sizeof text), 3);
    assert_string_equal(text,
                        "error: memory of the replication is full: 896 bytes in use, 112 more "
                        "wanted, its limit is 1000 bytes\n");
    assert_int_equal(run_child(overflow_size, text, sizeof text), 3);
    assert_non_null(strstr(text, "memory of the world is full"));
}

static enum status open_file(void)
{
    return status_fail(STATUS_OPERATING, "%s: %s", "x.db", "disk full");
}

static enum status store_row(void)
{
    TRY(open_file(), "storing row %d", 3);
    return STATUS_OK;
}

static void the_chain_reads_from_command_to_cause(void **state)
{
    (void)state;
    char text[200], shorter[20], shortest[5];
    status_fail(STATUS_USER, "an older failure");
    assert_int_equal(store_row(), STATUS_OPERATING);
    status_context(STATUS_OPERATING, "run");
    status_take(text, sizeof text);
    assert_string_equal(text, "run: storing row 3: x.db: disk full");
    status_take(text, sizeof text);
    assert_string_equal(text, "");
    store_row();
    status_take(shorter, sizeof shorter);
    assert_string_equal(shorter, "storing row 3: x.db");
    store_row();
    status_context(STATUS_OPERATING, "run it");
    status_take(shortest, sizeof shortest);
    assert_string_equal(shortest, "run ");
    char *printed;
    size_t length;
    FILE *out = open_memstream(&printed, &length);
    store_row();
    status_print(out);
    status_print(out);
    fclose(out);
    assert_string_equal(printed, "error: storing row 3\n  because: x.db: disk full\n");
    free(printed);
}

static void a_chain_too_deep_keeps_its_cause(void **state)
{
    (void)state;
    char text[4000];
    status_fail(STATUS_OPERATING, "the cause");
    for (int i = 0; i < 40; i++)
        status_context(STATUS_OPERATING, "level %d", i);
    status_take(text, sizeof text);
    assert_non_null(strstr(text, ": level 0: the cause"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_zero_aligned_and_apart),
        cmocka_unit_test(empty_blocks_are_allowed),
        cmocka_unit_test(empty_arrays_grow_apart),
        cmocka_unit_test(newest_block_grows_in_place),
        cmocka_unit_test(growth_outlives_many_chunks),
        cmocka_unit_test(texts_are_copied_and_printed),
        cmocka_unit_test(a_full_arena_is_an_operating_error),
        cmocka_unit_test(the_chain_reads_from_command_to_cause),
        cmocka_unit_test(a_chain_too_deep_keeps_its_cause),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
