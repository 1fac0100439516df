/* SPDX-License-Identifier: Apache-2.0
 * Every candidate of the event-list lab delivers the same order, so the same hash and as many ties:
 * random schedules with ties and cancellations, and the hold model, at small sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/lab/candidates.h"

enum { STEPS = 20000 };

/* A valid stream: times are set from a list that is run along. */
static struct lab_stream make_stream(struct arena *arena, uint64_t seed, uint64_t span_ns)
{
    struct rng_stream draws = rng_open(seed, 0, 0, 0);
    struct lab_record *records = arena_alloc(arena, 3 * STEPS, sizeof *records);
    struct event_handle *handles = arena_alloc(arena, STEPS, sizeof *handles);
    struct event_list list;
    struct event e;
    event_list_init(&list, arena, STEPS);
    size_t count = 0;
    uint32_t given = 0;
    for (uint32_t i = 0; i < STEPS; i++) {
        struct lab_record *r = &records[count++];
        uint64_t reach_ns = i % 100 == 0 ? 1000 * span_ns : span_ns;
        *r = (struct lab_record){.time_ns = list.now_ns + (int64_t)rng_below(&draws, reach_ns),
                                 .entity = i,
                                 .arg = ~i,
                                 .kind = (uint16_t)(i % 7),
                                 .op = (uint16_t)rng_below(&draws, 2)};
        if (r->op == LAB_SCHEDULE_CANCELLABLE)
            handles[given++] =
                event_schedule_cancellable(&list, r->time_ns, r->kind, r->entity, r->arg);
        else
            event_schedule(&list, r->time_ns, r->kind, r->entity, r->arg);
        uint32_t victim = given ? (uint32_t)rng_below(&draws, given) : 0;
        if (given && rng_below(&draws, 3) == 0 && event_cancel(&list, handles[victim]))
            records[count++] = (struct lab_record){.cancellable = victim, .op = LAB_CANCEL};
        bool drain = i / 2000 % 2 == 1;
        if (rng_below(&draws, 4) < (drain ? 4u : 1u) && event_next(&list, INT64_MAX, &e))
            records[count++] = (struct lab_record){.op = LAB_NEXT};
        if (list.pending == 0) list.now_ns = list.last_ns < 0 ? 0 : list.last_ns;
    }
    return (struct lab_stream){records, count, handles};
}

static void every_candidate_replays_alike(void **state)
{
    (void)state;
    static const uint64_t spans_ns[] = {1, 20, 5000, 1000000000};
    struct arena arena;
    arena_init(&arena, "test", 0);
    for (size_t s = 0; s < sizeof spans_ns / sizeof spans_ns[0]; s++) {
        struct lab_stream stream = make_stream(&arena, s, spans_ns[s]);
        struct lab_result first = {0};
        for (int c = 0; c < LAB_CANDIDATES; c++) {
            struct lab_result result = lab_candidates[c].replay(&stream, lab_candidates[c].option);
            if (c == 0) first = result;
            assert_true(result.hash == first.hash);
            assert_int_equal(result.fired, first.fired);
            assert_int_equal(result.ties, first.ties);
        }
        assert_true(first.fired > STEPS / 3);
        assert_true(spans_ns[s] > 20 || first.ties > first.fired / 10);
    }
    arena_free(&arena);
}

static void every_candidate_holds_alike(void **state)
{
    (void)state;
    static int64_t before[LAB_DRAWS], after[LAB_DRAWS];
    static const uint32_t sizes[] = {1, 10, 300, 2000};
    for (int kind = 0; kind < LAB_INCREMENTS; kind++) {
        lab_draw(before, (enum lab_increments)kind, 1.0);
        lab_draw(after, (enum lab_increments)kind, 1e-3);
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            struct lab_hold hold = {before, after, sizes[s], 8000, 2, 0, 60.0};
            struct lab_result first = {0};
            for (int c = 0; c < LAB_CANDIDATES; c++) {
                struct lab_result result = lab_candidates[c].hold(&hold, lab_candidates[c].option);
                if (c == 0) first = result;
                assert_true(result.hash == first.hash && result.last_hash == first.last_hash);
                assert_int_equal(result.fired, 16000);
                assert_int_equal(result.ties, first.ties);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_candidate_replays_alike),
        cmocka_unit_test(every_candidate_holds_alike),
    };
    return cmocka_run_group_tests_name("lists", tests, NULL, NULL);
}
