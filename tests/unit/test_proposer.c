/* SPDX-License-Identifier: Apache-2.0
 * Proposer priority against CometBFT's own published vectors, against a slow twin in exact
 * rational arithmetic of another form, and against the law it must obey in the long run. */
#include <assert.h>

#include "models/consensus/proposer.h"
#include "sim/sim.h"
#include "tests/unit/unit.h"

enum { TWIN_MAX = 64 };

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

/* ---- vectors from cometbft types/validator_set_test.go -------------------------------------- */

/* TestAveragingInIncrementProposerPriorityWithVotingPower: powers 10, 1, 1 from priorities 0; the
 * state after one call with `times`. */
static void test_published_increments(void **state)
{
    static const int64_t powers[] = {10, 1, 1}, zero[] = {0, 0, 0};
    static const struct {
        int64_t priority[3];
        uint32_t proposer;
    } want[] = {
        {{-2, 1, 1}, 0},  {{-4, 2, 2}, 0},  {{-6, 3, 3}, 0},  {{-8, 4, 4}, 0},
        {{2, -7, 5}, 1},  {{0, -6, 6}, 0},  {{-2, -5, 7}, 0}, {{-4, -4, 8}, 0},
        {{6, -3, -3}, 2}, {{4, -2, -2}, 0}, {{2, -1, -1}, 0},
    };
    (void)state;
    for (uint32_t times = 1; times <= 11; times++) {
        struct proposer_set set;
        proposer_load(&set, &arena, powers, zero, 3);
        proposer_increment(&set, times);
        assert_memory_equal(set.priority, want[times - 1].priority, sizeof zero);
        assert_int_equal(set.proposer, want[times - 1].proposer);
    }
}

/* Go's big.Int.Div rounds down: 2 / 3 = 0, but -123 / 2 = -62. */
static void test_centring_floors(void **state)
{
    static const int64_t powers[] = {1, 1, 1}, priorities[] = {3, -2, 1};
    struct proposer_set set;
    (void)state;
    proposer_load(&set, &arena, powers, priorities, 3);
    proposer_increment(&set, 1); /* average 2/3 -> 0; +1 each; 4 - 3 */
    assert_int_equal(set.priority[0], 1);
    assert_int_equal(set.priority[1], -1);
    assert_int_equal(set.priority[2], 2);
    static const int64_t two[] = {100, 100}, odd[] = {-1, -122};
    proposer_load(&set, &arena, two, odd, 2);
    proposer_increment(&set, 1); /* average -61.5 -> -62 */
    assert_int_equal(set.priority[0], -1 + 62 + 100 - 200);
    assert_int_equal(set.priority[1], -122 + 62 + 100);
}

/* The trap of spec/consensus/proposer-selection.md: p3 joins p1 = 2, p2 = -2 at -13 with power 8 of
 * total 12 (powers 1, 3, 8).  The page says average -4 and ends at -5, 5, -1; the code floors the
 * average of -13/3 to -5, which shifts to 7, 3, -8 before the increment. */
static void test_specification_trap(void **state)
{
    static const int64_t powers[] = {1, 3, 8}, priorities[] = {2, -2, -13};
    struct proposer_set set;
    (void)state;
    proposer_load(&set, &arena, powers, priorities, 3);
    proposer_increment(&set, 1);
    assert_int_equal(set.priority[0], 7 + 1 - 12);
    assert_int_equal(set.priority[1], 3 + 3);
    assert_int_equal(set.priority[2], -8 + 8);
    assert_int_equal(set.proposer, 0);
}

static void test_rescale_truncates(void **state)
{
    static const int64_t powers[] = {1, 1, 1}, priorities[] = {-20, 1, 9};
    struct proposer_set set;
    (void)state;
    proposer_load(&set, &arena, powers, priorities, 3);
    proposer_increment(&set, 1); /* spread 29, window 6: / 5 -> -4, 0, 1; average -1 -> -3, 1, 2 */
    assert_int_equal(set.priority[0], -2);
    assert_int_equal(set.priority[1], 2);
    assert_int_equal(set.priority[2], 0);
    assert_int_equal(set.proposer, 2);
}

static void test_creation(void **state)
{
    static const int64_t powers[] = {1, 1, 1, 1}, uneven[] = {1, 5, 2};
    struct proposer_set set;
    (void)state;
    proposer_create(&set, &arena, powers, 4); /* equal powers: in order of address */
    for (uint32_t i = 0; i < 12; i++) {
        assert_int_equal(set.proposer, i % 4);
        proposer_increment(&set, 1);
    }
    proposer_create(&set, &arena, uneven, 3);
    assert_int_equal(set.proposer, 1);
    assert_int_equal(set.priority[0], 1);
    assert_int_equal(set.priority[1], 5 - 8);
    assert_int_equal(set.priority[2], 2);
}

