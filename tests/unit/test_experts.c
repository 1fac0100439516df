/* SPDX-License-Identifier: Apache-2.0
 * Uneven expert load, held against direct simulation: tokens draw distinct experts one after
 * another by popularity, experts are shuffled onto groups of GPUs, and the slowest group is timed.
 *
 * Shares and experts reached are exact, up to the spread of the trials (3 %).  A time takes the
 * longer of two means instead of the mean of the longer, and groups as normal: 5 % in one group,
 * 10 % for the slowest of several, of which half is the spread of a mean over 8 placements. */
#include <math.h>

#include "models/perf_experts.h"
#include "models/perf_kernel.h"
#include "sim/sim.h"
#include "tests/unit/unit.h"

enum { MOST = 256 };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The popularity that the header states, by the C library. */
static void weights_of(const struct perf_routing *r, double *weight)
{
    for (int i = 0; i < r->experts; i++) {
        double u = (i + 0.5) / r->experts, rest = 1.0 - r->skew;
        weight[i] = r->skew <= 0.0 ? 1.0 : pow((pow(819.2, rest) - 1.0) * u + 1.0, 1.0 / rest);
    }
    qsort(weight, (size_t)r->experts, sizeof *weight, compare);
}

/* One token: `active` distinct experts, each by popularity among those that are left. */
static void route(const struct perf_routing *r, const double *weight, struct rng_stream *s,
                  int *loads)
{
    bool taken[MOST] = {false};
    double left = 0.0;
    for (int i = 0; i < r->experts; i++)
        left += weight[i];
    for (int k = 0; k < r->active; k++) {
        double x = rng_unit(s) * left;
        int pick = 0;
        while (taken[pick])
            pick++;
        x -= weight[pick];
        for (int i = pick + 1; i < r->experts && x >= 0.0; i++) {
            if (taken[i]) continue;
            pick = i;
            x -= weight[i];
        }
        taken[pick] = true;
        left -= weight[pick];
        loads[pick]++;
    }
}

struct seen {
    double reached, time, busiest; /* busiest expert's share of the tokens */
};

static struct seen simulate(const struct perf_routing *r, int tokens, double memory, double compute)
{
    double weight[MOST];
    struct rng_stream s = rng_open(11, 0, 904, (uint32_t)(tokens + r->experts * 7 + r->groups));
    struct seen mean = {0.0, 0.0, 0.0};
    int trials = tokens < 200 ? 16000 / tokens : 80;
    weights_of(r, weight);
    for (int trial = 0; trial < trials; trial++) {
        int loads[MOST] = {0}, order[MOST], most = 0;
        double group[MOST] = {0.0}, slowest = 0.0;
        for (int t = 0; t < tokens; t++)
            route(r, weight, &s, loads);
        for (int i = 0; i < r->experts; i++)
            order[i] = i;
        for (int i = r->experts - 1; i > 0; i--) {
            int k = (int)rng_below(&s, (uint32_t)i + 1), kept = order[i];
            order[i] = order[k];
            order[k] = kept;
        }
        for (int i = 0; i < r->experts; i++) {
            int load = loads[order[i]];
            mean.reached += load > 0;
            if (load > most) most = load;
            group[i / (r->experts / r->groups)] += load > 0 ? fmax(memory, load * compute) : 0.0;
        }
        for (int g = 0; g < r->groups; g++)
            slowest = fmax(slowest, group[g]);
        mean.time += slowest;
        mean.busiest += (double)most / tokens;
    }
    return (struct seen){mean.reached / trials, mean.time / trials, mean.busiest / trials};
}

static double miss_of(const char *what, double ours, double drawn, double bound)
{
    double miss = ours / drawn - 1.0;
    if (fabs(miss) > bound)
        fail_msg("%s: %.4g, drawn %.4g (%+.1f %%)", what, ours, drawn, 100 * miss);
    return 100.0 * miss;
}

