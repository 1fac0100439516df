/* SPDX-License-Identifier: Apache-2.0
 * The socket of adversaries: a strategy is one file with one table.
 *
 * An adversary takes over a share of the nodes at a time.  Which nodes is drawn by rank, so a
 * larger share contains the smaller one and no other draw changes. */
#ifndef HACASIM_MODELS_ADVERSARY_ADVERSARY_H
#define HACASIM_MODELS_ADVERSARY_ADVERSARY_H

#include "sim/sim.h"

struct world;

enum adversary_kind { ADVERSARY_MODEL_SUBSTITUTION };

struct adversary_params {
    int strategy;           /* enum adversary_kind */
    double share;           /* of the nodes */
    int64_t start;          /* ns */
    const char *substitute; /* model served instead */
    double evades;          /* ratio of forged proofs that pass the check */
};
extern const struct param_table adversary_table;

struct adversary_strategy {
    const char *name;
    /* Node `node` falls to the adversary now. */
    void (*take)(struct world *world, const struct adversary_params *params, uint32_t node);
    /* Is this answer, just finished by a node of the adversary, a cheat? */
    bool (*cheats)(const struct world *world, const struct adversary_params *params, uint32_t slot);
    /* Does the proof of a cheated answer pass the check of an honest validator? */
    bool (*evades)(const struct world *world, const struct adversary_params *params, uint32_t slot);
};
extern const struct adversary_strategy adversary_model_substitution;

const struct adversary_strategy *adversary_find(int kind);

#endif
