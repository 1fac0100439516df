/* SPDX-License-Identifier: Apache-2.0
 * Deterministic elementary functions (leaf header, host and device).
 *
 * Nothing that reaches a hash or a stored result may call libm for exp, log, pow or trigonometry:
 * libm chooses its code by processor (FMA or not) and changes its last bits between versions.
 * These use only + - x / and sqrt of IEEE doubles and integer moves, so with -ffp-contract=off
 * (nvcc: --fmad=false) they give the same bits on every machine.  They are free of tables, so that
 * loops over them vectorise and a GPU need not fetch anything.
 *
 * Error bounds, in units in the last place of the result (half a unit would be the best possible).
 * tests/unit/test_dmath.c checks them against long double on dense and random inputs:
 *
 *     dmath_exp               1.0   all x; also of a subnormal result
 *     dmath_log               1.0   all x > 0, subnormals included
 *     dmath_pow               1.25  all x > 0, all y; also of a subnormal result
 *     dmath_sin_turns         1.15  all finite arguments (a turn is reduced exactly)
 *     dmath_cos_turns         1.15
 *     dmath_normal_quantile   10    0 < p < 1, subnormals included
 *
 * Outside those domains: log(0) = -inf, log(x < 0) = NaN; pow(0, y) is 0, 1 or inf by the sign of
 * y, pow(x < 0, y) = NaN; sin, cos of an infinity = NaN; quantile(p <= 0) = -inf, (p >= 1) = inf;
 * a NaN argument gives NaN, except that pow(1, y) = pow(x, 0) = 1.  The polynomials are Chebyshev
 * interpolants of the stated function, computed to 300 bits; truncation is below 2^-57.  exp and
 * log, which stand in the path of every variate, add their terms in pairs (Estrin): a chain half
 * as long. */
#ifndef HACASIM_SIM_DMATH_H
#define HACASIM_SIM_DMATH_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#define DMATH_FN static inline __host__ __device__
#else
#define DMATH_FN static inline
#endif

/* Adding this to |x| <= 2^51 leaves rint(x) in the low bits of the mantissa: rounding to an integer
 * without an instruction or a library call that not every processor has. */
#define DMATH_RINT 0x1.8p52
#define DMATH_WHOLE 4503599627370496.0    /* 2^52: from here on a double has no fraction */
#define DMATH_LN2_HI 0x1.62e42fefa3800p-1 /* 42 bits, so that an exponent times this is exact */
#define DMATH_LN2_LO 0x1.ef35793c76730p-45
#define DMATH_SQRT_HALF_BITS 0x3fe6a09e667f3bcdULL

struct dmath_pair { /* an unevaluated sum, |lo| <= ulp(hi) / 2 or so */
    double hi, lo;
};

DMATH_FN uint64_t dmath_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

DMATH_FN double dmath_from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The nearest integer (ties to even) of |x| < 2^52. */
DMATH_FN double dmath_rint(double x)
{
    double c = x < 0.0 ? -DMATH_WHOLE : DMATH_WHOLE;
    return (x + c) - c;
}

/* The upper 26 bits of x, so that products of such halves are exact (Veltkamp). */
DMATH_FN double dmath_upper(double x)
{
    double c = 134217729.0 * x;
    return c - (c - x);
}

/* a + b exactly, |a| >= |b| (Dekker). */
DMATH_FN struct dmath_pair dmath_sum(double a, double b)
{
    struct dmath_pair s;
    s.hi = a + b;
    s.lo = b - (s.hi - a);
    return s;
}

/* a x b exactly, without FMA (Dekker). */
DMATH_FN struct dmath_pair dmath_product(double a, double b)
{
    struct dmath_pair p;
    double au = dmath_upper(a), al = a - au, bu = dmath_upper(b), bl = b - bu;
    p.hi = a * b;
    p.lo = ((au * bu - p.hi) + au * bl + al * bu) + al * bl;
    return p;
}

