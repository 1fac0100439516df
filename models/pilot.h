/* SPDX-License-Identifier: Apache-2.0
 * `warmup: mser5`: where to begin measuring, found on a pilot pass. */
#ifndef HACASIM_MODELS_PILOT_H
#define HACASIM_MODELS_PILOT_H

#include "models/scenario.h"

/* What is watched. */
enum pilot_series { PILOT_IN_SYSTEM, PILOT_OPEN, PILOT_MEMPOOL, PILOT_BUSY, PILOT_SERIES };
extern const char *const pilot_names[PILOT_SERIES];

/* Points of each series: 800 means of five, so that the cut is found to 1/800 of the horizon. */
enum { PILOT_POINTS = 4000 };

struct pilot {
    int64_t cut_ns;           /* the latest of the cuts */
    enum pilot_series latest; /* whose cut that is */
    bool settled[PILOT_SERIES];
};

/* Simulate replication 0 without a warm-up up to the horizon and look for the cuts. */
enum status pilot_run(const struct models_scenario *scenario, uint64_t seed,
                      const struct models_options *options, struct arena *arena,
                      struct pilot *pilot);

#endif
