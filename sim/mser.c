/* SPDX-License-Identifier: Apache-2.0
 * MSER-5, the marginal standard error rule on batches of five.
 *
 * Answers for: the point at which to begin measuring (White 1997, "An effective truncation
 * heuristic for bias reduction in simulation output", Simulation 69:323; batches of 5: White,
 * Cobb and Spratt 2000).  Of k points, each the mean of five observations, leave out the first d
 * for which
 *
 *     z(d) = sum over i > d of (y_i - mean of those)^2 / (k - d)^2
 *
 * is least: leaving out more would lose more precision than bias.  The rule is trusted for d in
 * the first half.  When the least z lies beyond, the series has not settled; it is looked for up to
 * three quarters, because the variance of a short rest says little (Hoad, Robinson and Davies 2010
 * leave out the end for that reason).  Leaves out: which series to look at (models/pilot). */
#include "sim/mser.h"

#include <math.h>

static double mser_point(const double *values, size_t point)
{
    double sum = 0.0;
    for (size_t i = 0; i < MSER_BATCH; i++)
        sum += values[point * MSER_BATCH + i];
    return sum / MSER_BATCH;
}

struct mser_least {
    double z;
    size_t point;
};

/* From the last point to the first, with Welford's update of the mean and the sum of squares of
 * the rest. */
struct mser mser_cut(const double *values, size_t n)
{
    size_t points = n / MSER_BATCH;
    double mean = 0.0, squares = 0.0;
    struct mser_least halves[2] = {{.z = (double)INFINITY}, {.z = (double)INFINITY}};
    if (points < MSER_LEAST) return (struct mser){0};
    for (size_t d = points; d-- > 0;) {
        double kept = (double)(points - d), y = mser_point(values, d), delta = y - mean;
        mean += delta / kept;
        squares += delta * (y - mean);
        if (4 * d > 3 * points) continue;
        double z = squares / (kept * kept);
        struct mser_least *half = &halves[2 * d > points];
        if (z <= half->z) *half = (struct mser_least){z, d};
    }
    return (struct mser){.cut = halves[0].point * MSER_BATCH,
                         .settled = halves[0].z <= halves[1].z};
}
