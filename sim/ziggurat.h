/* SPDX-License-Identifier: Apache-2.0
 * Exponential and normal variates by the ziggurat (leaf header, host and device).
 *
 * Marsaglia and Tsang, The ziggurat method for generating random variables, Journal of Statistical
 * Software 5 (2000) 8: the area under the density f is covered by 256 layers of equal area v.
 * Layer k > 0 is the rectangle [0, x_k) x [f(x_k), f(x_k+1)), x_256 = 0; layer 0 is what lies below
 * f(x_1), the tail beyond x_1 included, and stands for a rectangle of the width x_0 = v / f(x_1).
 * One draw names a layer and a place in it.  Left of x_k+1 the place lies under f: accepted with
 * one comparison, 97.8 % of the exponential and 98.5 % of the normal draws.  Else the exact density
 * decides, with a fresh draw for the height, or the tail is sampled exactly.  So the law is that
 * of f whatever the rounding of the tables, up to the 2^-52 by which areas and places are rounded.
 *
 * A draw is used once: bits 0 to 7 are the layer, bit 8 the sign of a normal, bits 12 to 63 the
 * place, of which the midpoint of 2^-52 is taken, so no variate is 0.  (32-bit versions that took
 * layer and place from the same bits fail tests: Doornik 2005.)
 *
 * The number of draws varies from variate to variate, and a variate is not monotone in its draw:
 * sim/variate.h says when that matters. */
#ifndef HACASIM_SIM_ZIGGURAT_H
#define HACASIM_SIM_ZIGGURAT_H

#include <stdint.h>

#include "sim/dmath.h"
#include "sim/rng.h"
#ifdef __CUDACC__
#include "sim/ziggurat_rows.h"
#endif

#define ZIGGURAT_LAYERS 256
#define ZIGGURAT_PLACES 4503599627370496.0 /* 2^52 */

struct ziggurat_layer {
    uint64_t inside; /* places left of this are under the density: floor(2^52 x_k+1 / x_k) */
    double scale;    /* x_k / 2^52 */
};

struct ziggurat {
    struct ziggurat_layer layer[ZIGGURAT_LAYERS];
    double density[ZIGGURAT_LAYERS + 1]; /* f(x_k); that of layer 0 is not used */
};

#define ZIGGURAT_LAYER(inside, scale, density) {inside, scale},
#define ZIGGURAT_DENSITY(inside, scale, density) density,
#define ZIGGURAT_TABLE(rows)                                                                       \
    {                                                                                              \
        {rows(ZIGGURAT_LAYER)},                                                                    \
        {                                                                                          \
            rows(ZIGGURAT_DENSITY) 1.0                                                             \
        }                                                                                          \
    }

#ifdef __cplusplus
extern "C" {
#endif
extern const struct ziggurat ziggurat_exponentials, ziggurat_normals;
#ifdef __cplusplus
}
#endif

/* A device reads tables of its own, made of the same rows. */
#ifdef __CUDACC__
static __device__ const struct ziggurat ziggurat_device_exponentials =
    ZIGGURAT_TABLE(ZIGGURAT_EXPONENTIAL_ROWS);
static __device__ const struct ziggurat ziggurat_device_normals =
    ZIGGURAT_TABLE(ZIGGURAT_NORMAL_ROWS);
#endif
#ifdef __CUDA_ARCH__
#define ZIGGURAT_OF(law) (&ziggurat_device_##law)
#else
#define ZIGGURAT_OF(law) (&ziggurat_##law)
#endif

/* The rare part stays out of the way of the common one. */
#if defined(__GNUC__) && !defined(__CUDACC__)
#define ZIGGURAT_RARE static __attribute__((noinline, unused))
#else
#define ZIGGURAT_RARE RNG_FN
#endif

RNG_FN double ziggurat_place(const struct ziggurat *z, uint64_t draw)
{
    return ((double)(int64_t)(draw >> 12) + 0.5) * z->layer[draw & 255].scale;
}

RNG_FN bool ziggurat_inside(const struct ziggurat *z, uint64_t draw)
{
    return draw >> 12 < z->layer[draw & 255].inside;
}

/* A height in the layer of the draw, uniform. */
RNG_FN double ziggurat_height(const struct ziggurat *z, uint64_t draw, struct rng_stream *s)
{
    const double *density = &z->density[draw & 255];
    return density[0] + rng_unit(s) * (density[1] - density[0]);
}

RNG_FN double ziggurat_edge(const struct ziggurat *z) /* x_1, where the tail begins */
{
    return z->layer[1].scale * ZIGGURAT_PLACES;
}

/* From a draw that is not inside.  What exceeds x_1 is exponential again: begin anew from there. */
ZIGGURAT_RARE double ziggurat_exponential_rest(struct rng_stream *s, uint64_t draw)
{
    const struct ziggurat *z = ZIGGURAT_OF(exponentials);
    double passed = 0.0;
    for (;;) {
        double x = ziggurat_place(z, draw);
        if (ziggurat_inside(z, draw)) return passed + x;
        if ((draw & 255) == 0)
            passed += ziggurat_edge(z);
        else if (ziggurat_height(z, draw, s) < dmath_exp(-x))
            return passed + x;
        draw = rng_u64(s);
    }
}

/* Exponential, mean 1; > 0. */
RNG_FN double ziggurat_exponential(struct rng_stream *s)
{
    const struct ziggurat *z = ZIGGURAT_OF(exponentials);
    uint64_t draw = rng_u64(s);
    double x = ziggurat_place(z, draw);
    if (__builtin_expect(ziggurat_inside(z, draw), 1)) return x;
    return ziggurat_exponential_rest(s, draw);
}

/* Normal beyond `edge`: an exponential of rate `edge`, accepted with exp(-x^2 / 2) (Marsaglia,
 * Technometrics 6 (1964) 101). */
RNG_FN double ziggurat_normal_tail(struct rng_stream *s, double edge)
{
    double x, y;
    do {
        x = ziggurat_exponential(s) / edge;
        y = ziggurat_exponential(s);
    } while (2.0 * y < x * x);
    return edge + x;
}

RNG_FN double ziggurat_signed(double x, uint64_t draw)
{
    return dmath_from_bits(dmath_bits(x) | (draw & 256) << 55);
}

ZIGGURAT_RARE double ziggurat_normal_rest(struct rng_stream *s, uint64_t draw)
{
    const struct ziggurat *z = ZIGGURAT_OF(normals);
    for (;;) {
        double x = ziggurat_place(z, draw);
        if (ziggurat_inside(z, draw)) return ziggurat_signed(x, draw);
        if ((draw & 255) == 0)
            return ziggurat_signed(ziggurat_normal_tail(s, ziggurat_edge(z)), draw);
        if (ziggurat_height(z, draw, s) < dmath_exp(-0.5 * x * x)) return ziggurat_signed(x, draw);
        draw = rng_u64(s);
    }
}

/* Normal, mean 0, variance 1; never 0. */
RNG_FN double ziggurat_normal(struct rng_stream *s)
{
    const struct ziggurat *z = ZIGGURAT_OF(normals);
    uint64_t draw = rng_u64(s);
    double x = ziggurat_place(z, draw);
    if (__builtin_expect(ziggurat_inside(z, draw), 1)) return ziggurat_signed(x, draw);
    return ziggurat_normal_rest(s, draw);
}

#endif
