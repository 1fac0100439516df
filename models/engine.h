/* SPDX-License-Identifier: Apache-2.0
 * The engines of a world whose steps are timed one by one (models/perf_log.h). */
#ifndef HACASIM_MODELS_ENGINE_H
#define HACASIM_MODELS_ENGINE_H

#include "models/world.h"

/* After fleet_open and before the first event: give logs to the engines that are live, recorded, or
 * to be recorded.  STATUS_USER when a node class is live and nobody measures. */
enum status engine_attach(struct world *w, const struct models_options *options);

/* After the end: did each step get the time that was wanted? */
enum status engine_status(const struct world *w);

/* The steps that were recorded, for a record; lies in the world's arena. */
struct models_steps *engine_steps(const struct world *w);

/* How far replays have come. */
void engine_snap(struct world *w, struct snap *snap);

#endif
