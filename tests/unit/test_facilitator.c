/* SPDX-License-Identifier: Apache-2.0
 * The three flush rules, the serial worker, retries, the receipt time-out and the crash. */
#include "models/facilitator.h"
#include "tests/unit/unit.h"

#define SECOND 1000000000LL

static struct arena arena;
static struct facilitator_params params;
static struct storage_params storage;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, "test", 0);
    params = (struct facilitator_params){.batch = 20,
                                         .idle = 300 * SECOND,
                                         .age = 900 * SECOND,
                                         .receipt = 120 * SECOND,
                                         .workers = 1};
    storage = (struct storage_params){
        .upload = {DIST_FIXED, 2.0, 0}, .timeout = 30 * SECOND, .tries = 5, .pause = 10 * SECOND};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct facilitator open_one(void)
{
    struct facilitator f;
    facilitator_init(&f, &params, &storage, 7, 0, &arena);
    return f;
}

static void test_flush_at_count(void **state)
{
    (void)state;
    struct facilitator f = open_one();
    for (uint32_t i = 0; i < 20; i++) {
        assert_true(facilitator_post(&f, i * SECOND, i));
        struct facilitator_action none = facilitator_step(&f, i * SECOND);
        assert_int_equal(none.kind, FACILITATOR_NOTHING);
    }
    assert_int_equal(f.closed, 1);
    assert_int_equal(facilitator_next_ns(&f), 21 * SECOND); /* the 20th at 19 s, upload of 2 s */
    struct facilitator_action settle = facilitator_step(&f, 21 * SECOND);
    assert_int_equal(settle.kind, FACILITATOR_SETTLE);
    const struct facilitator_batch *batch = facilitator_batch(&f, settle.batch);
    assert_int_equal(batch->count, 20);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(batch->items[i], i);
    }
}

static void test_flush_when_idle(void **state)
{
    (void)state;
    struct facilitator f = open_one();
    facilitator_post(&f, 10 * SECOND, 1);
    facilitator_post(&f, 50 * SECOND, 2);
    assert_int_equal(facilitator_next_ns(&f), 350 * SECOND);
}

static void test_flush_at_age(void **state)
{
    (void)state;
    struct facilitator f = open_one();
    for (uint32_t i = 0; i < 10; i++) {
        facilitator_post(&f, i * 100 * SECOND, i);
    }
    assert_int_equal(facilitator_next_ns(&f), 900 * SECOND);
    facilitator_step(&f, 900 * SECOND);
    assert_int_equal(f.closed, 1);
    assert_int_equal(f.waiting, 0);
}

static void fill(struct facilitator *f, uint32_t count, int64_t now_ns)
{
    for (uint32_t i = 0; i < count; i++) {
        facilitator_post(f, now_ns, i);
    }
}

static void test_worker_is_serial(void **state)
{
    (void)state;
    struct facilitator f = open_one();
    fill(&f, 40, 0);
    assert_int_equal(facilitator_step(&f, 0).kind, FACILITATOR_NOTHING);
    assert_int_equal(f.closed, 2);
    struct facilitator_action first = facilitator_step(&f, 2 * SECOND);
    assert_int_equal(first.kind, FACILITATOR_SETTLE);
    assert_int_equal(facilitator_next_ns(&f), 122 * SECOND); /* only the receipt is awaited */
    facilitator_receipt(&f, first.batch);
    facilitator_step(&f, 5 * SECOND);
    assert_int_equal(facilitator_next_ns(&f), 7 * SECOND);
    assert_int_equal(facilitator_step(&f, 7 * SECOND).kind, FACILITATOR_SETTLE);
}

static void test_failed_uploads_put_items_back(void **state)
{
    (void)state;
    storage.failure = 1;
    struct facilitator f = open_one();
    fill(&f, 20, 0);
    int64_t now = 0;
    for (int i = 0; i < 9; i++) { /* five uploads of 2 s, four pauses of 10 s */
        assert_int_equal(facilitator_step(&f, now).kind, FACILITATOR_NOTHING);
        now = facilitator_next_ns(&f);
    }
    assert_int_equal(now, 50 * SECOND);
    assert_int_equal(f.uploads, 5);
    facilitator_step(&f, now);
    assert_int_equal(f.upload_failures, 5);
    assert_int_equal(f.closed, 2); /* the same twenty items, closed again at once */
    assert_int_equal(f.lost, 0);
}

static void test_slow_upload_fails_at_the_timeout(void **state)
{
    (void)state;
    storage.upload.a = 31;
    struct storage_attempt attempt = storage_try(&storage, 1, 0, 0, 0);
    assert_false(attempt.stored);
    assert_int_equal(attempt.duration_ns, 30 * SECOND);
}

static void test_receipt_timeout_withdraws(void **state)
{
    (void)state;
    struct facilitator f = open_one();
    fill(&f, 20, 0);
    facilitator_step(&f, 0);
    struct facilitator_action settle = facilitator_step(&f, 2 * SECOND);
    assert_int_equal(settle.kind, FACILITATOR_SETTLE);
    struct facilitator_action withdraw = facilitator_step(&f, 122 * SECOND);
    assert_int_equal(withdraw.kind, FACILITATOR_WITHDRAW);
    assert_int_equal(withdraw.batch, settle.batch);
    assert_int_equal(f.waiting, 20);
}

struct losses {
    uint32_t items, orphans;
};
static void count_item(void *context, uint32_t item)
{
    (void)item;
    ((struct losses *)context)->items++;
}
static void count_orphan(void *context, uint32_t batch)
{
    (void)batch;
    ((struct losses *)context)->orphans++;
}

static void test_crash_loses_memory(void **state)
{
    (void)state;
    struct facilitator f = open_one();
    fill(&f, 70, 0); /* one batch in the worker, two queued, ten in the buffer */
    facilitator_step(&f, 0);
    assert_int_equal(facilitator_step(&f, 2 * SECOND).kind, FACILITATOR_SETTLE);
    struct losses losses = {0, 0};
    facilitator_crash(&f, count_item, count_orphan, &losses);
    assert_int_equal(losses.orphans, 1); /* its transaction is out and can still land */
    assert_int_equal(losses.items, 50);
    assert_false(facilitator_post(&f, 3 * SECOND, 99));
    assert_int_equal(facilitator_next_ns(&f), INT64_MAX);
    facilitator_recover(&f);
    assert_true(facilitator_post(&f, 4 * SECOND, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_flush_at_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flush_when_idle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flush_at_age, setup, teardown),
        cmocka_unit_test_setup_teardown(test_worker_is_serial, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failed_uploads_put_items_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_upload_fails_at_the_timeout, setup, teardown),
        cmocka_unit_test_setup_teardown(test_receipt_timeout_withdraws, setup, teardown),
        cmocka_unit_test_setup_teardown(test_crash_loses_memory, setup, teardown),
    };
    return cmocka_run_group_tests_name("facilitator", tests, NULL, NULL);
}
