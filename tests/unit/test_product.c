/* SPDX-License-Identifier: Apache-2.0
 * The inner loops of the CPU engine, each set that this processor can run: products against double
 * precision within the bound of their own order, the same bits from the portable and the AVX2 set,
 * exp and SwiGLU against libm. */
#include "tests/unit/unit.h"

#include <math.h>

#include "gpu/product.h"
#include "sim/rng.h"

#pragma GCC diagnostic ignored "-Wpsabi"
#include "gpu/vec.h"

enum { M = 33, N = 37, K = 336 };

static float x[M * K], wide[N * K], got[M * N], other[M * N];
static uint16_t half[N * K];

/* Sizes from 2^-6 to 2^6, so that sums cancel and the bound below is not trivially wide. */
static void fill(uint32_t entity)
{
    struct rng_stream s = rng_open(2385, 0, 1, entity);
    for (int i = 0; i < M * K; i++)
        x[i] = (float)((rng_unit(&s) - 0.5) * ldexp(1.0, (int)rng_below(&s, 12) - 6));
    for (int i = 0; i < N * K; i++) {
        uint16_t value = vec_to_bf16((float)(rng_unit(&s) - 0.5));
        half[vec_bf16_place(i)] = value;
        wide[i] = vec_from_bf16(value);
    }
}

static const void *weights_of(int dtype)
{
    return dtype == INFER_FP32 ? (const void *)wide : (const void *)half;
}

/* Standard bound of a sum: an error of `roundings` x 2^-24 x sum of |w x|, where a term passes
 * through that many roundings (Higham, Accuracy and Stability, section 3.1). */
static void hold_product(const float *y, int m, int n, int k, int roundings)
{
    for (int t = 0; t < m; t++)
        for (int r = 0; r < n; r++) {
            double sum = 0.0, size = 0.0;
            for (int i = 0; i < k; i++) {
                double term = (double)x[t * k + i] * wide[r * k + i];
                sum += term;
                size += fabs(term);
            }
            double bound = roundings * 0x1p-24 * 1.001 * size;
            assert_true(fabs(y[t * n + r] - sum) <= bound);
        }
}

