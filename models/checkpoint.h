/* SPDX-License-Identifier: Apache-2.0
 * Checkpoints of a running world: taken between two events, read back into a world that was opened
 * from the same scenario (or a branch of it).  Internal to models/. */
#ifndef HACASIM_MODELS_CHECKPOINT_H
#define HACASIM_MODELS_CHECKPOINT_H

#include "models/world.h"

/* The state of `w` as an archive in `arena`; `w` does not change. */
struct snap checkpoint_save(struct world *w, struct arena *arena);

/* Overlay what `from` holds on a world that world_open has just made.  `past`: the scenario of
 * `from` where that is another one.  STATUS_OPERATING when the bytes are damaged, STATUS_USER when
 * they belong to another scenario. */
enum status checkpoint_restore(struct world *w, const struct models_checkpoint *from,
                               const struct scenario *past);

/* Restore if asked to, then run to the end with a checkpoint wherever the options want one. */
enum status checkpoint_run(struct world *w, const struct models_options *options);

/* In the loop, now and then: a checkpoint if one is due by the caller's clock. */
enum status checkpoint_periodic(struct world *w, const struct models_options *options);

#endif
