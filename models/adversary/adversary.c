/* SPDX-License-Identifier: Apache-2.0
 * The table of adversaries and their keys. */
#include "models/adversary/adversary.h"

static const char *const strategy_names[] = {"model_substitution", NULL};

static const struct param adversary_rows[] = {
    {.key = "strategy",
     .type = PARAM_ENUM,
     .offset = offsetof(struct adversary_params, strategy),
     .meaning = "what the adversary does",
     .source = "docs/claims.md 8 and 9",
     .names = strategy_names},
    PARAM(adversary_params, share, PARAM_RATIO, "5%", "0%", "100%", "share of the nodes it takes",
          "assumption"),
    PARAM(adversary_params, start, PARAM_DURATION, "0 s", "0 s", "100 y", "when it takes them",
          "assumption"),
    PARAM(adversary_params, substitute, PARAM_NAME, "llama3-8b", NULL, NULL,
          "model that is served instead", "assumption"),
    PARAM(adversary_params, evades, PARAM_RATIO, "0%", "0%", "100%",
          "share of its forged proofs that pass an honest check",
          "assumption: no break of the enclave"),
};
const struct param_table adversary_table =
    PARAM_TABLE("adversary", adversary_params, adversary_rows);

const struct adversary_strategy *adversary_find(int kind)
{
    static const struct adversary_strategy *const strategies[] = {
        [ADVERSARY_MODEL_SUBSTITUTION] = &adversary_model_substitution,
    };
    return strategies[kind];
}
