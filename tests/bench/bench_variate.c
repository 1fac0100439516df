/* SPDX-License-Identifier: Apache-2.0
 * Speed of draws and variates: lines `bench NAME VALUE UNIT`.
 *
 * variate.X_ns: one X from a stream that lives long, the loop and a sum of bits included: integers,
 * because a sum of doubles would wait for itself in memory across the calls of rng_refill.
 * variate.open_N_ns: a stream opened for N draws, as the models do.  variate.gsl_X_ns: the same X
 * by GSL with its mt19937, in the same run.  Each figure is the best of many runs of a tenth of a
 * millisecond, because the machine is shared and only slowness is noise. */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <gsl/gsl_randist.h>

#include "sim/variate.h"

enum { REPEATS = 2000, DRAWS = 20000 };
#define SIGMA 0.7

static volatile uint64_t sink; /* so that no sum is idle */

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* A macro and not a function: what is measured is the call inlined into its loop. */
#define MEASURE(name, draw)                                                                        \
    do {                                                                                           \
        double best_s = 1e9;                                                                       \
        for (int run = 0; run < REPEATS; run++) {                                                  \
            double start_s = seconds(), took_s;                                                    \
            uint64_t sum = 0;                                                                      \
            for (uint32_t i = 0; i < DRAWS; i++)                                                   \
                sum += (draw);                                                                     \
            took_s = seconds() - start_s;                                                          \
            if (took_s < best_s) best_s = took_s;                                                  \
            sink = sum;                                                                            \
        }                                                                                          \
        printf("bench variate." name "_ns %.2f ns\n", best_s * 1e9 / DRAWS);                       \
    } while (0)

static inline uint64_t opened(uint32_t entity, int draws)
{
    struct rng_stream s = rng_open(1, 0, 3, entity);
    uint64_t sum = 0;
    for (int i = 0; i < draws; i++)
        sum += rng_u64(&s);
    return sum;
}

static void measure_streams(void)
{
    struct rng_stream s = rng_open(1, 0, 1, 0);
    MEASURE("u64", rng_u64(&s));
    MEASURE("unit", dmath_bits(rng_unit(&s)));
    MEASURE("open_1", opened(i, 1));
    MEASURE("open_2", opened(i, 2));
    MEASURE("open_3", opened(i, 3));
    MEASURE("open_6", opened(i, 6));
}

static void measure_variates(void)
{
    struct rng_stream s = rng_open(1, 0, 2, 0);
    MEASURE("exponential", dmath_bits(variate_exponential(&s, 2.0)));
    MEASURE("exponential_inverse", dmath_bits(variate_exponential_inverse(&s, 2.0)));
    MEASURE("normal", dmath_bits(variate_normal(&s)));
    MEASURE("normal_inverse", dmath_bits(variate_normal_inverse(&s)));
    MEASURE("lognormal", dmath_bits(variate_lognormal(&s, 2.0, SIGMA)));
    MEASURE("lognormal_inverse", dmath_bits(variate_lognormal_inverse(&s, 2.0, SIGMA)));
}

static void measure_gsl(void)
{
    gsl_rng *r = gsl_rng_alloc(gsl_rng_mt19937);
    MEASURE("gsl_u32", gsl_rng_get(r));
    MEASURE("gsl_exponential", dmath_bits(gsl_ran_exponential(r, 2.0)));
    MEASURE("gsl_gaussian_ziggurat", dmath_bits(gsl_ran_gaussian_ziggurat(r, 1.0)));
    MEASURE("gsl_lognormal", dmath_bits(gsl_ran_lognormal(r, 0.7, SIGMA)));
    gsl_rng_free(r);
}

int main(void)
{
    measure_streams();
    measure_variates();
    measure_gsl();
    return 0;
}
