/* SPDX-License-Identifier: Apache-2.0
 * Expert load. */
#include "models/perf_experts.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "sim/sim.h"

#define POPULARITY_MOST 819.2 /* 0.8 x 1,024 */

#define STEP 0.35 /* of log t */

enum { PLACEMENTS = 8, STEPS = 33, BISECTIONS = 30, DENSE_KNOTS = 16 };

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static double power(double base, int64_t exponent)
{
    double product = 1.0;
    for (int64_t n = exponent; n > 0; n >>= 1) {
        if (n & 1) product *= base;
        base *= base;
    }
    return product;
}

/* ---- popularity ----------------------------------------------------------------------------- */

static double popularity(double skew, double quantile)
{
    double rest = 1.0 - skew;
    if (rest > -1e-6 && rest < 1e-6) return dmath_pow(POPULARITY_MOST, quantile);
    double most = dmath_pow(POPULARITY_MOST, rest);
    return dmath_pow((most - 1.0) * quantile + 1.0, 1.0 / rest);
}

/* Drawing one after another by popularity is a race: expert i rings at an exponential time of rate
 * x_i, and the first `active` to ring are taken.  So i is taken when it rings before the others
 * have rung `active` times:
 *
 *     share_i = integral of x_i exp(-x_i t) P(fewer than `active` of the others by t) dt
 *
 * by the trapezoidal rule over log t, in which the integrand is smooth and vanishes at both ends.
 */
struct race {
    const double *rate;
    int32_t experts, active;
    double rung[PERF_EXPERTS_MOST];      /* probability by now */
    double count[PERF_EXPERTS_MOST + 1]; /* of having rung: 0 to `active` of them */
};

/* Without expert `skip` (-1: all). */
static void count_rung(struct race *r, int32_t skip)
{
    memset(r->count, 0, sizeof *r->count * ((size_t)r->active + 1));
    r->count[0] = 1.0;
    for (int32_t i = 0; i < r->experts; i++) {
        if (i == skip) continue;
        for (int32_t n = r->active; n > 0; n--)
            r->count[n] += r->rung[i] * (r->count[n - 1] - r->count[n]);
        r->count[0] *= 1.0 - r->rung[i];
    }
}

/* Fewer than `active` of the others: taking one factor out of the count of all. */
static double still_open(const struct race *r, int32_t i)
{
    double p = r->rung[i], before = 0.0, open = 0.0;
    for (int32_t n = 0; n < r->active; n++) {
        before = (r->count[n] - p * before) / (1.0 - p);
        open += before;
    }
    return open;
}

static double open_without(struct race *r, int32_t i)
{
    struct race other = *r; /* dividing by nearly nothing would be inexact */
    double open = 0.0;
    count_rung(&other, i);
    for (int32_t n = 0; n < r->active; n++)
        open += other.count[n];
    return open;
}

static void solve_shares(const struct perf_routing *routing, double *share)
{
    double rate[PERF_EXPERTS_MOST], sum = 0.0;
    struct race r = {.rate = rate, .experts = routing->experts, .active = routing->active};
    for (int32_t i = 0; i < r.experts; i++) {
        double quantile = (r.experts - i - 0.5) / r.experts;
        rate[i] = popularity(routing->skew, quantile) / POPULARITY_MOST;
        share[i] = 0.0;
    }
    for (int step = -STEPS; step <= STEPS; step++) {
        double t = dmath_exp(step * STEP), open = 0.0;
        for (int32_t i = 0; i < r.experts; i++)
            r.rung[i] = 1.0 - dmath_exp(-rate[i] * t);
        count_rung(&r, -1);
        for (int32_t n = 0; n <= r.active; n++)
            open += r.count[n];
        if (open < 1e-13) break;
        for (int32_t i = 0; i < r.experts; i++)
            share[i] += rate[i] * t * (1.0 - r.rung[i]) *
                        (r.rung[i] < 0.9 ? still_open(&r, i) : open_without(&r, i));
    }
    for (int32_t i = 0; i < r.experts; i++)
        sum += share[i];
    for (int32_t i = 0; i < r.experts; i++) /* what the rule leaves, below 1e-4 */
        share[i] *= r.active / sum;
}

/* Tables ask for the same routing row after row. */
static _Thread_local struct {
    int32_t experts, active;
    double skew, share[PERF_EXPERTS_MOST];
} solved;

void perf_experts_shares(const struct perf_routing *r, double *share)
{
    assert(r->experts <= PERF_EXPERTS_MOST);
    bool even = r->skew <= 0.0 || r->active >= r->experts;
    for (int32_t i = 0; i < r->experts; i++)
        share[i] = (double)r->active / r->experts;
    if (even) return;
    if (solved.experts != r->experts || solved.active != r->active || solved.skew != r->skew) {
        solve_shares(r, solved.share);
        solved.experts = r->experts;
        solved.active = r->active;
        solved.skew = r->skew;
    }
    memcpy(share, solved.share, sizeof *share * (size_t)r->experts);
}

double perf_experts_reached(const struct perf_routing *r, int64_t tokens)
{
    double share[PERF_EXPERTS_MOST] = {0.0}, reached = 0.0;
    perf_experts_shares(r, share);
    for (int32_t i = 0; i < r->experts; i++)
        reached += 1.0 - power(1.0 - share[i], tokens);
    return reached;
}

/* ---- the slowest group ---------------------------------------------------------------------- */

