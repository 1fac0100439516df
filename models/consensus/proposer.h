/* SPDX-License-Identifier: Apache-2.0
 * Who proposes: CometBFT's weighted round robin, exact to the integer.
 *
 * Each validator has a priority.  One call of IncrementProposerPriority(times)
 *   1. divides all priorities by ceil(spread / 2P) when max - min exceeds 2P (division truncates
 *      toward zero, as in C and Go);
 *   2. subtracts the average, rounded down (Go's big.Int.Div), so that they sum to 0 .. n-1;
 *   3. `times` times: adds each validator's power, lets the highest priority propose (ties: lowest
 *      address) and takes the total power P from it.
 * Additions saturate.  The index of a validator is its rank by address.
 *
 * Source: cometbft types/validator_set.go; the worked example in spec/consensus/
 * proposer-selection.md truncates the average where the code floors it, and the code is right.
 * Leaves out changes of the set (valset.h). */
#ifndef HACASIM_MODELS_CONSENSUS_PROPOSER_H
#define HACASIM_MODELS_CONSENSUS_PROPOSER_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/sim.h"

#define PROPOSER_POWER_MAX (INT64_MAX / 8) /* MaxTotalVotingPower */

struct proposer_set {
    uint32_t count, proposer; /* proposer: index, of the state as it stands */
    int64_t total;            /* power */
    const int64_t *power;     /* borrowed */
    int64_t *priority;
};

/* True when each power is positive and their sum is at most PROPOSER_POWER_MAX. */
bool proposer_powers_valid(const int64_t *powers, uint32_t count);

/* A new set, as NewValidatorSet makes it: new validators enter at -1.125 P each, which centring
 * turns into 0, and one increment follows; its proposer is that of height 1, round 0. */
void proposer_create(struct proposer_set *set, struct arena *arena, const int64_t *powers,
                     uint32_t count);
/* A set with given priorities and no increment; the proposer is the highest priority as it is. */
void proposer_load(struct proposer_set *set, struct arena *arena, const int64_t *powers,
                   const int64_t *priorities, uint32_t count);
/* `to` and `from` have the same count; powers stay shared. */
void proposer_copy(struct proposer_set *to, const struct proposer_set *from);

/* Index of the highest priority; ties go to the lowest address. */
uint32_t proposer_highest(const struct proposer_set *set);
/* Steps 1 and 2 alone, as an update of the set does them. */
void proposer_normalise(struct proposer_set *set);
/* One call: rescale and centre once, then `times` rounds; times >= 1. */
void proposer_increment(struct proposer_set *set, uint32_t times);

#endif
