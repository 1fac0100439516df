/* SPDX-License-Identifier: Apache-2.0
 * The consensus state machine of one validator: CometBFT's, without its clock and its network.
 *
 * machine_start and machine_take are functions of (state, input) alone: they change the state and
 * list what the validator does.  Time enters as a stamp of each input.  A validator hears its own
 * messages at once: what it proposes and votes goes through the same code before the call returns
 * (so a validator that is alone and skips timeout_commit would never return).
 *
 * Two dialects of the lock rule (docs/consensus.md):
 *   legacy  CometBFT v0.34 to v0.40: who is locked prevotes his block whatever is proposed; a later
 *           polka for something else, nil included, unlocks.
 *   arxiv   v1 and v2, arXiv 1807.04938: nothing unlocks but a lock on something else; who is
 *           locked prevotes a proposal only if it is his block or brings a later proof of lock.
 *
 * Leaves out: signatures (an input is authentic), the write-ahead log and restarts, waiting for
 * transactions (create_empty_blocks = false), and everything that has a peer in it (gossip).
 *
 * Source: cometbft consensus/state.go (v0.38 to v0.40), internal/consensus/state.go (v1),
 * consensus/ticker.go, spec/consensus/proposer-based-timestamp, state/execution.go. */
#ifndef HACASIM_MODELS_CONSENSUS_MACHINE_H
#define HACASIM_MODELS_CONSENSUS_MACHINE_H

#include "models/consensus/consensus.h"
#include "models/consensus/votes.h"

enum machine_step { /* RoundStepType */
                    MACHINE_NEW_HEIGHT = 1,
                    MACHINE_NEW_ROUND,
                    MACHINE_PROPOSE,
                    MACHINE_PREVOTE,
                    MACHINE_PREVOTE_WAIT,
                    MACHINE_PRECOMMIT,
                    MACHINE_PRECOMMIT_WAIT,
                    MACHINE_COMMIT
};

enum machine_skip {
    MACHINE_SKIP_QUORUM, /* go to a later round with +2/3 of any votes of one type (CometBFT) */
    MACHINE_SKIP_THIRD   /* with +1/3 of validators heard from (arXiv line 55) */
};

struct machine_params {
    int lock_rule;                                                  /* enum consensus_lock_rule */
    int skip;                                                       /* enum machine_skip */
    int64_t propose_ns, prevote_ns, precommit_ns, commit_ns;        /* timeouts of round 0 */
    int64_t propose_delta_ns, prevote_delta_ns, precommit_delta_ns; /* more in each round */
    bool skip_timeout_commit;               /* start the next height when all precommits are in */
    bool pbts;                              /* proposer-based timestamps; else BFT time */
    int64_t precision_ns, message_delay_ns; /* of PBTS; the delay grows by a tenth each round */
    bool extensions;                        /* vote extensions are on */
    int64_t execute_ns;                     /* work of a block that this validator made */
    bool proposes_outside; /* what it proposes does not reach it by itself: the caller brings it */
};

struct machine_block {
    uint64_t value;     /* VOTES_NONE: no block */
    int64_t time_ns;    /* in its header */
    int64_t execute_ns; /* after it is decided */
    bool valid;         /* what ValidateBlock and ProcessProposal say */
};

enum machine_kind {
    MACHINE_IN_PROPOSAL, /* round, value, pol_round, voter, time_ns, parts */
    MACHINE_IN_PART,     /* value, part; the one that completes the block brings `block` */
    MACHINE_IN_PREVOTE,  /* round, value, voter, time_ns, peer */
    MACHINE_IN_PRECOMMIT,
    MACHINE_IN_CLAIM,   /* VoteSetMaj23: round, vote_type, value, peer */
    MACHINE_IN_TIMEOUT, /* round, step */
    MACHINE_IN_BLOCK,   /* block sync: a block that others have committed; `block` */
    MACHINE_IN_UPDATES  /* changes, change_count: what executing the block of this height returns */
};

enum machine_extension { MACHINE_EXTENSION_NONE, MACHINE_EXTENSION_GOOD, MACHINE_EXTENSION_BAD };

enum { MACHINE_PARTS_MAX = 1600 }; /* 100 MiB in parts of 64 KiB */

