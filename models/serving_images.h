/* SPDX-License-Identifier: Apache-2.0
 * Images in prompts: which of them a step encodes.
 *
 * As in vLLM V1 an image is encoded whole, in the step that computes the first chunk of its tokens
 * (v1/core/sched/scheduler.py, _try_schedule_encoder_inputs).  An image whose tokens are all found
 * in the prefix cache, or came with the request, is not encoded; one of which only a part was found
 * is.  What the encoder gave is kept in a cache of max_num_batched_tokens image tokens (vLLM's
 * encoder_cache_size; the newest image is kept however large it is), where the least recently used
 * makes room: a request that was preempted, or a later turn of its stream, finds its images there
 * while they last.
 *
 * Left out: vLLM puts an image off, and all behind it, when the step's images would exceed
 * max_num_batched_tokens too or the cache is full of images still in use. */
#ifndef HACASIM_MODELS_SERVING_IMAGES_H
#define HACASIM_MODELS_SERVING_IMAGES_H

#include "models/serving.h"

/* Can a model be asked about so many images?  One without an encoder can about none. */
bool serving_images_seen(const struct perf *perf, int64_t images);

/* Add to the step's batch what the scheduled chunk of a request encodes; asked again about the same
 * chunk, the same. */
void serving_images_add(struct serving *s, int32_t index);
/* The chunk is computed. */
void serving_images_count(struct serving *s, struct serving_request *r);

void serving_images_reset(struct serving *s);

#endif
