/* SPDX-License-Identifier: Apache-2.0
 * The schedulers of a serving node, in one table.
 *
 * All run the same loop: running requests first, then waiting ones while there is room.  What
 * tells them apart is a handful of answers: may prompts share a step with decoding, may a prompt
 * be cut into chunks, which blocks must be there before a request is admitted, which are taken
 * then, and when nobody is admitted.  A further policy is a further line. */
#ifndef HACASIM_MODELS_SERVING_POLICY_H
#define HACASIM_MODELS_SERVING_POLICY_H

#include <stdbool.h>
#include <stdint.h>

struct serving_params;

/* What an admitted request takes of the KV cache at once; the rest as its tokens are scheduled. */
enum serving_reserve {
    SERVING_RESERVE_CHUNK,  /* what is scheduled */
    SERVING_RESERVE_PROMPT, /* its whole prompt */
    SERVING_RESERVE_ALL,    /* all it can ever need: it is never preempted */
};

struct serving_policy {
    const char *name;
    enum serving_reserve reserve;
    bool mixes;         /* prompts and decoding in one step; else a step is either */
    bool chunks;        /* a prompt may be spread over steps */
    bool budgeted;      /* max_num_batched_tokens limits a step */
    bool after_preempt; /* admits in a step that had to preempt somebody */
    bool batch_at_once; /* admits only when nobody runs */
    bool caches;        /* knows a prefix cache */
    double watermark;   /* share of blocks that an admission leaves free, unless a key says */
    const char *meaning, *source;
};

enum { SERVING_POLICIES = 5, SERVING_VLLM_V1 = 0 };
extern const struct serving_policy serving_policies[SERVING_POLICIES];
extern const char *const serving_policy_names[SERVING_POLICIES + 1];

/* A policy together with the keys that bend it. */
struct serving_rules {
    enum serving_reserve reserve;
    bool mixes, chunks, budgeted, after_preempt, batch_at_once, caches;
    bool whole_fits; /* blocks for the whole prompt must be free at admission */
    bool ahead;      /* a step is scheduled while the one before it runs */
    bool ranked;     /* the queue is not first come first served */
    bool by_rank;    /* whom to preempt goes by rank too */
    int64_t watermark_blocks;
    int64_t threshold; /* longest chunk; INT64_MAX: none */
};
struct serving_rules serving_policy_rules(const struct serving_params *params,
                                          int64_t blocks_total);

#endif
