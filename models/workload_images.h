/* SPDX-License-Identifier: Apache-2.0
 * Which prompts carry images, how many, and how many tokens each has.
 *
 * The images of a prompt are alike and stand one after the other behind its system prompt; text
 * follows.  Of a session the first turn brings them, and later turns carry them along, as the
 * conversation has them at the same place.  A trace with a column of images says which requests
 * have how many; its prompts count their tokens already, and `tokens` says how many of them that
 * are. */
#ifndef HACASIM_MODELS_WORKLOAD_IMAGES_H
#define HACASIM_MODELS_WORKLOAD_IMAGES_H

#include "models/session.h"

struct workload_images {
    double share;
    struct dist count, tokens;
    uint64_t size; /* bytes of one on its way to the node */
    bool added, recorded;
};
extern const struct param_table workload_images_table;

/* Give the prompt its images.  `stream` is that of the request; `recorded`: how many a trace says
 * (UINT32_MAX: it has no such column).  A prompt with less text than its images would have tokens
 * has smaller ones, so that a token of text stays. */
void workload_images_put(const struct workload_images *params, struct rng_stream *stream,
                         uint32_t recorded, struct session_text *text);

#endif
