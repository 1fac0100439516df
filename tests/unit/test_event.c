/* SPDX-License-Identifier: Apache-2.0
 * Tests of the event list, against a slow twin that searches an unordered array. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/event.h"
#include "sim/rng.h"
#include "sim/variate.h"
#include "tests/unit/unit.h"

static struct arena memory;
static struct event_list list;
static struct event got;

static int setup(void **state)
{
    (void)state;
    arena_init(&memory, "test", 0);
    event_list_init(&list, &memory, 1u << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&memory);
    return 0;
}

static void events_come_by_time_then_sequence(void **state)
{
    (void)state;
    static const int64_t times[] = {5, 3, 5, 1, 3, 5, 0, INT64_MAX};
    static const uint32_t order[] = {6, 3, 1, 4, 0, 2, 5};
    for (uint32_t i = 0; i < 8; i++)
        event_schedule(&list, times[i], 9, i, 100 + i);
    for (uint32_t i = 0; i < 7; i++) {
        assert_true(event_next(&list, 1000, &got));
        assert_int_equal(got.entity, order[i]);
        assert_int_equal(got.arg, 100 + order[i]);
        assert_int_equal(got.kind, 9);
        assert_int_equal(got.time_ns, times[order[i]]);
        assert_int_equal(list.now_ns, got.time_ns);
    }
    assert_false(event_next(&list, 1000, &got));
    assert_int_equal(list.now_ns, 1000);
    assert_true(event_next(&list, INT64_MAX, &got));
    assert_int_equal(got.entity, 7);
    assert_int_equal(list.fired, 8);
    assert_int_equal(list.ties, 3);
    assert_int_equal(list.peak, 8);
}

static void the_clock_stops_at_the_horizon(void **state)
{
    (void)state;
    assert_false(event_next(&list, 50, &got));
    assert_int_equal(list.now_ns, 50);
    event_schedule(&list, 50, 0, 0, 0);
    assert_int_equal(list.peak, 1);
    event_schedule(&list, 60, 0, 0, 0);
    assert_true(event_next(&list, 50, &got)); /* at the horizon is within it */
    assert_false(event_next(&list, 59, &got));
    assert_false(event_next(&list, 10, &got)); /* a horizon in the past moves nothing back */
    assert_int_equal(list.now_ns, 59);
    assert_true(event_next(&list, 60, &got));
    assert_int_equal(list.ties, 0); /* 50 was reached by waiting, not by an event before */
}

static void an_event_at_zero_is_no_tie(void **state)
{
    (void)state;
    event_schedule(&list, 0, 0, 0, 0);
    event_schedule(&list, 0, 0, 0, 0);
    event_next(&list, 10, &got);
    assert_int_equal(list.ties, 0);
    event_next(&list, 10, &got);
    assert_int_equal(list.ties, 1);
}

static void a_cancelled_event_never_fires(void **state)
{
    (void)state;
    struct event_handle a = event_schedule_cancellable(&list, 10, 1, 0, 0);
    struct event_handle b = event_schedule_cancellable(&list, 20, 2, 0, 0);
    struct event_handle none = {.slot = 0}, wild = {.seq = 1, .slot = 1000};
    assert_false(event_cancel(&list, none));
    assert_false(event_cancel(&list, wild));
    assert_true(event_cancel(&list, a));
    assert_false(event_cancel(&list, a));
    assert_true(event_next(&list, 100, &got));
    assert_int_equal(got.kind, 2);
    assert_false(event_cancel(&list, b)); /* it has fired */
    assert_false(event_next(&list, 100, &got));
    assert_int_equal(list.cancelled_total, 1);
    assert_int_equal(list.fired, 1);
    assert_int_equal(list.pending, 0);
}

