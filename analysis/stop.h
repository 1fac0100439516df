/* SPDX-License-Identifier: Apache-2.0
 * When to stop adding replications. */
#ifndef HACASIM_ANALYSIS_STOP_H
#define HACASIM_ANALYSIS_STOP_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/store.h"
#include "models/models.h"

struct stop_rule {
    const char *metric;       /* NULL: no rule, all replications asked for are run */
    double half_width, level; /* half_width: over the mean */
    uint32_t min, max;        /* replications; min at least 2 */
};

enum stop_reason {
    STOP_NOT_YET,
    STOP_PRECISE, /* the interval is as narrow as was asked */
    STOP_MAX,     /* it is not, and no more may be run */
    STOP_ZERO,    /* the metric was 0 in each of the first `min`: no share of that is a width */
    STOP_NULL,    /* it was null in each of them */
};

struct stop {
    struct stop_rule rule;
    enum stop_reason reason;
    uint32_t seen;      /* replications, in index order */
    struct tally tally; /* of those in which the metric is not null */
    bool nonzero;       /* one of them is not 0 */
};

void stop_init(struct stop *stop, const struct stop_rule *rule);
/* The value of the metric in the next replication, in index order; true when it is the last. */
bool stop_add(struct stop *stop, const struct models_value *value);
/* Half of the interval over the size of the mean; NaN where there is none. */
double stop_achieved(const struct stop *stop);

/* For the database, the JSON and the reader. */
struct store_stop stop_outcome(const struct stop *stop);
/* "stopped after 37 replications: gap.s.p99 is known to ± 4.9 % (95 % interval; asked: 5 %)" */
const char *stop_sentence(struct arena *arena, const struct store_stop *outcome);
/* What a reader must be warned of; NULL when the rule was met. */
const char *stop_caveat(struct arena *arena, const struct store_stop *outcome);

#endif