static const int shapes[][3] = {{1, 1, 16},  {1, 37, 336}, {2, 2, 32},   {3, 5, 48},
                                {4, 9, 160}, {5, 36, 320}, {33, 37, 336}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* A term: its product, k / 16 - 1 additions in its lane (one more to start from 0, which is exact),
 * 4 to bring the lanes together. */
static void test_products_within_their_bound(void **state)
{
    (void)state;
    for (int set = 0; set < product_sets_here(); set++)
        for (int dtype = INFER_FP32; dtype <= INFER_BF16; dtype++)
            for (int i = 0; i < SHAPES; i++) {
                int m = shapes[i][0], n = shapes[i][1], k = shapes[i][2];
                fill((uint32_t)i);
                product_sets[set].block[dtype](weights_of(dtype), x, m, n, k, got, n);
                hold_product(got, m, n, k, k / 16 + 4);
            }
}

/* The same bits from both sets, from any stretch of rows and tokens, on any number of threads. */
static void test_invariant_products_are_one(void **state)
{
    (void)state;
    for (int dtype = INFER_FP32; dtype <= INFER_BF16; dtype++) {
        fill(77);
        product_sets[0].block[dtype](weights_of(dtype), x, M, N, K, got, N);
        for (int set = 0; set < product_sets_here() && set < 2; set++)
            for (int t = 0; t < M; t++)
                for (int r = 0; r < N; r++) {
                    const char *row = (const char *)weights_of(dtype);
                    float one;
                    row += (size_t)r * K * (dtype == INFER_FP32 ? 4 : 2);
                    product_sets[set].block[dtype](row, x + t * K, 1, 1, K, &one, 1);
                    assert_memory_equal(&one, &got[t * N + r], sizeof one);
                }
        for (int threads = 1; threads <= 5; threads += 2) {
            struct product p = {.kernels = product_choose(INFER_INVARIANT),
                                .order = INFER_INVARIANT,
                                .dtype = (enum infer_dtype)dtype,
                                .threads = threads};
            product_run(&p, x, M, weights_of(dtype), N, K, other);
            assert_memory_equal(got, other, sizeof got);
        }
    }
}

/* OpenBLAS adds in an order of its own, where a term passes through k roundings at most. */
static void test_fast_products(void **state)
{
    (void)state;
    static float panels[3 * PRODUCT_PANEL * K];
    for (int dtype = INFER_FP32; dtype <= INFER_BF16; dtype++)
        for (int m = PRODUCT_BLAS_FROM - 1; m <= PRODUCT_BLAS_FROM + 1; m++) {
            struct product p = {.kernels = product_choose(INFER_FAST),
                                .order = INFER_FAST,
                                .dtype = (enum infer_dtype)dtype,
                                .threads = 3,
                                .panels = panels,
                                .panel_stride = PRODUCT_PANEL * K};
            fill(5);
            product_run(&p, x, m, weights_of(dtype), N, K, got);
            hold_product(got, m, N, K, K);
        }
}

/* Every set adds values in the order of their shares: a term passes through its product and `count`
 * additions at most. */
static void test_mixing(void **state)
{
    (void)state;
    enum { COUNT = 13, WIDTH = 48 };
    float out[WIDTH], first[WIDTH] = {0};
    fill(8);
    for (int set = 0; set < product_sets_here(); set++)
        for (int dtype = INFER_FP32; dtype <= INFER_BF16; dtype++) {
            for (int i = 0; i < WIDTH; i++)
                out[i] = 0.25f;
            product_sets[set].mix[dtype](weights_of(dtype), x, COUNT, WIDTH, out);
            for (int c = 0; c < WIDTH; c++) {
                double sum = 0.25, size = 0.25;
                for (int i = 0; i < COUNT; i++) {
                    sum += (double)x[i] * wide[i * WIDTH + c];
                    size += fabs((double)x[i] * wide[i * WIDTH + c]);
                }
                assert_true(fabs(out[c] - sum) <= (COUNT + 1) * 0x1p-24 * 1.001 * size);
            }
            if (set == 0 && dtype == INFER_FP32) memcpy(first, out, sizeof out);
            if (set < 2) assert_memory_equal(first, out, sizeof out);
        }
}

static double ulp_of(double value)
{
    int exponent;
    frexp(value, &exponent);
    return ldexp(1.0, exponent - 24);
}

/* A million points; 2 units in the last place is what vec.h promises. */
static void test_exponential(void **state)
{
    (void)state;
    double worst = 0.0;
    float values[8], first[8] = {0};
    for (int k = 0; k < 128824; k++) {
        double at = -87.2 + k * 8 * 1.7e-4;
        for (int set = 0; set < product_sets_here(); set++) {
            for (int i = 0; i < 8; i++)
                values[i] = (float)(at + i * 1.7e-4);
            product_sets[set].exps(values, 0.0f, 8);
            if (set == 0) memcpy(first, values, sizeof values);
            assert_memory_equal(first, values, sizeof values);
        }
        for (int i = 0; i < 8; i++) {
            double want = exp((double)(float)(at + i * 1.7e-4));
            worst = fmax(worst, fabs(first[i] - want) / ulp_of(want));
        }
    }
    printf("exp: off by %.2f units in the last place at most\n", worst);
    assert_true(worst < 2.0);
    const float far[8] = {-87.4f, -1e30f, -INFINITY, 0.0f, -0.0f, -100.0f, -90.0f, -88.0f};
    memcpy(values, far, sizeof values);
    product_sets[0].exps(values, 0.0f, 8);
    for (int i = 0; i < 8; i++)
        assert_true(values[i] == (far[i] == 0.0f ? 1.0f : 0.0f));
}

/* exp 2 units, the sum, the quotient and the product half a unit each, of values that may lie just
 * above a power of two: 2 x 3.5 units = 7 of the result. */
static void test_swiglu(void **state)
{
    (void)state;
    float gate[8], up[8], out[8], first[8];
    for (int k = 0; k < 6452; k++)
        for (int set = 0; set < product_sets_here(); set++) {
            double at = -80.0 + k * 8 * 3.1e-3;
            for (int i = 0; i < 8; i++) {
                gate[i] = (float)(at + i * 3.1e-3);
                up[i] = (float)(1.7 - 0.3 * i);
            }
            product_sets[set].swiglu(gate, up, 8, out);
            if (set == 0) memcpy(first, out, sizeof out);
            assert_memory_equal(first, out, sizeof out);
            for (int i = 0; i < 8; i++) {
                double want = gate[i] / (1.0 + exp(-(double)gate[i])) * up[i];
                assert_true(fabs(out[i] - want) <= 7.0 * ulp_of(want));
            }
        }
    const float low[8] = {-88.0f, -200.0f, -1e30f, 88.0f, 200.0f, 1e30f, 0.0f, -87.0f};
    for (int i = 0; i < 8; i++)
        up[i] = 1.0f;
    product_sets[0].swiglu(low, up, 8, out);
    for (int i = 0; i < 8; i++) {
        assert_true(isfinite(out[i]));
        if (low[i] > 80.0f) assert_true(out[i] == low[i]);
        if (low[i] < 0.0f && low[i] > -1e3f) assert_true(fabsf(out[i]) < 1e-34f);
    }
}

static void test_bf16_rounds_to_even(void **state)
{
    (void)state;
    assert_int_equal(vec_to_bf16(1.0f), 0x3f80);
    assert_int_equal(vec_to_bf16(0x1.01p0f), 0x3f80);   /* the middle, down to even */
    assert_int_equal(vec_to_bf16(0x1.03p0f), 0x3f82);   /* the middle, up to even */
    assert_int_equal(vec_to_bf16(0x1.0102p0f), 0x3f81); /* above the middle */
    assert_int_equal(vec_to_bf16(-0x1.ffp0f), 0xc000);
    for (uint32_t h = 0; h < 0x7f80; h++)
        assert_int_equal(vec_to_bf16(vec_from_bf16((uint16_t)h)), h);
}

int main(void)
{
    printf("used: %s\n", product_choose(INFER_FAST)->name);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products_within_their_bound),
        cmocka_unit_test(test_invariant_products_are_one),
        cmocka_unit_test(test_fast_products),
        cmocka_unit_test(test_mixing),
        cmocka_unit_test(test_exponential),
        cmocka_unit_test(test_swiglu),
        cmocka_unit_test(test_bf16_rounds_to_even),
    };
    return cmocka_run_group_tests_name("product", tests, NULL, NULL);
}