static void an_old_handle_does_not_reach_the_next_user_of_its_slot(void **state)
{
    (void)state;
    struct event_handle old = event_schedule_cancellable(&list, 10, 1, 0, 0);
    assert_true(event_next(&list, 100, &got));
    struct event_handle young = event_schedule_cancellable(&list, 110, 2, 0, 0);
    assert_int_equal(old.slot, young.slot);
    assert_false(event_cancel(&list, old));
    assert_true(event_cancel(&list, young));
    /* Cancelled, but its record still lies in the heap: the slot is not handed out again. */
    struct event_handle other = event_schedule_cancellable(&list, 120, 3, 0, 0);
    assert_int_not_equal(young.slot, other.slot);
    assert_false(event_cancel(&list, young));
    assert_true(event_next(&list, 200, &got));
    assert_int_equal(got.kind, 3);
}

/* The slow twin: pending events in no order, the next one by search. */
enum { TWIN_MAX = 4000 };
static struct {
    struct event_handle handle;
    int64_t time_ns;
    uint64_t seq;
    uint32_t entity;
} twin[TWIN_MAX];
static uint32_t twin_count;

static uint32_t twin_first(void)
{
    uint32_t first = 0;
    for (uint32_t i = 1; i < twin_count; i++)
        if (twin[i].time_ns < twin[first].time_ns ||
            (twin[i].time_ns == twin[first].time_ns && twin[i].seq < twin[first].seq))
            first = i;
    return first;
}

static void twin_schedule(struct rng_stream *draws, uint32_t entity, uint64_t span_ns)
{
    int64_t time_ns = list.now_ns + (int64_t)rng_below(draws, span_ns);
    twin[twin_count].handle = (struct event_handle){.slot = 0};
    twin[twin_count].time_ns = time_ns;
    twin[twin_count].seq = list.next_seq;
    twin[twin_count].entity = entity;
    if (rng_below(draws, 3) == 0)
        event_schedule(&list, time_ns, 7, entity, ~entity);
    else
        twin[twin_count].handle = event_schedule_cancellable(&list, time_ns, 7, entity, ~entity);
    twin_count++;
}

static void twin_cancel(struct rng_stream *draws)
{
    uint32_t i = (uint32_t)rng_below(draws, twin_count);
    bool cancellable = twin[i].handle.slot != 0;
    assert_true(event_cancel(&list, twin[i].handle) == cancellable);
    assert_false(event_cancel(&list, twin[i].handle));
    if (cancellable) twin[i] = twin[--twin_count];
}

static void twin_fire(int64_t until_ns)
{
    uint32_t first = twin_first();
    bool due = twin_count > 0 && twin[first].time_ns <= until_ns;
    assert_true(event_next(&list, until_ns, &got) == due);
    if (!due) return;
    assert_int_equal(got.entity, twin[first].entity);
    assert_int_equal(got.arg, ~twin[first].entity);
    assert_true(got.time_ns == twin[first].time_ns && got.seq == twin[first].seq);
    assert_false(event_cancel(&list, twin[first].handle));
    twin[first] = twin[--twin_count];
}

/* Phases that grow, shrink, and cancel most of the list, with few and with many ties. */
static void any_mix_of_operations_equals_the_slow_twin(void **state)
{
    (void)state;
    struct rng_stream draws = rng_open(7, 0, 0, 0);
    twin_count = 0;
    for (uint32_t step = 0; step < 200000; step++) {
        uint64_t schedule = step / 3000 % 3 == 0 ? 60 : 25, fire = step / 3000 % 3 == 1 ? 60 : 15;
        uint64_t choice = rng_below(&draws, 100);
        if (choice < schedule) {
            if (twin_count < TWIN_MAX) twin_schedule(&draws, step, step & 4096 ? 20 : 1000000);
        } else if (choice < schedule + fire || twin_count == 0) {
            twin_fire(list.now_ns + (int64_t)rng_below(&draws, 20000));
        } else {
            twin_cancel(&draws);
        }
        assert_int_equal(list.pending, twin_count);
        assert_true(list.dead <= list.pending + 2000);
    }
    assert_true(list.cancelled_total > 5000 && list.fired > 5000 && list.ties > 100);
    while (twin_count > 0)
        twin_fire(INT64_MAX);
    assert_false(event_next(&list, INT64_MAX, &got));
}

