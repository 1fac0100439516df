/* SPDX-License-Identifier: Apache-2.0
 * What the tests of scenario text share: a text or file loaded against the table of param_sample.h,
 * and its findings as they would be printed. */
#ifndef HACASIM_TESTS_PARAM_FIXTURE_H
#define HACASIM_TESTS_PARAM_FIXTURE_H

#include "tests/unit/param_sample.h"
#include "tests/unit/unit.h"

struct loaded {
    struct arena arena;
    struct diag diag;
    struct param_doc *doc;
    struct sample sample;
};

static inline size_t count_sets(const char *const *sets)
{
    size_t count = 0;
    while (sets && sets[count])
        count++;
    return count;
}

static inline void load_text(struct loaded *l, const char *text, const char *const *sets)
{
    memset(l, 0, sizeof *l);
    arena_init(&l->arena, "test", 0);
    diag_init(&l->diag, &l->arena);
    l->doc =
        param_load_text(&l->arena, "x.yaml", text, strlen(text), sets, count_sets(sets), &l->diag);
    if (l->doc) param_read(l->doc, &sample_table, &l->sample, &l->diag);
}

static inline void load_file(struct loaded *l, const char *path, const char *const *sets)
{
    memset(l, 0, sizeof *l);
    arena_init(&l->arena, "test", 0);
    diag_init(&l->diag, &l->arena);
    l->doc = param_load(&l->arena, path, sets, count_sets(sets), &l->diag);
    if (l->doc) param_read(l->doc, &sample_table, &l->sample, &l->diag);
}

static inline void unload(struct loaded *l)
{
    param_close(l->doc);
    arena_free(&l->arena);
}

static inline char *printed(struct loaded *l)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    diag_print(&l->diag, out);
    fclose(out);
    return text;
}

static inline void check_printed(struct loaded *l, const char *expected)
{
    char *text = printed(l);
    assert_string_equal(text, expected);
    free(text);
    unload(l);
}

/* The findings of a scenario given as text; "name: x" is put before it, on the first line. */
static inline void check_sets(const char *text, const char *const *sets, const char *expected)
{
    struct loaded l;
    char *whole = NULL;
    assert_true(asprintf(&whole, "name: x\n%s", text) > 0);
    load_text(&l, whole, sets);
    check_printed(&l, expected);
    free(whole);
}

static inline void check(const char *text, const char *expected)
{
    check_sets(text, NULL, expected);
}

#define SETS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* A scenario without mistakes. */
__attribute__((unused)) static const char good[] =
    "hacasim: 1\n"
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

static inline const char *origin_of(struct loaded *l, const char *path, const char *value)
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

#endif
