/* SPDX-License-Identifier: Apache-2.0
 * Counting votes. */
#include "models/consensus/votes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static size_t votes_words(const struct votes *votes)
{
    return (votes->capacity + 63) / 64;
}

void votes_init(struct votes *votes, struct arena *arena, uint32_t capacity)
{
    *votes = (struct votes){.capacity = capacity, .arena = arena};
    votes->catchup = arena_alloc(arena, capacity, sizeof *votes->catchup);
}

static void votes_drop_tallies(struct votes *votes, struct votes_set *set)
{
    while (set->tally) {
        struct votes_tally *tally = set->tally;
        set->tally = tally->next;
        tally->next = votes->spare_tally;
        votes->spare_tally = tally;
    }
}

void votes_give_back(struct votes *votes, struct votes_round *kept)
{
    if (!kept) return;
    votes_drop_tallies(votes, &kept->set[VOTES_PREVOTE]);
    votes_drop_tallies(votes, &kept->set[VOTES_PRECOMMIT]);
    kept->next = votes->spare;
    votes->spare = kept;
}

void votes_reset(struct votes *votes, const struct valset *members)
{
    while (votes->rounds) {
        struct votes_round *round = votes->rounds;
        votes->rounds = round->next;
        votes_give_back(votes, round);
    }
    while (votes->claims) {
        struct votes_claim *claim = votes->claims;
        votes->claims = claim->next;
        claim->next = votes->spare_claim;
        votes->spare_claim = claim;
    }
    memset(votes->catchup, 0, votes->capacity * sizeof *votes->catchup);
    votes->members = members;
    votes->total = members->turn.total;
    votes->open = 0;
}

void votes_open(struct votes *votes, int32_t round)
{
    if (round < INT32_MAX && votes->open < round + 1) votes->open = round + 1;
}

/* ---- rounds ------------------------------------------------------------------------------------
 */

static struct votes_round *votes_round(const struct votes *votes, int32_t round)
{
    for (struct votes_round *at = votes->rounds; at; at = at->next)
        if (at->round == round) return at;
    return NULL;
}

static void votes_clear(struct votes_set *set, uint32_t capacity)
{
    memset(set->value, 0xFF, capacity * sizeof *set->value); /* VOTES_NONE */
    set->power = 0;
    set->majority = VOTES_NONE;
    set->tally = NULL;
}

static struct votes_round *votes_new_round(struct votes *votes, int32_t number)
{
    struct votes_round *round = votes->spare;
    if (round) {
        votes->spare = round->next;
    } else {
        round = arena_alloc(votes->arena, 1, sizeof *round);
        for (int type = 0; type < 2; type++) {
            struct votes_set *set = &round->set[type];
            set->value = arena_alloc(votes->arena, votes->capacity, sizeof *set->value);
            set->time_ns = arena_alloc(votes->arena, votes->capacity, sizeof *set->time_ns);
        }
    }
    votes_clear(&round->set[VOTES_PREVOTE], votes->capacity);
    votes_clear(&round->set[VOTES_PRECOMMIT], votes->capacity);
    round->round = number;
    round->power = 0;
    round->next = votes->rounds;
    votes->rounds = round;
    return round;
}

static struct votes_tally *votes_tally(const struct votes_set *set, uint64_t value)
{
    struct votes_tally *tally = set->tally;
    while (tally && tally->value != value)
        tally = tally->next;
    return tally;
}

static struct votes_tally *votes_new_tally(struct votes *votes, struct votes_set *set,
                                           uint64_t value, bool claimed)
{
    struct votes_tally *tally = votes->spare_tally;
    if (tally) {
        votes->spare_tally = tally->next;
        memset(tally->voter, 0, votes_words(votes) * sizeof *tally->voter);
    } else {
        tally = arena_alloc(votes->arena, 1, sizeof *tally);
        tally->voter = arena_alloc(votes->arena, votes_words(votes), sizeof *tally->voter);
    }
    tally->value = value;
    tally->power = 0;
    tally->claimed = claimed;
    tally->next = set->tally;
    set->tally = tally;
    return tally;
}

/* ---- adding ------------------------------------------------------------------------------------
 */

static bool votes_has(const struct votes_tally *tally, uint32_t voter)
{
    return tally && (tally->voter[voter / 64] >> (voter % 64) & 1) != 0;
}

/* The votes of the majority become the votes that count. */
static void votes_reach(struct votes *votes, struct votes_set *set, const struct votes_tally *tally)
{
    set->majority = tally->value;
    for (uint32_t i = 0; i < votes->capacity; i++)
        if (votes_has(tally, i)) set->value[i] = tally->value;
}

static void votes_count(struct votes *votes, struct votes_set *set, struct votes_tally *tally,
                        const struct votes_vote *vote, int64_t power, int64_t total)
{
    int64_t quorum = total / 3 * 2 + total % 3 * 2 / 3 + 1; /* floor(2P/3) + 1 */
    tally->voter[vote->voter / 64] |= (uint64_t)1 << (vote->voter % 64);
    tally->power += power;
    if (set->majority == VOTES_NONE && tally->power >= quorum) votes_reach(votes, set, tally);
}

