/* SPDX-License-Identifier: Apache-2.0
 * Where `hacasim calibrate` measures and what it makes of it, on clocks whose truth is known. */
#include "tests/unit/unit.h"

#include <math.h>

#include "analysis/calibrate.h"

struct clock {
    int runs, kind;
};

/* 0: a line; 1: a line with a step up by 40 % at 300; 2: outliers every third run; 3: a parabola
 * along axis 1; 4: a plane. */
static enum status tick(void *context, const int64_t *at, double *ns)
{
    struct clock *c = context;
    double x = (double)at[0], y = (double)at[1];
    c->runs++;
    *ns = c->kind == 3   ? (3.0 + 2.0 * y) * (3.0 + 2.0 * y)
          : c->kind == 4 ? 100.0 + 3.0 * x + 7.0 * y
                         : 500.0 + 2.0 * x;
    if (c->kind == 1 && at[0] >= 300) *ns *= 1.4;
    if (c->kind == 2 && c->runs % 3 == 0) *ns *= 10.0;
    return STATUS_OK;
}

static struct calibrate_rule rule_of(struct clock *c)
{
    return (struct calibrate_rule){.measure = tick,
                                   .context = c,
                                   .warmups = 2,
                                   .repeats = 7,
                                   .target = 0.03,
                                   .points_max = 24,
                                   .squared = c->kind == 3};
}

static void test_median_leaves_outliers_out(void **state)
{
    (void)state;
    struct clock c = {.kind = 2};
    struct calibrate_rule rule = rule_of(&c);
    struct calibrate_point p;
    const int64_t at[] = {50, 1};
    assert_int_equal(calibrate_median(&rule, at, &p), STATUS_OK);
    assert_int_equal(c.runs, 9);
    assert_true(p.ns == 600.0 && p.at[0] == 50);
    /* a third of the runs take ten times as long: the upper quartile lies among them or below */
    assert_true(p.spread > 0.0 && p.spread <= 4.5);
}

static uint32_t values_of(int kind, struct arena *arena, int64_t **values)
{
    struct clock c = {.kind = kind};
    struct calibrate_rule rule = rule_of(&c);
    uint32_t count;
    assert_int_equal(calibrate_axis(&rule, 0, 1, 4096, 1, arena, values, &count), STATUS_OK);
    assert_int_equal((*values)[0], 1);
    assert_int_equal((*values)[count - 1], 4096);
    for (uint32_t i = 1; i < count; i++)
        assert_true((*values)[i] > (*values)[i - 1]);
    return count;
}

/* A line needs its ends and one look; a step is closed in upon. */
static void test_points_are_dense_where_interpolation_errs(void **state)
{
    (void)state;
    struct arena arena;
    int64_t *line, *step, nearest = 4096;
    arena_init(&arena, "test", 0);
    assert_int_equal(values_of(0, &arena, &line), 3);
    uint32_t count = values_of(1, &arena, &step);
    assert_true(count > 8 && count <= 24);
    for (uint32_t i = 1; i < count; i++)
        if (step[i - 1] < 300 && step[i] >= 300) nearest = step[i] - step[i - 1];
    printf("%u points, %lld around the step\n", count, (long long)nearest);
    assert_true(nearest <= 16);
    arena_free(&arena);
}

