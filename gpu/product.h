/* SPDX-License-Identifier: Apache-2.0
 * Products, sums over values and exponentials of the CPU backend (internal to gpu/).
 *
 * A product is y = x W^T: tokens x [m][k] in fp32, weights W [n][k] in fp32 or bf16, y [m][n] in
 * fp32.  There are three sets of inner loops, chosen when the program runs:
 *
 *   portable  any x86-64         } 16 partial sums, multiplied and added in two roundings:
 *   avx2      AVX2               } the same bits
 *   fused     AVX2 and FMA         one rounding, so other bits; for INFER_FAST only
 *
 * Under INFER_FAST products of PRODUCT_BLAS_FROM tokens and more go to OpenBLAS, bf16 weights
 * widened a panel at a time; OpenBLAS chooses by processor and by m, so its bits are nobody's. */
#ifndef HACASIM_GPU_PRODUCT_H
#define HACASIM_GPU_PRODUCT_H

#include <stdint.h>

#include "gpu/infer.h"

enum { PRODUCT_BLAS_FROM = 16, PRODUCT_PANEL = 64 /* rows widened at a time */ };

struct product_kernels {
    const char *name;
    /* [0] fp32, [1] bf16; see product_tile.h */
    void (*block[2])(const void *weights, const float *x, int32_t m, int32_t n, int32_t k, float *y,
                     int64_t stride);
    void (*mix[2])(const void *rows, const float *shares, int32_t count, int32_t width, float *out);
    /* values[i] = exp(values[i] - shift) for i < count, a multiple of 8 */
    void (*exps)(float *values, float shift, int32_t count);
    /* out[i] = gate[i] / (1 + exp(-gate[i])) x up[i], count a multiple of 8 */
    void (*swiglu)(const float *gate, const float *up, int32_t count, float *out);
};

enum { PRODUCT_SETS = 3 };
extern const struct product_kernels product_sets[PRODUCT_SETS]; /* portable, avx2, fused */
/* How many of product_sets this processor can run. */
int product_sets_here(void);
const struct product_kernels *product_choose(enum infer_order order);

struct product {
    const struct product_kernels *kernels;
    enum infer_order order;
    enum infer_dtype dtype; /* fp32 or bf16 */
    int threads;
    float *panels; /* [threads][PRODUCT_PANEL][widest k], for widened weights; NULL: never asked */
    int64_t panel_stride;
};

/* Runs on `threads` threads.  k is a multiple of INFER_LANES. */
void product_run(const struct product *product, const float *x, int32_t m, const void *weights,
                 int32_t n, int32_t k, float *y);

#endif
