/* SPDX-License-Identifier: Apache-2.0
 * The containers of a node: request slots, linked lists, the heap of finishing times, finished
 * requests not yet taken.  Internal to models/serving*.c. */
#ifndef HACASIM_MODELS_SERVING_QUEUE_H
#define HACASIM_MODELS_SERVING_QUEUE_H

#include "models/serving.h"

int32_t serving_queue_take(struct serving *s); /* a zeroed slot */
void serving_queue_release(struct serving *s, int32_t index);

void serving_queue_append(struct serving *s, struct serving_list *list, int32_t index);
void serving_queue_remove(struct serving *s, struct serving_list *list, int32_t index);

/* The waiting: first come first served, or by rank; `again`: it ran before. */
void serving_queue_wait(struct serving *s, int32_t index, bool again);
void serving_queue_leave(struct serving *s, int32_t index);
int32_t serving_queue_first(const struct serving *s); /* SERVING_NONE: nobody waits */

void serving_queue_push(struct serving *s, int32_t index, int64_t clock); /* into the heap */
void serving_queue_drop(struct serving *s, int32_t index);                /* out of the heap */

void serving_queue_report(struct serving *s, const struct serving_request *r,
                          enum serving_outcome outcome, int64_t done_ns);

#endif
