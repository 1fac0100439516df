/* SPDX-License-Identifier: Apache-2.0
 * Products of the CPU backend: variants of the inner loops, and how rows go to threads.
 *
 * At batch 1 a product reads each weight once and is as fast as memory; rows are dealt in one
 * stretch to each thread, so that each streams.  With more tokens a stretch is cut into blocks that
 * stay in the second-level cache while all tokens pass. */
#include "gpu/product.h"

#include <stddef.h>

#include <cblas.h>
#include <omp.h>

/* Vectors are only handed over by address or inlined, so their calling convention is no matter. */
#pragma GCC diagnostic ignored "-Wpsabi"

#include "gpu/vec.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define HAVE_AVX2 1
#else
#define HAVE_AVX2 0
#endif

#define MADD_PLAIN(c, a, b) ((c) + (a) * (b))
#define MADD_FUSED(c, a, b) ((vec8)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define TARGET_AVX2 __attribute__((target("avx2")))
#define TARGET_FUSED __attribute__((target("avx2,fma")))

#define TILE(name) name##_fp32
#define TILE_TARGET
#define TILE_TYPE float
#define TILE_LOAD vec_load_fp32
#define TILE_MADD MADD_PLAIN
#include "gpu/product_tile.h"

#define TILE(name) name##_bf16
#define TILE_TARGET
#define TILE_TYPE uint16_t
#define TILE_LOAD vec_load_bf16
#define TILE_MADD MADD_PLAIN
#include "gpu/product_tile.h"

#if HAVE_AVX2
#define TILE(name) name##_fp32_avx2
#define TILE_TARGET TARGET_AVX2
#define TILE_TYPE float
#define TILE_LOAD vec_load_fp32
#define TILE_MADD MADD_PLAIN
#include "gpu/product_tile.h"

#define TILE(name) name##_bf16_avx2
#define TILE_TARGET TARGET_AVX2
#define TILE_TYPE uint16_t
#define TILE_LOAD vec_load_bf16
#define TILE_MADD MADD_PLAIN
#include "gpu/product_tile.h"

#define TILE(name) name##_fp32_fused
#define TILE_TARGET TARGET_FUSED
#define TILE_TYPE float
#define TILE_LOAD vec_load_fp32
#define TILE_MADD MADD_FUSED
#include "gpu/product_tile.h"

#define TILE(name) name##_bf16_fused
#define TILE_TARGET TARGET_FUSED
#define TILE_TYPE uint16_t
#define TILE_LOAD vec_load_bf16
#define TILE_MADD MADD_FUSED
#include "gpu/product_tile.h"
#endif

/* ---- exponentials: one source, two instruction sets ----------------------------------------- */

VEC_FN void exps_body(float *values, float shift, int32_t count)
{
    for (int32_t i = 0; i < count; i += 8) {
        vec8 v;
        memcpy(&v, values + i, sizeof v);
        v -= shift;
        vec_exp(&v);
        memcpy(values + i, &v, sizeof v);
    }
}

/* exp is cut off where 1 + exp(-gate) would leave the floats; the quotient is 0 there anyway. */
VEC_FN void swiglu_body(const float *gate, const float *up, int32_t count, float *out)
{
    for (int32_t i = 0; i < count; i += 8) {
        vec8 g, u;
        memcpy(&g, gate + i, sizeof g);
        memcpy(&u, up + i, sizeof u);
        vec8i whole = g > -87.0f;
        vec8 e = (vec8)(((vec8i)-g & whole) | ((vec8i)(87.0f - (vec8){0}) & ~whole));
        vec_exp(&e);
        g = g / (1.0f + e) * u;
        memcpy(out + i, &g, sizeof g);
    }
}

static void exps_portable(float *values, float shift, int32_t count)
{
    exps_body(values, shift, count);
}

static void swiglu_portable(const float *gate, const float *up, int32_t count, float *out)
{
    swiglu_body(gate, up, count, out);
}

#if HAVE_AVX2
TARGET_AVX2 static void exps_avx2(float *values, float shift, int32_t count)
{
    exps_body(values, shift, count);
}

TARGET_AVX2 static void swiglu_avx2(const float *gate, const float *up, int32_t count, float *out)
{
    swiglu_body(gate, up, count, out);
}
#endif

