/* SPDX-License-Identifier: Apache-2.0
 * A set of validators that changes: CometBFT's ValidatorSet, exact to the integer.
 *
 * valset_update applies a list of changes as UpdateWithChangeSet does, all or nothing:
 *   - power 0 removes, any other power adds a member or changes its power;
 *   - one entry per validator, no negative power, no removal of a stranger, never an empty set;
 *   - decreases of power count first, and the total after removals may not exceed
 *     PROPOSER_POWER_MAX on the way;
 *   - a new member starts at -(T + T/8), where T is the total with all updates but before removals,
 *     so that leaving and joining again gains nothing; who stays keeps his priority;
 *   - then priorities are rescaled and centred once (proposer.h).
 * An empty list does nothing at all.  The proposer stays who he was, even when he leaves, until the
 * next increment.
 *
 * Validators are numbers; the order of the numbers is the order of their addresses.
 * Source: cometbft types/validator_set.go and its tests. */
#ifndef HACASIM_MODELS_CONSENSUS_VALSET_H
#define HACASIM_MODELS_CONSENSUS_VALSET_H

#include "models/consensus/proposer.h"

struct valset {
    uint32_t capacity; /* members there is room for */
    uint32_t proposer; /* who proposes: a validator, not an index */
    uint32_t *id;      /* of each member, ascending */
    int64_t *power;
    struct proposer_set turn; /* count, total power, priorities */
};

struct valset_change {
    uint32_t id;
    int64_t power;
};

/* Room for `capacity` members; none yet. */
void valset_init(struct valset *set, struct arena *arena, uint32_t capacity);
void valset_copy(struct valset *to, const struct valset *from); /* `to` has the room */

/* As NewValidatorSet: one update of an empty set and one increment.  NULL, or why not. */
const char *valset_create(struct valset *set, const struct valset_change *members, uint32_t count);
/* Members with the priorities that they have, and no increment: who has the highest proposes.
 * NULL, or why not. */
const char *valset_load(struct valset *set, const struct valset_change *members,
                        const int64_t *priorities, uint32_t count);

/* NULL, or why the set stays as it was ("removes every member"). */
const char *valset_update(struct valset *set, const struct valset_change *changes, uint32_t count);

void valset_increment(struct valset *set, uint32_t times); /* proposer_increment; times >= 1 */

/* Index of a member, or -1; its power, or 0. */
long valset_find(const struct valset *set, uint32_t id);
int64_t valset_power(const struct valset *set, uint32_t id);

/* The order in which CometBFT lists the members: power descending, then address.  Indexes. */
void valset_order(const struct valset *set, uint32_t *order);

#endif
