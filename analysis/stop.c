/* SPDX-License-Identifier: Apache-2.0
 * When to stop adding replications: Law and Kelton's sequential procedure.
 *
 * Answers for: the smallest n >= min for which half the Student interval of replications 0 to
 * n - 1 is at most `half_width` times the size of their mean (Law and Kelton 1982, Management
 * Science 28:550; Law 2015, Simulation Modeling and Analysis, 9.4.1).  Because n is the smallest
 * such prefix in index order, it is the same for any number of threads: what they computed beyond
 * it is dropped.
 *
 * The rule compares with the estimated mean, since that is what a reader can check in the printed
 * interval.  Who wants the error relative to the true mean to be at most g asks for a half_width
 * of g / (1 + g): 4.76 % for 5 %.
 *
 * Nulls count as replications and not as values.  A metric that is null, or 0, in each of the
 * first `min` replications stops the run with a caveat: a relative width means nothing there. */
#include "analysis/stop.h"

#include <math.h>
#include <string.h>

void stop_init(struct stop *stop, const struct stop_rule *rule)
{
    *stop = (struct stop){.rule = *rule};
}

double stop_achieved(const struct stop *stop)
{
    const struct tally *t = &stop->tally;
    if (t->n < 2 || t->mean == 0.0) return (double)NAN;
    double n = (double)t->n;
    double quantile = interval_t_quantile(0.5 + 0.5 * stop->rule.level, n - 1.0);
    return quantile * sqrt(tally_variance(t) / n) / fabs(t->mean);
}

static enum stop_reason stop_judge(const struct stop *stop)
{
    const struct tally *t = &stop->tally;
    if (stop->seen < stop->rule.min) return STOP_NOT_YET;
    if (stop->seen == stop->rule.min && t->n == 0) return STOP_NULL;
    if (stop->seen == stop->rule.min && !stop->nonzero) return STOP_ZERO;
    if (t->n >= stop->rule.min && stop_achieved(stop) <= stop->rule.half_width) return STOP_PRECISE;
    return stop->seen == stop->rule.max ? STOP_MAX : STOP_NOT_YET;
}

bool stop_add(struct stop *stop, const struct models_value *value)
{
    stop->seen++;
    if (value->kind != MODELS_NULL && !isnan(value->real)) {
        tally_add(&stop->tally, value->real);
        stop->nonzero = stop->nonzero || value->real != 0.0;
    }
    stop->reason = stop_judge(stop);
    return stop->reason != STOP_NOT_YET;
}

/* ---- words -------------------------------------------------------------------------------- */

static const char *const stop_words[] = {
    [STOP_NOT_YET] = "not_yet", [STOP_PRECISE] = "precise", [STOP_MAX] = "max",
    [STOP_ZERO] = "zero",       [STOP_NULL] = "null",
};

struct store_stop stop_outcome(const struct stop *stop)
{
    const struct stop_rule *rule = &stop->rule;
    return (struct store_stop){.metric = rule->metric,
                               .half_width = rule->half_width,
                               .level = rule->level,
                               .min = rule->min,
                               .max = rule->max,
                               .used = stop->seen,
                               .mean = stop->tally.n > 0 ? stop->tally.mean : (double)NAN,
                               .achieved = stop_achieved(stop),
                               .reason = stop_words[stop->reason]};
}

static bool stop_is(const struct store_stop *outcome, enum stop_reason reason)
{
    return strcmp(outcome->reason, stop_words[reason]) == 0;
}

const char *stop_sentence(struct arena *arena, const struct store_stop *outcome)
{
    if (stop_is(outcome, STOP_ZERO) || stop_is(outcome, STOP_NULL))
        return arena_print(arena, "stopped after %u replications: %s was %s in each", outcome->used,
                           outcome->metric, stop_is(outcome, STOP_NULL) ? "null" : "0");
    if (isnan(outcome->achieved))
        return arena_print(arena, "stopped after %u replications: %s has no relative interval",
                           outcome->used, outcome->metric);
    return arena_print(arena,
                       "stopped after %u replications: %s is known to \u00b1 %.3g %% (%.4g %% "
                       "interval; asked: %.4g %%)",
                       outcome->used, outcome->metric, 100 * outcome->achieved,
                       100 * outcome->level, 100 * outcome->half_width);
}

const char *stop_caveat(struct arena *arena, const struct store_stop *outcome)
{
    if (stop_is(outcome, STOP_PRECISE)) return NULL;
    const char *sentence = stop_sentence(arena, outcome);
    if (stop_is(outcome, STOP_MAX))
        return arena_print(arena, "%s; reps.until.max was reached", sentence);
    return arena_print(arena, "%s, so no relative half-width can be reached", sentence);
}
