/* SPDX-License-Identifier: Apache-2.0
 * The scheduler of a node: what a step computes, and what its end changes.  Internal to
 * models/serving*.c.
 *
 * A step is begun (blocks are taken, the batch is fixed, its time is known) and later finished
 * (tokens are counted, requests complete).  When the step only decodes and the scheduler could
 * decide nothing for a while, `planned` steps are begun at once and finished together, or some of
 * them when something comes between. */
#ifndef HACASIM_MODELS_SERVING_STEP_H
#define HACASIM_MODELS_SERVING_STEP_H

#include "models/serving.h"

/* Time at which the running step started, as the caller sees it. */
int64_t serving_step_start_ns(const struct serving *s);

/* Time at which the first `steps` of the plan have ended, as the caller sees it. */
int64_t serving_step_end_ns(const struct serving *s, int64_t steps);
/* KV blocks that are taken just before `at_ns`, which is at most the end of the plan. */
int64_t serving_step_blocks_used(const struct serving *s, int64_t at_ns);

void serving_step_begin(struct serving *s);
/* A request was appended at the very time the open step started: let it join. */
void serving_step_extend(struct serving *s);
void serving_step_finish(struct serving *s, int64_t steps);

/* Plan so many of the steps whose times are known. */
void serving_step_set_plan(struct serving *s, int64_t steps);

/* Tokens that must fit the KV cache for such a request to be held. */
int64_t serving_step_room_tok(const struct serving *s, int64_t prompt_tok, int64_t output_tok);

/* Finish the steps of the plan that have ended by `now_ns`, which is before the end of the last,
 * so that the step that runs at `now_ns` is the first of the plan. */
void serving_step_settle(struct serving *s, int64_t now_ns);
/* And plan no further than its end. */
void serving_step_cut(struct serving *s, int64_t now_ns);

/* What the running step computes, as its perf was asked about it. */
struct perf_batch serving_step_batch(struct serving *s);
/* The one step that runs ends at this time and not when its perf says: it is taken together with
 * steps of other nodes. */
void serving_step_until(struct serving *s, int64_t end_ns);

/* Take a running request's blocks and put it back at the head of the queue. */
void serving_step_preempt(struct serving *s, int32_t index);

/* Drop the KV cache and all that is known of the old model. */
void serving_step_reset_blocks(struct serving *s);

#endif
