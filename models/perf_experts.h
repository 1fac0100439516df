/* SPDX-License-Identifier: Apache-2.0
 * Routed experts under uneven load: how many a step reaches, and how long the fullest group of GPUs
 * works.
 *
 * Popularity.  Balanced: each token takes `active` of the experts evenly.  Else the popularity of
 * experts follows the power law by which aiconfigurator draws the loads of its tables
 * (collector/helper.py, sample_power_law): density x^-skew between 1 and 819.2, which is its bound
 * at 1,024 tokens; expert i of n has the quantile at (i + 1/2) / n.  A token takes distinct experts
 * one after another by popularity among those left.
 *
 * Time.  An expert that is reached reads its weights, and computes on each of its tokens; it takes
 * the longer of the two.  A group of GPUs takes the sum of its experts, and the slowest group sets
 * the time of the layer.  Which experts share a group differs from layer to layer, so the time is a
 * mean over several shuffled placements.  Within one, the number of tokens (and of experts reached)
 * of a group is taken as normal around its mean, and the slowest group as the median of the
 * largest.  tests/unit/test_experts.c holds all this against direct simulation. */
#ifndef HACASIM_MODELS_PERF_EXPERTS_H
#define HACASIM_MODELS_PERF_EXPERTS_H

#include <stdint.h>

enum { PERF_EXPERTS_MOST = 1024, PERF_EXPERT_KNOTS = 56 };

struct perf_routing {
    int32_t experts, active; /* active of them for each token */
    int32_t groups;          /* of GPUs that hold different experts, each as many; 1: all alike */
    double skew;             /* exponent; 0: balanced */
};

/* share[i]: of the tokens that take expert i, descending; they add up to `active`. */
void perf_experts_shares(const struct perf_routing *routing, double *share);

/* Expected number of distinct experts that `tokens` tokens reach, in all groups. */
double perf_experts_reached(const struct perf_routing *routing, int64_t tokens);

/* Time of one layer's slowest group for `tokens` tokens; reading one expert's weights takes
 * `memory`, computing one token in one expert `compute` (any unit, which is that of the answer). */
double perf_experts_time(const struct perf_routing *routing, int64_t tokens, double memory,
                         double compute);

/* The same at knots of tokens, for a look-up in a few ns: exact at knots, linear between them. */
struct perf_experts_curve {
    int64_t x[PERF_EXPERT_KNOTS];
    double time[PERF_EXPERT_KNOTS];
};
void perf_experts_curve(const struct perf_routing *routing, double memory, double compute,
                        struct perf_experts_curve *curve);
double perf_experts_at(const struct perf_experts_curve *curve, int64_t tokens);

#endif
