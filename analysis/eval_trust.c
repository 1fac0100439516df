/* SPDX-License-Identifier: Apache-2.0
 * The verification game and the risk of a reserve, in closed form.
 *
 * How often an audit must come, what it finds, what stake makes cheating a loss when the verdict
 * comes late, and how likely a reserve or a price falls through a level.  The formulas are those of
 * docs/sources.md EC; the models are tested against them. */
#include "analysis/eval.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sf_erf.h>
#include <math.h>

/* 1 - (1 - rate)^checks, without losing a small rate. */
static bool detection(struct eval_call *call)
{
    double checks = money_real(call->in[1].amount, 0);
    double missed = checks > 0 ? checks * log1p(-call->in[0].real) : 0;
    call->out[0] = eval_real(-expm1(missed));
    return true;
}

enum {
    AUDIT_GAIN,
    AUDIT_REWARD,
    AUDIT_SLASH,
    AUDIT_COLLUSION,
    AUDIT_DETECTION,
    AUDIT_FALSE,
    AUDIT_VERIFIERS
};

/* An audit catches a cheat with chance d (1 - r^n), n verifiers of whom all must collude, and an
 * honest node with chance f; what is lost is reward and slash.  Honesty is preferred iff
 * p (d (1 - r^n) - f) (R + S) >= gain. */
static bool audit_rate(struct eval_call *call)
{
    const struct eval_value *in = call->in;
    double verifiers = money_real(in[AUDIT_VERIFIERS].amount, 0);
    double caught = in[AUDIT_DETECTION].real * (1 - pow(in[AUDIT_COLLUSION].real, verifiers));
    double at_stake = in[AUDIT_REWARD].real + in[AUDIT_SLASH].real;
    double deterrence = (caught - in[AUDIT_FALSE].real) * at_stake;
    double gain = in[AUDIT_GAIN].real;
    bool feasible = gain <= deterrence || gain == 0;
    double rate = gain == 0 ? 0 : gain / deterrence;
    call->out[0] = feasible ? eval_real(rate) : eval_null();
    call->out[1] = eval_flag(feasible);
    return true;
}

/* A cheater that works in parallel completes 1/q requests until the first that is detected, and
 * rate x delay more before the verdict on it lands. */
static bool bond(struct eval_call *call)
{
    const struct eval_value *in = call->in;
    double cheats = 1 / in[1].real + in[2].real * in[3].real;
    call->out[0] = eval_real(cheats);
    call->out[1] = eval_real(in[0].real * cheats);
    return true;
}

/* Cramer-Lundberg with exponential claims. */
static bool ruin(struct eval_call *call)
{
    double reserve = call->in[0].real, loading = call->in[1].real, claim = call->in[2].real;
    double decay = loading * reserve / ((1 + loading) * claim);
    call->out[0] = eval_real(exp(-decay) / (1 + loading));
    return true;
}

/* ln of the normal distribution function, good far into the tail. */
static double log_normal_below(double x)
{
    return gsl_sf_log_erfc(-x / sqrt(2)) - log(2);
}

/* Geometric Brownian motion from 1: touches the level f before T, and ends below it.  The second
 * term is a tiny probability times a huge power, so it is formed from logarithms. */
static bool first_passage(struct eval_call *call)
{
    const struct eval_value *in = call->in;
    double drift = in[0].real, volatility = in[1].real, years = in[2].real;
    double level = log(in[3].real), spread = volatility * sqrt(years);
    double rate = drift - volatility * volatility / 2;
    double ends = gsl_cdf_ugaussian_P((level - rate * years) / spread);
    double back = 2 * rate / (volatility * volatility) * level +
                  log_normal_below((level + rate * years) / spread);
    call->out[0] = eval_real(fmin(1, ends + exp(back)));
    call->out[1] = eval_real(ends);
    return true;
}

static const struct eval_function functions[] = {
    {"detection",
     "Chance that independent checks find at least one bad item",
     detection,
     {{"rate", EVAL_REAL, NULL, "0", "1", NULL, "share of bad items"},
      {"checks", EVAL_INTEGER, NULL, "0", "1000000000000", NULL, "items checked"}},
     {{"probability", "of finding at least one"}}},
    {"audit-rate",
     "Smallest share of requests to audit that makes honesty the better choice",
     audit_rate,
     {{"gain", EVAL_REAL, NULL, "0", NULL, NULL, "cost saved by one cheat, USD"},
      {"reward", EVAL_REAL, NULL, "0", NULL, NULL, "reward lost when caught, USD"},
      {"slash", EVAL_REAL, NULL, "0", NULL, NULL, "stake lost when caught, USD"},
      {"collusion", EVAL_REAL, "0", "0", "1", NULL, "share of verifiers that collude"},
      {"detection", EVAL_REAL, "1", "0", "1", NULL, "chance that an honest audit sees a cheat"},
      {"false_positive", EVAL_REAL, "0", "0", "1", NULL, "chance that it condemns honest work"},
      {"verifiers", EVAL_INTEGER, "1", "1", "1000000", NULL,
       "per audit; all must collude to hide"}},
     {{"min_rate", "audits per request; null when no rate up to 1 deters"},
      {"feasible", "whether a rate up to 1 deters"}}},
    {"bond",
     "Stake that makes cheating a loss when verdicts come late",
     bond,
     {{"gain_usd", EVAL_REAL, NULL, "0", NULL, NULL, "gain of one cheat"},
      {"detection", EVAL_REAL, NULL, ">0", "1", NULL, "chance that one cheat is detected"},
      {"rate_per_s", EVAL_REAL, NULL, "0", NULL, NULL, "requests the cheater serves per second"},
      {"delay_s", EVAL_REAL, NULL, "0", NULL, NULL, "from the cheat to the slash"}},
     {{"cheats", "requests cheated before the slash lands"}, {"stake_usd", "gain of all of them"}}},
    {"ruin",
     "Chance that a cover fund is ever exhausted (Cramer-Lundberg, exponential claims)",
     ruin,
     {{"reserve", EVAL_REAL, NULL, "0", NULL, NULL, "fund at the start"},
      {"loading", EVAL_REAL, NULL, ">0", NULL, NULL, "income over expected claims, minus 1"},
      {"claim_mean", EVAL_REAL, NULL, ">0", NULL, NULL, "mean claim, in the unit of the reserve"}},
     {{"probability", "of ruin in all time"}}},
    {"first-passage",
     "Chance that a price in geometric Brownian motion falls to a fraction of its start",
     first_passage,
     {{"drift", EVAL_REAL, NULL, NULL, NULL, NULL, "growth of the expected price per year"},
      {"volatility", EVAL_REAL, NULL, ">0", NULL, NULL,
       "of the log price, per square root of a year"},
      {"years", EVAL_REAL, NULL, ">0", NULL, NULL, "length of the path"},
      {"fraction", EVAL_REAL, NULL, ">0", "<1", NULL, "level, of the price at the start"}},
     {{"touch", "chance that the path reaches the level"},
      {"end_below", "chance that it ends below it"}}},
};

const struct eval_table eval_trust_table = {functions, sizeof functions / sizeof functions[0]};