struct expert { /* time of one expert in a step, or of a group of them */
    double mean, variance, most;
};

static void expert_times(const struct perf_routing *r, const double *share, int64_t tokens,
                         double memory, double compute, struct expert *experts)
{
    for (int32_t i = 0; i < r->experts; i++) {
        double reach = 1.0 - power(1.0 - share[i], tokens);
        double load = (double)tokens * share[i];
        struct expert *e = &experts[i];
        if (load * compute > reach * memory) {
            double variance = compute * compute * load * (1.0 - share[i]);
            double most = load * compute + 6.0 * sqrt(variance);
            *e = (struct expert){load * compute, variance, most};
        } else {
            *e = (struct expert){reach * memory, memory * memory * reach * (1.0 - reach), memory};
        }
    }
}

/* Normal distribution function, within 1.5e-4 (Page 1977). */
static double below(double x)
{
    return 1.0 / (1.0 + dmath_exp(-x * (1.5976 + 0.07056 * x * x)));
}

/* What the largest of the groups stays below half of the time; none reads more than all it has. */
static double median_of_largest(const struct expert *groups, int32_t count)
{
    double low = 0.0, high = 0.0;
    for (int32_t g = 0; g < count; g++) {
        low = larger(low, groups[g].mean);
        high = larger(high, groups[g].most);
    }
    for (int i = 0; i < BISECTIONS && high > low; i++) {
        double middle = low + (high - low) / 2.0, all = 1.0;
        for (int32_t g = 0; g < count; g++) {
            double deviation = sqrt(groups[g].variance), away = middle - groups[g].mean;
            if (middle >= groups[g].most) continue;
            if (deviation > 0.0)
                all *= below(away / deviation);
            else if (away < 0.0)
                all = 0.0;
        }
        *(all < 0.5 ? &low : &high) = middle;
    }
    return high;
}

/* Fisher-Yates; the same placements on every machine and in every run. */
static void shuffle(int32_t *order, int32_t count, uint64_t *state)
{
    for (int32_t i = 0; i < count; i++)
        order[i] = i;
    for (int32_t i = count - 1; i > 0; i--) {
        *state = *state * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
        int32_t k = (int32_t)((*state >> 33) % (uint64_t)(i + 1)), kept = order[i];
        order[i] = order[k];
        order[k] = kept;
    }
}

static double slowest_group(const struct perf_routing *r, const struct expert *experts)
{
    int32_t order[PERF_EXPERTS_MOST] = {0}, each = r->experts / r->groups;
    int placements = r->skew > 0.0 ? PLACEMENTS : 1;
    struct expert groups[PERF_EXPERTS_MOST];
    uint64_t state = 1;
    double sum = 0.0;
    for (int p = 0; p < placements; p++) {
        shuffle(order, r->experts, &state);
        for (int32_t g = 0; g < r->groups; g++) {
            groups[g] = (struct expert){0.0, 0.0, 0.0};
            for (int32_t k = 0; k < each; k++) {
                const struct expert *e = &experts[order[g * each + k]];
                groups[g].mean += e->mean;
                groups[g].variance += e->variance;
                groups[g].most += e->most;
            }
        }
        sum += median_of_largest(groups, r->groups);
    }
    return sum / placements;
}

static double time_of(const struct perf_routing *r, const double *share, int64_t tokens,
                      double memory, double compute)
{
    struct expert experts[PERF_EXPERTS_MOST] = {{0.0, 0.0, 0.0}};
    double sum = 0.0;
    expert_times(r, share, tokens, memory, compute, experts);
    if (r->groups > 1) return slowest_group(r, experts);
    for (int32_t i = 0; i < r->experts; i++)
        sum += experts[i].mean;
    return sum;
}

double perf_experts_time(const struct perf_routing *r, int64_t tokens, double memory,
                         double compute)
{
    double share[PERF_EXPERTS_MOST] = {0.0};
    assert(r->groups > 0 && r->experts % r->groups == 0);
    perf_experts_shares(r, share);
    return time_of(r, share, tokens, memory, compute);
}

/* ---- knots ---------------------------------------------------------------------------------- */

/* 1 to 16, then two to each doubling. */
static int64_t knot(int32_t i)
{
    if (i < DENSE_KNOTS) return i + 1;
    int32_t over = i - DENSE_KNOTS + 1;
    int64_t doubled = (int64_t)DENSE_KNOTS << (over / 2);
    return over % 2 ? doubled + doubled / 2 : doubled;
}

void perf_experts_curve(const struct perf_routing *r, double memory, double compute,
                        struct perf_experts_curve *curve)
{
    double share[PERF_EXPERTS_MOST] = {0.0};
    perf_experts_shares(r, share);
    for (int32_t i = 0; i < PERF_EXPERT_KNOTS; i++) {
        curve->x[i] = knot(i);
        curve->time[i] = time_of(r, share, curve->x[i], memory, compute);
    }
}

double perf_experts_at(const struct perf_experts_curve *curve, int64_t tokens)
{
    uint32_t low = 0, high = PERF_EXPERT_KNOTS - 1;
    if (tokens <= 0) return 0.0;
    if (tokens <= DENSE_KNOTS) return curve->time[tokens - 1];
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        *(curve->x[middle] <= tokens ? &low : &high) = middle;
    }
    double part = (double)(tokens - curve->x[low]) / (double)(curve->x[high] - curve->x[low]);
    return curve->time[low] + part * (curve->time[high] - curve->time[low]);
}
