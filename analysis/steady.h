/* SPDX-License-Identifier: Apache-2.0
 * What a run says about its steady state: warm-up, batch means, stop rule. */
#ifndef HACASIM_ANALYSIS_STEADY_H
#define HACASIM_ANALYSIS_STEADY_H

#include <stdio.h>

#include "analysis/store.h"

struct steady {
    /* warm-up */
    bool mser5;
    double cut_s; /* NaN: the run's scenario does not say */
    /* one replication: batch means */
    const struct models_steady *rows; /* those with observations */
    size_t count;
    /* several replications: the rule, where there was one */
    bool stopped;
    struct store_stop stop;
};

/* Of a run as stored.  `reps`: its finished replications; batch means belong to single ones. */
enum status steady_load(struct store *store, struct arena *arena, int64_t run, uint32_t reps,
                        struct steady *out);

/* Caveats of the run as a whole, at most STEADY_CAVEATS. */
enum { STEADY_CAVEATS = 3 };
size_t steady_caveats(const struct models_info *info, const struct models_steady *rows,
                      size_t count, const struct store_stop *stop, struct arena *arena,
                      const char *out[STEADY_CAVEATS]);

/* The warm-up that MSER-5 chose, how the rule ended, and the table of batch means; nothing where
 * there is nothing to say. */
void steady_print(const struct steady *steady, struct arena *arena, FILE *out);
/* The members `warmup`, `stop` and `steady_state` of the results. */
void steady_json(const struct steady *steady, struct json *json, struct json_node *root);

#endif
