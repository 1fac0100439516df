/* SPDX-License-Identifier: Apache-2.0
 * The tables of the distributions a scenario can name (struct dist), once per unit.
 *
 * Answers for: `2 s`, {fixed: 2 s}, {uniform: {low: , high: }}, {exponential: {mean: }} and
 * {lognormal: {median: , sigma: }}, in seconds, in USD and as plain numbers.
 * Leaves out: drawing (sim/dist.c).
 *
 * The order of the rows is that of enum dist_kind, since a choice stores the index of its row. */
#include "sim/dist.h"
#include "sim/param.h"

static const char *dist_check_uniform(const void *value)
{
    const struct dist *dist = value;
    return dist->a > dist->b ? "low is above high" : NULL;
}

#define DIST_ROW(name, kind_of, field, low, high, what)                                            \
    {                                                                                              \
        .key = (name), .type = (kind_of), .offset = offsetof(struct dist, field), .min = (low),    \
        .max = (high), .meaning = (what), .source = NULL                                           \
    }

#define DIST_TABLES(suffix, label, kind, zero)                                                     \
    static const struct param uniform_##suffix[] = {                                               \
        DIST_ROW("low", kind, a, zero, NULL, "least value"),                                       \
        DIST_ROW("high", kind, b, zero, NULL, "largest value"),                                    \
    };                                                                                             \
    static const struct param exponential_##suffix[] = {                                           \
        DIST_ROW("mean", kind, a, zero, NULL, "mean value"),                                       \
    };                                                                                             \
    static const struct param lognormal_##suffix[] = {                                             \
        DIST_ROW("median", kind, a, zero, NULL, "value that half of the draws exceed"),            \
        DIST_ROW("sigma", PARAM_REAL, b, "0", "10", "standard deviation of the logarithm"),        \
    };                                                                                             \
    static const struct param_table uniform_table_##suffix =                                       \
        PARAM_TABLE_CHECKED("uniform", dist, uniform_##suffix, dist_check_uniform);                \
    static const struct param_table exponential_table_##suffix =                                   \
        PARAM_TABLE("exponential", dist, exponential_##suffix);                                    \
    static const struct param_table lognormal_table_##suffix =                                     \
        PARAM_TABLE("lognormal", dist, lognormal_##suffix);                                        \
    static const struct param dist_##suffix[] = {                                                  \
        [DIST_FIXED] = {.key = "fixed",                                                            \
                        .type = (kind),                                                            \
                        .offset = offsetof(struct dist, a),                                        \
                        .min = (zero),                                                             \
                        .meaning = "always this value",                                            \
                        .flags = PARAM_BARE},                                                      \
        [DIST_UNIFORM] = {.key = "uniform",                                                        \
                          .type = PARAM_GROUP,                                                     \
                          .meaning = "equally likely between two values",                          \
                          .sub = &uniform_table_##suffix},                                         \
        [DIST_EXPONENTIAL] = {.key = "exponential",                                                \
                              .type = PARAM_GROUP,                                                 \
                              .meaning = "memoryless",                                             \
                              .sub = &exponential_table_##suffix},                                 \
        [DIST_LOGNORMAL] = {.key = "lognormal",                                                    \
                            .type = PARAM_GROUP,                                                   \
                            .meaning = "its logarithm is normal",                                  \
                            .sub = &lognormal_table_##suffix},                                     \
    };                                                                                             \
    const struct param_table param_dist_##suffix = PARAM_TABLE(label, dist, dist_##suffix)

DIST_TABLES(seconds, "distribution of times", PARAM_SECONDS, "0 s");
DIST_TABLES(dollars, "distribution of amounts", PARAM_DOLLARS, "$0");
DIST_TABLES(real, "distribution", PARAM_REAL, "0");