static void mass_cancellation_compacts(void **state)
{
    (void)state;
    enum { MANY = 10000 };
    struct event_handle *handles = arena_alloc(&memory, MANY, sizeof *handles);
    for (uint32_t i = 0; i < MANY; i++)
        handles[i] = event_schedule_cancellable(&list, (int64_t)(i * 7919 % MANY), 0, i, 0);
    for (uint32_t i = 0; i < MANY; i++)
        if (i % 100 != 0) assert_true(event_cancel(&list, handles[i]));
    assert_true(list.dead < 300);
    int64_t last = -1;
    uint32_t fired = 0;
    for (; event_next(&list, MANY, &got); fired++) {
        assert_true(got.time_ns > last && got.entity % 100 == 0);
        last = got.time_ns;
    }
    assert_int_equal(fired, MANY / 100);
    for (uint32_t i = 0; i < MANY; i++) /* every slot is free again */
        event_schedule_cancellable(&list, MANY, 0, 0, 0);
    assert_true(list.pool_used < MANY + 400);
}

/* Beyond the size from which lines are fetched ahead. */
static void a_large_list_stays_in_order(void **state)
{
    (void)state;
    enum { MANY = 150000 };
    struct rng_stream draws = rng_open(5, 0, 0, 0);
    for (uint32_t i = 0; i < MANY; i++)
        event_schedule(&list, (int64_t)rng_below(&draws, MANY), 0, i, 0);
    struct event last = {.time_ns = -1};
    for (uint32_t i = 0; i < MANY; i++) {
        assert_true(event_next(&list, MANY, &got));
        assert_true(got.time_ns > last.time_ns ||
                    (got.time_ns == last.time_ns && got.seq > last.seq));
        last = got;
    }
    assert_int_equal(list.pending, 0);
    assert_int_equal(list.peak, MANY);
}

static uint64_t hash_of(const struct event *events, size_t count)
{
    struct event_list fresh;
    event_list_init(&fresh, &memory, 100);
    for (size_t i = 0; i < count; i++)
        event_schedule(&fresh, events[i].time_ns, events[i].kind, events[i].entity, events[i].arg);
    while (event_next(&fresh, INT64_MAX, &got))
        ;
    return fresh.hash;
}

static void the_hash_sees_every_field_and_the_order(void **state)
{
    (void)state;
    const struct event base[2] = {{.time_ns = 10, .entity = 1, .arg = 2, .kind = 3},
                                  {.time_ns = 10, .entity = 1, .arg = 2, .kind = 4}};
    uint64_t hashes[9] = {hash_of(base, 2), hash_of(base, 1), hash_of(NULL, 0)};
    for (int change = 0; change < 6; change++) {
        struct event e[2] = {base[0], base[1]};
        if (change == 0) e[1].time_ns++;
        if (change == 1) e[0].entity = 2;
        if (change == 2) e[0].arg = 1;
        if (change == 3) e[0].kind = 5;
        if (change == 4) e[0].entity = 2, e[0].arg = 1;
        if (change == 5) e[0] = base[1], e[1] = base[0];
        hashes[3 + change] = hash_of(e, 2);
    }
    for (int i = 0; i < 9; i++)
        for (int j = 0; j < i; j++)
            assert_true(hashes[i] != hashes[j]);
    event_fold(&list, 0);
    uint64_t once = list.hash;
    event_fold(&list, 0);
    assert_true(once != 0 && list.hash != once);
}

