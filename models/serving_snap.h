/* SPDX-License-Identifier: Apache-2.0
 * The state of a node's engine in a checkpoint. */
#ifndef HACASIM_MODELS_SERVING_SNAP_H
#define HACASIM_MODELS_SERVING_SNAP_H

#include "models/serving.h"

/* `perfs`: the table that the engine's timings come from; `tags`: what the caller's names of
 * requests are below. */
void serving_snap(struct serving *s, struct snap *snap, const struct perf *perfs,
                  uint32_t perf_count, uint32_t tags);

/* Counters by themselves: those of an engine that is no more. */
void serving_counters_snap(struct serving_counters *counters, struct snap *snap);
void serving_counters_add(struct serving_counters *sum, const struct serving_counters *more);

#endif
