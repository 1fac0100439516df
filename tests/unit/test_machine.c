/* SPDX-License-Identifier: Apache-2.0
 * The parts of the state machine that scripts do not reach: vote sets, times, PBTS, evidence.
 * Vectors from cometbft types/vote_set_test.go, consensus/types/height_vote_set_test.go,
 * types/proposal_test.go (TestIsTimely), types/time (TestWeightedMedian), evidence/pool_test.go. */
#include "models/consensus/evidence.h"
#include "models/consensus/machine.h"
#include "tests/unit/unit.h"

enum { ROOM = 100 };
#define S ((int64_t)1000000000)

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

static struct valset equal_set(uint32_t count)
{
    struct valset set;
    struct valset_change members[ROOM];
    valset_init(&set, &arena, ROOM);
    for (uint32_t i = 0; i < count; i++)
        members[i] = (struct valset_change){i, 1};
    assert_null(valset_create(&set, members, count));
    return set;
}

static struct votes fresh(const struct valset *set)
{
    struct votes votes;
    votes_init(&votes, &arena, ROOM);
    votes_reset(&votes, set);
    votes_open(&votes, 0);
    return votes;
}

static enum votes_result vote(struct votes *votes, int32_t round, uint32_t voter, uint64_t value)
{
    uint64_t other;
    struct votes_vote v = {VOTES_PREVOTE, round, voter, voter, value, 0};
    return votes_add(votes, &v, &other);
}

/* ---- vote sets ---------------------------------------------------------------------------------
 */

/* TestVoteSet_2_3Majority: of 10, 6 for nil are none, 7 of any are "any", 7 for nil a majority. */
static void test_majority(void **state)
{
    struct valset set = equal_set(10);
    struct votes votes = fresh(&set);
    (void)state;
    for (uint32_t i = 0; i < 6; i++)
        vote(&votes, 0, i, VOTES_NIL);
    assert_true(votes_majority(&votes, 0, VOTES_PREVOTE) == VOTES_NONE);
    assert_false(votes_any(&votes, 0, VOTES_PREVOTE));
    vote(&votes, 0, 6, 77);
    assert_true(votes_majority(&votes, 0, VOTES_PREVOTE) == VOTES_NONE);
    assert_true(votes_any(&votes, 0, VOTES_PREVOTE));
    vote(&votes, 0, 7, VOTES_NIL);
    assert_true(votes_majority(&votes, 0, VOTES_PREVOTE) == VOTES_NIL);
    assert_false(votes_all(&votes, 0, VOTES_PREVOTE));
}

/* TestVoteSet_2_3MajorityRedux: of 100, 66 are none and the 67th decides; votes for other blocks in
 * between do not. */
static void test_majority_of_100(void **state)
{
    struct valset set = equal_set(100);
    struct votes votes = fresh(&set);
    (void)state;
    for (uint32_t i = 0; i < 66; i++)
        vote(&votes, 0, i, 5);
    assert_true(votes_majority(&votes, 0, VOTES_PREVOTE) == VOTES_NONE);
    vote(&votes, 0, 66, VOTES_NIL);
    vote(&votes, 0, 67, 6);
    vote(&votes, 0, 68, 7);
    assert_true(votes_majority(&votes, 0, VOTES_PREVOTE) == VOTES_NONE);
    assert_true(votes_any(&votes, 0, VOTES_PREVOTE));
    vote(&votes, 0, 71, 5);
    assert_true(votes_majority(&votes, 0, VOTES_PREVOTE) == 5);
}

/* TestVoteSet_Conflicts, with the same four validators and the same order. */
static void test_conflicts(void **state)
{
    struct valset set = equal_set(4);
    struct votes votes = fresh(&set);
    (void)state;
    assert_int_equal(vote(&votes, 0, 0, VOTES_NIL), VOTES_ADDED);
    assert_int_equal(vote(&votes, 0, 0, 1), VOTES_CONFLICT);
    votes_claim(&votes, 0, VOTES_PREVOTE, 0, 1);
    assert_int_equal(vote(&votes, 0, 0, 1), VOTES_CONFLICT_ADDED);
    votes_claim(&votes, 0, VOTES_PREVOTE, 0, 2); /* the same peer again: not heard */
    assert_int_equal(vote(&votes, 0, 0, 2), VOTES_CONFLICT);
    assert_int_equal(vote(&votes, 0, 1, 1), VOTES_ADDED);
    assert_true(votes_majority(&votes, 0, VOTES_PREVOTE) == VOTES_NONE);
    assert_false(votes_any(&votes, 0, VOTES_PREVOTE));
    assert_int_equal(vote(&votes, 0, 2, 2), VOTES_ADDED);
    assert_true(votes_any(&votes, 0, VOTES_PREVOTE));
    votes_claim(&votes, 0, VOTES_PREVOTE, 1, 1);
    assert_int_equal(vote(&votes, 0, 2, 1), VOTES_CONFLICT_ADDED);
    assert_true(votes_majority(&votes, 0, VOTES_PREVOTE) == 1);
    assert_int_equal(vote(&votes, 0, 2, 1), VOTES_DUPLICATE);
}