/* memory 1, compute 1/200: an expert computes as long as it reads at 200 tokens, as on an H200. */
static void the_law_is_what_is_drawn(void **state)
{
    (void)state;
    static const struct perf_routing kinds[] = {
        {8, 2, 1, 0.0},    {8, 2, 1, 1.01},  {8, 2, 4, 0.0},   {8, 2, 4, 1.2},
        {128, 8, 1, 1.01}, {128, 8, 8, 0.0}, {128, 8, 8, 1.2}, {128, 8, 2, 1.01},
    };
    static const int tokens[] = {1, 2, 8, 32, 256, 1024};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        const struct perf_routing *r = &kinds[k];
        double worst_reach = 0.0, worst_time = 0.0, shares[MOST];
        perf_experts_shares(r, shares);
        for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
            char what[96];
            struct seen drawn = simulate(r, tokens[i], 1.0, 1.0 / 200.0);
            snprintf(what, sizeof what, "%d/%d in %d groups, skew %.2f, %d tokens", r->experts,
                     r->active, r->groups, r->skew, tokens[i]);
            double reach = miss_of(what, perf_experts_reached(r, tokens[i]), drawn.reached, 0.03);
            double time = miss_of(what, perf_experts_time(r, tokens[i], 1.0, 1.0 / 200.0),
                                  drawn.time, r->groups > 1 ? 0.10 : 0.05);
            if (fabs(reach) > fabs(worst_reach)) worst_reach = reach;
            if (fabs(time) > fabs(worst_time)) worst_time = time;
            if (tokens[i] == 1024 && r->skew > 0.0) miss_of(what, shares[0], drawn.busiest, 0.03);
        }
        print_message("measured: %3d experts, %d active, %d groups, skew %.2f: reached within "
                      "%+.1f %%, slowest group %+.1f %%\n",
                      r->experts, r->active, r->groups, r->skew, worst_reach, worst_time);
    }
}

static void shares_add_up(void **state)
{
    (void)state;
    static const double skews[] = {0.0, 0.3, 1.0, 1.01, 1.2, 2.5};
    double share[PERF_EXPERTS_MOST];
    for (size_t i = 0; i < sizeof skews / sizeof *skews; i++)
        for (int32_t active = 1; active <= 8; active *= 2) {
            struct perf_routing r = {8, active, 1, skews[i]};
            double sum = 0.0;
            perf_experts_shares(&r, share);
            for (int32_t e = 0; e < r.experts; e++) {
                assert_true(share[e] > 0.0 && share[e] <= 1.0);
                assert_true(e == 0 || share[e] <= share[e - 1]);
                sum += share[e];
            }
            assert_true(fabs(sum - active) < 1e-9);
        }
}

/* Balanced in one group: the closed form of the roofline. */
static void balanced_is_the_closed_form(void **state)
{
    (void)state;
    struct perf_routing r = {128, 8, 1, 0.0};
    for (int64_t tokens = 1; tokens < 100000; tokens = tokens * 3 + 1) {
        double reached = perf_kernel_distinct(128, 8, tokens), computed = (double)tokens * 8 / 200;
        double expected = reached > computed ? reached : computed;
        assert_true(fabs(perf_experts_time(&r, tokens, 1.0, 1.0 / 200) / expected - 1.0) < 1e-12);
    }
}

/* Between knots the line is near: at most 2 % (1.4 % where reading turns into computing). */
static void the_curve_is_near(void **state)
{
    (void)state;
    struct perf_routing r = {128, 8, 8, 1.2};
    struct perf_experts_curve curve;
    perf_experts_curve(&r, 1.0, 1.0 / 200, &curve);
    for (int64_t tokens = 1; tokens < 200000; tokens += 1 + tokens / 5) {
        double exact = perf_experts_time(&r, tokens, 1.0, 1.0 / 200);
        assert_true(fabs(perf_experts_at(&curve, tokens) / exact - 1.0) < 0.02);
    }
}

/* H200, one layer of Mixtral on one GPU (aiconfigurator): uneven load costs 26 to 28 % more than
 * balanced load at 256 to 1,024 tokens.  Nothing is fitted to that; the miss is printed, and held
 * within 12 points in the mean, since tiles, which a roofline does not know, are a part of it. */
static void uneven_load_costs_what_is_published(void **state)
{
    (void)state;
    const struct perf_hardware *h = perf_hardware_find("h200-sxm");
    struct perf_roof roof = {h, PERF_BF16, PERF_MOE, 0, 0};
    double sum = 0.0;
    for (int64_t tokens = 256; tokens <= 1024; tokens *= 2) {
        int64_t at[8] = {4096, 14336, 2, 8, 1, 1, 0, tokens}, uneven[8];
        memcpy(uneven, at, sizeof at);
        uneven[6] = 120;
        double more = perf_kernel_roof_ns(&roof, uneven) / perf_kernel_roof_ns(&roof, at) - 1.0;
        print_message(
            "measured: power law 1.2 at %d tokens costs %+.1f %%, published +26 to +28 %%\n",
            (int)tokens, 100.0 * more);
        sum += more;
    }
    assert_true(fabs(sum / 3.0 - 0.27) < 0.12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_law_is_what_is_drawn),
        cmocka_unit_test(shares_add_up),
        cmocka_unit_test(balanced_is_the_closed_form),
        cmocka_unit_test(the_curve_is_near),
        cmocka_unit_test(uneven_load_costs_what_is_published),
    };
    return cmocka_run_group_tests_name("experts", tests, NULL, NULL);
}
