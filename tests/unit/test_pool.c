/* SPDX-License-Identifier: Apache-2.0
 * Replications on threads under a stop rule: the last one is the same for any number of threads,
 * and what lies beyond it, failures included, never happened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "analysis/pool.h"

enum { MOST = 40, THREADS = 4 };

static struct arena arena;
static struct models_scenario *scenario;
static uint32_t kept[MOST]; /* how often each replication was kept */
static uint32_t fails_at;   /* the first replication whose keeping fails */

static int setup(void **state)
{
    static const char *const sets[] = {"horizon=30 s", "drain=10 s", "events=[]"};
    struct diag diag;
    (void)state;
    arena_init(&arena, "test", 0);
    diag_init(&diag, &arena);
    scenario = models_load(&arena, "scenarios/baseline.yaml", sets, 3, &diag);
    return scenario == NULL;
}

static int teardown(void **state)
{
    (void)state;
    models_close(scenario);
    arena_free(&arena);
    return 0;
}

static enum status keep(void *context, const struct models_record *record)
{
    (void)context;
    kept[record->replication]++;
    if (record->replication < fails_at) return STATUS_OK;
    return status_fail(STATUS_OPERATING, "planted at %u", record->replication);
}

static enum status run(int jobs, uint32_t failing, struct pool_result *result)
{
    struct pool_job job = {.scenario = scenario,
                           .seed = 5,
                           .reps = MOST,
                           .until = {.metric = "latency.ttft_s.mean",
                                     .half_width = 0.04,
                                     .level = 0.95,
                                     .min = 3,
                                     .max = MOST},
                           .jobs = jobs,
                           .quiet = true,
                           .keep = keep};
    memset(kept, 0, sizeof kept);
    fails_at = failing;
    return pool_run(&job, &arena, result);
}

static void threads_stop_at_the_same_replication(void **state)
{
    (void)state;
    struct pool_result one;
    assert_int_equal(run(1, MOST, &one), STATUS_OK);
    assert_int_equal(one.stop.reason, STOP_PRECISE);
    assert_true(one.reps > 3 && one.reps < MOST - THREADS && one.done == one.reps);
    assert_int_equal(one.stop.seen, one.reps);
    assert_int_equal(kept[one.reps], 0); /* one thread computes nothing ahead */
    for (int round = 0; round < 3; round++) {
        struct pool_result several;
        const struct models_value **values;
        assert_int_equal(run(THREADS, MOST, &several), STATUS_OK);
        assert_true(several.reps == one.reps && several.done == one.reps);
        assert_true(pool_trace_hash(&several) == pool_trace_hash(&one));
        assert_int_equal(pool_finished(&several, &arena, &values), one.reps);
        for (uint32_t r = 0; r < one.reps; r++) {
            assert_int_equal(kept[r], 1);
            assert_true(several.trace_hash[r] == one.trace_hash[r]);
        }
    }
}

static void a_failure_beyond_the_last_never_happened(void **state)
{
    (void)state;
    struct pool_result one, several;
    char chain[500];
    assert_int_equal(run(1, MOST, &one), STATUS_OK);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(run(THREADS, one.reps, &several), STATUS_OK);
        assert_true(several.reps == one.reps && several.stop.reason == STOP_PRECISE);
        assert_int_equal(run(THREADS, one.reps - 1, &several), STATUS_OPERATING);
        assert_int_equal(several.failed, one.reps - 1);
        assert_int_equal(several.stop.reason, STOP_NOT_YET);
        status_take(chain, sizeof chain);
        assert_non_null(strstr(chain, "planted at"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_stop_at_the_same_replication),
        cmocka_unit_test(a_failure_beyond_the_last_never_happened),
    };
    return cmocka_run_group_tests_name("pool", tests, setup, teardown);
}
