/* SPDX-License-Identifier: Apache-2.0
 * Consensus by hand: scripts that drive one validator, and lists of changes of a validator set.
 *
 * docs/consensus.md describes both files with examples. */
#ifndef HACASIM_MODELS_CONSENSUS_SCRIPT_H
#define HACASIM_MODELS_CONSENSUS_SCRIPT_H

#include "models/consensus/machine.h"

enum script_kind { /* rows of the table of steps, in its order */
                   SCRIPT_PROPOSAL,
                   SCRIPT_PART,
                   SCRIPT_PREVOTE,
                   SCRIPT_PRECOMMIT,
                   SCRIPT_TIMEOUT,
                   SCRIPT_PEER_BLOCK,
                   SCRIPT_CLAIM,
                   SCRIPT_UPDATE
};

struct script_message { /* what a step may hold; each kind has its own keys */
    int64_t height, round, pol_round, voter, peer;
    const char *value, *time, *at;
    int step, type, extension;
    struct param_list members;
};

struct script_step {
    int kind; /* enum script_kind */
    struct script_message message;
};

struct script_params {
    int64_t version, self, height;
    int lock_rule, round_skip;
    int64_t timeout_propose, timeout_prevote, timeout_precommit, timeout_commit;
    int64_t timeout_propose_delta, timeout_prevote_delta, timeout_precommit_delta;
    bool skip_timeout_commit, pbts, vote_extensions;
    int64_t precision, message_delay, execution;
    const char *time, *last_block_time;
    struct param_list validators, refused; /* of struct param_text */
    struct param_list steps;               /* of struct script_step */
};
extern const struct param_table script_table;

struct script_value { /* a block that the script speaks of */
    uint64_t id;
    const char *name;
    bool timed, refused;
    int64_t time_ns;
};

struct script_entry { /* after one step */
    const struct machine_output *outputs;
    uint32_t output_count;
    uint64_t height;
    int32_t round;
    enum machine_step step;
    int32_t locked_round, valid_round;
    const char *locked, *valid; /* names, or NULL */
};

struct script {
    struct script_params params;
    struct machine_params rules;
    struct machine machine;
    struct script_entry *entries; /* one more than steps */
    uint32_t entry_count;
    struct machine_output *outputs; /* of the step under way */
    uint32_t output_count, output_capacity;
    struct script_value *values;
    uint32_t value_count, value_capacity;
    int64_t now_ns, due_ns; /* clock; when the timer that is set goes off */
    struct param_doc *doc;
    struct arena *arena;
    struct diag *diag;
};

/* Read and run a file.  NULL after findings. */
const struct script *script_run(const char *path, struct arena *arena, struct diag *diag);
const char *script_name(const struct script *script, uint64_t value); /* "nil" for no block */
struct json_node *script_json(struct json *json, const void *script);

/* The same for a validator set. */
struct set_script;
const struct set_script *set_script_run(const char *path, struct arena *arena, struct diag *diag);
struct json_node *set_script_json(struct json *json, const void *script);

#endif