/* Product of two pairs, relative error about 2^-102. */
DMATH_FN struct dmath_pair dmath_pair_product(struct dmath_pair a, struct dmath_pair b)
{
    struct dmath_pair p = dmath_product(a.hi, b.hi);
    return dmath_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

/* exp(x + tail) for |x| < 800 and a tail far below 1.  With k = rint(x / ln 2) and
 * r = x - k ln 2, the result is 2^k (1 + r + r^2 P(r)).  r stays in two parts: what is rounded off
 * it would be a quarter of an ulp.  2^k is applied in two factors, of which only the last can
 * round: that covers overflow and subnormal results without a branch. */
DMATH_FN double dmath_exp_pair(double x, double tail)
{
    double shifted = x * 0x1.71547652b82fep+0 + DMATH_RINT;
    double k = shifted - DMATH_RINT;
    int64_t power = (int64_t)(dmath_bits(shifted) << 13) >> 13; /* low 51 bits, with sign */
    double hi = x - k * DMATH_LN2_HI;
    double lo = k * DMATH_LN2_LO - tail;
    double r = hi - lo;
    double r2 = r * r, r4 = r2 * r2;
    double p01 = 0.5 + 0x1.5555555555557p-3 * r;
    double p23 = 0x1.5555555555556p-5 + 0x1.11111111100dcp-7 * r;
    double p45 = 0x1.6c16c16c162d4p-10 + 0x1.a01a01abe7fe1p-13 * r;
    double p67 = 0x1.a01a01a6d889cp-16 + 0x1.71de0231960ebp-19 * r;
    double p89 = 0x1.27e4db646b17ep-22 + 0x1.af4de97ca4194p-26 * r;
    double p = p89 + r2 * 0x1.1f730349868cep-29;
    p = (p01 + r2 * p23) + r4 * ((p45 + r2 * p67) + r4 * p);
    int64_t half = power >> 1;
    double first = dmath_from_bits((uint64_t)(1023 + half) << 52);
    double second = dmath_from_bits((uint64_t)(1023 + power - half) << 52);
    return (1.0 + (hi + (r2 * p - lo))) * first * second;
}

DMATH_FN double dmath_exp(double x)
{
    if (x != x) return x;
    if (x > 710.0) return (double)INFINITY;
    if (x < -746.0) return 0.0;
    return dmath_exp_pair(x, 0.0);
}

/* x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), for 0 < x < inf. */
DMATH_FN double dmath_split(double x, double *f)
{
    int64_t shift = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        shift = 54;
    }
    uint64_t bits = dmath_bits(x);
    int64_t k = (int64_t)(bits - DMATH_SQRT_HALF_BITS) >> 52;
    *f = dmath_from_bits(bits - ((uint64_t)k << 52)) - 1.0;
    return (double)(k - shift);
}

/* With s = f / (2 + f), log(1 + f) = 2 s + s^3 P(s^2) = f - s (f - s^2 P(s^2)): the large term f is
 * exact, so only what is subtracted carries an error. */
DMATH_FN double dmath_log(double x)
{
    if (!(x > 0.0)) return x == 0.0 ? -(double)INFINITY : (double)NAN;
    if (x > 0x1.fffffffffffffp+1023) return x;
    double f, k = dmath_split(x, &f);
    double s = f / (2.0 + f), z = s * s;
    double z2 = z * z;
    double p01 = 0x1.5555555555558p-1 + 0x1.9999999995204p-2 * z;
    double p23 = 0x1.2492492e09d4dp-2 + 0x1.c71c62c639fdep-3 * z;
    double p45 = 0x1.7462bd8f7796ep-3 + 0x1.39fd392179a95p-3 * z;
    double p = p01 + z2 * (p23 + z2 * (p45 + z2 * 0x1.2b6688a387e03p-3));
    return k * DMATH_LN2_HI + (f - (s * (f - z * p) - k * DMATH_LN2_LO));
}

/* log(x) as a pair, relative error about 2^-64, for 0 < x < inf: pow multiplies it by up to 2^10
 * before the exponential turns absolute into relative error.  s and the cubic term of the series
 * are pairs; from the fifth power on, a double is enough. */
