/* SPDX-License-Identifier: Apache-2.0
 * Caveats: what a reader must know before using the numbers of a run. */
#ifndef HACASIM_MODELS_CAVEAT_H
#define HACASIM_MODELS_CAVEAT_H

#include <stdbool.h>

#include "models/scenario.h"

struct world;

enum { CAVEAT_UNUSED_MOST = 12 };

/* What keys that were given and have no effect (asked of the scenario's text) will have to say, at
 * most CAVEAT_UNUSED_MOST texts; back comes how many.  When a scenario is loaded, not in a run:
 * reading the text takes memory of the scenario, which replications share. */
uint32_t caveat_unused(const struct scenario *params, const struct param_doc *doc,
                       struct arena *arena, const char **texts);

/* Fill the caveats of `record` from the world at its end; `halted`: the chain stood still then. */
void caveat_list(const struct world *w, struct models_record *record, bool halted);

#endif