/* ---- choice --------------------------------------------------------------------------------- */

const struct product_kernels product_sets[PRODUCT_SETS] = {
    {"portable", {block_fp32, block_bf16}, {mix_fp32, mix_bf16}, exps_portable, swiglu_portable},
#if HAVE_AVX2
    {"avx2",
     {block_fp32_avx2, block_bf16_avx2},
     {mix_fp32_avx2, mix_bf16_avx2},
     exps_avx2,
     swiglu_avx2},
    {"fused",
     {block_fp32_fused, block_bf16_fused},
     {mix_fp32_fused, mix_bf16_fused},
     exps_avx2,
     swiglu_avx2},
#endif
};

int product_sets_here(void)
{
#if HAVE_AVX2
    if (__builtin_cpu_supports("avx2")) return __builtin_cpu_supports("fma") ? 3 : 2;
#endif
    return 1;
}

const struct product_kernels *product_choose(enum infer_order order)
{
    int here = product_sets_here();
    if (order == INFER_INVARIANT && here > 2) here = 2;
    return &product_sets[here - 1];
}

/* ---- rows to threads ------------------------------------------------------------------------ */

/* A block of rows of this many bytes stays in the second-level cache. */
enum { BLOCK_BYTES = 256 << 10 };

struct range {
    int32_t from, to;
};

/* In whole tiles of four rows. */
static struct range share_of(int32_t n, int thread, int threads)
{
    int64_t tiles = (n + 3) / 4;
    int64_t from = 4 * (tiles * thread / threads), to = 4 * (tiles * (thread + 1) / threads);
    return (struct range){(int32_t)from, (int32_t)(to < n ? to : n)};
}

static const void *row_of(enum infer_dtype dtype, const void *weights, int64_t elements)
{
    return (const char *)weights + elements * (dtype == INFER_FP32 ? 4 : 2);
}

static void by_blocks(const struct product *p, struct range r, const float *x, int32_t m,
                      const void *weights, int32_t n, int32_t k, float *y)
{
    int32_t step = m == 1 ? r.to - r.from : BLOCK_BYTES / 4 / k / 4 * 4;
    if (step < 4) step = 4;
    for (int32_t row = r.from; row < r.to; row += step) {
        int32_t rows = r.to - row < step ? r.to - row : step;
        p->kernels->block[p->dtype](row_of(p->dtype, weights, (int64_t)row * k), x, m, rows, k,
                                    y + row, n);
    }
}

static void widen(const uint16_t *from, int64_t count, float *to)
{
    for (int64_t i = 0; i < count; i += INFER_LANES) {
        vec8 v, u;
        vec_load_bf16(&v, &u, from + i);
        memcpy(to + i, &v, sizeof v);
        memcpy(to + i + 8, &u, sizeof u);
    }
}

static void by_blas(const struct product *p, int thread, struct range r, const float *x, int32_t m,
                    const void *weights, int32_t n, int32_t k, float *y)
{
    int32_t step = p->dtype == INFER_FP32 ? r.to - r.from : PRODUCT_PANEL;
    float *panel = p->panels == NULL ? NULL : p->panels + thread * p->panel_stride;
    for (int32_t row = r.from; row < r.to; row += step) {
        int32_t rows = r.to - row < step ? r.to - row : step;
        const void *w = row_of(p->dtype, weights, (int64_t)row * k);
        if (p->dtype != INFER_FP32) {
            widen(w, (int64_t)rows * k, panel);
            w = panel;
        }
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, rows, k, 1.0f, x, k, w, k, 0.0f,
                    y + row, n);
    }
}

void product_run(const struct product *p, const float *x, int32_t m, const void *weights, int32_t n,
                 int32_t k, float *y)
{
    if (m == 0) return;
    bool blas = p->order == INFER_FAST && m >= PRODUCT_BLAS_FROM;
#pragma omp parallel num_threads(p->threads)
    {
        int thread = omp_get_thread_num();
        struct range r = share_of(n, thread, omp_get_num_threads());
        if (r.from < r.to && blas) by_blas(p, thread, r, x, m, weights, n, k, y);
        if (r.from < r.to && !blas) by_blocks(p, r, x, m, weights, n, k, y);
    }
}
