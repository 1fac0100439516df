/* SPDX-License-Identifier: Apache-2.0
 * Branches: a world that goes on from a checkpoint under other parameters.  Internal to models/. */
#ifndef HACASIM_MODELS_BRANCH_H
#define HACASIM_MODELS_BRANCH_H

#include "models/world.h"

/* See models_branch. */
void branch_check(const struct models_scenario *past, const struct models_scenario *branch,
                  int64_t now_ns, struct diag *diag);

/* A world has been restored from a checkpoint made under `past`: put right what was scheduled then
 * and comes at another time now.  With equal parameters nothing happens. */
void branch_apply(struct world *w, const struct scenario *past);

#endif
