/* SPDX-License-Identifier: Apache-2.0
 * Checkpoints of whole worlds: a world that is saved, restored in a fresh one and run to its end
 * gives what the uninterrupted world gives, to the last bit; saving changes nothing; and no byte of
 * state is forgotten.
 *
 * The worlds are drawn by a seed (all designs, faults, incidents, adversaries); the times are
 * random, and besides 0, the horizon, the middle of the drain, and the end.  HACASIM_MODE=long runs
 * 400 worlds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/snap_memory.h"
#include "tests/unit/snap_worlds.h"

enum { SHORT_WORLDS = 16, LONG_WORLDS = 400 };

static bool is_long(void)
{
    const char *mode = getenv("HACASIM_MODE");
    return mode && strcmp(mode, "long") == 0;
}

/* ---- worlds ---------------------------------------------------------------------------------- */

struct run { /* a world, in an arena of its own */
    struct arena arena;
    struct world *world;
    struct models_record record;
};

static struct models_scenario *load(struct arena *arena, const char *path, const char *const *sets,
                                    size_t count)
{
    struct diag diag;
    diag_init(&diag, arena);
    struct models_scenario *scenario = models_load(arena, path, sets, count, &diag);
    if (!scenario) diag_print(&diag, stderr);
    assert_non_null(scenario);
    return scenario;
}

static void start(struct run *run, const struct models_scenario *scenario)
{
    arena_init(&run->arena, "world", 0);
    run->world = arena_alloc(&run->arena, 1, sizeof *run->world);
    assert_int_equal(world_open(run->world, scenario, 7, 0, &run->arena), STATUS_OK);
}

static void advance(struct run *run, int64_t until_ns)
{
    enum status status = world_advance(run->world, until_ns, NULL);
    if (status != STATUS_OK) status_print(stderr);
    assert_int_equal(status, STATUS_OK);
}

static void finish(struct run *run)
{
    advance(run, world_end_ns(run->world));
    payment_flush(&run->world->payment);
    assert_true(invariant_check(run->world));
    record_fill(run->world, &run->record);
}

static void stop(struct run *run)
{
    world_close(run->world);
    arena_free(&run->arena);
}

static void restore(struct run *run, const struct models_scenario *scenario,
                    const struct snap *snap)
{
    struct models_checkpoint from = {.state = snap->bytes, .bytes = snap->length};
    start(run, scenario);
    enum status status = checkpoint_restore(run->world, &from, run->world->params);
    if (status != STATUS_OK) status_print(stderr);
    assert_int_equal(status, STATUS_OK);
}

/* ---- equality -------------------------------------------------------------------------------- */

static void same_reals(const double *a, const double *b, uint32_t count)
{
    assert_memory_equal(a, b, count * sizeof *a);
}

static void same_values(const struct models_record *a, const struct models_record *b)
{
    for (size_t i = 0; i < models_metric_count(); i++) {
        const struct models_value *x = &a->values[i], *y = &b->values[i];
        if (x->kind != y->kind || memcmp(&x->real, &y->real, sizeof x->real) != 0 ||
            x->integer != y->integer || x->exact != y->exact)
            fail_msg("%s: %.17g and %.17g", models_metric(i)->name, x->real, y->real);
    }
}

static void same_record(const struct models_record *a, const struct models_record *b)
{
    assert_true(a->trace_hash == b->trace_hash);
    same_values(a, b);
    assert_int_equal(a->series_count, b->series_count);
    for (uint32_t i = 0; i < a->series_count; i++) {
        assert_int_equal(a->series[i].count, b->series[i].count);
        same_reals(a->series[i].time_s, b->series[i].time_s, a->series[i].count);
        same_reals(a->series[i].value, b->series[i].value, a->series[i].count);
    }
    assert_int_equal(a->curve_count, b->curve_count);
    for (uint32_t i = 0; i < a->curve_count; i++) {
        assert_int_equal(a->curves[i].count, b->curves[i].count);
        same_reals(a->curves[i].x, b->curves[i].x, a->curves[i].count);
        same_reals(a->curves[i].share, b->curves[i].share, a->curves[i].count);
    }
    assert_int_equal(a->caveat_count, b->caveat_count);
    for (uint32_t i = 0; i < a->caveat_count; i++)
        assert_string_equal(a->caveats[i], b->caveats[i]);
}

/* ---- the property ---------------------------------------------------------------------------- */

/* Save at `at_ns` out of a world that goes on, restore, save again: the same bytes. */
static struct snap save_twice(struct run *run, const struct models_scenario *scenario,
                              struct arena *arena)
{
    struct run again;
    struct snap snap = checkpoint_save(run->world, arena);
    restore(&again, scenario, &snap);
    struct memory_find find = memory_compare(run->world, again.world);
    if (find.what) fail_msg("%s %zu differs at byte %zu", find.what, find.index, find.offset);
    struct snap second = checkpoint_save(again.world, arena);
    assert_int_equal(snap.length, second.length);
    assert_memory_equal(snap.bytes, second.bytes, snap.length);
    stop(&again);
    return snap;
}

/* A chain of checkpoints at the given times, each restored in a fresh world. */
static void chain(const struct models_scenario *scenario, const int64_t *times, size_t count,
                  const struct models_record *want)
{
    struct arena arena;
    struct run run, next;
    arena_init(&arena, "chain", 0);
    start(&run, scenario);
    for (size_t i = 0; i < count; i++) {
        advance(&run, times[i]);
        struct snap snap = save_twice(&run, scenario, &arena);
        finish(&run); /* saving has changed nothing */
        same_record(want, &run.record);
        stop(&run);
        restore(&next, scenario, &snap);
        run = next;
    }
    finish(&run);
    same_record(want, &run.record);
    stop(&run);
    arena_free(&arena);
}

static void one_world(uint64_t seed)
{
    struct arena arena;
    struct run whole;
    struct snap_world drawn;
    snap_world_make(&drawn, seed);
    arena_init(&arena, "scenario", 0);
    struct models_scenario *scenario =
        load(&arena, "scenarios/baseline.yaml", drawn.sets, drawn.count);
    start(&whole, scenario);
    finish(&whole);
    int64_t end = world_end_ns(whole.world), horizon = whole.world->params->horizon;
    int64_t a = (int64_t)(snap_world_draw(seed, 500) % (uint64_t)end);
    int64_t b = a + (int64_t)(snap_world_draw(seed, 501) % (uint64_t)(end - a));
    int64_t random[] = {a, b}, edges[] = {0, horizon}, late[] = {(horizon + end) / 2, end};
    chain(scenario, random, 2, &whole.record);
    if (seed % 4 == 0) chain(scenario, edges, 2, &whole.record);
    if (seed % 4 == 1) chain(scenario, late, 2, &whole.record);
    stop(&whole);
    models_close(scenario);
    arena_free(&arena);
}

static void test_random_worlds(void **state)
{
    (void)state;
    uint64_t worlds = is_long() ? LONG_WORLDS : SHORT_WORLDS;
    const char *only = getenv("SNAP_SEED");
    if (only) {
        one_world(strtoull(only, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= worlds; seed++) {
        print_message("world %llu (SNAP_SEED=%llu replays it)\n", (unsigned long long)seed,
                      (unsigned long long)seed);
        one_world(seed);
    }
    printf("measured: %llu random worlds, each checkpoint gave the uninterrupted run\n",
           (unsigned long long)worlds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_worlds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
