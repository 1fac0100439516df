/* SPDX-License-Identifier: Apache-2.0
 * Changing validator sets against the vectors of cometbft types/validator_set_test.go and against a
 * slow twin in 128 bits over random histories. */
#include "models/consensus/valset.h"
#include "sim/sim.h"
#include "tests/unit/unit.h"

#define MAX PROPOSER_POWER_MAX
enum { ROOM = 128 };

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, "test", 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* ---- vectors -----------------------------------------------------------------------------------
 */

enum { MOST = 10 };
struct vector {
    struct valset_change start[MOST], update[MOST],
        end[MOST]; /* id 0 ends; end: order of the set */
    bool refused;
};

static uint32_t vector_count(const struct valset_change *list)
{
    uint32_t count = 0;
    while (count < MOST && list[count].id != 0)
        count++;
    return count;
}

/* verifyValidatorSet: centred, scaled, total power in step. */
static void assert_sound(const struct valset *set)
{
    money_t sum = 0, power = 0;
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (uint32_t i = 0; i < set->turn.count; i++) {
        int64_t priority = set->turn.priority[i];
        sum += priority;
        power += set->power[i];
        low = priority < low ? priority : low;
        high = priority > high ? priority : high;
    }
    assert_true(power == set->turn.total);
    assert_true(sum < set->turn.count && sum > -(money_t)set->turn.count);
    assert_true((money_t)high - low <= 2 * (money_t)set->turn.total);
}

static void assert_members(const struct valset *set, const struct valset_change *want)
{
    uint32_t order[ROOM];
    assert_int_equal(set->turn.count, vector_count(want));
    valset_order(set, order);
    for (uint32_t i = 0; i < set->turn.count; i++) {
        assert_int_equal(set->id[order[i]], want[i].id);
        assert_int_equal(set->power[order[i]], want[i].power);
    }
}

static void run_vector(const struct vector *v)
{
    struct valset set, before;
    valset_init(&set, &arena, ROOM);
    valset_init(&before, &arena, ROOM);
    assert_null(valset_create(&set, v->start, vector_count(v->start)));
    assert_sound(&set);
    valset_copy(&before, &set);
    const char *why = valset_update(&set, v->update, vector_count(v->update));
    assert_int_equal(why != NULL, v->refused);
    assert_sound(&set);
    if (!v->refused) {
        assert_members(&set, v->end);
        return;
    }
    assert_int_equal(set.turn.count, before.turn.count); /* not changed at all */
    assert_memory_equal(set.power, before.power, set.turn.count * sizeof *set.power);
    assert_memory_equal(set.turn.priority, before.turn.priority,
                        set.turn.count * sizeof *set.turn.priority);
}

