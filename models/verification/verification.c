/* SPDX-License-Identifier: Apache-2.0
 * The table of verification designs and their keys. */
#include "models/verification/verification.h"

#define SETTLEMENT_GAS                                                                             \
    "own estimate from the contract's steps (not executed): settleIndividual 97 k"
#define BATCH_GAS "own estimate from the contract's steps (not executed): batchSettle 28 k"
#define FACILITATOR_GAS "OpenGradient/inference-facilitator all_networks_shared.ts"
#define RSA_SIGN "RSA-2048-PSS sign, measured with OpenSSL on an AMD EPYC core"
#define NITRO_CHECK                                                                                \
    "COSE and certificate chain at 0.67 ms a P-384 verify (measured on an EPYC core)"

static const struct param haca_tee_rows[] = {
    PARAM(verification_haca_tee, sign, PARAM_DURATION, "770 us", "0 s", "1 h",
          "time to sign an answer inside the enclave; its last token leaves with the signature",
          RSA_SIGN),
    PARAM(verification_haca_tee, check, PARAM_DURATION, "3.5 ms", "0 s", "1 h",
          "work of one core to check one attestation document", NITRO_CHECK),
    PARAM(verification_haca_tee, gas_used, PARAM_COUNT, "97000", "21000", "1000000000",
          "gas used by a proof transaction", SETTLEMENT_GAS),
    PARAM(verification_haca_tee, gas_limit, PARAM_COUNT, "120000", "21000", "1000000000",
          "gas limit of a proof transaction: an honest limit", "assumption"),
    PARAM(verification_haca_tee, fee_cap, PARAM_GAS_PRICE, "100 gwei", "0 wei", "1000000 gwei",
          "most a node pays per gas", "assumption: it always gets in"),
    PARAM(verification_haca_tee, tip, PARAM_GAS_PRICE, "0.001 gwei", "0 wei", "1000000 gwei",
          "tip per gas", FACILITATOR_GAS),
    PARAM(verification_haca_tee, bytes, PARAM_BYTES, "5 kB", "1 B", "1 MB",
          "size of a proof transaction", "assumption: a Nitro document has 4 to 5 kB"),
    PARAM(verification_haca_tee, upload, PARAM_BOOL, "false", NULL, NULL,
          "proofs go to storage before the chain hears of them",
          "docs.opengradient.ai: storage is for models and big proofs"),
    PARAM(verification_haca_tee, validity, PARAM_DURATION, "1 h", "1 ms", "30 d",
          "a proof older than this is refused", "og-evm TEEInferenceVerifier.sol (3600 s)"),
};
static const struct param_table haca_tee_table =
    PARAM_TABLE("haca_tee", verification_haca_tee, haca_tee_rows);

static const struct param og_batch_rows[] = {
    PARAM(verification_og_batch, sign, PARAM_DURATION, "770 us", "0 s", "1 h",
          "time to sign an answer inside the enclave; its last token leaves with the signature",
          RSA_SIGN),
    PARAM(verification_og_batch, gas_used, PARAM_COUNT, "28000", "21000", "1000000000",
          "gas used by a batch transaction", BATCH_GAS),
    PARAM(verification_og_batch, gas_limit, PARAM_COUNT, "9000000", "21000", "1000000000",
          "gas limit that the relayer sets", FACILITATOR_GAS),
    PARAM(verification_og_batch, fee_cap, PARAM_GAS_PRICE, "0.002 gwei", "0 wei", "1000000 gwei",
          "most the relayer pays per gas", FACILITATOR_GAS),
    PARAM(verification_og_batch, tip, PARAM_GAS_PRICE, "0.001 gwei", "0 wei", "1000000 gwei",
          "tip per gas", FACILITATOR_GAS),
    PARAM(verification_og_batch, bytes, PARAM_BYTES, "300 B", "1 B", "1 MB",
          "size of a batch transaction: root, size, blob id", "assumption"),
};
static const struct param_table og_batch_table =
    PARAM_TABLE("og_batch", verification_og_batch, og_batch_rows);

static const struct param replicated_rows[] = {
    PARAM(verification_replicated, gpu, PARAM_NAME, "a100-80g", NULL, NULL,
          "GPU that every validator rents", "assumption"),
    PARAM(verification_replicated, gpus, PARAM_COUNT, "4", "1", "64", "GPUs of each validator",
          "assumption: what a 70B model in bf16 needs"),
    PARAM(verification_replicated, model, PARAM_NAME, "llama3-70b", NULL, NULL,
          "model that every validator runs", "assumption"),
    PARAM(verification_replicated, gas_per_token, PARAM_COUNT, "1000", "1", "1000000",
          "gas limit per prompt and output token, which bounds the work of a block", "assumption"),
    PARAM(verification_replicated, fee_cap, PARAM_GAS_PRICE, "100 gwei", "0 wei", "1000000 gwei",
          "most a user pays per gas", "assumption"),
    PARAM(verification_replicated, tip, PARAM_GAS_PRICE, "0.001 gwei", "0 wei", "1000000 gwei",
          "tip per gas", "assumption"),
    PARAM(verification_replicated, divergence_per_token, PARAM_RATIO, "0%", "0%", "100%",
          "chance per token that honest replicas differ (batching, hardware): an answer on which "
          "they differ is refused",
          "0: pinned kernels; 2.6e-3 to 4.4e-3 published for dynamic batches on one GPU type"),
};
static const struct param_table replicated_table =
    PARAM_TABLE("replicated", verification_replicated, replicated_rows);

static const char *const design_names[] = {"haca_tee", "og_batch", "replicated", NULL};

static const struct param verification_rows[] = {
    {.key = "design",
     .type = PARAM_ENUM,
     .offset = offsetof(struct verification_params, design),
     .def = "haca_tee",
     .meaning = "how answers are verified",
     .source = "the architecture as promised; og_batch is the default of the code",
     .names = design_names},
    PARAM_SUB(verification_params, haca_tee, PARAM_GROUP, haca_tee_table, "{}",
              "every proof is checked by the validators", "docs/claims.md 3"),
    PARAM_SUB(verification_params, og_batch, PARAM_GROUP, og_batch_table, "{}",
              "Merkle batches through the facilitator; nothing is checked on chain",
              "OpenGradient-SDK types.py, InferenceSettlementRelay.sol"),
    PARAM_SUB(verification_params, replicated, PARAM_GROUP, replicated_table, "{}",
              "every validator runs the model inside consensus", "docs/claims.md 1"),
};
const struct param_table verification_table =
    PARAM_TABLE("verification", verification_params, verification_rows);

const struct verification_design *verification_find(int kind)
{
    static const struct verification_design *const designs[] = {
        [VERIFICATION_HACA_TEE] = &verification_haca_tee_design,
        [VERIFICATION_OG_BATCH] = &verification_og_batch_design,
        [VERIFICATION_REPLICATED] = &verification_replicated_design,
    };
    return designs[kind];
}