DMATH_FN struct dmath_pair dmath_log_pair(double x)
{
    double f, k = dmath_split(x, &f);
    struct dmath_pair d = dmath_sum(2.0, f), s, q;
    s.hi = f / d.hi;
    q = dmath_product(s.hi, d.hi);
    s.lo = (((f - q.hi) - q.lo) - s.hi * d.lo) / d.hi;
    struct dmath_pair two_thirds = {0x1.5555555555555p-1, 0x1.5555555555555p-55};
    struct dmath_pair square = dmath_pair_product(s, s);
    struct dmath_pair cubic = dmath_pair_product(dmath_pair_product(square, s), two_thirds);
    double z = square.hi;
    double p = 0x1.e047e001993cbp-4;
    p = p * z + 0x1.df7a598f77bc4p-4;
    p = p * z + 0x1.1118d38b0f57bp-3;
    p = p * z + 0x1.3b13959b359a4p-3;
    p = p * z + 0x1.745d177b19a81p-3;
    p = p * z + 0x1.c71c71c6ea0c3p-3;
    p = p * z + 0x1.2492492492523p-2;
    p = p * z + 0x1.999999999999ap-2;
    struct dmath_pair sum = dmath_sum(2.0 * s.hi, cubic.hi);
    double tail = z * z * s.hi * p + cubic.lo + 2.0 * s.lo + sum.lo;
    /* k = 0: adding the zero first keeps the pair as it is. */
    struct dmath_pair all = dmath_sum(k * DMATH_LN2_HI, sum.hi);
    return dmath_sum(all.hi, all.lo + (k * DMATH_LN2_LO + tail));
}

DMATH_FN double dmath_pow(double x, double y) /* x > 0 */
{
    if (x == 1.0 || y == 0.0) return 1.0;
    if (!(x >= 0.0) || y != y) return (double)NAN;
    if (x == 0.0) return y > 0.0 ? 0.0 : (double)INFINITY;
    if (x > 0x1.fffffffffffffp+1023) return y > 0.0 ? x : 0.0;
    struct dmath_pair l = dmath_log_pair(x);
    /* Beyond these the result is certain, and the exact product below could overflow. */
    if (y * l.hi > 800.0) return (double)INFINITY;
    if (y * l.hi < -800.0) return 0.0;
    struct dmath_pair e = dmath_product(y, l.hi);
    return dmath_exp_pair(e.hi, e.lo + y * l.lo);
}

/* turns = n + q/4 + r, |r| <= 1/8; every step is exact.  Beyond 2^52 there are only whole turns. */
DMATH_FN double dmath_turn_split(double turns, int64_t *quarter)
{
    bool whole = !(turns < DMATH_WHOLE && turns > -DMATH_WHOLE); /* or infinite, or NaN */
    double t = turns - (whole ? turns : dmath_rint(turns));
    double shifted = 4.0 * t + DMATH_RINT;
    *quarter = (int64_t)(dmath_bits(shifted) & 3);
    return t - 0.25 * (shifted - DMATH_RINT);
}

/* sin(2 pi r), |r| <= 1/8.  The leading product is made of 26-bit halves, hence exact. */
DMATH_FN double dmath_sin_eighth(double r)
{
    double z = r * r, upper = dmath_upper(r);
    double p = -0x1.6cc551e4984e0p-1;
    p = p * z + 0x1.e8f036546a200p+1;
    p = p * z - 0x1.e3074d25a9e64p+3;
    p = p * z + 0x1.50783486fa98dp+5;
    p = p * z - 0x1.32d2cce62b871p+6;
    p = p * z + 0x1.466bc6775aae1p+6;
    p = p * z - 0x1.4abbce625be53p+5;
    double lead = upper * 0x1.921fb58000000p+2;
    double rest = upper * -0x1.dde973dcb3b3ap-25 + (r - upper) * 0x1.921fb54442d18p+2;
    return lead + (rest + z * r * p);
}

/* cos(2 pi r), |r| <= 1/8.  What is rounded off 1 - h is added to the small terms. */
DMATH_FN double dmath_cos_eighth(double r)
{
    double z = r * r;
    double p = 0x1.1ebe479e57d3cp-2;
    p = p * z - 0x1.b6df8513d702cp+0;
    p = p * z + 0x1.f9d388509b510p+2;
    p = p * z - 0x1.a6d1f2a15a4d4p+4;
    p = p * z + 0x1.e1f506891b72ep+5;
    p = p * z - 0x1.55d3c7e3cbffap+6;
    p = p * z + 0x1.03c1f081b5ac4p+6;
    double h = z * 0x1.3bd3cc9be45dep+4, w = 1.0 - h;
    return w + (((1.0 - w) - h) + z * z * p);
}