static enum votes_result votes_put(struct votes *votes, struct votes_set *set, int64_t power,
                                   int64_t total, const struct votes_vote *vote, uint64_t *other)
{
    uint64_t before = set->value[vote->voter];
    struct votes_tally *tally = votes_tally(set, vote->value);
    if (before == vote->value || votes_has(tally, vote->voter)) return VOTES_DUPLICATE;
    if (before == VOTES_NONE) {
        set->value[vote->voter] = vote->value;
        set->time_ns[vote->voter] = vote->time_ns;
        set->power += power;
        if (!tally) tally = votes_new_tally(votes, set, vote->value, false);
        votes_count(votes, set, tally, vote, power, total);
        return VOTES_ADDED;
    }
    *other = before;
    if (set->majority == vote->value) {
        set->value[vote->voter] = vote->value;
        set->time_ns[vote->voter] = vote->time_ns;
    }
    if (!tally || !tally->claimed) return VOTES_CONFLICT;
    votes_count(votes, set, tally, vote, power, total);
    return VOTES_CONFLICT_ADDED;
}

enum votes_result votes_add(struct votes *votes, const struct votes_vote *vote, uint64_t *other)
{
    assert(vote->voter < votes->capacity && vote->peer < votes->capacity);
    struct votes_round *round = votes_round(votes, vote->round);
    if (!round && vote->round > votes->open) {
        if (votes->catchup[vote->peer] == VOTES_CATCHUP) return VOTES_UNWANTED;
        votes->catchup[vote->peer]++;
    }
    if (!round) round = votes_new_round(votes, vote->round);
    int64_t power = valset_power(votes->members, vote->voter);
    bool first = round->set[VOTES_PREVOTE].value[vote->voter] == VOTES_NONE &&
                 round->set[VOTES_PRECOMMIT].value[vote->voter] == VOTES_NONE;
    if (first) round->power += power;
    return votes_put(votes, &round->set[vote->type], power, votes->total, vote, other);
}

enum votes_result votes_add_late(struct votes *votes, struct votes_set *set, int64_t power,
                                 const struct votes_vote *vote, uint64_t *other)
{
    return votes_put(votes, set, power, INT64_MAX / 2, vote, other);
}

void votes_claim(struct votes *votes, int32_t round, enum votes_type type, uint32_t peer,
                 uint64_t value)
{
    struct votes_round *at = votes_round(votes, round);
    if (!at && round > votes->open) return;
    for (struct votes_claim *c = votes->claims; c; c = c->next)
        if (c->peer == peer && c->round == round && c->type == type) return;
    struct votes_claim *claim = votes->spare_claim;
    if (claim)
        votes->spare_claim = claim->next;
    else
        claim = arena_alloc(votes->arena, 1, sizeof *claim);
    *claim = (struct votes_claim){peer, round, type, value, votes->claims};
    votes->claims = claim;
    if (!at) at = votes_new_round(votes, round);
    struct votes_tally *tally = votes_tally(&at->set[type], value);
    if (tally)
        tally->claimed = true;
    else
        votes_new_tally(votes, &at->set[type], value, true);
}

/* ---- asking ------------------------------------------------------------------------------------
 */

const struct votes_set *votes_find(const struct votes *votes, int32_t round, enum votes_type type)
{
    const struct votes_round *at = votes_round(votes, round);
    return at ? &at->set[type] : NULL;
}

uint64_t votes_majority(const struct votes *votes, int32_t round, enum votes_type type)
{
    const struct votes_set *set = votes_find(votes, round, type);
    return set ? set->majority : VOTES_NONE;
}

bool votes_any(const struct votes *votes, int32_t round, enum votes_type type)
{
    const struct votes_set *set = votes_find(votes, round, type);
    return set && set->power > 2 * votes->total / 3;
}

bool votes_all(const struct votes *votes, int32_t round, enum votes_type type)
{
    const struct votes_set *set = votes_find(votes, round, type);
    return set && set->power == votes->total;
}

bool votes_third(const struct votes *votes, int32_t round)
{
    const struct votes_round *at = votes_round(votes, round);
    return at && at->power > votes->total / 3;
}

struct votes_round *votes_keep(struct votes *votes, int32_t round)
{
    struct votes_round **link = &votes->rounds;
    while (*link && (*link)->round != round)
        link = &(*link)->next;
    struct votes_round *kept = *link;
    if (kept) *link = kept->next;
    return kept;
}

/* ---- time --------------------------------------------------------------------------------------
 */

struct votes_stamp {
    int64_t time_ns, power;
};

static int votes_by_time(const void *a, const void *b)
{
    const struct votes_stamp *x = a, *y = b;
    return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

int64_t votes_median_ns(const struct votes_set *set, const struct valset *members, uint64_t value)
{
    struct arena scratch;
    uint32_t count = 0, at = 0;
    int64_t total = 0, left;
    arena_init(&scratch, "stamps of votes", 0);
    struct votes_stamp *stamps = arena_alloc(&scratch, members->turn.count, sizeof *stamps);
    for (uint32_t i = 0; i < members->turn.count; i++) {
        if (set->value[members->id[i]] != value) continue;
        stamps[count++] = (struct votes_stamp){set->time_ns[members->id[i]], members->power[i]};
        total += members->power[i];
    }
    qsort(stamps, count, sizeof *stamps, votes_by_time);
    for (left = total / 2; at < count && left > stamps[at].power; at++)
        left -= stamps[at].power;
    int64_t median = count == 0 ? -1 : stamps[at].time_ns;
    arena_free(&scratch);
    return median;
}
