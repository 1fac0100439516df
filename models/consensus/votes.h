/* SPDX-License-Identifier: Apache-2.0
 * The votes that one validator has seen for one height.
 *
 * A vote set holds the votes of one round and type.  The first vote of a validator counts.  A later
 * one for something else is a conflict: it is reported, and it counts for its own value only when
 * a peer has claimed a majority for that value (votes_claim), so that a flood of conflicting votes
 * costs no memory.  The first value to reach a quorum is the majority for good.
 *
 * Quorum: a value needs floor(2P/3) + 1; "any" needs more than floor(2P/3).  P is the power of the
 * set of that height.
 *
 * Rounds up to the current one and the next are open.  For a later round a peer may open two of its
 * own (CometBFT's catch-up rounds) and no more in the height.
 *
 * Source: cometbft types/vote_set.go, consensus/types/height_vote_set.go.  A validator that is not
 * in the set of the height has power 0 and its votes are refused by the caller. */
#ifndef HACASIM_MODELS_CONSENSUS_VOTES_H
#define HACASIM_MODELS_CONSENSUS_VOTES_H

#include "models/consensus/valset.h"

enum votes_type { VOTES_PREVOTE, VOTES_PRECOMMIT };

#define VOTES_NIL ((uint64_t)0) /* a vote for no block */
#define VOTES_NONE UINT64_MAX   /* no vote, no value */
enum { VOTES_CATCHUP = 2 };     /* rounds ahead that one peer may open */

struct votes_tally { /* of one value */
    uint64_t value;
    int64_t power;
    bool claimed;    /* by a peer */
    uint64_t *voter; /* bits */
    struct votes_tally *next;
};

struct votes_set {
    uint64_t *value;   /* by validator: VOTES_NONE, VOTES_NIL or a block */
    int64_t *time_ns;  /* by validator: the stamp of that vote */
    int64_t power;     /* of all that voted, conflicts not counted twice */
    uint64_t majority; /* VOTES_NONE: not yet */
    struct votes_tally *tally;
};

struct votes_round {
    int32_t round;
    int64_t power;           /* of validators that sent a vote of either type */
    struct votes_set set[2]; /* by enum votes_type */
    struct votes_round *next;
};

struct votes_claim { /* what a peer claims to have seen a majority for */
    uint32_t peer;
    int32_t round;
    enum votes_type type;
    uint64_t value;
    struct votes_claim *next;
};

struct votes {
    uint32_t capacity; /* validators and peers are numbered below this */
    const struct valset *members;
    int64_t total;    /* power */
    int32_t open;     /* rounds 0 .. open take votes of anybody */
    uint8_t *catchup; /* by peer: rounds opened ahead */
    struct votes_round *rounds, *spare;
    struct votes_tally *spare_tally;
    struct votes_claim *claims, *spare_claim;
    struct arena *arena;
};

void votes_init(struct votes *votes, struct arena *arena, uint32_t capacity);
/* A new height: forget all but what is kept (votes_keep).  `members` is borrowed. */
void votes_reset(struct votes *votes, const struct valset *members);
/* Rounds up to `round` + 1 are open from now on. */
void votes_open(struct votes *votes, int32_t round);

enum votes_result {
    VOTES_ADDED,
    VOTES_DUPLICATE,
    VOTES_CONFLICT,       /* not counted */
    VOTES_CONFLICT_ADDED, /* counted for its value, which a peer claims */
    VOTES_UNWANTED        /* the peer has opened its two rounds already */
};

struct votes_vote {
    enum votes_type type;
    int32_t round;
    uint32_t voter, peer;
    uint64_t value;
    int64_t time_ns;
};

/* `other`: the value of the vote that it conflicts with. */
enum votes_result votes_add(struct votes *votes, const struct votes_vote *vote, uint64_t *other);
/* The same into one set of another height (the last commit), which opens nothing. */
enum votes_result votes_add_late(struct votes *votes, struct votes_set *set, int64_t power,
                                 const struct votes_vote *vote, uint64_t *other);

/* A peer claims a majority for `value`; one claim per peer, round and type counts. */
void votes_claim(struct votes *votes, int32_t round, enum votes_type type, uint32_t peer,
                 uint64_t value);

/* NULL: no vote of that round yet. */
const struct votes_set *votes_find(const struct votes *votes, int32_t round, enum votes_type type);
uint64_t votes_majority(const struct votes *votes, int32_t round, enum votes_type type);
bool votes_any(const struct votes *votes, int32_t round, enum votes_type type);
bool votes_all(const struct votes *votes, int32_t round, enum votes_type type);
/* More than a third of the power has sent a vote of that round (f + 1 of 3f + 1). */
bool votes_third(const struct votes *votes, int32_t round);

/* Take the precommits of a round out, so that they survive votes_reset. */
struct votes_round *votes_keep(struct votes *votes, int32_t round);
void votes_give_back(struct votes *votes, struct votes_round *kept);

/* BFT time: the median of the stamps of those who voted for `value`, weighted by power: sorted by
 * stamp, half of their power (rounded down) is counted off, and the stamp at which it runs out is
 * taken.  -1: nobody voted for it.  Source: cometbft types/time (WeightedMedian); since v0.40 nil
 * precommits are left out. */
int64_t votes_median_ns(const struct votes_set *set, const struct valset *members, uint64_t value);

#endif
