/* SPDX-License-Identifier: Apache-2.0
 * Consensus by hand: scripts for one validator and for a validator set (docs/consensus.md). */
#include "analysis/eval.h"
#include "models/models.h"

static bool answer(struct eval_call *call, const void *result,
                   struct json_node *(*tree)(struct json *json, const void *data))
{
    if (!result) return false;
    call->out[0] = (struct eval_value){.kind = EVAL_KIND_TREE, .data = result, .tree = tree};
    return true;
}

static bool consensus_script(struct eval_call *call)
{
    const void *result = models_consensus_script(call->in[0].text, call->arena, call->diag);
    return answer(call, result, models_consensus_script_json);
}

static bool validator_set(struct eval_call *call)
{
    const void *result = models_validator_set(call->in[0].text, call->arena, call->diag);
    return answer(call, result, models_validator_set_json);
}

static const struct eval_function functions[] = {
    {"consensus-script",
     "What one CometBFT validator does, input by input",
     consensus_script,
     {{"file", EVAL_PATH, NULL, NULL, NULL, NULL, "YAML: validators, rules and steps"}},
     {{"entries", "the start and each step: outputs, round, locked and valid block"}}},
    {"validator-set",
     "Updates of a validator set and increments of its priorities, as CometBFT makes them",
     validator_set,
     {{"file", EVAL_PATH, NULL, NULL, NULL, NULL, "YAML: validators and steps"}},
     {{"entries", "after each step: the members in the order of the set, or an error"}}},
};

const struct eval_table eval_consensus_table = {functions, sizeof functions / sizeof functions[0]};