DMATH_FN double dmath_sin_turns(double turns) /* sin(2 pi turns) */
{
    int64_t quarter;
    double r = dmath_turn_split(turns, &quarter);
    double y = quarter & 1 ? dmath_cos_eighth(r) : dmath_sin_eighth(r);
    return quarter & 2 ? -y : y;
}

DMATH_FN double dmath_cos_turns(double turns) /* cos(2 pi turns) */
{
    int64_t quarter;
    double r = dmath_turn_split(turns, &quarter);
    double y = quarter & 1 ? -dmath_sin_eighth(r) : dmath_cos_eighth(r);
    return quarter & 2 ? -y : y;
}

/* The three rational functions of Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988)
 * 477-484: for the middle, the tails, and the far tails beyond exp(-25). */
DMATH_FN double dmath_normal_middle(double q)
{
    double r = 0.180625 - q * q;
    double a = 2.5090809287301226727e+3, b = 5.2264952788528545610e+3;
    a = a * r + 3.3430575583588128105e+4, b = b * r + 2.8729085735721942674e+4;
    a = a * r + 6.7265770927008700853e+4, b = b * r + 3.9307895800092710610e+4;
    a = a * r + 4.5921953931549871457e+4, b = b * r + 2.1213794301586595867e+4;
    a = a * r + 1.3731693765509461125e+4, b = b * r + 5.3941960214247511077e+3;
    a = a * r + 1.9715909503065514427e+3, b = b * r + 6.8718700749205790830e+2;
    a = a * r + 1.3314166789178437745e+2, b = b * r + 4.2313330701600911252e+1;
    a = a * r + 3.3871328727963666080e+0, b = b * r + 1.0;
    return q * a / b;
}

DMATH_FN double dmath_normal_tail(double r)
{
    r -= 1.6;
    double a = 7.74545014278341407640e-4, b = 1.05075007164441684324e-9;
    a = a * r + 2.27238449892691845833e-2, b = b * r + 5.47593808499534494600e-4;
    a = a * r + 2.41780725177450611770e-1, b = b * r + 1.51986665636164571966e-2;
    a = a * r + 1.27045825245236838258e+0, b = b * r + 1.48103976427480074590e-1;
    a = a * r + 3.64784832476320460504e+0, b = b * r + 6.89767334985100004550e-1;
    a = a * r + 5.76949722146069140550e+0, b = b * r + 1.67638483018380384940e+0;
    a = a * r + 4.63033784615654529590e+0, b = b * r + 2.05319162663775882187e+0;
    a = a * r + 1.42343711074968357734e+0, b = b * r + 1.0;
    return a / b;
}

DMATH_FN double dmath_normal_far(double r)
{
    r -= 5.0;
    double a = 2.01033439929228813265e-7, b = 2.04426310338993978564e-15;
    a = a * r + 2.71155556874348757815e-5, b = b * r + 1.42151175831644588870e-7;
    a = a * r + 1.24266094738807843860e-3, b = b * r + 1.84631831751005468180e-5;
    a = a * r + 2.65321895265761230930e-2, b = b * r + 7.86869131145613259100e-4;
    a = a * r + 2.96560571828504891230e-1, b = b * r + 1.48753612908506148525e-2;
    a = a * r + 1.78482653991729133580e+0, b = b * r + 1.36929880922735805310e-1;
    a = a * r + 5.46378491116411436990e+0, b = b * r + 5.99832206555887937690e-1;
    a = a * r + 6.65790464350110377720e+0, b = b * r + 1.0;
    return a / b;
}

DMATH_FN double dmath_normal_quantile(double p) /* 0 < p < 1 */
{
    if (p != p) return p;
    if (p <= 0.0) return -(double)INFINITY;
    if (p >= 1.0) return (double)INFINITY;
    double q = p - 0.5;
    if (q <= 0.425 && q >= -0.425) return dmath_normal_middle(q);
    double r = sqrt(-dmath_log(q < 0.0 ? p : 1.0 - p));
    double x = r <= 5.0 ? dmath_normal_tail(r) : dmath_normal_far(r);
    return q < 0.0 ? -x : x;
}

#endif