/* Every bit of the input moves about half of the bits of the hash. */
static void the_hash_avalanches(void **state)
{
    (void)state;
    enum { TIME = 63, ENTITY = TIME + 32, ARG = ENTITY + 32, BITS = ARG + 16 };
    const struct event e = {.time_ns = 3600000000000, .entity = 7, .arg = 0, .kind = 12};
    uint64_t base = hash_of(&e, 1);
    int total = 0;
    for (int bit = 0; bit < BITS; bit++) {
        struct event changed = e;
        if (bit < TIME) changed.time_ns ^= (int64_t)1 << bit;
        if (bit >= TIME && bit < ENTITY) changed.entity ^= 1u << (bit - TIME);
        if (bit >= ENTITY && bit < ARG) changed.arg ^= 1u << (bit - ENTITY);
        if (bit >= ARG) changed.kind = (uint16_t)(changed.kind ^ 1u << (bit - ARG));
        int moved = __builtin_popcountll(base ^ hash_of(&changed, 1));
        assert_in_range(moved, 12, 52);
        total += moved;
    }
    assert_in_range(total, BITS * 30, BITS * 34);
}

/* The trace hash is stored with results: the same history must hash the same for ever. */
static void the_hash_is_golden(void **state)
{
    (void)state;
    struct rng_stream draws = rng_open(11, 0, 0, 0);
    for (uint32_t i = 0; i < 1000; i++) {
        event_schedule(&list, list.now_ns + (int64_t)rng_below(&draws, 1000), (uint16_t)(i % 7), i,
                       i * i);
        if (i % 3 == 2) event_next(&list, INT64_MAX, &got);
    }
    while (event_next(&list, INT64_MAX, &got))
        event_fold(&list, got.entity);
    print_message("golden hash: 0x%016llx\n", (unsigned long long)list.hash);
    assert_true(list.hash == 0xfa49bc53562c8f12ULL);
}

/* Half-way through a run with cancellations the list is taken out and put into a fresh one: both go
 * on alike, and handles given before are good in both. */
enum { MOVE_STEPS = 4000, MOVE_HANDLES = 512 };

static void move_step(struct event_list *on, struct event_handle *handles, struct rng_stream *draws,
                      uint32_t step)
{
    struct event e;
    uint32_t which = (uint32_t)rng_below(draws, MOVE_HANDLES);
    int64_t time_ns = on->now_ns + (int64_t)rng_below(draws, step % 64 == 0 ? 1u << 30 : 5000);
    if (rng_below(draws, 2) == 0) event_schedule(on, time_ns, (uint16_t)(step % 5), step, which);
    event_cancel(on, handles[which]);
    handles[which] = event_schedule_cancellable(on, time_ns + 7, 9, step, which);
    for (uint64_t n = rng_below(draws, 4); n > 0; n--)
        if (event_next(on, on->now_ns + 2000, &e)) event_fold(on, e.entity);
}

static void a_list_taken_out_and_put_in_goes_on_alike(void **state)
{
    (void)state;
    struct rng_stream draws = rng_open(13, 0, 0, 0);
    static struct event_handle handles[MOVE_HANDLES], moved_handles[MOVE_HANDLES];
    memset(handles, 0, sizeof handles);
    for (uint32_t step = 0; step < MOVE_STEPS; step++)
        move_step(&list, handles, &draws, step);
    struct event_list_image image, again;
    event_list_export(&list, &memory, &image);
    assert_true(image.count > 50);
    struct event_list moved;
    event_list_import(&moved, &memory, &image);
    event_list_export(&moved, &memory, &again);
    assert_int_equal(image.count, again.count);
    for (uint32_t i = 0; i < image.count; i++) {
        assert_memory_equal(&image.events[i], &again.events[i], sizeof *image.events);
        if (i > 0) assert_true(image.events[i].time_ns >= image.events[i - 1].time_ns);
    }
    memcpy(moved_handles, handles, sizeof handles);
    struct rng_stream same = draws;
    for (uint32_t step = 0; step < MOVE_STEPS; step++) {
        move_step(&list, handles, &draws, step);
        move_step(&moved, moved_handles, &same, step);
    }
    struct event other = {0};
    while (event_next(&list, INT64_MAX, &got)) {
        assert_true(event_next(&moved, INT64_MAX, &other));
        assert_true(got.seq == other.seq && got.time_ns == other.time_ns);
    }
    assert_false(event_next(&moved, INT64_MAX, &other));
    assert_true(list.hash == moved.hash && list.fired == moved.fired && list.ties == moved.ties);
    assert_true(list.cancelled_total == moved.cancelled_total && list.peak == moved.peak);
    assert_true(list.now_ns == moved.now_ns && list.next_seq == moved.next_seq);
}