/* TestValSetUpdatesDuplicateEntries, ...Overflows, ...OtherErrors. */
static void test_refused(void **state)
{
    static const struct vector vectors[] = {
        {.start = {{1, 10}, {2, 10}}, .update = {{1, 11}, {1, 22}}},
        {.start = {{1, 10}, {2, 10}}, .update = {{2, 11}, {2, 22}}},
        {.start = {{1, 10}, {2, 10}}, .update = {{1, 11}, {2, 22}, {1, 12}}},
        {.start = {{1, 10}, {2, 10}, {3, 10}}, .update = {{1, 11}, {3, 22}, {1, 12}}},
        {.start = {{1, 10}, {2, 10}}, .update = {{1, 0}, {1, 0}}},
        {.start = {{1, 10}, {2, 10}}, .update = {{1, 0}, {2, 0}, {1, 0}}},
        {.start = {{1, 10}, {2, 10}, {3, 10}}, .update = {{1, 0}, {3, 0}, {1, 0}}},
        {.start = {{1, 10}, {2, 10}}, .update = {{1, 0}, {2, 20}, {1, 30}}},
        {.start = {{1, 10}, {2, 10}}, .update = {{1, 0}, {2, 20}, {2, 30}, {1, 0}}},
        {.start = {{1, 10}, {2, 10}, {3, 10}},
         .update = {{1, 0}, {3, 5}, {2, 20}, {2, 30}, {1, 0}}},
        {.start = {{1, 10}, {2, 10}}, .update = {{1, INT64_MAX}}},
        {.start = {{1, 10}, {2, 10}}, .update = {{2, INT64_MAX}}},
        {.start = {{1, MAX}}, .update = {{2, INT64_MAX}}},
        {.start = {{1, MAX - 1}}, .update = {{2, 5}}},
        {.start = {{1, MAX / 3}, {2, MAX / 3}}, .update = {{3, MAX / 2}}},
        {.start = {{1, MAX}}, .update = {{2, MAX}}},
        {.start = {{1, 10}, {2, 10}}, .update = {{1, -123}}},
        {.start = {{1, 10}, {2, 10}}, .update = {{2, -123}}},
        {.start = {{1, 10}, {2, 10}}, .update = {{3, 0}}},
        {.start = {{1, 10}, {2, 20}, {3, 30}}, .update = {{1, 0}, {2, 0}, {3, 0}}},
        {.start = {{1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}, {6, 1}, {7, 1}, {8, 1}, {9, 1}},
         .update = {{1, MAX},
                    {2, MAX},
                    {3, MAX},
                    {4, MAX},
                    {5, MAX},
                    {6, MAX},
                    {7, MAX},
                    {8, MAX},
                    {9, 8}}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct vector v = vectors[i];
        v.refused = true;
        run_vector(&v);
    }
}

/* TestValSetUpdatesBasicTestsExecute, TestValSetUpdateOverflowRelated,
 * TestValSetUpdatePriorityOrder (its fixed cases). */
static void test_accepted(void **state)
{
    static const struct vector vectors[] = {
        {.start = {{1, 10}, {2, 10}}, .end = {{1, 10}, {2, 10}}},
        {{{1, 10}, {2, 10}}, {{2, 22}, {1, 11}}, {{2, 22}, {1, 11}}, false},
        {{{2, 20}, {1, 10}}, {{4, 40}, {3, 30}}, {{4, 40}, {3, 30}, {2, 20}, {1, 10}}, false},
        {{{3, 20}, {1, 10}}, {{2, 30}}, {{2, 30}, {3, 20}, {1, 10}}, false},
        {{{3, 20}, {2, 10}}, {{1, 30}}, {{1, 30}, {3, 20}, {2, 10}}, false},
        {{{3, 30}, {2, 20}, {1, 10}}, {{2, 0}}, {{3, 30}, {1, 10}}, false},
        {{{2, MAX - 1}, {1, 1}}, {{1, MAX - 1}, {2, 1}}, {{1, MAX - 1}, {2, 1}}, false},
        {{{2, MAX - 1}, {1, 1}},
         {{1, MAX / 2 - 1}, {2, MAX / 2}},
         {{2, MAX / 2}, {1, MAX / 2 - 1}},
         false},
        {{{1, MAX - 2}, {2, 1}, {3, 1}},
         {{1, 0}, {4, MAX - 2}},
         {{4, MAX - 2}, {2, 1}, {3, 1}},
         false},
        {{{1, MAX / 4}, {2, MAX / 4}, {3, MAX / 4}, {4, MAX / 4}},
         {{2, 0}, {1, MAX / 2 - 2}, {3, MAX / 2 - 3}, {4, 2}, {5, 3}},
         {{1, MAX / 2 - 2}, {3, MAX / 2 - 3}, {5, 3}, {4, 2}},
         false},
        {{{3, 1000}, {1, 1}, {2, 1}}, {{3, 0}}, {{1, 1}, {2, 1}}, false},
        {{{3, 1000}, {2, 10}, {1, 1}}, {{3, 0}}, {{2, 10}, {1, 1}}, false},
        {{{3, 1000}, {2, 2}, {1, 1}},
         {{5, 50}, {4, 40}, {2, 1}, {3, 0}},
         {{5, 50}, {4, 40}, {1, 1}, {2, 1}},
         false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        run_vector(&vectors[i]);
}

/* TestProposerSelection1: foo 1000, bar 300, baz 330; in order of address bar, baz, foo. */
static void test_selection_1(void **state)
{
    static const char want[] = "foo baz foo bar foo foo baz foo bar foo foo baz foo foo bar foo "
                               "baz foo foo bar foo foo baz foo bar foo foo baz foo bar foo foo "
                               "baz foo foo bar foo baz foo foo bar foo baz foo foo bar foo baz "
                               "foo foo bar foo baz foo foo foo baz bar foo foo foo baz foo bar "
                               "foo foo baz foo bar foo foo baz foo bar foo foo baz foo bar foo "
                               "foo baz foo foo bar foo baz foo foo bar foo baz foo foo bar foo "
                               "baz foo foo";
    static const char *const names[] = {"bar", "baz", "foo"};
    static const struct valset_change start[] = {{2, 1000}, {0, 300}, {1, 330}};
    struct valset set;
    char got[sizeof want + 8] = "";
    (void)state;
    valset_init(&set, &arena, 3);
    assert_null(valset_create(&set, start, 3));
    for (uint32_t i = 0; i < 99; i++) {
        strcat(got, i ? " " : "");
        strcat(got, names[set.proposer]);
        valset_increment(&set, 1);
    }
    assert_string_equal(got, want);
}

/* TestProposerSelection2 (uneven powers) and 3 (calls with k > 1 keep the order). */
static void test_selection_2_3(void **state)
{
    static const struct valset_change a[] = {{0, 100}, {1, 100}, {2, 400}};
    static const struct valset_change b[] = {{0, 100}, {1, 100}, {2, 401}};
    static const struct valset_change c[] = {{0, 4}, {1, 5}, {2, 3}};
    static const struct valset_change d[] = {{0, 1}, {1, 1}, {2, 1}, {3, 1}};
    struct rng_stream s = rng_open(3, 0, 1, 0);
    struct valset set;
    uint32_t turns[3] = {0}, place = 0;
    (void)state;
    valset_init(&set, &arena, 4);
    valset_create(&set, a, 3);
    assert_int_equal(set.proposer, 2);
    valset_increment(&set, 1);
    assert_int_equal(set.proposer, 0);
    valset_create(&set, b, 3);
    assert_int_equal(set.proposer, 2);
    valset_increment(&set, 1);
    assert_int_equal(set.proposer, 2);
    valset_increment(&set, 1);
    assert_int_equal(set.proposer, 0);
    valset_create(&set, c, 3);
    for (uint32_t i = 0; i < 120; i++, valset_increment(&set, 1))
        turns[set.proposer]++;
    assert_true(turns[0] == 40 && turns[1] == 50 && turns[2] == 30);
    valset_create(&set, d, 4);
    for (uint32_t i = 0; i < 10000; i++) {
        assert_int_equal(set.proposer, place % 4);
        uint32_t times = 1 + (uint32_t)rng_below(&s, 5);
        valset_increment(&set, times);
        place += times;
    }
}

/* A newcomer starts at -(T + T/8): by hand.  v1 10, v2 20 created: after one increment 10, -10.  v3
 * joins with 30: T = 60, -67; average of -67/3 floors to -23. */
static void test_newcomer(void **state)
{
    static const struct valset_change start[] = {{1, 10}, {2, 20}}, join[] = {{3, 30}};
    struct valset set;
    (void)state;
    valset_init(&set, &arena, 3);
    valset_create(&set, start, 2);
    assert_int_equal(set.turn.priority[0], 10);
    assert_int_equal(set.turn.priority[1], -10);
    assert_null(valset_update(&set, join, 1));
    assert_int_equal(set.turn.priority[0], 33);
    assert_int_equal(set.turn.priority[1], 13);
    assert_int_equal(set.turn.priority[2], -44);
    assert_int_equal(set.proposer, 2);
}

/* ---- the slow twin -----------------------------------------------------------------------------
 */

__extension__ typedef __int128 wide;
struct twin {
    wide power[ROOM], priority[ROOM]; /* by id; power 0: no member */
    uint32_t proposer;
};

static wide twin_clip(wide x)
{
    return x > INT64_MAX ? INT64_MAX : x < INT64_MIN ? INT64_MIN : x;
}

static wide twin_total(const struct twin *t)
{
    wide total = 0;
    for (uint32_t i = 0; i < ROOM; i++)
        total += t->power[i];
    return total;
}

static void twin_normalise(struct twin *t)
{
    wide low = INT64_MAX, high = INT64_MIN, sum = 0, count = 0, window = 2 * twin_total(t);
    for (uint32_t i = 0; i < ROOM; i++) {
        if (t->power[i] == 0) continue;
        low = t->priority[i] < low ? t->priority[i] : low;
        high = t->priority[i] > high ? t->priority[i] : high;
    }
    wide ratio = high - low > window ? (high - low + window - 1) / window : 1;
    for (uint32_t i = 0; i < ROOM; i++) {
        if (t->power[i] == 0) continue;
        t->priority[i] /= ratio;
        sum += t->priority[i];
        count++;
    }
    wide average = sum / count;
    while (average * count > sum)
        average--;
    for (uint32_t i = 0; i < ROOM; i++)
        if (t->power[i] != 0) t->priority[i] = twin_clip(t->priority[i] - average);
}

static void twin_increment(struct twin *t, uint32_t times)
{
    twin_normalise(t);
    for (; times > 0; times--) {
        uint32_t best = ROOM;
        for (uint32_t i = 0; i < ROOM; i++) {
            if (t->power[i] == 0) continue;
            t->priority[i] = twin_clip(t->priority[i] + t->power[i]);
            if (best == ROOM || t->priority[i] > t->priority[best]) best = i;
        }
        t->priority[best] = twin_clip(t->priority[best] - twin_total(t));
        t->proposer = best;
    }
}

/* Change by change, each in the order that CometBFT applies them for its overflow check. */
static bool twin_update(struct twin *t, const struct valset_change *changes, uint32_t count)
{
    wide running = twin_total(t), before = running;
    bool done[ROOM] = {false};
    struct twin next = *t;
    for (uint32_t i = 0; i < count; i++)
        if (changes[i].power == 0) running -= t->power[changes[i].id];
    for (uint32_t k = 0; k < count; k++) {
        uint32_t best = count;
        wide least = 0;
        for (uint32_t i = 0; i < count; i++) {
            wide delta = changes[i].power - t->power[changes[i].id];
            if (done[i] || changes[i].power == 0 || (best < count && delta >= least)) continue;
            best = i;
            least = delta;
        }
        if (best == count) break;
        done[best] = true;
        running += least;
        before += least;
        if (running > MAX) return false;
    }
    if (running == 0) return false;
    for (uint32_t i = 0; i < count; i++) {
        if (t->power[changes[i].id] == 0) {
            if (changes[i].power == 0) return false;
            next.priority[changes[i].id] = -(before + before / 8);
        }
        next.power[changes[i].id] = changes[i].power;
    }
    *t = next;
    twin_normalise(t);
    return true;
}

static uint32_t draw_changes(struct rng_stream *s, struct valset_change *changes, uint64_t scale)
{
    uint32_t count = 0, most = 1 + (uint32_t)rng_below(s, 12);
    uint32_t id = (uint32_t)rng_below(s, 20);
    for (; count < most && id < ROOM; id += 1 + (uint32_t)rng_below(s, 20))
        changes[count++] =
            (struct valset_change){id, rng_below(s, 4) == 0 ? 0 : 1 + (int64_t)rng_below(s, scale)};
    return count;
}

static void assert_twin(const struct valset *set, const struct twin *twin)
{
    uint32_t members = 0;
    for (uint32_t i = 0; i < ROOM; i++) {
        if (twin->power[i] == 0) continue;
        long at = valset_find(set, i);
        members++;
        assert_true(at >= 0);
        assert_true(set->power[at] == twin->power[i]);
        assert_true(set->turn.priority[at] == twin->priority[i]);
    }
    assert_int_equal(set->turn.count, members);
    assert_true(set->turn.total == twin_total(twin));
}

static void test_twin(void **state)
{
    struct rng_stream s = rng_open(86, 0, 1, 0);
    uint32_t refused = 0, accepted = 0;
    struct valset set;
    (void)state;
    valset_init(&set, &arena, ROOM);
    for (uint32_t run = 0; run < 300; run++) {
        struct twin twin = {{0}, {0}, 0};
        uint64_t scale = (uint64_t)2 << rng_below(&s, 59);
        struct valset_change first = {(uint32_t)rng_below(&s, ROOM), 1};
        assert_null(valset_create(&set, &first, 1));
        twin.power[first.id] = 1;
        twin_increment(&twin, 1);
        for (uint32_t step = 0; step < 40; step++) {
            struct valset_change changes[ROOM];
            uint32_t count = draw_changes(&s, changes, scale);
            uint32_t times = 1 + (uint32_t)rng_below(&s, 7);
            bool good = valset_update(&set, changes, count) == NULL;
            assert_int_equal(good, twin_update(&twin, changes, count));
            accepted += good;
            refused += !good;
            assert_twin(&set, &twin);
            valset_increment(&set, times);
            twin_increment(&twin, times);
            assert_twin(&set, &twin);
            assert_int_equal(set.proposer, twin.proposer);
        }
    }
    assert_true(accepted > 500 && refused > 500); /* both kinds were met */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_selection_1), cmocka_unit_test(test_selection_2_3),
        cmocka_unit_test(test_newcomer),    cmocka_unit_test(test_twin),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
