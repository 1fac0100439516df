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

#include "analysis/pool.h"
#include "models/branch.h"

#include "tests/unit/snap_forge.h"
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

/* NaN and both zeros told apart, which == does not. */
static uint64_t bits(double x)
{
    uint64_t word;
    memcpy(&word, &x, sizeof word);
    return word;
}

static void same_reals(const double *a, const double *b, uint32_t count)
{
    assert_memory_equal(a, b, count * sizeof *a);
}

static void same_values(const struct models_record *a, const struct models_record *b)
{
    for (size_t i = 0; i < models_metric_count(); i++) {
        const struct models_value *x = &a->values[i], *y = &b->values[i];
        if (x->kind != y->kind || bits(x->real) != bits(y->real) || x->integer != y->integer ||
            x->exact != y->exact)
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
    struct run runs[2]; /* a world knows its arena's place, so it must stay in its own */
    arena_init(&arena, "chain", 0);
    start(&runs[0], scenario);
    for (size_t i = 0; i < count; i++) {
        struct run *run = &runs[i % 2];
        advance(run, times[i]);
        struct snap snap = save_twice(run, scenario, &arena);
        finish(run); /* saving has changed nothing */
        same_record(want, &run->record);
        stop(run);
        restore(&runs[(i + 1) % 2], scenario, &snap);
    }
    finish(&runs[count % 2]);
    same_record(want, &runs[count % 2].record);
    stop(&runs[count % 2]);
    arena_free(&arena);
}

/* When a client will give up a request that is being served, as it looks at `at_ns`: right after
 * that, an engine holds a cancelled request until its step ends, which random times seldom meet.
 * `at_ns` itself when nobody will. */
static int64_t next_cancel(const struct models_scenario *scenario, int64_t at_ns)
{
    struct run run;
    struct event_list_image image;
    int64_t found = at_ns;
    start(&run, scenario);
    advance(&run, at_ns);
    event_list_export(&run.world->events, &run.arena, &image);
    for (uint32_t i = 0; i < image.count && found == at_ns; i++) {
        const struct event *e = &image.events[i];
        if (e->kind != EV_TIMEOUT || e->time_ns >= world_end_ns(run.world)) continue;
        if (world_request(run.world, e->entity)->state == REQUEST_SERVED) found = e->time_ns;
    }
    stop(&run);
    return found;
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
    int64_t cancel[] = {next_cancel(scenario, horizon / 2)};
    if (cancel[0] > horizon / 2) chain(scenario, cancel, 1, &whole.record);
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

/* ---- damage ---------------------------------------------------------------------------------- */

static struct rng_stream damage_stream(uint32_t entity)
{
    return rng_open(1, 0, 0xda3a, entity);
}

/* Any cut, and any single bit, is refused: the checksum sees it. */
static void test_damage_is_refused(void **state)
{
    (void)state;
    struct forge forge;
    struct rng_stream s = damage_stream(0);
    assert_true(forge_open(&forge));
    const struct snap *sound = &forge.sound[0];
    assert_int_equal(forge_try(forge.scenario[0], sound->bytes, sound->length), STATUS_OK);
    for (int i = 0; i < 200; i++) {
        size_t at = rng_below(&s, sound->length), length = sound->length;
        unsigned char *copy = arena_alloc(&forge.arena, length, 1);
        memcpy(copy, sound->bytes, length);
        if (i % 2 == 0)
            copy[at] ^= (unsigned char)(1U << rng_below(&s, 8));
        else
            length = at;
        bool reserved = i % 2 == 0 && at >= 12 && at < 16; /* of the header, says nothing */
        if (!reserved)
            assert_int_equal(forge_try(forge.scenario[0], copy, length), STATUS_OPERATING);
    }
    forge_close(&forge);
}

/* Behind the checksum: edits that a sealed archive carries are refused or do no harm (which the
 * sanitizers judge in `make asan`).  Most of an archive is amounts that can be anything, so most
 * edits are accepted; some must be refused, or nothing is checked. */
static void test_forged_checkpoints(void **state)
{
    (void)state;
    struct forge forge;
    int refused = 0, tries = is_long() ? 20000 : 300;
    assert_true(forge_open(&forge));
    for (int i = 0; i < tries; i++) {
        struct rng_stream s = damage_stream(1 + (uint32_t)i);
        uint8_t edits[16];
        size_t size = 4 * (1 + rng_below(&s, 4));
        for (size_t k = 0; k < size; k++)
            edits[k] = (uint8_t)rng_u64(&s);
        refused += forge_patch(&forge, i % FORGE_WORLDS, edits, size) != STATUS_OK;
    }
    printf("measured: %d of %d forged checkpoints refused\n", refused, tries);
    assert_true(refused > tries / 10 && refused < tries);
    forge_close(&forge);
}

/* A checkpoint of one world does not go into another. */
static void test_another_world(void **state)
{
    (void)state;
    struct forge forge;
    assert_true(forge_open(&forge));
    assert_int_equal(forge_try(forge.scenario[1], forge.sound[0].bytes, forge.sound[0].length),
                     STATUS_USER);
    forge_close(&forge);
}

/* ---- the options of models_run --------------------------------------------------------------- */

enum { KEPT_MAX = 64 };

struct kept { /* the checkpoints of a run */
    struct arena arena;
    struct models_checkpoint items[KEPT_MAX];
    size_t count;
    uint32_t asked;
    volatile sig_atomic_t stop;
    bool stops;
};

static enum status keep(void *context, const struct models_checkpoint *checkpoint)
{
    struct kept *kept = context;
    assert_true(kept->count < KEPT_MAX);
    void *copy = arena_alloc(&kept->arena, checkpoint->bytes, 1);
    memcpy(copy, checkpoint->state, checkpoint->bytes);
    kept->items[kept->count] = *checkpoint;
    kept->items[kept->count++].state = copy;
    return STATUS_OK;
}

static bool due(void *context)
{
    struct kept *kept = context;
    if (kept->stops && kept->asked == 2) kept->stop = 1;
    return kept->asked++ % 3 == 0;
}

static struct models_record run_with(const struct models_scenario *scenario, struct arena *arena,
                                     struct models_options options, enum status want)
{
    struct models_record record;
    char text[512];
    assert_int_equal(models_run(scenario, 7, 0, &options, arena, &record), want);
    status_take(text, sizeof text);
    return record;
}

/* Checkpoints by simulated time lie at its multiples, those by the caller's clock between any two
 * events (in the middle of a tie too), and the one of a stop where it stopped; none changes the
 * run, and each leads to its end. */
static void test_run_options(void **state)
{
    (void)state;
    static const char *const sets[] = {"horizon=4 min", "drain=1 min",
                                       "workload.arrivals={poisson: 60/s}"};
    struct kept kept = {.stop = 0};
    struct arena arena;
    arena_init(&arena, "run", 0);
    arena_init(&kept.arena, "kept", 0);
    struct models_scenario *scenario = load(&arena, "scenarios/baseline.yaml", sets, 3);
    struct models_options options = {.context = &kept,
                                     .stop = &kept.stop,
                                     .checkpoint = keep,
                                     .checkpoint_due = due,
                                     .checkpoint_every_ns = 70000000000};
    struct models_record whole = run_with(scenario, &arena, (struct models_options){0}, STATUS_OK);
    struct models_record same = run_with(scenario, &arena, options, STATUS_OK);
    same_record(&whole, &same);
    size_t timed = 0;
    for (size_t i = 0; i < kept.count; i++)
        if (kept.items[i].timed) assert_int_equal(kept.items[i].now_ns, ++timed * 70000000000);
    assert_int_equal(timed, 4);
    assert_true(kept.count > timed);
    kept.stops = true;
    kept.asked = 1;
    run_with(scenario, &arena, options, STATUS_INTERRUPTED);
    for (size_t i = 0; i < kept.count; i++) {
        struct models_options from = {.from = &kept.items[i]};
        same = run_with(scenario, &arena, from, STATUS_OK);
        same_record(&whole, &same);
    }
    models_close(scenario);
    arena_free(&kept.arena);
    arena_free(&arena);
}

static enum status load_first(void *context, uint32_t replication, struct arena *to,
                              struct models_options *options)
{
    const struct kept *kept = context;
    (void)to;
    if (replication == 0) options->from = &kept->items[0];
    return STATUS_OK;
}

/* The pool asks for a checkpoint when its wall time is over, and begins where it is told to; a
 * replication that is finished is not run again. */
static void test_pool(void **state)
{
    (void)state;
    static const char *const sets[] = {"horizon=4 min", "drain=1 min",
                                       "workload.arrivals={poisson: 60/s}"};
    struct kept kept = {.stop = 0};
    struct arena arena;
    struct pool_result first, second;
    const bool finished[] = {false, true};
    arena_init(&arena, "run", 0);
    arena_init(&kept.arena, "kept", 0);
    struct models_scenario *scenario = load(&arena, "scenarios/baseline.yaml", sets, 3);
    struct pool_checkpoints checkpoints = {.wall_s = 1e-9, .store = keep, .context = &kept};
    struct pool_job job = {.scenario = scenario,
                           .seed = 7,
                           .reps = 2,
                           .jobs = 1,
                           .quiet = true,
                           .checkpoints = &checkpoints};
    assert_int_equal(pool_run(&job, &arena, &first), STATUS_OK);
    assert_true(kept.count > 4 && !kept.items[0].timed);
    checkpoints = (struct pool_checkpoints){.store = keep,
                                            .load = load_first,
                                            .context = &kept,
                                            .finished = finished,
                                            .trace_hash = first.trace_hash};
    size_t before = kept.count;
    assert_int_equal(pool_run(&job, &arena, &second), STATUS_OK);
    assert_int_equal(kept.count, before); /* wall_s 0: none */
    assert_int_equal(second.done, 2);
    assert_true(pool_trace_hash(&first) == pool_trace_hash(&second));
    models_close(scenario);
    arena_free(&kept.arena);
    arena_free(&arena);
}

/* ---- branches -------------------------------------------------------------------------------- */

/* A horizon moved at a checkpoint gives what the run with that horizon gives, metric by metric: so
 * what was scheduled for the old one has moved with it.  Only the times of the samples, and with
 * them the number of events, are others; the series are not compared. */
static void horizon_moves(const char *drain, const char *before, const char *after, int64_t at_ns)
{
    const char *sets[] = {before,
                          drain,
                          "staking.jail=100 s",
                          "payment.feed_refresh=45 s",
                          "adversaries=[{strategy: model_substitution, share: 10%, start: 20 s}]",
                          "events=[]"};
    struct arena arena;
    struct run run, branch, want;
    arena_init(&arena, "branch", 0);
    struct models_scenario *past = load(&arena, "scenarios/baseline.yaml", sets, 6);
    sets[0] = after;
    struct models_scenario *changed = load(&arena, "scenarios/baseline.yaml", sets, 6);
    struct diag diag;
    diag_init(&diag, &arena);
    models_branch(past, changed, at_ns, &diag);
    assert_int_equal(diag.count, 0);
    start(&run, past);
    advance(&run, at_ns);
    struct snap snap = checkpoint_save(run.world, &arena);
    restore(&branch, changed, &snap);
    branch_apply(branch.world, run.world->params);
    finish(&branch);
    start(&want, changed);
    finish(&want);
    for (size_t i = 0; i < models_metric_count(); i++) {
        const char *name = models_metric(i)->name;
        if (strncmp(name, "sim.", 4) == 0) continue;
        if (bits(branch.record.values[i].real) != bits(want.record.values[i].real))
            fail_msg("%s: %.17g, %.17g", name, branch.record.values[i].real,
                     want.record.values[i].real);
    }
    stop(&run);
    stop(&branch);
    stop(&want);
    models_close(past);
    models_close(changed);
    arena_free(&arena);
}

static void test_a_moved_horizon(void **state)
{
    (void)state;
    horizon_moves("drain=30 s", "horizon=100 s", "horizon=300 s", 60000000000);
    horizon_moves("drain=30 s", "horizon=300 s", "horizon=100 s", 60000000000);
    horizon_moves("drain=0 s", "horizon=100 s", "horizon=300 s", 99000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_worlds),      cmocka_unit_test(test_damage_is_refused),
        cmocka_unit_test(test_forged_checkpoints), cmocka_unit_test(test_another_world),
        cmocka_unit_test(test_run_options),        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_a_moved_horizon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