static void an_empty_list_can_be_moved(void **state)
{
    (void)state;
    struct event_list_image image;
    struct event_list moved;
    event_fold(&list, 5);
    assert_false(event_next(&list, 100, &got));
    event_list_export(&list, &memory, &image);
    event_list_import(&moved, &memory, &image);
    assert_false(event_next(&moved, 200, &got));
    assert_int_equal(moved.now_ns, 200);
    assert_true(moved.hash == list.hash);
}

/* ---- adaptation, counted in links and keys written, not in time -------------------------------
 */

enum { HOLD_DRAWS = 4096 };

/* Moves per hold with `pending` events.  The first half of the draws is used until half-time. */
static double moves_per_hold(uint32_t pending, uint32_t holds, const int64_t *before,
                             const int64_t *after)
{
    struct event_list hold;
    struct arena arena;
    arena_init(&arena, "hold", 0);
    event_list_init(&hold, &arena, pending);
    for (uint32_t i = 0; i < pending; i++)
        event_schedule(&hold, before[i % HOLD_DRAWS] + i % 977, 0, i, 0);
    for (uint32_t i = 0; i < holds; i++) {
        assert_true(event_next(&hold, INT64_MAX, &got));
        const int64_t *draws = i < holds / 2 ? before : after;
        event_schedule(&hold, got.time_ns + draws[(i * 7 + got.entity) % HOLD_DRAWS], 0, i, 0);
    }
    double moves = (double)hold.moves / holds;
    arena_free(&arena);
    return moves;
}

enum hold_shape { HOLD_EXPONENTIAL, HOLD_UNIFORM, HOLD_SKEWED, HOLD_NOW, HOLD_WAVES, HOLD_SHAPES };

static void draw_shape(int64_t *draws, int shape, double scale)
{
    struct rng_stream stream = rng_open(21, 0, 0, 0);
    for (int i = 0; i < HOLD_DRAWS; i++) {
        bool rare = rng_below(&stream, 10) == 0;
        double ns = variate_exponential(&stream, 1e9);
        if (shape == HOLD_UNIFORM) ns = variate_uniform(&stream, 0.0, 2e9);
        if (shape == HOLD_SKEWED) ns *= rare ? 9.1 : 0.1;
        if (shape == HOLD_NOW) ns = rare ? 10.0 * ns : variate_uniform(&stream, 0.0, 10.0);
        if (shape == HOLD_WAVES) ns = 1e9;
        draws[i] = event_ns(ns * scale);
    }
}

/* With the right width an event is moved twice, into its bucket and into the stack, and once more
 * when it began beyond the rungs or its bucket had to become a rung: four at most, and one for what
 * is moved again when the scale changes.  Constant increments keep all events in one crowd of a
 * microsecond in every second, which a few rungs more must find: up to ten.  A width that stayed
 * 1000 times too wide would overflow the stack all the time, with tens of moves for each event. */
static void any_increments_cost_a_few_moves(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {100, 1000, 30000};
    static const double scales[] = {1e-6, 1e-3, 1.0, 1e3};
    static int64_t before[HOLD_DRAWS], after[HOLD_DRAWS];
    for (int shape = 0; shape < HOLD_SHAPES; shape++) {
        for (size_t k = 0; k < sizeof scales / sizeof scales[0]; k++) {
            draw_shape(before, shape, 1.0);
            draw_shape(after, shape, scales[k]);
            for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
                double moves = moves_per_hold(sizes[s], 4 * sizes[s] + 2000, before, after);
                assert_true(moves < (shape == HOLD_WAVES ? 10.0 : 5.0));
            }
        }
    }
}

