/* SPDX-License-Identifier: Apache-2.0
 * One stored run in memory, with all that pictures and reports are made of. */
#ifndef HACASIM_ANALYSIS_RESULT_H
#define HACASIM_ANALYSIS_RESULT_H

#include "analysis/steady.h"
#include "analysis/store.h"
#include "analysis/summary.h"

struct result {
    struct store_run run;
    const char *label; /* its name, or name and id where two runs of one name are compared */
    const struct summary *summary;
    struct steady steady;
    struct store_line *series, *curves; /* of the first replication */
    size_t series_count, curve_count;
    const char **caveats;
    size_t caveat_count;
    struct param_effective *effective;
    size_t effective_count;
    double horizon_s; /* when arrivals end and the drain starts; NaN when the scenario has none */
};

/* The run that `name` names (see store_find).  STATUS_USER when it has no finished replication. */
enum status result_load(struct store *store, struct arena *arena, const char *name,
                        struct result *out);

/* Give two runs labels that tell them apart. */
void result_distinguish(struct result *a, struct result *b, struct arena *arena);

/* The line of that name, or NULL. */
const struct store_line *result_series(const struct result *result, const char *name);
const struct store_line *result_curve(const struct result *result, const char *name);
/* Mean of a metric over the replications; NaN when it is null or unknown. */
double result_metric(const struct result *result, const char *name);

/* results/<scenario>/<file>, where the verbs write unless told otherwise. */
const char *result_path(const struct result *result, struct arena *arena, const char *file);

#endif