/* TestPeerCatchupRounds. */
static void test_catchup(void **state)
{
    struct valset set = equal_set(10);
    struct votes votes = fresh(&set);
    (void)state;
    assert_int_equal(vote(&votes, 999, 0, 1), VOTES_ADDED);
    assert_int_equal(vote(&votes, 999, 0, 1), VOTES_DUPLICATE);
    assert_int_equal(vote(&votes, 1000, 0, 1), VOTES_ADDED);
    assert_int_equal(vote(&votes, 1001, 0, 1), VOTES_UNWANTED);
    assert_int_equal(vote(&votes, 1001, 1, 1), VOTES_ADDED);
    assert_int_equal(vote(&votes, 1001, 0, 1), VOTES_ADDED); /* open now */
    votes_reset(&votes, &set);
    assert_int_equal(vote(&votes, 1001, 0, 1), VOTES_ADDED); /* a new height, a new count */
}

/* The quorum is exact where 2P would not fit: floor(2P/3) + 1 for the largest total. */
static void test_quorum_of_the_largest(void **state)
{
    static const struct valset_change members[] = {
        {0, PROPOSER_POWER_MAX / 3 * 2}, {1, 1}, {2, PROPOSER_POWER_MAX / 3 - 1}};
    struct valset set;
    (void)state;
    assert_int_equal(PROPOSER_POWER_MAX % 3, 0);
    valset_init(&set, &arena, ROOM);
    assert_null(valset_create(&set, members, 3));
    struct votes votes = fresh(&set);
    vote(&votes, 0, 0, 9);
    assert_true(votes_majority(&votes, 0, VOTES_PREVOTE) == VOTES_NONE);
    vote(&votes, 0, 1, 9);
    assert_true(votes_majority(&votes, 0, VOTES_PREVOTE) == 9);
}

/* ---- times -------------------------------------------------------------------------------------
 */

/* TestWeightedMedian, and nil votes that do not count. */
static void test_median(void **state)
{
    static const struct {
        int64_t power[8], time_s[8], want_s;
    } vectors[] = {
        {{33, 40, 27}, {0, 5, 10}, 5},
        {{40, 27, 33}, {0, 5, 10}, 5},
        {{10, 10, 10, 23, 20, 10}, {0, 5, 5, 10, 15, 60}, 10},
    };
    (void)state;
    for (size_t v = 0; v < sizeof vectors / sizeof vectors[0]; v++) {
        struct valset_change members[9] = {{8, 1000}}; /* votes nil, long ago */
        uint32_t count = 1;
        struct valset set;
        for (uint32_t i = 0; i < 8 && vectors[v].power[i] > 0; i++)
            members[count++] = (struct valset_change){i, vectors[v].power[i]};
        valset_init(&set, &arena, ROOM);
        assert_null(valset_create(&set, members, count));
        struct votes votes = fresh(&set);
        uint64_t other;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t id = members[i].id;
            struct votes_vote one = {.type = VOTES_PRECOMMIT,
                                     .voter = id,
                                     .peer = id,
                                     .value = id == 8 ? VOTES_NIL : 3,
                                     .time_ns = id == 8 ? -1000 * S : vectors[v].time_s[id] * S};
            votes_add(&votes, &one, &other);
        }
        int64_t got = votes_median_ns(votes_find(&votes, 0, VOTES_PRECOMMIT), &set, 3);
        assert_int_equal(got, vectors[v].want_s * S);
    }
}

/* TestIsTimely: precision 2 ns, message delay 1 ns. */
static void test_timely(void **state)
{
    static const struct {
        int64_t received, precision, delay;
        int32_t round;
        bool want;
    } vectors[] = {{1, 2, 1, 0, true},   {4, 2, 1, 0, false},  {-4, 2, 1, 0, false},
                   {3, 2, 1, 0, true},   {-2, 2, 1, 0, true},  {-3, 2, 1, 0, false},
                   {4, 2, 10, 1, true},  {13, 2, 10, 1, true}, {14, 2, 10, 1, false},
                   {12, 2, 10, 0, true}, {13, 2, 10, 0, false}};
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct machine_params params = {.precision_ns = vectors[i].precision,
                                        .message_delay_ns = vectors[i].delay};
        assert_int_equal(machine_timely(&params, vectors[i].round, 0, vectors[i].received),
                         vectors[i].want);
    }
}

/* 15 s x 1.1^r is below 24 h at round 90 (79,700 s) and above at 91 (87,670 s). */
static void test_message_delay(void **state)
{
    struct machine_params params = {.message_delay_ns = 15 * S};
    (void)state;
    assert_int_equal(machine_message_delay_ns(&params, 0), 15 * S);
    assert_true(llabs(machine_message_delay_ns(&params, 2) - 18150 * S / 1000) <= 1);
    assert_true(machine_message_delay_ns(&params, 90) < 24 * 3600 * S);
    assert_int_equal(machine_message_delay_ns(&params, 91), 24 * 3600 * S);
    assert_int_equal(machine_message_delay_ns(&params, INT32_MAX), 24 * 3600 * S);
}

