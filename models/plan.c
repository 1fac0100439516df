/* SPDX-License-Identifier: Apache-2.0
 * How long to measure: the keys of `reps:` and `warmup:`.
 *
 * Answers for: their tables, and that the metric which `reps: {until: ...}` watches exists.
 * Leaves out: when to stop (analysis/stop) and where the warm-up ends (models/pilot). */
#include "models/plan.h"

#include "models/models.h"

static const char *plan_until_check(const void *value)
{
    const struct plan_until *until = value;
    return until->min > until->max ? "min is above max" : NULL;
}

static const struct param until_rows[] = {
    PARAM(plan_until, metric, PARAM_NAME, NULL, NULL, NULL,
          "the metric whose mean is to be known, such as gap.s.p99", NULL),
    PARAM(plan_until, half_width, PARAM_RATIO, NULL, "0.01%", "100%",
          "stop when half the confidence interval is at most this share of the mean", NULL),
    PARAM(plan_until, level, PARAM_RATIO, "95%", "50%", "99.9%", "confidence of that interval",
          "that of every summary"),
    PARAM(plan_until, min, PARAM_COUNT, "10", "2", "1000000",
          "replications before the rule is asked", "Law and Kelton 1982: 10 at least"),
    PARAM(plan_until, max, PARAM_COUNT, "1000", "2", "1000000",
          "most replications; reaching it is a caveat", "assumption"),
};
static const struct param_table until_table =
    PARAM_TABLE_CHECKED("until", plan_until, until_rows, plan_until_check);

static const struct param reps_rows[] = {
    [PLAN_REPS_FIXED] = {.key = "fixed",
                         .type = PARAM_COUNT,
                         .offset = offsetof(struct plan_reps, fixed),
                         .min = "1",
                         .max = "1000000",
                         .meaning = "this many",
                         .flags = PARAM_BARE},
    [PLAN_REPS_UNTIL] = {.key = "until",
                         .type = PARAM_GROUP,
                         .offset = offsetof(struct plan_reps, until),
                         .meaning = "as many as it takes to know the mean of a metric well",
                         .sub = &until_table},
};
const struct param_table plan_reps_table = PARAM_TABLE("reps", plan_reps, reps_rows);

static const struct param warmup_rows[] = {
    [PLAN_WARMUP_FIXED] = {.key = "fixed",
                           .type = PARAM_DURATION,
                           .offset = offsetof(struct plan_warmup, fixed),
                           .min = "0 s",
                           .max = "100 y",
                           .meaning = "this long",
                           .flags = PARAM_BARE},
    [PLAN_WARMUP_MSER5] = {.key = "mser5",
                           .type = PARAM_FLAG,
                           .meaning = "as long as MSER-5 finds on a pilot pass of replication 0"},
};
const struct param_table plan_warmup_table = PARAM_TABLE("warmup", plan_warmup, warmup_rows);

void plan_check(const struct plan_reps *reps, const struct models_metrics *metrics,
                struct param_doc *doc, const char *path, struct diag *diag)
{
    const char *metric = reps->until.metric;
    const char *key = arena_print(diag->arena, "%s.until.metric", path);
    if (reps->kind != PLAN_REPS_UNTIL || !param_good(doc, key)) return;
    if (models_metrics_find(metrics, metric) >= 0) return;
    const char *near = models_metrics_nearest(metrics, metric, diag->arena);
    param_error(doc, diag, key, "there is no metric '%s'%s%s%s", metric,
                near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}
