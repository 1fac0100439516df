/* SPDX-License-Identifier: Apache-2.0
 * A table that a test works out and a page of the repository shows: the page must hold what the
 * program gives now.  With PAGE_UPDATE=1 in the environment the page is rewritten instead.
 *
 * The table of a page is its lines that begin with "|"; what stands around them is kept. */
#ifndef HACASIM_TESTS_PAGE_H
#define HACASIM_TESTS_PAGE_H

#include "tests/unit/unit.h"

enum { PAGE_BYTES = 1 << 16 };

struct page {
    char text[PAGE_BYTES];
    size_t used;
};

static inline void page_line(struct page *page, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static inline void page_line(struct page *page, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(page->text + page->used, PAGE_BYTES - page->used, format, arguments);
    va_end(arguments);
    assert_true(length > 0 && page->used + (size_t)length + 2 < PAGE_BYTES);
    print_message("%s\n", page->text + page->used);
    page->used += (size_t)length;
    page->text[page->used++] = '\n';
    page->text[page->used] = '\0';
}

/* The page with `table` in the place of its table; what it had is added to `had`. */
static inline void page_swap(FILE *file, const struct page *table, struct page *out,
                             struct page *had)
{
    char line[1024];
    bool placed = false;
    while (fgets(line, sizeof line, file) != NULL) {
        bool row = line[0] == '|';
        struct page *to = row ? had : out;
        if (row && !placed)
            out->used = (size_t)(stpcpy(out->text + out->used, table->text) - out->text);
        placed = placed || row;
        assert_true(to->used + strlen(line) + table->used < PAGE_BYTES);
        to->used = (size_t)(stpcpy(to->text + to->used, line) - to->text);
    }
}

static inline void page_check(const struct page *table, const char *path)
{
    struct page *out = calloc(2, sizeof *out), *had = out + 1;
    const char *update = getenv("PAGE_UPDATE");
    FILE *file = fopen(path, "r");
    assert_non_null(out);
    if (file == NULL) fail_msg("%s is not there; tests run in the root of the repository", path);
    page_swap(file, table, out, had);
    fclose(file);
    bool same = strcmp(had->text, table->text) == 0;
    if (!same && update != NULL && strcmp(update, "1") == 0) {
        file = fopen(path, "w");
        assert_non_null(file);
        fputs(out->text, file);
        fclose(file);
        print_message("rewrote %s\n", path);
        same = true;
    }
    free(out);
    if (!same) fail_msg("%s does not show these figures; PAGE_UPDATE=1 rewrites it", path);
}

#endif