static void test_powers_valid(void **state)
{
    static const int64_t good[] = {PROPOSER_POWER_MAX - 1, 1}, many[] = {PROPOSER_POWER_MAX, 1};
    static const int64_t zero[] = {1, 0}, negative[] = {-1, 5}, huge[] = {INT64_MAX, INT64_MAX};
    (void)state;
    assert_true(proposer_powers_valid(good, 2));
    assert_false(proposer_powers_valid(many, 2));
    assert_false(proposer_powers_valid(zero, 2));
    assert_false(proposer_powers_valid(negative, 2));
    assert_false(proposer_powers_valid(huge, 2));
    assert_false(proposer_powers_valid(good, 0));
}

/* ---- the slow twin -------------------------------------------------------------------------- */

__extension__ typedef __int128 wide;

static int64_t twin_clip(wide x)
{
    return x > INT64_MAX ? INT64_MAX : x < INT64_MIN ? INT64_MIN : (int64_t)x;
}

/* Written from the rule and not from the code: quotients by repeated search in 128 bits. */
static uint32_t twin_increment(const int64_t *powers, int64_t *priorities, uint32_t n)
{
    wide total = 0, sum = 0, top = INT64_MIN, bottom = INT64_MAX, ratio = 1, average = 0;
    assert(n > 0);
    for (uint32_t i = 0; i < n; i++) {
        total += powers[i];
        top = priorities[i] > top ? priorities[i] : top;
        bottom = priorities[i] < bottom ? priorities[i] : bottom;
    }
    while (ratio * 2 * total < top - bottom)
        ratio++;
    for (uint32_t i = 0; i < n; i++) {
        wide size = priorities[i] < 0 ? -(wide)priorities[i] : priorities[i];
        size = (size - size % ratio) / ratio;
        priorities[i] = (int64_t)(priorities[i] < 0 ? -size : size);
        sum += priorities[i];
    }
    average = sum / (wide)n;
    while (average * (wide)n > sum)
        average--;
    uint32_t best = n;
    for (uint32_t i = n; i-- > 0;) {
        priorities[i] = twin_clip((wide)priorities[i] - average);
        priorities[i] = twin_clip((wide)priorities[i] + powers[i]);
        if (best == n || priorities[i] >= priorities[best]) best = i;
    }
    priorities[best] = twin_clip((wide)priorities[best] - total);
    return best;
}

static void test_twin(void **state)
{
    struct rng_stream s = rng_open(2385, 0, 1, 0);
    (void)state;
    for (uint32_t run = 0; run < 400; run++) {
        uint32_t n = 1 + (uint32_t)rng_below(&s, TWIN_MAX);
        int64_t powers[TWIN_MAX], priorities[TWIN_MAX];
        uint64_t scale = (uint64_t)1 << rng_below(&s, 48), wide_of = scale << rng_below(&s, 6);
        for (uint32_t i = 0; i < n; i++) {
            powers[i] = 1 + (int64_t)rng_below(&s, scale);
            priorities[i] = (int64_t)rng_below(&s, 2 * wide_of + 1) - (int64_t)wide_of;
        }
        struct proposer_set set;
        proposer_load(&set, &arena, powers, priorities, n);
        for (uint32_t step = 0; step < 50; step++) {
            uint32_t best = twin_increment(powers, priorities, n);
            proposer_increment(&set, 1);
            assert_int_equal(set.proposer, best);
            assert_memory_equal(set.priority, priorities, n * sizeof *priorities);
        }
    }
}

/* ---- the law -------------------------------------------------------------------------------- */

/* Over k P turns of a fixed set each validator proposes exactly k times its power, because the
 * priorities stay bounded and return; at any time it is off by less than 2 turns. */
static void test_frequency(void **state)
{
    enum { N = 7 };
    static const int64_t powers[N] = {1, 2, 3, 5, 8, 13, 21}; /* total 53 */
    struct proposer_set set;
    int64_t turns[N] = {0};
    (void)state;
    proposer_create(&set, &arena, powers, N);
    for (int64_t t = 1; t <= 53 * 40; t++) {
        turns[set.proposer]++;
        proposer_increment(&set, 1);
        for (uint32_t i = 0; i < N; i++)
            assert_true(llabs(53 * turns[i] - t * powers[i]) < 2 * 53);
    }
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(turns[i], 40 * powers[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_increments),
        cmocka_unit_test(test_centring_floors),
        cmocka_unit_test(test_specification_trap),
        cmocka_unit_test(test_rescale_truncates),
        cmocka_unit_test(test_creation),
        cmocka_unit_test(test_powers_valid),
        cmocka_unit_test(test_twin),
        cmocka_unit_test(test_frequency),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
