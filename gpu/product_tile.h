/* SPDX-License-Identifier: Apache-2.0
 * The inner loops of product.c for one element type and one instruction set (internal to gpu/,
 * included once for each).  The including file defines
 *
 *   TILE(name)         name with the suffix of this variant
 *   TILE_TARGET        function attribute, or nothing
 *   TILE_TYPE          of a weight, key or value
 *   TILE_LOAD(a, b, p) sixteen of them, elements 0 to 7 and 8 to 15
 *   TILE_MADD(c, a, b) c + a x b: in two roundings, or fused */

/* Four rows, `apart` rows from each other, against one token: as many chains as hide the latency of
 * an addition. */
TILE_TARGET static void TILE(rows4)(const TILE_TYPE *w, int64_t apart, const float *x, int32_t k,
                                    float *y)
{
    vec8 a0 = {0}, a1 = {0}, b0 = {0}, b1 = {0}, c0 = {0}, c1 = {0}, d0 = {0}, d1 = {0};
    const TILE_TYPE *p = w, *q = p + apart * k, *r = q + apart * k, *s = r + apart * k;
    for (int32_t i = 0; i < k; i += INFER_LANES) {
        vec8 x0, x1, v, u;
        vec_load_fp32(&x0, &x1, x + i);
        TILE_LOAD(&v, &u, p + i);
        a0 = TILE_MADD(a0, v, x0);
        a1 = TILE_MADD(a1, u, x1);
        TILE_LOAD(&v, &u, q + i);
        b0 = TILE_MADD(b0, v, x0);
        b1 = TILE_MADD(b1, u, x1);
        TILE_LOAD(&v, &u, r + i);
        c0 = TILE_MADD(c0, v, x0);
        c1 = TILE_MADD(c1, u, x1);
        TILE_LOAD(&v, &u, s + i);
        d0 = TILE_MADD(d0, v, x0);
        d1 = TILE_MADD(d1, u, x1);
    }
    y[0] = vec_sum16(&a0, &a1);
    y[apart] = vec_sum16(&b0, &b1);
    y[2 * apart] = vec_sum16(&c0, &c1);
    y[3 * apart] = vec_sum16(&d0, &d1);
}

/* Two rows against two tokens: each value loaded serves twice. */
TILE_TARGET static void TILE(square2)(const TILE_TYPE *w, const float *x, int32_t k, float *y,
                                      int64_t stride)
{
    vec8 a0 = {0}, a1 = {0}, b0 = {0}, b1 = {0}, c0 = {0}, c1 = {0}, d0 = {0}, d1 = {0};
    const TILE_TYPE *p = w, *q = p + k;
    const float *s = x, *t = x + k;
    for (int32_t i = 0; i < k; i += INFER_LANES) {
        vec8 p0, p1, q0, q1, v, u;
        TILE_LOAD(&p0, &p1, p + i);
        TILE_LOAD(&q0, &q1, q + i);
        vec_load_fp32(&v, &u, s + i);
        a0 = TILE_MADD(a0, p0, v);
        b0 = TILE_MADD(b0, q0, v);
        a1 = TILE_MADD(a1, p1, u);
        b1 = TILE_MADD(b1, q1, u);
        vec_load_fp32(&v, &u, t + i);
        c0 = TILE_MADD(c0, p0, v);
        d0 = TILE_MADD(d0, q0, v);
        c1 = TILE_MADD(c1, p1, u);
        d1 = TILE_MADD(d1, q1, u);
    }
    y[0] = vec_sum16(&a0, &a1);
    y[1] = vec_sum16(&b0, &b1);
    y[stride] = vec_sum16(&c0, &c1);
    y[stride + 1] = vec_sum16(&d0, &d1);
}

TILE_TARGET static float TILE(dot)(const TILE_TYPE *w, const float *x, int32_t k)
{
    vec8 a0 = {0}, a1 = {0};
    for (int32_t i = 0; i < k; i += INFER_LANES) {
        vec8 p, q, v, u;
        TILE_LOAD(&p, &q, w + i);
        vec_load_fp32(&v, &u, x + i);
        a0 = TILE_MADD(a0, p, v);
        a1 = TILE_MADD(a1, q, u);
    }
    return vec_sum16(&a0, &a1);
}

/* The rows are read as four streams from one end to the other: what fetches ahead of a stream
 * starts anew only where it ends. */
TILE_TARGET static void TILE(token)(const TILE_TYPE *w, const float *x, int32_t n, int32_t k,
                                    float *y)
{
    int32_t quarter = n / 4;
    for (int32_t row = 0; row < quarter; row++)
        TILE(rows4)(w + (int64_t)row * k, quarter, x, k, y + row);
    for (int32_t row = 4 * quarter; row < n; row++)
        y[row] = TILE(dot)(w + (int64_t)row * k, x, k);
}

/* y[m][stride], its first n columns, = x[m][k] times w[n][k] transposed. */
TILE_TARGET static void TILE(block)(const void *weights, const float *x, int32_t m, int32_t n,
                                    int32_t k, float *y, int64_t stride)
{
    const TILE_TYPE *w = weights;
    int32_t token = 0;
    for (; token + 2 <= m; token += 2) {
        const float *xs = x + (int64_t)token * k;
        float *ys = y + token * stride;
        int32_t row = 0;
        for (; row + 2 <= n; row += 2)
            TILE(square2)(w + (int64_t)row * k, xs, k, ys + row, stride);
        if (row < n) ys[row] = TILE(dot)(w + (int64_t)row * k, xs, k);
        if (row < n) ys[stride + row] = TILE(dot)(w + (int64_t)row * k, xs + k, k);
    }
    if (token < m) TILE(token)(w, x + (int64_t)token * k, n, k, y + token * stride);
}

/* out[width] += sum of shares[i] x values[i][width], i ascending. */
TILE_TARGET static void TILE(mix)(const void *rows, const float *shares, int32_t count,
                                  int32_t width, float *out)
{
    const TILE_TYPE *values = rows;
    for (int32_t at = 0; at < width; at += INFER_LANES) {
        vec8 a, b, v, u;
        vec_load_fp32(&a, &b, out + at);
        for (int32_t i = 0; i < count; i++) {
            vec8 share = shares[i] - (vec8){0};
            TILE_LOAD(&v, &u, values + (int64_t)i * width + at);
            a = TILE_MADD(a, v, share);
            b = TILE_MADD(b, u, share);
        }
        memcpy(out + at, &a, sizeof a);
        memcpy(out + at + 8, &b, sizeof b);
    }
}

#undef TILE
#undef TILE_TARGET
#undef TILE_TYPE
#undef TILE_LOAD
#undef TILE_MADD