/* An event at the end of time does not make the buckets of all others wide. */
static void one_far_event_changes_little(void **state)
{
    (void)state;
    static int64_t draws[HOLD_DRAWS];
    draw_shape(draws, HOLD_EXPONENTIAL, 1.0);
    double without = moves_per_hold(1000, 20000, draws, draws);
    draws[500] = INT64_MAX / 4;
    double with = moves_per_hold(1000, 20000, draws, draws);
    assert_true(with < without + 1.0);
}

/* Long after the first million events the list takes no more memory. */
static void memory_stays_bounded(void **state)
{
    (void)state;
    struct rng_stream draws = rng_open(23, 0, 0, 0);
    size_t used_bytes = 0;
    for (uint32_t i = 0; i < 5000; i++)
        event_schedule(&list, (int64_t)rng_below(&draws, 1u << 20), 0, i, 0);
    for (uint32_t i = 0; i < 1500000; i++) {
        assert_true(event_next(&list, INT64_MAX, &got));
        int64_t time_ns = got.time_ns + (int64_t)rng_below(&draws, 1ull << (10 + i / 10000 % 30));
        struct event_handle handle = event_schedule_cancellable(&list, time_ns, 0, i, 0);
        if (i % 3 == 0) {
            event_cancel(&list, handle);
            event_schedule(&list, time_ns + 5, 0, i, 0);
        }
        if (i == 600000) used_bytes = memory.used_bytes;
    }
    assert_int_equal(memory.used_bytes, used_bytes);
    assert_true(list.pool_used < 4 * 5000);
}

/* Looking no further than just before the next event, and then scheduling before it, time and
 * again: buckets that begin after the clock must stay closed. */
static void looking_early_does_not_nest_rungs(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 100; i++)
        event_schedule(&list, ((int64_t)1 << 60) + ((int64_t)i << 40), 0, i, 0);
    for (int64_t step = 1; step < 200; step++) {
        assert_false(event_next(&list, 1000 * step, &got));
        for (uint32_t i = 0; i < 70; i++)
            event_schedule(&list, ((int64_t)1 << 60) - (step * 70 + i) * 1000000000, 1, i, 0);
    }
    int64_t last_ns = 0;
    uint32_t fired = 0;
    for (; event_next(&list, INT64_MAX, &got); fired++) {
        assert_true(got.time_ns >= last_ns);
        last_ns = got.time_ns;
    }
    assert_int_equal(fired, 100 + 199 * 70);
}

/* Many at one instant, more of them scheduled at that instant by themselves, and some before. */
static void a_crowd_at_one_time_comes_in_order(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3000; i++)
        event_schedule(&list, 1000, 0, i, 0);
    for (uint32_t i = 0; i < 500; i++)
        event_schedule(&list, 999, 1, i, 0);
    uint64_t last_seq = 0;
    for (uint32_t i = 0; i < 500; i++) {
        assert_true(event_next(&list, 999, &got) && got.kind == 1 && got.entity == i);
        if (i % 2 == 0) event_schedule(&list, 1000, 2, i, 0);
        if (i < 200) event_schedule(&list, 999, 3, i, 0);
    }
    for (uint32_t i = 0; i < 200; i++)
        assert_true(event_next(&list, 999, &got) && got.kind == 3 && got.entity == i);
    for (uint32_t fired = 0; event_next(&list, 1000, &got); fired++) {
        assert_true(got.seq > last_seq || got.seq == 0);
        last_seq = got.seq;
        if (fired < 2000) event_schedule(&list, 1000, 4, fired, 0);
    }
    assert_int_equal(list.fired, 3000 + 500 + 250 + 200 + 2000);
    assert_true(list.moves < 4 * list.fired);
}

static void a_handle_of_another_list_does_nothing(void **state)
{
    (void)state;
    struct event_list other;
    event_list_init(&other, &memory, 100);
    for (uint32_t i = 0; i < 10; i++)
        event_schedule(&other, 10, 0, i, 0);
    struct event_handle foreign = event_schedule_cancellable(&other, 10, 0, 10, 0);
    event_schedule(&list, 10, 0, 0, 0);
    assert_false(event_cancel(&list, foreign)); /* beyond its pool or of another sequence number */
    assert_true(event_cancel(&other, foreign));
    assert_int_equal(list.cancelled_total, 0);
    assert_int_equal(list.pending, 1);
}

