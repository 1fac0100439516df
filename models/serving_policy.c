/* SPDX-License-Identifier: Apache-2.0
 * The table of schedulers, and how scenario keys bend a line of it. */
#include "models/serving_policy.h"

#include "models/serving.h"

const struct serving_policy serving_policies[SERVING_POLICIES] = {
    {.name = "vllm_v1",
     .reserve = SERVING_RESERVE_CHUNK,
     .mixes = true,
     .chunks = true,
     .budgeted = true,
     .caches = true,
     .meaning =
         "running requests first, each what it lacks; then waiting ones with what is left of "
         "the token budget, in chunks; nobody is admitted in a step that preempts",
     .source = "vLLM v1/core/sched/scheduler.py, 0.19"},
    {.name = "vllm_v0",
     .reserve = SERVING_RESERVE_PROMPT,
     .budgeted = true,
     .watermark = 0.01,
     .meaning = "waiting prompts first, whole, in steps of their own in which nobody decodes; "
                "1 % of the blocks stays free at admission",
     .source = "vLLM core/scheduler.py 0.6, _schedule_default; BlockSpaceManager watermark"},
    {.name = "sarathi",
     .reserve = SERVING_RESERVE_PROMPT,
     .mixes = true,
     .chunks = true,
     .budgeted = true,
     .after_preempt = true,
     .watermark = 0.01,
     .meaning = "decoding first, then chunks of prompts up to the token budget; blocks of a whole "
                "prompt are taken at admission",
     .source = "Agrawal et al., Sarathi-Serve, OSDI 2024, algorithm 3; its sarathi_scheduler.py"},
    {.name = "orca",
     .reserve = SERVING_RESERVE_ALL,
     .mixes = true,
     .meaning = "iteration by iteration, whole prompts beside decoding, no token budget; KV for "
                "the longest it can get (max_model_len, or its own length where that is 0) is "
                "reserved at admission",
     .source =
         "Yu et al., Orca, OSDI 2022, algorithm 1; Orca (Max) and (Oracle) of the vLLM paper"},
    {.name = "static",
     .reserve = SERVING_RESERVE_ALL,
     .mixes = true,
     .batch_at_once = true,
     .meaning = "a batch is formed when the node is empty and nobody joins until all of it are "
                "done; tokens are given out as they come; KV is reserved as in orca",
     .source = "request-level scheduling of FasterTransformer, as in Orca, section 3, and Vidur"},
};

const char *const serving_policy_names[SERVING_POLICIES + 1] = {"vllm_v1", "vllm_v0", "sarathi",
                                                                "orca",    "static",  NULL};

struct serving_rules serving_policy_rules(const struct serving_params *params, int64_t blocks_total)
{
    const struct serving_policy *policy = &serving_policies[params->policy];
    bool v1 = params->policy == SERVING_VLLM_V1;
    double watermark = params->watermark > 0.0 ? params->watermark : policy->watermark;
    int64_t threshold = params->long_prefill_token_threshold;
    return (struct serving_rules){
        .reserve = policy->reserve,
        .mixes = policy->mixes,
        .chunks = policy->chunks && params->chunked_prefill == SERVING_ON,
        .budgeted = policy->budgeted,
        .after_preempt = policy->after_preempt,
        .batch_at_once = policy->batch_at_once,
        .caches = policy->caches && params->prefix_caching,
        .whole_fits = !v1 || params->reserve_full_isl == SERVING_ON,
        .ahead = v1 && params->async_scheduling,
        .ranked = params->order != SERVING_FCFS,
        .by_rank = params->order == SERVING_PRIORITY,
        /* The pool of blocks includes the null block. */
        .watermark_blocks = (int64_t)(watermark * (double)(blocks_total + 1)),
        .threshold = v1 && threshold > 0 ? threshold : INT64_MAX,
    };
}
