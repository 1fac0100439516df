/* SPDX-License-Identifier: Apache-2.0
 * A swarm of state machines with messages in memory, for tests: some validators are byzantine.
 *
 * Honest validators are the real machines.  Messages to them take a random time, long before GST
 * and short after it, are kept by the receiver and offered again whenever it moves on (which is
 * what gossip does for a peer that lags), and majorities that one has seen are claimed to the
 * others (VoteSetMaj23).  Byzantine validators know every honest state at once, send what they like
 * to whom they like, and lie about nothing but their own votes and proposals. */
#ifndef HACASIM_TESTS_UNIT_SWARM_H
#define HACASIM_TESTS_UNIT_SWARM_H

#include "models/consensus/machine.h"
#include "sim/sim.h"

enum swarm_strategy {
    SWARM_RANDOM, /* each vote and proposal at random, different to each receiver */
    SWARM_SPLIT,  /* one value to one half of the honest, another to the other half */
    SWARM_AMNESIA /* in even rounds all votes go to the value of one half, in odd ones to that of
                   * the other: never two votes in a round, but no lock is kept */
};

enum { SWARM_MOST = 10, SWARM_HEIGHTS = 3 };

struct swarm_result {
    bool disagreed;      /* two honest validators decided differently at one height */
    bool invalid;        /* a block was decided that nobody proposed, or that is refused */
    bool stuck;          /* not all honest passed SWARM_HEIGHTS in time */
    bool slandered;      /* an honest validator has voted twice */
    bool synced;         /* somebody had to take a block by block sync */
    uint32_t evidence;   /* double votes reported */
    uint32_t rounds_max; /* latest round of a decision */
};

struct swarm_setup {
    uint64_t seed;
    int lock_rule, skip;
    enum swarm_strategy strategy;
    uint32_t validators;
    int64_t power[SWARM_MOST];
    bool byzantine[SWARM_MOST];
    bool parted; /* the halves of the honest do not hear each other before GST */
};

struct swarm_result swarm_run(const struct swarm_setup *setup);

#endif