/* Run `act` in a child; exit code or minus the signal, and what it printed to standard error. */
static int run_child(void (*act)(void), char *text, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL); /* cmocka catches it */
        act();
        _exit(0);
    }
    close(ends[1]);
    size_t used = 0;
    for (ssize_t n; (n = read(ends[0], text + used, size - 1 - used)) > 0;)
        used += (size_t)n;
    text[used] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void schedule_in_the_past(void)
{
    event_schedule(&list, 100, 1, 0, 0);
    event_next(&list, 100, &got);
    event_schedule(&list, 99, 17, 0, 0);
}

static void schedule_negative(void)
{
    event_schedule_cancellable(&list, -1, 5, 0, 0);
}

static void nan_time(void)
{
    event_schedule(&list, event_ns(__builtin_nan("")), 1, 0, 0);
}

static void negative_time(void)
{
    event_schedule(&list, event_ns(-1.5), 1, 0, 0);
}

static void endless_time(void)
{
    event_schedule(&list, event_ns(1e19), 1, 0, 0);
}

static void schedule_too_many(void)
{
    event_list_init(&list, &memory, 1000);
    struct event_handle dead = event_schedule_cancellable(&list, 5, 0, 0, 0);
    event_cancel(&list, dead);
    for (uint32_t i = 0;; i++) {
        if (i == 1000) fputs("at the limit\n", stderr);
        event_schedule(&list, i, 0, i, 0);
    }
}

static void misuse_is_reported(void **state)
{
    (void)state;
    char text[500];
    assert_int_equal(run_child(schedule_in_the_past, text, sizeof text), -SIGABRT);
    assert_non_null(strstr(text, "event of kind 17 scheduled at 99 ns, before now (100 ns)"));
    assert_int_equal(run_child(schedule_negative, text, sizeof text), -SIGABRT);
    assert_non_null(strstr(text, "event of kind 5 scheduled at -1 ns"));
    assert_int_equal(run_child(nan_time, text, sizeof text), -SIGABRT);
    assert_non_null(strstr(text, "nan ns is not a time"));
    assert_int_equal(run_child(negative_time, text, sizeof text), -SIGABRT);
    assert_non_null(strstr(text, "-1.5 ns is not a time"));
    assert_int_equal(run_child(endless_time, text, sizeof text), -SIGABRT);
    assert_non_null(strstr(text, "1e+19 ns is not a time"));
    assert_int_equal(event_ns(0x1p62), (int64_t)1 << 62);
    assert_int_equal(event_ns(2.75), 2);
    assert_int_equal(run_child(schedule_too_many, text, sizeof text), 3);
    assert_string_equal(text, "at the limit\n"
                              "error: event list full: 1000 pending events (limit 1000)\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(events_come_by_time_then_sequence),
        TEST(the_clock_stops_at_the_horizon),
        TEST(an_event_at_zero_is_no_tie),
        TEST(a_cancelled_event_never_fires),
        TEST(an_old_handle_does_not_reach_the_next_user_of_its_slot),
        TEST(any_mix_of_operations_equals_the_slow_twin),
        TEST(mass_cancellation_compacts),
        TEST(a_large_list_stays_in_order),
        TEST(the_hash_sees_every_field_and_the_order),
        TEST(the_hash_avalanches),
        TEST(the_hash_is_golden),
        TEST(a_list_taken_out_and_put_in_goes_on_alike),
        TEST(an_empty_list_can_be_moved),
        TEST(any_increments_cost_a_few_moves),
        TEST(one_far_event_changes_little),
        TEST(memory_stays_bounded),
        TEST(looking_early_does_not_nest_rungs),
        TEST(a_crowd_at_one_time_comes_in_order),
        TEST(a_handle_of_another_list_does_nothing),
        TEST(misuse_is_reported),
    };
    return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
