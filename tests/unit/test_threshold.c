/* SPDX-License-Identifier: Apache-2.0
 * The search for a threshold against a walk over all points, on steps, bumps and noise. */
#include <math.h>

#include "analysis/threshold.h"
#include "sim/sim.h"
#include "tests/unit/unit.h"

struct truth {
    int64_t step; /* holds from here on */
    int64_t dip;  /* but not here; -1: nowhere */
    double noise; /* half-width; NaN: none */
    uint32_t asked[200];
    int64_t fails_at; /* the probe itself fails there; -1: nowhere */
};

static enum status probe(void *context, struct threshold_point *point)
{
    struct truth *truth = context;
    assert_true(point->at >= 0 && point->at < 200);
    assert_int_equal(truth->asked[point->at]++, 0); /* nothing is simulated twice */
    if (point->at == truth->fails_at) return status_fail(STATUS_OPERATING, "a disk is full");
    point->known = true;
    point->slack = point->at == truth->dip ? -1 : (double)(point->at - truth->step) + 0.5;
    point->holds = point->slack > 0;
    point->half = truth->noise;
    return STATUS_OK;
}

static struct threshold search(struct arena *arena, struct truth *truth, int64_t low, int64_t high,
                               bool every)
{
    struct threshold t = {
        .low = low, .high = high, .every = every, .probe = probe, .context = truth, .arena = arena};
    assert_int_equal(threshold_find(&t), STATUS_OK);
    return t;
}

static void every_step_is_found(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, "test", 0);
    for (int64_t low = 0; low < 4; low++) {
        for (int64_t high = low; high < 70; high += 1 + high / 3) {
            for (int64_t step = low - 1; step <= high + 1; step++) {
                struct truth truth = {
                    .step = step, .dip = -1, .noise = (double)NAN, .fails_at = -1};
                struct threshold t = search(&arena, &truth, low, high, false);
                int64_t want = step < low ? low : step > high ? low - 1 : step;
                assert_int_equal(t.found, want);
                assert_false(t.against);
                /* the neighbour below is the evidence */
                if (want > low) assert_non_null(threshold_at(&t, want - 1));
                /* doubling and halving: at most 2 log2 (range) + 3 points */
                assert_true((double)t.count <= 2 * log2((double)(high - low) + 2) + 3);
                for (size_t i = 1; i < t.count; i++)
                    assert_true(t.points[i].at > t.points[i - 1].at);
            }
        }
    }
    arena_free(&arena);
}

/* What is looked at and speaks against monotony is said; with --every nothing is missed. */
static void a_dip_is_reported(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, "test", 0);
    struct truth truth = {.step = 10, .dip = 14, .noise = (double)NAN, .fails_at = -1};
    struct threshold t = search(&arena, &truth, 1, 20, true);
    assert_int_equal(t.count, 20);
    assert_int_equal(t.found, 10);
    assert_true(t.against);
    assert_int_equal(t.against_low, 10);
    assert_int_equal(t.against_high, 14);
    arena_free(&arena);
}

/* slack = n - 49.5 +- 3.2: it surely fails up to 46 and surely holds from 53 on. */
static void an_interval_is_where_chance_ends(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, "test", 0);
    struct truth truth = {.step = 50, .dip = -1, .noise = 3.2, .fails_at = -1};
    struct threshold t = search(&arena, &truth, 1, 100, false);
    assert_int_equal(t.found, 50);
    assert_int_equal(t.sure_low, 46);
    assert_int_equal(t.sure_high, 53);
    struct truth edge = {.step = 2, .dip = -1, .noise = 3.2, .fails_at = -1};
    t = search(&arena, &edge, 1, 3, false);
    assert_int_equal(t.found, 2);
    assert_int_equal(t.sure_low, 0); /* nothing in the range surely fails */
    assert_int_equal(t.sure_high, 4);
    arena_free(&arena);
}

static void a_failure_goes_through(void **state)
{
    (void)state;
    struct arena arena;
    char text[400];
    arena_init(&arena, "test", 0);
    struct truth truth = {.step = 50, .dip = -1, .noise = (double)NAN, .fails_at = 8};
    struct threshold t = {
        .low = 1, .high = 100, .probe = probe, .context = &truth, .arena = &arena};
    assert_int_equal(threshold_find(&t), STATUS_OPERATING);
    status_take(text, sizeof text);
    assert_non_null(strstr(text, "at 8"));
    assert_non_null(strstr(text, "a disk is full"));
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_is_found),
        cmocka_unit_test(a_dip_is_reported),
        cmocka_unit_test(an_interval_is_where_chance_ends),
        cmocka_unit_test(a_failure_goes_through),
    };
    return cmocka_run_group_tests_name("threshold", tests, NULL, NULL);
}
