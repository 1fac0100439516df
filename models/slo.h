/* SPDX-License-Identifier: Apache-2.0
 * Service level objectives: what a class of users was promised, and how often it got it.
 *
 * A request meets its objective when it is answered and each target of its class holds, as its
 * user sees them: the first token after at most `ttft`, then at most `tpot` a token on average,
 * the last one after at most `e2e`.  One that is rejected, fails or times out misses.  Attainment
 * is met / (met + missed), goodput what was met over the measured window.  Requests count by their
 * arrival in the window, like all others; one that is under way at the end and may yet meet its
 * objective is `open` and in neither. */
#ifndef HACASIM_MODELS_SLO_H
#define HACASIM_MODELS_SLO_H

#include "models/models.h"
#include "sim/sim.h"

struct slo_params {
    int64_t ttft, tpot, e2e; /* ns; 0: no target */
    double attainment;       /* share of the requests that is to meet them */
};
extern const struct param_table slo_table;

/* Does the class have any target? */
bool slo_given(const struct slo_params *params);

struct slo_class {
    const struct slo_params *params;
    const char *name;
    uint64_t met, missed, open, met_tok;     /* met_tok: output tokens of those that met */
    uint64_t unanswered;                     /* of the missed */
    uint64_t late_ttft, late_tpot, late_e2e; /* of those answered; one may be late in all three */
    struct hist ttft, tpot, e2e;
};

struct slo {
    struct slo_class *classes; /* one per class of users; those without a target stay empty */
    uint32_t count;
    int64_t window_ns;
};

/* `users`: of struct scenario_user. */
void slo_init(struct slo *slo, const struct param_list *users, int64_t window_ns,
              struct arena *arena);

struct slo_answer { /* as its user saw it */
    int64_t ttft_ns;
    int64_t rest_ns; /* from the first token to the last */
    int64_t e2e_ns;
    uint32_t output_tok;
};
void slo_answered(struct slo *slo, uint32_t class, const struct slo_answer *answer);
/* It ended without an answer. */
void slo_unanswered(struct slo *slo, uint32_t class);
/* Still under way at the end: for `age_ns` now, and its first token came after `ttft_ns` (-1: it
 * has not come).  Missed when it is late already, else open. */
void slo_pending(struct slo *slo, uint32_t class, int64_t age_ns, int64_t ttft_ns);

/* ---- metrics -------------------------------------------------------------------------------- */

/* The metrics of each class with targets ("slo.class.apps.attainment_ratio"), in order of class. */
struct models_metrics slo_metrics(const struct param_list *users, struct arena *arena);
/* `values` has METRIC_COUNT entries, and then one for each of slo_metrics. */
void slo_fill(const struct slo *slo, struct models_value *values);

/* A class name as part of a metric's name: what an expectation cannot spell becomes _. */
const char *slo_class_key(const char *class, struct arena *arena);

void slo_snap(struct slo *slo, struct snap *snap);

#endif
