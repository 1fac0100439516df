/* SPDX-License-Identifier: Apache-2.0
 * Confidence intervals of means.
 *
 * Answers for: the quantile of Student's t distribution, for any number of degrees of
 * freedom from 1 on, to about 1e-12, and the half-width built on it.  These numbers are stored, so
 * they are made of + - x / sqrt and sim/dmath.h alone; GSL has the same quantile and is what the
 * tests compare with.  Leaves out: batch means (sim/batch), warm-up (sim/mser) and paired designs.
 */
#include "sim/interval.h"

#include <math.h>

#include "sim/dmath.h"

/* Above this many degrees the expansion in 1/degrees is exact to 1e-13 and cheaper. */
#define INTERVAL_LARGE 1e4

/* Gamma(a + 1/2) / Gamma(a): its asymptotic series, reached by the recurrence of Gamma. */
static double interval_gamma_ratio(double a)
{
    double factor = 1.0;
    while (a < 40.0) {
        factor *= a / (a + 0.5);
        a += 1.0;
    }
    double w = 1.0 / a;
    double p = 869.0 / 4194304.0;
    p = p * w - 399.0 / 262144.0;
    p = p * w - 21.0 / 32768.0;
    p = p * w + 5.0 / 1024.0;
    p = p * w + 1.0 / 128.0;
    p = p * w - 1.0 / 8.0;
    return factor * sqrt(a) * (1.0 + w * p);
}

struct interval_lentz {
    double c, d, f;
};

/* The next term t of f = 1 / (1 + t1 / (1 + t2 / ...)) by Lentz's method; the factor by which it
 * changes f. */
static double interval_term(struct interval_lentz *l, double t)
{
    const double tiny = 0x1p-1000;
    l->d = 1.0 + t * l->d;
    l->d = 1.0 / (l->d > tiny || l->d < -tiny ? l->d : tiny);
    l->c = 1.0 + t / l->c;
    if (l->c < tiny && l->c > -tiny) l->c = tiny;
    l->f *= l->c * l->d;
    return l->c * l->d;
}

/* The continued fraction of the incomplete beta function I_x(a, b) (DLMF 8.17.22). */
static double interval_fraction(double x, double a, double b)
{
    struct interval_lentz l = {0x1p1000, 1.0, 1.0}; /* as after the leading 1 / 1 */
    interval_term(&l, -(a + b) * x / (a + 1.0));
    for (int i = 1; i < 10000; i++) {
        double k = i, even = a + 2.0 * k;
        interval_term(&l, k * (b - k) * x / ((even - 1.0) * even));
        double change = interval_term(&l, -(a + k) * (a + b + k) * x / (even * (even + 1.0))) - 1.0;
        if (change < 4e-16 && change > -4e-16) break;
    }
    return l.f;
}

struct interval_student {
    double degrees;
    double ratio; /* Gamma((degrees + 1) / 2) / Gamma(degrees / 2) / sqrt(pi) */
};

/* Probability of 0 < T < t (central) or of T > t (tail), whichever is asked for, each without
 * cancellation where it is small.  With x = degrees / (degrees + t^2) and y = 1 - x the common
 * factor is x^(degrees/2) y^(1/2) / B(degrees/2, 1/2). */
static double interval_mass(const struct interval_student *s, double t, bool tail)
{
    double a = 0.5 * s->degrees, whole = s->degrees + t * t;
    double x = s->degrees / whole, y = t * t / whole;
    double front = 0.5 * s->ratio * sqrt(y) * dmath_pow(x, a);
    if (y < 1.5 / (a + 2.5)) { /* where the fraction in y converges fast */
        double central = 2.0 * front * interval_fraction(y, 0.5, a);
        return tail ? 0.5 - central : central;
    }
    double beyond = front / a * interval_fraction(x, a, 0.5);
    return tail ? beyond : 0.5 - beyond;
}

static double interval_density(const struct interval_student *s, double t)
{
    double x = s->degrees / (s->degrees + t * t);
    return s->ratio / sqrt(s->degrees) * dmath_pow(x, 0.5 * (s->degrees + 1.0));
}

/* Cornish-Fisher expansion (Abramowitz and Stegun 26.7.5). */
static double interval_expansion(double z, double degrees)
{
    double w = z * z;
    double g1 = (w + 1.0) / 4.0;
    double g2 = ((5.0 * w + 16.0) * w + 3.0) / 96.0;
    double g3 = (((3.0 * w + 19.0) * w + 17.0) * w - 15.0) / 384.0;
    double g4 = ((((79.0 * w + 776.0) * w + 1482.0) * w - 1920.0) * w - 945.0) / 92160.0;
    return z * (1.0 + (g1 + (g2 + (g3 + g4 / degrees) / degrees) / degrees) / degrees);
}

/* Newton's method for log(mass) as a function of log(t), nearly a straight line both for small t
 * and in the tails; a step that leaves the bracket is replaced by halving it. */
static double interval_solve(const struct interval_student *s, double target, bool tail, double low)
{
    double high = low > 1.0 ? low : 1.0;
    while ((interval_mass(s, high, tail) > target) == tail)
        high *= 2.0;
    double t = sqrt(low * high);
    for (int i = 0; i < 200; i++) {
        double mass = interval_mass(s, t, tail), slope = t * interval_density(s, t) / mass;
        if ((mass > target) == tail)
            low = t;
        else
            high = t;
        double step = dmath_log(mass / target) / (tail ? slope : -slope);
        double next = t * dmath_exp(step);
        bool inside = next >= low && next <= high;
        t = inside ? next : sqrt(low * high);
        if (inside && step < 1e-15 && step > -1e-15) break;
    }
    return t;
}

double interval_t_quantile(double probability, double degrees)
{
    if (probability == 0.0) return -(double)INFINITY;
    if (probability == 1.0) return (double)INFINITY;
    if (!(probability >= 1e-20 && probability < 1.0 && degrees >= 1.0)) return (double)NAN;
    if (degrees > INTERVAL_LARGE)
        return interval_expansion(dmath_normal_quantile(probability), degrees);
    double off = probability - 0.5, central = off < 0.0 ? -off : off;
    if (central == 0.0) return 0.0;
    const double one_over_sqrt_pi = 0.56418958354775628695;
    struct interval_student s = {degrees, interval_gamma_ratio(0.5 * degrees) * one_over_sqrt_pi};
    bool tail = central > 0.25;
    double target = !tail ? central : off < 0.0 ? probability : 1.0 - probability;
    /* The density is below 0.4, so the quantile is above 2.5 times the central probability. */
    double t = interval_solve(&s, target, tail, central);
    return off < 0.0 ? -t : t;
}

double interval_half_width(const double *values, size_t n, double level, double *mean)
{
    double sum = 0.0, squares = 0.0, count = (double)n;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    double centre = n > 0 ? sum / count : (double)NAN;
    if (mean) *mean = centre;
    if (n < 2) return (double)NAN;
    for (size_t i = 0; i < n; i++)
        squares += (values[i] - centre) * (values[i] - centre);
    double t = interval_t_quantile(0.5 + 0.5 * level, count - 1.0);
    return t * sqrt(squares / (count - 1.0) / count);
}
