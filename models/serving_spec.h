/* SPDX-License-Identifier: Apache-2.0
 * Speculative decoding: a step verifies some drafted tokens of each sequence, and as many of them
 * as are accepted count, and one more.  Internal to models/serving*.c.
 *
 * How many drafts of a sequence are accepted is drawn by (draws, steps it has been verified in), so
 * what a sequence will gain hangs on nothing but itself.  It is therefore worked out ahead, for all
 * steps up to the end of a window, when the sequence begins to decode and when a window begins, and
 * added to sums by step: tokens gained, KV blocks taken.  A step's time hangs on the sums alone,
 * and so a step costs the same for any number of sequences; a leap is a loop over steps that ends
 * where a list says that somebody completes, where blocks run out or with the window.  What a
 * sequence has at a given step is looked up in its gains when it is asked for.
 *
 * A verified sequence is timed as a chunk of drafts + 1 tokens behind its context, all of them
 * sampled; drafting takes a share of the step's time for each token (`draft_cost`).  Each draft is
 * accepted with the same chance, independently, until the first that is not (Leviathan et al.,
 * ICML 2023). */
#ifndef HACASIM_MODELS_SERVING_SPEC_H
#define HACASIM_MODELS_SERVING_SPEC_H

#include "models/serving.h"

enum {
    SERVING_SPEC_WINDOW = 128, /* steps */
    SERVING_SPEC_LEAP = 64,    /* planned at once */
    SERVING_SPEC_MAX = 32      /* drafts */
};

struct serving_spec {
    /* of the window; its sums hold for steps that are still to come */
    int32_t at;                             /* steps of it that have ended */
    bool extended;                          /* the decoding have the blocks of the next one */
    int64_t gain[SERVING_SPEC_WINDOW];      /* tokens that they gain by a step */
    int64_t need[SERVING_SPEC_WINDOW];      /* blocks that it takes */
    int32_t first[SERVING_SPEC_WINDOW + 1]; /* who completes with the end of so many steps, in
                                             * order of admission; linked by ends_next */
    uint8_t (*gains)[SERVING_SPEC_WINDOW];  /* of each request, from its cursor on */
    uint32_t capacity;                      /* of gains */

    /* of the plan that runs */
    int64_t ticks[SERVING_SPEC_LEAP]; /* from its start to the end of each step */
    int64_t taken[SERVING_SPEC_LEAP]; /* KV blocks taken by the start of each, after the first */

    int32_t limits[SERVING_SPEC_MAX]; /* a draw of 31 bits up to the n-th accepts n + 1 drafts */
};

void serving_spec_init(struct serving *s);
void serving_spec_reset(struct serving *s); /* nobody decodes any more */

/* Tokens that a sequence gains in its step number `step` (from 0): 1 + accepted. */
int64_t serving_spec_gain(const struct serving_params *params, uint64_t draws, int64_t step);
int64_t serving_spec_ticks(const struct serving_params *params, int64_t step_ticks);

/* A request begins to decode, with birth set, and ends to: its birth and verified are then as of
 * now, as are slot_tok and filed_tok. */
void serving_spec_enter(struct serving *s, int32_t index);
void serving_spec_leave(struct serving *s, int32_t index);
/* The decoding requests stand where a checkpoint left them; false: they cannot. */
bool serving_spec_recall(struct serving *s);

/* Of one that decodes: tokens computed, and tokens known when it was last scheduled. */
int64_t serving_spec_computed(const struct serving *s, const struct serving_request *r);
int64_t serving_spec_filed(const struct serving *s, const struct serving_request *r);

/* The first of those that have all their tokens now; SERVING_NONE: nobody. */
int32_t serving_spec_done(const struct serving *s);

/* What the decoding requests compute. */
void serving_spec_add(const struct serving *s, struct perf_batch *batch);

/* Blocks that one, or all, lack for the step that is being scheduled; and that they have them.
 * Where they are asked one by one, each comes up to date first (look). */
void serving_spec_look(struct serving *s);
int64_t serving_spec_lacking(const struct serving *s, const struct serving_request *r);
int64_t serving_spec_need(const struct serving *s);
void serving_spec_extend(const struct serving *s, struct serving_request *r);
void serving_spec_extend_all(struct serving *s);

/* s->line is the first step's; `single`: plan no further. */
void serving_spec_plan(struct serving *s, bool single);
void serving_spec_apply(struct serving *s, int64_t steps);

#endif
