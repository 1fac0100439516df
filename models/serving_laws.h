/* SPDX-License-Identifier: Apache-2.0
 * Laws that a node obeys whatever its scheduler decides, kept as sums beside it and compared in
 * every run.
 *
 *   Little's law (L = lambda W, as sums): the integral of the number of requests held over time is
 *     the sum of the times that those which left have stayed, plus the age of those held.
 *   Work conservation: a step runs exactly while a request is held; in a busy period time passes by
 *     the steps' own lengths and by nothing else.
 *   Requests: accepted are completed, cancelled, lost or held.
 *   Tokens: sampled are those that completed requests asked for, those dropped with cancelled and
 *     lost ones, and those of requests held; computed are prompt + output - 1 of each completed
 *     request, what was wasted, and what requests held have in KV, less what was found in the
 * prefix cache or came with the request.
 *
 * Sums of times wrap at 2^64: an identity of sums holds there as well, and an error is missed only
 * if it is a multiple of 2^64 ns. */
#ifndef HACASIM_MODELS_SERVING_LAWS_H
#define HACASIM_MODELS_SERVING_LAWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct serving;
struct serving_request;

struct serving_laws {
    int64_t since_ns;            /* the integrals reach to here */
    uint64_t area_ns;            /* requests held x ns */
    uint64_t waiting_ns;         /* of them waiting */
    uint64_t sojourn_ns;         /* of requests that left */
    uint64_t arrived_ns;         /* sum of the arrivals of those held */
    int64_t held_ns;             /* time with any held */
    int64_t period_ticks;        /* steps finished since the node was idle last, 1/1024 ns */
    uint64_t sampled_tok;        /* that the steps promised */
    uint64_t asked_tok, due_tok; /* of completed requests: output; prompt + output - 1 */
    uint64_t dropped_tok;        /* sampled for cancelled and lost requests */
};

/* Time passes with the requests as they are: to be called before their number changes. */
void serving_laws_pass(struct serving *s, int64_t now_ns);
void serving_laws_enter(struct serving *s, struct serving_request *r, int64_t now_ns);
/* Before it is taken from its list. */
void serving_laws_leave(struct serving *s, const struct serving_request *r, int64_t now_ns,
                        bool completed);
/* `steps` of the plan end, before anything of the plan changes. */
void serving_laws_steps(struct serving *s, int64_t steps);
/* What speculating sequences gained by them. */
void serving_laws_gain(struct serving *s, uint64_t tokens);

/* Requests held, by whether they have been admitted.  One that has its last token is not held, even
 * while its blocks wait for the next step to be scheduled. */
uint32_t serving_laws_waiting(const struct serving *s);
uint32_t serving_laws_running(const struct serving *s);

/* Tokens of a request: sampled so far, and computed and in KV. */
int64_t serving_laws_generated(const struct serving *s, const struct serving_request *r);
int64_t serving_laws_computed(const struct serving *s, const struct serving_request *r);

/* Integral of the requests held minus the sum of their stays. */
int64_t serving_laws_little_ns(const struct serving *s);

/* NULL, or the law that is broken, written to `text`.  A handful of comparisons. */
const char *serving_laws_check(const struct serving *s, char *text, size_t size);
/* The same after a walk over the requests held, which must also be in the right lists. */
const char *serving_laws_audit(const struct serving *s, char *text, size_t size);

#endif
