/* SPDX-License-Identifier: Apache-2.0
 * Eight floats side by side, and what is done with them (internal to gpu/).
 *
 * These are vectors of the language and not of a processor: compiled for AVX2 they are one
 * register, for plain x86-64 two, and the arithmetic, each lane by itself and rounded after each
 * operation, is the same.  They are handed over by address, because by value their place would
 * hang on the processor compiled for. */
#ifndef HACASIM_GPU_VEC_H
#define HACASIM_GPU_VEC_H

#include <stdint.h>
#include <string.h>

typedef float vec8 __attribute__((vector_size(32)));
typedef int32_t vec8i __attribute__((vector_size(32)));
typedef uint32_t vec8u __attribute__((vector_size(32)));

#define VEC_FN static inline __attribute__((always_inline))

/* Sixteen floats, 0 to 7 in `low`, 8 to 15 in `high`. */
VEC_FN void vec_load_fp32(vec8 *low, vec8 *high, const float *from)
{
    memcpy(low, from, sizeof *low);
    memcpy(high, from + 8, sizeof *high);
}

/* Where element i of a row of bf16 lies: in each sixteen, number j beside number 8 + j.  So one
 * shift and one mask make floats of all of them, and their order is that of vec_load_fp32. */
VEC_FN int64_t vec_bf16_place(int64_t i)
{
    return (i & ~(int64_t)15) + 2 * (i & 7) + (i >> 3 & 1);
}

/* bf16 is the upper half of a float. */
VEC_FN void vec_load_bf16(vec8 *low, vec8 *high, const uint16_t *from)
{
    vec8u pairs;
    memcpy(&pairs, from, sizeof pairs);
    *low = (vec8)(pairs << 16);
    *high = (vec8)(pairs & 0xffff0000U);
}

/* Lane sums lie 8 apart in `low` and `high`; added pairwise: 8 apart, 4 apart, 2, 1. */
VEC_FN float vec_sum16(const vec8 *low, const vec8 *high)
{
    vec8 s = *low + *high;
    float a = s[0] + s[4], b = s[1] + s[5], c = s[2] + s[6], d = s[3] + s[7];
    return (a + c) + (b + d);
}

/* exp of x <= 88 or so, 0 below -87.3.  x = k ln 2 + r, |r| <= ln 2 / 2, 2^k by the exponent's
 * bits; ln 2 in two parts, of which the first times k is exact.  The polynomial is the Taylor
 * series of degree 7: its remainder r^8 / 8! is below 2^-27.  Error at most 2 units in the last
 * place (tests/unit/test_product.c). */
VEC_FN void vec_exp(vec8 *v)
{
    const float magic = 0x1.8p23f;
    vec8 x = *v, shifted = x * 0x1.715476p+0f + magic, k = shifted - magic;
    vec8 r = (x - k * 0x1.62e4p-1f) - k * 0x1.7f7d1cp-20f;
    vec8 p = 1.0f / 720.0f + r * (1.0f / 5040.0f);
    p = 1.0f / 120.0f + r * p;
    p = 1.0f / 24.0f + r * p;
    p = 1.0f / 6.0f + r * p;
    p = 0.5f + r * p;
    p = 1.0f + (r + r * r * p);
    vec8i whole = __builtin_convertvector(k, vec8i), above = x > -87.3f;
    vec8u bits, exponent, mask; /* lanes that the mask clears may wrap */
    memcpy(&bits, &p, sizeof bits);
    memcpy(&exponent, &whole, sizeof exponent);
    memcpy(&mask, &above, sizeof mask);
    bits = (bits + (exponent << 23)) & mask;
    memcpy(v, &bits, sizeof bits);
}

/* To the nearest bf16, ties to even; of finite values. */
VEC_FN uint16_t vec_to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

VEC_FN float vec_from_bf16(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

#endif
