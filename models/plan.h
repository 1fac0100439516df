/* SPDX-License-Identifier: Apache-2.0
 * How long to measure: `reps:` and `warmup:` of a scenario. */
#ifndef HACASIM_MODELS_PLAN_H
#define HACASIM_MODELS_PLAN_H

#include "sim/sim.h"

struct plan_until {
    const char *metric;
    double half_width, level; /* half_width: over the mean */
    int64_t min, max;
};

enum plan_reps_kind { PLAN_REPS_FIXED, PLAN_REPS_UNTIL };
struct plan_reps {
    int kind; /* enum plan_reps_kind */
    int64_t fixed;
    struct plan_until until;
};
extern const struct param_table plan_reps_table;

enum plan_warmup_kind { PLAN_WARMUP_FIXED, PLAN_WARMUP_MSER5 };
struct plan_warmup {
    int kind;      /* enum plan_warmup_kind */
    int64_t fixed; /* ns */
};
extern const struct param_table plan_warmup_table;

/* The metric that replications are added for must be one: of all, or of this scenario. */
struct models_metrics;
void plan_check(const struct plan_reps *reps, const struct models_metrics *metrics,
                struct param_doc *doc, const char *path, struct diag *diag);

#endif