struct machine_input {
    enum machine_kind kind;
    int64_t now_ns; /* clock of this validator */
    uint64_t height;
    int32_t round, pol_round;
    uint32_t voter, peer; /* who signed it; who sent it */
    uint64_t value;
    int64_t time_ns;      /* its stamp */
    uint32_t part, parts; /* index, and how many make the block (0 means 1) */
    struct machine_block block;
    enum machine_step step;
    enum votes_type vote_type;
    enum machine_extension extension; /* of a precommit */
    const struct valset_change *changes;
    uint32_t change_count;
};

enum machine_output_kind {
    MACHINE_OUT_PROPOSE, /* round, value, pol_round, time_ns */
    MACHINE_OUT_PREVOTE, /* round, value, time_ns */
    MACHINE_OUT_PRECOMMIT,
    MACHINE_OUT_TIMER,   /* round, step, wait_ns; it replaces the one before */
    MACHINE_OUT_LOCK,    /* round, value; a lock renewed in a later round too */
    MACHINE_OUT_UNLOCK,  /* round, value that was locked */
    MACHINE_OUT_DECIDE,  /* height, round, value */
    MACHINE_OUT_EVIDENCE /* round, vote_type, voter, value and other: two votes for one thing */
};

struct machine_output {
    enum machine_output_kind kind;
    uint64_t height;
    int32_t round, pol_round;
    uint64_t value, other;
    int64_t time_ns, wait_ns;
    enum machine_step step;
    enum votes_type vote_type;
    uint32_t voter;
};

struct machine_timer {
    uint64_t height;
    int32_t round;
    enum machine_step step; /* 0: none was ever set */
};

struct machine_proposal {
    bool given;
    uint64_t value;
    int32_t pol_round;
    int64_t time_ns, received_ns;
};

struct machine_parts { /* of the block that is being received */
    uint64_t value;    /* VOTES_NONE: none is expected */
    uint32_t total, got;
    uint64_t have[MACHINE_PARTS_MAX / 64];
};

enum { MACHINE_OWN = 8 }; /* messages to itself under way in one call, at most */

struct machine {
    /* parameters */
    const struct machine_params *params;
    uint32_t self;
    /* the height */
    uint64_t height;
    int32_t round;
    enum machine_step step;
    struct valset members, turn, next, last; /* of this height; as rounds moved it; of h+1, h-1 */
    int64_t start_ns, commit_ns, last_block_ns;
    int32_t commit_round;
    bool waited_precommit; /* TriggeredTimeoutPrecommit */
    bool first;            /* no block was decided before */
    struct machine_proposal proposal;
    struct machine_block block; /* of the proposal, or of the value that has a majority */
    struct machine_parts parts;
    int32_t locked_round, valid_round; /* -1: none */
    struct machine_block locked, valid;
    struct votes votes;
    struct votes_round *last_commit; /* precommits of the height before; NULL: not known */
    uint64_t last_value;             /* that they decided */
    struct valset_change *changes;
    uint32_t change_count;
    struct machine_timer timer;
    /* one call */
    int64_t now_ns;
    struct machine_input own[MACHINE_OWN];
    uint32_t own_first, own_count;
    struct machine_output *outputs;
    uint32_t output_count, output_capacity;
    struct arena *arena;
};

/* A validator (or, with no power, an observer) at the beginning of `height`.  `members` is the set
 * of that height in its round 0; validators and peers are numbered below `capacity`. */
void machine_init(struct machine *machine, struct arena *arena, const struct machine_params *params,
                  uint32_t self, uint32_t capacity, const struct valset *members, uint64_t height);
/* Enter round 0 of the height.  The outputs of a call are machine->outputs. */
void machine_start(struct machine *machine, int64_t now_ns, int64_t last_block_ns);
void machine_take(struct machine *machine, const struct machine_input *input);

/* The value that `self` proposes afresh: unique for height < 2^32, round and self < 2^16, and never
 * below 2^32. */
uint64_t machine_own_value(uint64_t height, int32_t round, uint32_t self);
int64_t machine_timeout_ns(const struct machine_params *params, enum machine_step step,
                           int32_t round);
/* PBTS: the delay that a proposal of this round may have: message_delay x 1.1^round, at most 24 h.
 */
int64_t machine_message_delay_ns(const struct machine_params *params, int32_t round);
bool machine_timely(const struct machine_params *params, int32_t round, int64_t stamp_ns,
                    int64_t received_ns);

#endif
