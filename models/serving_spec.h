/* SPDX-License-Identifier: Apache-2.0
 * Speculative decoding: a step verifies some drafted tokens of each sequence, and as many of them
 * as are accepted count, and one more.  Internal to models/serving*.c.
 *
 * Sequences then no longer gain one token per step each, so there is no closed form: a leap is a
 * tight loop that draws and adds up step times until somebody completes or blocks run out, without
 * an event.  How many drafts of a sequence are accepted is drawn by (draws, tokens generated), so
 * the loop can be run ahead to plan and again to happen.
 *
 * A verified sequence is timed as a chunk of drafts + 1 tokens behind its context, all of them
 * sampled; drafting takes a share of the step's time for each token (`draft_cost`).  Each draft is
 * accepted with the same chance, independently, until the first that is not (Leviathan et al.,
 * ICML 2023). */
#ifndef HACASIM_MODELS_SERVING_SPEC_H
#define HACASIM_MODELS_SERVING_SPEC_H

#include "models/serving.h"

enum { SERVING_SPEC_LEAP = 64, SERVING_SPEC_MAX = 32 }; /* steps planned at once; drafts */

/* Tokens that a sequence gains in the step after `generated_tok` were sampled: 1 + accepted. */
int64_t serving_spec_gain(const struct serving_params *params, uint64_t draws,
                          int64_t generated_tok);
int64_t serving_spec_ticks(const struct serving_params *params, int64_t step_ticks);

/* What the decoding requests compute. */
void serving_spec_add(const struct serving *s, struct perf_batch *batch);

/* Blocks that one, or all, lack for a step; and that they have them now. */
int64_t serving_spec_lacking(const struct serving *s, const struct serving_request *r);
int64_t serving_spec_need(const struct serving *s);
void serving_spec_extend(const struct serving *s, struct serving_request *r);
void serving_spec_extend_all(struct serving *s);

/* s->line is the first step's; `single`: plan no further. */
void serving_spec_plan(struct serving *s, bool single);
void serving_spec_apply(struct serving *s, int64_t steps);

#endif
