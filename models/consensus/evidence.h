/* SPDX-License-Identifier: Apache-2.0
 * Evidence of double votes, as one node keeps it until a block holds it.
 *
 * A pair of votes that the state machine reports waits in a buffer until the block of its height is
 * decided, because evidence carries the time of that block and the power of that height.  Then it
 * is pending, until a block holds it (it is never taken twice) or until it has expired, which needs
 * both: more blocks than max_age_blocks AND more time than max_age_ns have passed.
 *
 * Slashing and jailing belong to who executes the block: they read the items of evidence_take.
 *
 * Source: cometbft evidence/pool.go (processConsensusBuffer, isExpired, removeExpiredPending),
 * types/params.go (100,000 blocks, 48 h).  Two proposals for one round are no evidence there. */
#ifndef HACASIM_MODELS_CONSENSUS_EVIDENCE_H
#define HACASIM_MODELS_CONSENSUS_EVIDENCE_H

#include "models/consensus/machine.h"

#define EVIDENCE_AGE_BLOCKS ((uint64_t)100000)
#define EVIDENCE_AGE_NS ((int64_t)48 * 3600 * 1000000000)

struct evidence_params {
    uint64_t max_age_blocks;
    int64_t max_age_ns;
};

enum evidence_state { EVIDENCE_BUFFERED, EVIDENCE_PENDING, EVIDENCE_COMMITTED };
struct evidence_item { /* Misbehavior */
    uint32_t voter;
    enum votes_type type;
    int32_t round;
    uint64_t height, value[2]; /* value: of the two votes, the smaller first */
    int64_t time_ns;           /* of the block of that height */
    int64_t power, total;      /* of the voter and of all, at that height */
    enum evidence_state state;
};

struct evidence {
    const struct evidence_params *params;
    struct evidence_item *items; /* committed ones are kept until they expire */
    uint32_t count, capacity;
    struct arena *arena;
};

void evidence_init(struct evidence *pool, struct arena *arena,
                   const struct evidence_params *params);
/* A pair that the machine reported, or that a peer sent; the same pair again does nothing. */
void evidence_report(struct evidence *pool, const struct machine_output *output);
/* The block of `height` is decided: what was waiting for it becomes pending, what is too old goes.
 */
void evidence_decided(struct evidence *pool, uint64_t height, int64_t time_ns,
                      const struct valset *members);
/* The oldest pending items, at most `most`, as a proposer puts them into a block. */
uint32_t evidence_take(const struct evidence *pool, struct evidence_item *items, uint32_t most);
/* A decided block holds this item. */
void evidence_commit(struct evidence *pool, const struct evidence_item *item);
bool evidence_expired(const struct evidence_params *params, const struct evidence_item *item,
                      uint64_t height, int64_t time_ns);

#endif
