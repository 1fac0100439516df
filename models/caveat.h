/* SPDX-License-Identifier: Apache-2.0
 * Caveats: what a reader must know before using the numbers of a run. */
#ifndef HACASIM_MODELS_CAVEAT_H
#define HACASIM_MODELS_CAVEAT_H

#include <stdbool.h>

#include "models/models.h"

struct world;

/* Fill the caveats of `record` from the world at its end; `halted`: the chain stood still then. */
void caveat_list(const struct world *w, struct models_record *record, bool halted);

#endif