/* A proposer of PBTS whose clock is behind the last block waits until it is not. */
static void test_pbts_wait(void **state)
{
    struct machine_params params = {
        .lock_rule = CONSENSUS_ARXIV, .pbts = true, .propose_ns = 3 * S};
    struct valset set = equal_set(4);
    struct machine m;
    (void)state;
    machine_init(&m, &arena, &params, 0, ROOM, &set, 1);
    machine_start(&m, 10 * S, 12 * S);
    assert_int_equal(m.output_count, 1);
    assert_int_equal(m.outputs[0].kind, MACHINE_OUT_TIMER);
    assert_int_equal(m.outputs[0].step, MACHINE_NEW_ROUND);
    assert_int_equal(m.outputs[0].wait_ns, 2 * S);
    machine_take(&m, &(struct machine_input){.kind = MACHINE_IN_TIMEOUT,
                                             .now_ns = 12 * S,
                                             .height = 1,
                                             .step = MACHINE_NEW_ROUND});
    assert_int_equal(m.outputs[1].kind, MACHINE_OUT_PROPOSE);
    assert_int_equal(m.outputs[1].time_ns, 12 * S);
}

/* The parts of a block in any order, one twice, one of another block: it is whole with the last. */
static void test_parts(void **state)
{
    static const uint32_t order[] = {2, 0, 2, 1};
    struct machine_params params = {.propose_ns = 3 * S};
    struct valset set = equal_set(4);
    struct machine m;
    struct machine_input in = {
        .kind = MACHINE_IN_PROPOSAL, .height = 1, .pol_round = -1, .value = 9, .parts = 3};
    (void)state;
    machine_init(&m, &arena, &params, 1, ROOM, &set, 1);
    machine_start(&m, 0, 0);
    machine_take(&m, &in);
    in.kind = MACHINE_IN_PART;
    in.block = (struct machine_block){.value = 9, .valid = true};
    for (uint32_t i = 0; i < 4; i++) {
        in.value = 8;
        machine_take(&m, &in);
        in.value = 9;
        in.part = order[i];
        machine_take(&m, &in);
        assert_int_equal(m.output_count, i == 3);
    }
    assert_int_equal(m.outputs[0].kind, MACHINE_OUT_PREVOTE);
    assert_true(m.outputs[0].value == 9);
}

/* ---- evidence ----------------------------------------------------------------------------------
 */

static void test_evidence(void **state)
{
    static const struct evidence_params params = {20, 20 * 60 * S};
    struct valset set = equal_set(4);
    struct evidence pool;
    struct evidence_item items[4];
    struct machine_output output = {
        .kind = MACHINE_OUT_EVIDENCE, .height = 10, .voter = 3, .value = 7, .other = 5};
    (void)state;
    evidence_init(&pool, &arena, &params);
    evidence_report(&pool, &output);
    evidence_report(&pool, &output);
    output.value = 5;
    output.other = 7; /* the same pair, the other way round */
    evidence_report(&pool, &output);
    assert_int_equal(pool.count, 1);
    assert_int_equal(evidence_take(&pool, items, 4), 0); /* its block is not decided yet */
    evidence_decided(&pool, 10, 600 * S, &set);
    assert_int_equal(evidence_take(&pool, items, 4), 1);
    assert_int_equal(items[0].time_ns, 600 * S);
    assert_true(items[0].power == 1 && items[0].total == 4);
    evidence_commit(&pool, &items[0]);
    assert_int_equal(evidence_take(&pool, items, 4), 0);
    evidence_report(&pool, &output); /* known */
    assert_int_equal(evidence_take(&pool, items, 4), 0);
}

/* Both limits must be passed. */
static void test_evidence_expires(void **state)
{
    static const struct evidence_params params = {20, 20 * 60 * S};
    static const struct evidence_item item = {.height = 10, .time_ns = 0};
    (void)state;
    assert_false(evidence_expired(&params, &item, 10, 0));
    assert_false(evidence_expired(&params, &item, 31, 20 * 60 * S));
    assert_false(evidence_expired(&params, &item, 30, 20 * 60 * S + 1));
    assert_true(evidence_expired(&params, &item, 31, 20 * 60 * S + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_majority),
        cmocka_unit_test(test_majority_of_100),
        cmocka_unit_test(test_conflicts),
        cmocka_unit_test(test_catchup),
        cmocka_unit_test(test_quorum_of_the_largest),
        cmocka_unit_test(test_median),
        cmocka_unit_test(test_timely),
        cmocka_unit_test(test_message_delay),
        cmocka_unit_test(test_pbts_wait),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_evidence),
        cmocka_unit_test(test_evidence_expires),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
