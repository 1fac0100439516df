/* SPDX-License-Identifier: Apache-2.0
 * The door of models/consensus/: when a block becomes final.
 *
 * consensus_decide answers one question: validators start a height at this time with this block;
 * when, in which round and by whose proposal does it commit?  Everything random is keyed by
 * (seed, replication, round, validator, height), so a draw added elsewhere changes no block.
 *
 * Fidelity `quorum` is the plug that exists (quorum.c): message delays are drawn from the way
 * gossip spreads (spread.c), and each quorum is a power-weighted order statistic of them.  The
 * `message` fidelity is a second plug behind the same two structs.
 *
 * The module is pure: it does not know the world, holds no clock and reads the network tables as
 * they are when it is asked.  What happens during a height (a region that fails between start and
 * commit) is seen by the next height. */
#ifndef HACASIM_MODELS_CONSENSUS_CONSENSUS_H
#define HACASIM_MODELS_CONSENSUS_CONSENSUS_H

#include <stdbool.h>
#include <stdint.h>

#include "models/consensus/proposer.h"
#include "net/net.h"
#include "sim/sim.h"

/* ---- parameters ----------------------------------------------------------------------------- */

enum consensus_power_kind { CONSENSUS_EQUAL, CONSENSUS_ZIPF, CONSENSUS_POWERS };
struct consensus_power {
    int kind;               /* enum consensus_power_kind */
    double zipf;            /* exponent */
    struct param_list list; /* of double: whole numbers */
};

enum consensus_place_kind { CONSENSUS_AWS_13, CONSENSUS_ONE_REGION, CONSENSUS_REGIONS };
struct consensus_place {
    int kind; /* enum consensus_place_kind */
    const char *one;
    struct param_list list; /* of struct param_text */
};

struct consensus_machine {
    int64_t cores;
    double cpu_factor; /* times the time of a core of the reference desktop */
};

enum consensus_hardware_kind {
    CONSENSUS_DESKTOP_8CORE,
    CONSENSUS_CLOUD_2VCPU,
    CONSENSUS_DUAL_EPYC,
    CONSENSUS_CUSTOM
};
struct consensus_hardware {
    int kind; /* enum consensus_hardware_kind */
    struct consensus_machine custom;
};

struct validators_params {
    int64_t count;
    struct consensus_power power;
    struct consensus_place regions;
    struct consensus_hardware hardware;
    double silent; /* ratio of power */
    money_t stake; /* atto OPG of a validator of average power */
};
extern const struct param_table validators_table;

enum consensus_fidelity { CONSENSUS_QUORUM };
enum consensus_lock_rule { CONSENSUS_LEGACY, CONSENSUS_ARXIV };
enum consensus_topology { CONSENSUS_GOSSIP, CONSENSUS_MESH };

struct consensus_params {
    int fidelity, lock_rule, topology; /* the enums above */
    int64_t timeout_propose, timeout_prevote, timeout_precommit, timeout_commit;   /* ns */
    int64_t timeout_propose_delta, timeout_prevote_delta, timeout_precommit_delta; /* ns/round */
    int64_t peers, full_nodes;
    int64_t flush_throttle, gossip_sleep; /* ns */
    double send_rate;                     /* bytes/s per peer */
    uint64_t block_part, max_bytes;       /* bytes */
    int64_t max_gas;
    int64_t vote_verify, commit_verify; /* ns of a reference core, per signature */
};
extern const struct param_table consensus_table;

/* What one key alone cannot tell: length of lists, names of regions, total power. */
void consensus_check(const struct validators_params *validators,
                     const struct consensus_params *params, struct param_doc *doc,
                     struct diag *diag);

/* ---- the model ------------------------------------------------------------------------------ */

/* Purposes of random streams; the range is 0x300 to 0x3ff. */
enum consensus_purpose {
    CONSENSUS_ROUND = 0x300,  /* + round: entity = validator, counter = height */
    CONSENSUS_SPREAD = 0x380, /* entity = graph */
    CONSENSUS_SILENT,         /* entity = validator */
};
enum { CONSENSUS_ROUNDS_MAX = 128, CONSENSUS_VALIDATORS_MAX = 10000 };

struct consensus_validator {
    int64_t power;
    uint16_t region; /* of net */
    bool silent;     /* offline from the start */
};

struct quorum; /* state of the quorum level */

struct consensus {
    /* parameters */
    const struct consensus_params *params;
    const struct net *net;
    uint64_t seed;
    uint32_t replication;
    struct consensus_machine machine; /* of each validator */
    /* validators, by rank of address */
    uint32_t count;
    const struct consensus_validator *validators;
    int64_t power, quorum; /* total; least power of a decision: floor(2 total / 3) + 1 */
    /* state */
    uint64_t height;                   /* the one that consensus_decide is asked about */
    struct proposer_set current, next; /* of this height and of the one after */
    struct quorum *level;
};

void consensus_init(struct consensus *consensus, const struct consensus_params *params,
                    const struct validators_params *validators, const struct net *net,
                    uint64_t seed, uint32_t replication, struct arena *arena);

struct consensus_input {
    int64_t start_ns;          /* of the height */
    uint64_t block_bytes;      /* of its transactions; header and last commit are added */
    int64_t proposal_delay_ns; /* work of the proposer before it proposes */
    int64_t check_ns;          /* work of one reference core on each validator before it prevotes,
                                * spread over its cores */
    int64_t extra_check_ns; /* wall time besides: the same on any hardware (replicated execution) */
};

struct consensus_outcome {
    bool decided;
    /* When the validator that proposes next (of those that live, the first in turn) has seen
     * +2/3 of the power precommit and has the block: its CommitTime, from which CometBFT counts
     * timeout_commit, so that it sets the pace.  Not decided: when to ask again. */
    int64_t commit_ns;
    uint32_t round;                  /* of the decision, from 0 */
    uint32_t proposer;               /* index of the validator that proposed the decided block */
    int64_t quorum_prevote_delay_ns; /* proposal time to the prevote that completes +2/3, both as
                                      * stamped by their senders (CometBFT's metric) */
    int64_t full_prevote_delay_ns; /* to the last prevote; -1 when some power did not vote for it */
    int64_t validator_cpu_ns;      /* core time that one validator spent on this height */
};

/* Decide the current height and go on to the next.  Not decided: live power cannot reach a quorum
 * (or CONSENSUS_ROUNDS_MAX rounds failed); the height stays, and the caller asks again at
 * commit_ns, or when a region comes back. */
void consensus_decide(struct consensus *consensus, const struct consensus_input *input,
                      struct consensus_outcome *outcome);

/* Start of the next height: timeout_commit after the commit, or when the block is executed if that
 * is later (execution runs inside the timeout). */
int64_t consensus_next_start_ns(const struct consensus *consensus, int64_t commit_ns,
                                int64_t execute_ns);

/* What one validator did in the round that decided the height of the last consensus_decide: when it
 * had the block (INT64_MAX: never), prevoted and precommitted, by its own time stamps.  False when
 * it took no part, or when that height was not decided. */
struct consensus_times {
    int64_t block_ns, prevote_ns, precommit_ns;
    bool prevote_nil, precommit_nil;
};
bool consensus_times(const struct consensus *consensus, uint32_t validator,
                     struct consensus_times *times);

/* Whether a validator takes part now: not silent, its region not down. */
bool consensus_is_live(const struct consensus *consensus, uint32_t validator);

/* Heights begin without memory of the ones before, but for whose turn it is. */
void consensus_snap(struct consensus *consensus, struct snap *snap);

#endif