static void test_limits_of_an_axis(void **state)
{
    (void)state;
    struct arena arena;
    struct clock c = {.kind = 1};
    struct calibrate_rule rule = rule_of(&c);
    int64_t *values;
    uint32_t count;
    arena_init(&arena, "test", 0);
    rule.points_max = 5;
    assert_int_equal(calibrate_axis(&rule, 0, 1, 4096, 1, &arena, &values, &count), STATUS_OK);
    assert_int_equal(count, 5);
    assert_int_equal(calibrate_axis(&rule, 0, 7, 7, 1, &arena, &values, &count), STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(calibrate_axis(&rule, 0, 7, 8, 1, &arena, &values, &count), STATUS_OK);
    assert_int_equal(count, 2);
    arena_free(&arena);
}

static void fill(struct calibrate_grid *grid, struct calibrate_rule *rule, struct arena *arena)
{
    static int64_t xs[] = {1, 10, 64}, ys[] = {1, 100, 1000};
    *grid = (struct calibrate_grid){.axis = {xs, ys}, .count = {3, 3}};
    assert_int_equal(calibrate_fill(rule, grid, 10000, arena), STATUS_OK);
}

/* A plane and a parabola are met exactly, but for rounding of some units; nothing is said of what
 * lies beyond. */
static void test_interpolation(void **state)
{
    (void)state;
    for (int kind = 3; kind <= 4; kind++) {
        struct arena arena;
        struct clock c = {.kind = kind};
        struct calibrate_rule rule = rule_of(&c);
        struct calibrate_grid grid;
        arena_init(&arena, "test", 0);
        fill(&grid, &rule, &arena);
        for (int64_t x = 1; x <= 10; x++)
            for (int64_t y = 1; y <= 1000; y += 13) {
                double want;
                const int64_t at[] = {x, y};
                tick(&c, at, &want);
                assert_true(fabs(calibrate_at(&grid, at) - want) <= 1e-13 * want);
            }
        const int64_t outside[][2] = {{65, 10}, {0, 10}, {10, 1001}, {64, 900}, {40, 900}};
        for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
            assert_true(calibrate_at(&grid, outside[i]) == 0.0);
        arena_free(&arena);
    }
}

/* Held-out points are not those of the grid; a plane has no error, a step has one. */
static void test_held_out(void **state)
{
    (void)state;
    struct arena arena;
    double errors[40];
    uint32_t found;
    arena_init(&arena, "test", 0);
    struct clock plane = {.kind = 4};
    struct calibrate_rule rule = rule_of(&plane);
    struct calibrate_grid grid;
    fill(&grid, &rule, &arena);
    assert_int_equal(calibrate_held_out(&rule, &grid, 10000, 7, 1, 40, errors, &found), STATUS_OK);
    assert_int_equal(found, 40);
    assert_true(errors[39] < 1e-13);

    struct clock step = {.kind = 1};
    static int64_t xs[] = {1, 4096}, ys[] = {1};
    struct calibrate_grid line = {.axis = {xs, ys}, .count = {2, 1}};
    rule = rule_of(&step);
    assert_int_equal(calibrate_fill(&rule, &line, 4096, &arena), STATUS_OK);
    assert_int_equal(calibrate_held_out(&rule, &line, 4096, 7, 1, 40, errors, &found), STATUS_OK);
    assert_int_equal(found, 40);
    assert_true(errors[39] > 0.1);
    arena_free(&arena);
}

static void test_merge_and_quantile(void **state)
{
    (void)state;
    struct arena arena;
    int64_t a[] = {1, 5, 9}, b[] = {1, 6, 9, 12}, *values = a;
    uint32_t count = 3;
    const double sorted[] = {1.0, 2.0, 4.0};
    arena_init(&arena, "test", 0);
    calibrate_merge(&arena, &values, &count, b, 4);
    const int64_t want[] = {1, 5, 6, 9, 12};
    assert_int_equal(count, 5);
    assert_memory_equal(values, want, sizeof want);
    assert_true(calibrate_quantile(sorted, 3, 0.5) == 2.0);
    assert_true(calibrate_quantile(sorted, 3, 0.75) == 3.0);
    assert_true(calibrate_quantile(sorted, 3, 1.0) == 4.0);
    assert_true(isnan(calibrate_quantile(sorted, 0, 0.5)));
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_median_leaves_outliers_out),
        cmocka_unit_test(test_points_are_dense_where_interpolation_errs),
        cmocka_unit_test(test_limits_of_an_axis),
        cmocka_unit_test(test_interpolation),
        cmocka_unit_test(test_held_out),
        cmocka_unit_test(test_merge_and_quantile),
    };
    return cmocka_run_group_tests_name("calibrate", tests, NULL, NULL);
}
