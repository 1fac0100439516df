/* SPDX-License-Identifier: Apache-2.0
 * Do the variates follow their laws, and is nothing left of the keys and of the order?
 *
 * A battery of 10^6 draws asks: the first four moments; the distances of Kolmogorov and Smirnov and
 * of Anderson and Darling to the exact distribution function; the number beyond the ziggurat's
 * edge and the law of what lies there; chi-square over four cells in each gap between two
 * neighbouring layers, where a wrong wedge shows, in sum and in the worst gap; correlations at
 * lags.  Then the same for one variate from each of 10^6 neighbouring streams, and against the
 * slow twin by inversion.  Planted defects show that the battery can fail.
 *
 * A question fails when its statistic is less likely than ALPHA, by the formula of its law.  All
 * seeds are fixed: a battery of about thirty questions, right samplers, fails once in 300 choices
 * of seeds, and this choice was the first.  The long form runs 100 streams and asks whether the
 * probabilities themselves are uniform. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gsl/gsl_cdf.h>

#include "sim/variate.h"

enum { N = 1000000, LAYERS = ZIGGURAT_LAYERS, CELLS = 4, LAGS = 4, STREAMS = 100 };
#define ALPHA 1e-4
#define SIGMA 0.7

typedef double draw_fn(struct rng_stream *s);

struct law {
    const struct ziggurat *table;
    double (*beyond)(double); /* P(|X| > x), x >= 0 */
    bool two_sided;
    double moment[9]; /* E X^k */
};

static double sample[N], unit[N], other[N];

/* ---- the laws ------------------------------------------------------------------------------- */

static double exponential_beyond(double x)
{
    return exp(-x);
}

static double normal_beyond(double x)
{
    return erfc(x / sqrt(2.0));
}

static const struct law exponential = {
    &ziggurat_exponentials, exponential_beyond, false, {1, 1, 2, 6, 24, 120, 720, 5040, 40320}};
static const struct law normal = {
    &ziggurat_normals, normal_beyond, true, {1, 0, 1, 0, 3, 0, 15, 0, 105}};

static double distribution(const struct law *law, double x)
{
    if (!law->two_sided) return -expm1(-x);
    return 0.5 * erfc(-x / sqrt(2.0));
}

static double draw_exponential(struct rng_stream *s)
{
    return variate_exponential(s, 1.0);
}

static double draw_exponential_inverse(struct rng_stream *s)
{
    return variate_exponential_inverse(s, 1.0);
}

static double draw_lognormal(struct rng_stream *s) /* back on the scale of its normal */
{
    return log(variate_lognormal(s, 3.0, SIGMA) / 3.0) / SIGMA;
}

static double draw_lognormal_inverse(struct rng_stream *s)
{
    return log(variate_lognormal_inverse(s, 3.0, SIGMA) / 3.0) / SIGMA;
}

/* ---- probabilities of statistics ------------------------------------------------------------ */

/* P(sqrt(n) D > d), Kolmogorov's limit. */
static double kolmogorov_beyond(double d)
{
    double sum = 0.0;
    if (d < 0.2) return 1.0; /* 1 to twelve digits, where the series needs many terms */
    for (int k = 1; k < 20; k++)
        sum += (k % 2 ? 2.0 : -2.0) * exp(-2.0 * k * k * d * d);
    return fmin(fmax(sum, 0.0), 1.0);
}

/* P(A^2 > z), limit, within 2e-6: Marsaglia and Marsaglia, Journal of Statistical Software 9 (2004)
 * 2. */
static double anderson_beyond(double z)
{
    if (z < 2.0) {
        double p = 0.0347962 - (0.0116720 - 0.00168691 * z) * z;
        p = 2.00012 + (0.247105 - (0.0649821 - p * z) * z) * z;
        return 1.0 - exp(-1.2337141 / z) / sqrt(z) * p;
    }
    double p = 0.43424 - (0.082433 - (0.008056 - 0.0003146 * z) * z) * z;
    return 1.0 - exp(-exp(1.0776 - (2.30695 - p * z) * z));
}

static double normal_both(double z) /* P(|Z| > |z|) */
{
    return erfc(fabs(z) / sqrt(2.0));
}

/* Both ends are suspect: too far from the expected numbers, and too near. */
static double chi_square_both(double chi2, double freedom)
{
    return 2.0 * fmin(gsl_cdf_chisq_P(chi2, freedom), gsl_cdf_chisq_Q(chi2, freedom));
}

/* ---- questions ------------------------------------------------------------------------------ */

/* Sort numbers of (0,1) that are about uniform: by cell, then by insertion. */
static void sort_units(double *x, int n)
{
    static double sorted[N];
    static int first[N + 1];
    memset(first, 0, sizeof first);
    for (int i = 0; i < n; i++)
        first[(int)(x[i] * n)]++;
    for (int i = 0, sum = 0; i < n; i++)
        first[i] = sum += first[i];
    for (int i = n - 1; i >= 0; i--)
        sorted[--first[(int)(x[i] * n)]] = x[i];
    for (int i = 0, j; i < n; i++) {
        for (j = i; j > 0 && x[j - 1] > sorted[i]; j--)
            x[j] = x[j - 1];
        x[j] = sorted[i];
    }
}

static double smirnov(const double *x, int n)
{
    double worst = 0.0;
    for (int i = 0; i < n; i++)
        worst = fmax(worst, fmax(x[i] - (double)i / n, (i + 1.0) / n - x[i]));
    return kolmogorov_beyond(worst * sqrt(n));
}

static double anderson(const double *x, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum += (2.0 * i + 1.0) * log(x[i] * (1.0 - x[n - 1 - i]));
    return anderson_beyond(-n - sum / n);
}

static double smirnov_two(const double *x, const double *y, int n)
{
    double worst = 0.0;
    for (int i = 0, j = 0; i < n && j < n;) {
        if (x[i] <= y[j])
            i++;
        else
            j++;
        worst = fmax(worst, fabs((double)(i - j) / n));
    }
    return kolmogorov_beyond(worst * sqrt(n / 2.0));
}

/* The k-th moment, in its standard errors. */
static double moment(const struct law *law, int k)
{
    double sum = 0.0;
    for (int i = 0; i < N; i++) {
        double power = sample[i];
        for (int j = 1; j < k; j++)
            power *= sample[i];
        sum += power - law->moment[k];
    }
    double variance = law->moment[2 * k] - law->moment[k] * law->moment[k];
    return normal_both(sum / sqrt(N * variance));
}

static double correlation(const double *a, const double *b, int n, double mean)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum += (a[i] - mean) * (b[i] - mean);
    return normal_both(sum / sqrt(n)); /* of products with mean 0 and variance 1 */
}

/* Beyond the edge: how many, and is what they exceed it by distributed as it should be? */
static double tail_count(const struct law *law)
{
    double edge = ziggurat_edge(law->table), share = law->beyond(edge), count = 0.0;
    for (int i = 0; i < N; i++)
        count += fabs(sample[i]) > edge;
    return normal_both((count - N * share) / sqrt(N * share));
}

static double tail_law(const struct law *law)
{
    double edge = ziggurat_edge(law->table), share = law->beyond(edge);
    int count = 0;
    for (int i = 0; i < N; i++)
        if (fabs(sample[i]) > edge) unit[count++] = law->beyond(fabs(sample[i])) / share;
    if (count == 0) return 1.0; /* the count will say so */
    sort_units(unit, count);
    return smirnov(unit, count);
}

static double layer_edge(const struct law *law, int k)
{
    return k == LAYERS ? 0.0 : law->table->layer[k].scale * ZIGGURAT_PLACES;
}

/* The gap [x_k+1, x_k) that |x| lies in, and the cell of it; -1 beyond the edge. */
static int cell_of(const struct law *law, double x)
{
    int low = 1, high = LAYERS; /* x_high <= |x| < x_low */
    if (fabs(x) >= layer_edge(law, 1)) return -1;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (fabs(x) < layer_edge(law, middle))
            low = middle;
        else
            high = middle;
    }
    double right = layer_edge(law, low), left = layer_edge(law, high);
    int cell = (int)(CELLS * (fabs(x) - left) / (right - left));
    return low * CELLS + (cell < CELLS ? cell : CELLS - 1);
}

/* Chi-square over all cells of all gaps, and the worst single gap; the signs apart. */
static double gaps(const struct law *law, bool negative, double *worst_gap)
{
    static int counts[LAYERS * CELLS];
    double all = 0.0, share = law->two_sided ? 0.5 : 1.0;
    *worst_gap = 1.0;
    memset(counts, 0, sizeof counts);
    for (int i = 0; i < N; i++) {
        int cell = (sample[i] < 0.0) == negative ? cell_of(law, sample[i]) : -1;
        if (cell >= 0) counts[cell]++;
    }
    for (int k = 1; k < LAYERS; k++) {
        double left = layer_edge(law, k + 1), width = (layer_edge(law, k) - left) / CELLS;
        double gap = 0.0;
        for (int c = 0; c < CELLS; c++) {
            double p = law->beyond(left + c * width) - law->beyond(left + (c + 1) * width);
            double expected = N * share * p, off = counts[k * CELLS + c] - expected;
            gap += off * off / expected;
        }
        all += gap;
        *worst_gap = fmin(*worst_gap, gsl_cdf_chisq_Q(gap, CELLS));
    }
    *worst_gap = fmin(1.0, *worst_gap * (LAYERS - 1)); /* the least of so many */
    return chi_square_both(all, (LAYERS - 1) * CELLS);
}

/* ---- the battery ---------------------------------------------------------------------------- */

enum question {
    MEAN,
    SECOND,
    THIRD,
    FOURTH,
    CORRELATION,
    TAIL_COUNT,
    TAIL_LAW,
    GAPS,
    WORST_GAP,
    SMIRNOV,
    ANDERSON,
    QUESTIONS
};

static const char *const question_names[QUESTIONS] = {
    "mean",        "second moment",      "third moment",    "fourth moment",
    "correlation", "tail count",         "tail law",        "gaps",
    "worst gap",   "Kolmogorov-Smirnov", "Anderson-Darling"};

/* The least probability found for each question. */
struct verdict {
    double least[QUESTIONS];
};

static void ask(struct verdict *v, enum question question, double probability)
{
    if (!(probability >= v->least[question])) v->least[question] = probability;
}

static enum question hardest(const struct verdict *v)
{
    int worst = 0;
    for (int q = 1; q < QUESTIONS; q++)
        if (!(v->least[q] >= v->least[worst])) worst = q;
    return (enum question)worst;
}

static void ask_of_distances(struct verdict *v, const struct law *law)
{
    for (int i = 0; i < N; i++)
        unit[i] = distribution(law, sample[i]);
    for (int i = 0; i < N; i++)
        other[i] = (unit[i] - 0.5) * sqrt(12.0);
    for (int lag = 1; lag <= LAGS; lag++)
        ask(v, CORRELATION, correlation(other, other + lag, N - lag, 0.0));
    sort_units(unit, N);
    ask(v, SMIRNOV, smirnov(unit, N));
    ask(v, ANDERSON, anderson(unit, N));
}

/* All questions to `sample`. */
static struct verdict questions(const struct law *law)
{
    struct verdict v;
    double mean = law->moment[1], worst_gap;
    for (int q = 0; q < QUESTIONS; q++)
        v.least[q] = 1.0;
    for (int k = 1; k <= 4; k++)
        ask(&v, (enum question)(MEAN + k - 1), moment(law, k));
    for (int lag = 1; lag <= LAGS; lag++)
        ask(&v, CORRELATION, correlation(sample, sample + lag, N - lag, mean));
    ask(&v, TAIL_COUNT, tail_count(law));
    ask(&v, TAIL_LAW, tail_law(law));
    for (int negative = 0; negative < (law->two_sided ? 2 : 1); negative++) {
        ask(&v, GAPS, gaps(law, negative, &worst_gap));
        ask(&v, WORST_GAP, worst_gap);
    }
    ask_of_distances(&v, law);
    return v;
}

static struct verdict battery(const struct law *law, draw_fn *draw, uint32_t replication)
{
    struct rng_stream s = rng_open(2385, replication, 0, 0);
    for (int i = 0; i < N; i++)
        sample[i] = draw(&s);
    return questions(law);
}

static void require(const char *what, const struct verdict *v, double alpha)
{
    enum question q = hardest(v);
    print_message("%s: least probability %.2g, of %s\n", what, v->least[q], question_names[q]);
    assert_true(v->least[q] > alpha);
}

static void passes(const char *what, const struct law *law, draw_fn *draw)
{
    struct verdict v = battery(law, draw, 0);
    require(what, &v, ALPHA);
}

static void fails(const struct law *law, draw_fn *draw, enum question question)
{
    struct verdict v = battery(law, draw, 0);
    print_message("planted: %s, probability %.2g\n", question_names[question], v.least[question]);
    assert_true(v.least[question] < ALPHA);
}

static void exponentials_pass(void **state)
{
    (void)state;
    passes("exponential", &exponential, draw_exponential);
}

static void normals_pass(void **state)
{
    (void)state;
    passes("normal", &normal, variate_normal);
}

static void lognormals_pass(void **state)
{
    (void)state;
    passes("lognormal", &normal, draw_lognormal);
}

static void inversions_pass(void **state)
{
    (void)state;
    passes("exponential by inversion", &exponential, draw_exponential_inverse);
    passes("normal by inversion", &normal, variate_normal_inverse);
}

/* ---- neighbours ----------------------------------------------------------------------------- */

/* One variate from each of 10^6 streams that differ in one part of the key, in order. */
static struct verdict neighbours(const struct law *law, draw_fn *draw, int part)
{
    for (uint32_t i = 0; i < N; i++) {
        struct rng_stream s = rng_open(7 + (part == 0 ? i : 0), part == 1 ? i : 0,
                                       part == 2 ? i : 0, part == 3 ? i : 0);
        sample[i] = draw(&s);
    }
    return questions(law);
}

static void neighbouring_streams_pass(void **state)
{
    (void)state;
    static const char *const parts[] = {"seed", "replication", "purpose", "entity"};
    for (int part = 0; part < 4; part++) {
        const struct law *law = part % 2 ? &exponential : &normal;
        struct verdict v = neighbours(law, part % 2 ? draw_exponential : variate_normal, part);
        require(parts[part], &v, ALPHA);
    }
}

/* Two streams beside each other draw by draw: sums over 10^5 pairs for each part of the key. */
static void neighbouring_sequences_are_uncorrelated(void **state)
{
    (void)state;
    enum { PAIRS = 100000 };
    for (int part = 0; part < 4; part++) {
        struct rng_stream a = rng_open(7, 0, 0, 0);
        struct rng_stream b = rng_open(7 + (part == 0), part == 1, part == 2, part == 3);
        for (int i = 0; i < PAIRS; i++) {
            sample[i] = variate_normal(&a);
            other[i] = variate_normal(&b);
        }
        assert_true(correlation(sample, other, PAIRS, 0.0) > ALPHA);
        assert_true(correlation(sample, sample, PAIRS, 0.0) < ALPHA);
    }
}

/* ---- the slow twin -------------------------------------------------------------------------- */

static void same_as_by_inversion(const char *what, const struct law *law, draw_fn *fast,
                                 draw_fn *slow)
{
    struct rng_stream a = rng_open(11, 0, 1, 0), b = rng_open(11, 0, 2, 0);
    for (int i = 0; i < N; i++) {
        unit[i] = distribution(law, fast(&a));
        other[i] = distribution(law, slow(&b));
    }
    sort_units(unit, N);
    sort_units(other, N);
    double p = smirnov_two(unit, other, N);
    print_message("%s and its twin: probability %.3g\n", what, p);
    assert_true(p > ALPHA);
}

static void twins_agree(void **state)
{
    (void)state;
    same_as_by_inversion("exponential", &exponential, draw_exponential, draw_exponential_inverse);
    same_as_by_inversion("normal", &normal, variate_normal, variate_normal_inverse);
    same_as_by_inversion("lognormal", &normal, draw_lognormal, draw_lognormal_inverse);
}

/* Parameters scale and shape what a standard variate gives, and cost no draw. */
static void parameters_only_scale(void **state)
{
    (void)state;
    struct rng_stream a = rng_open(12, 0, 0, 0), b = a, c = a;
    for (int i = 0; i < 10000; i++) {
        double e = variate_exponential(&a, 1.0), n = variate_normal(&a);
        assert_true(variate_exponential(&b, 2.5) == 2.5 * e && variate_normal(&b) == n);
        assert_true(variate_exponential(&c, 1.0) == e);
        assert_true(variate_lognormal(&c, 3.0, SIGMA) == 3.0 * dmath_exp(SIGMA * n));
    }
}

/* ---- planted defects ------------------------------------------------------------------------ */

/* The tail is drawn again instead of sampled. */
static double without_tail(struct rng_stream *s)
{
    double x;
    do {
        x = ziggurat_exponential(s);
    } while (x > ziggurat_edge(&ziggurat_exponentials));
    return x;
}

/* The tail begins where it should and is a little too heavy: mean 1.5. */
static double with_heavy_tail(struct rng_stream *s)
{
    double edge = ziggurat_edge(&ziggurat_exponentials), x = ziggurat_exponential(s);
    return x > edge ? edge + 1.5 * (x - edge) : x;
}

/* Whatever lies in a layer is accepted: no question of the density. */
static double without_wedges(struct rng_stream *s)
{
    const struct ziggurat *z = &ziggurat_exponentials;
    uint64_t draw = rng_u64(s);
    if ((draw & 255) == 0 && !ziggurat_inside(z, draw))
        return ziggurat_edge(z) + ziggurat_exponential(s);
    return ziggurat_place(z, draw);
}

/* The sign is a bit that has already chosen the layer. */
static double with_reused_bit(struct rng_stream *s)
{
    struct rng_stream before = *s;
    double x = fabs(ziggurat_normal(s));
    return rng_u64(&before) & 128 ? -x : x;
}

/* Each variate leans a little on the one before. */
static double last;
static double with_memory(struct rng_stream *s)
{
    double z = variate_normal(s), x = 0.01 * last + sqrt(1.0 - 1e-4) * z;
    last = x;
    return x;
}

static void planted_defects_are_found(void **state)
{
    (void)state;
    fails(&exponential, without_tail, TAIL_COUNT);
    fails(&exponential, with_heavy_tail, TAIL_LAW);
    fails(&exponential, without_wedges, GAPS);
    fails(&normal, with_reused_bit, GAPS);
    fails(&normal, with_memory, CORRELATION);
}

/* ---- the one-draw samplers ------------------------------------------------------------------ */

static double draw_uniform(struct rng_stream *s)
{
    return variate_uniform(s, -3.0, 5.0);
}

/* The draw of `at` by itself, and what comes after it, through the sampler. */
static double one_draw(draw_fn *draw, struct rng_stream at, uint64_t next)
{
    double x = draw(&at);
    assert_true(rng_u64(&at) == next);
    return x;
}

static void inverses_take_one_draw_and_are_monotone(void **state)
{
    (void)state;
    static draw_fn *const draws[] = {draw_exponential_inverse, variate_normal_inverse,
                                     draw_lognormal_inverse, draw_uniform};
    static const double direction[] = {-1.0, 1.0, 1.0, 1.0};
    struct rng_stream s = rng_open(9, 0, 0, 0);
    double u_last = 0.0, x_last[4] = {0};
    for (int i = 0; i < 1000; i++) {
        struct rng_stream at = s, after;
        double u = rng_unit(&s);
        after = s;
        uint64_t next = rng_u64(&after);
        for (int k = 0; k < 4; k++) {
            double x = one_draw(draws[k], at, next);
            if (i > 0) assert_true((x > x_last[k]) == (direction[k] * (u - u_last) > 0.0));
            x_last[k] = x;
        }
        u_last = u;
    }
}

static void quantiles_are_piecewise_linear(void **state)
{
    (void)state;
    static const double p[] = {0.0, 0.25, 0.5, 0.9, 1.0}, x[] = {10.0, 20.0, 20.0, 100.0, 1100.0};
    for (uint32_t i = 0; i < 5; i++)
        assert_true(variate_quantiles(p[i], p, x, 5) == x[i]);
    assert_true(variate_quantiles(0.125, p, x, 5) == 15.0);
    assert_true(variate_quantiles(0.3, p, x, 5) == 20.0);
    assert_true(fabs(variate_quantiles(0.95, p, x, 5) - 600.0) < 1e-9);
    assert_true(variate_quantiles(0.5, p, x, 2) == 30.0); /* one piece: beyond its end, a line */
    double before = 0.0;
    for (int i = 0; i <= 1000; i++) {
        double next = variate_quantiles(i / 1000.0, p, x, 5);
        assert_true(next >= before);
        before = next;
    }
}

/* ---- the long form -------------------------------------------------------------------------- */

/* The probabilities of a right sampler are uniform over streams. */
static void probabilities_are_uniform(void **state)
{
    (void)state;
    const char *mode = getenv("HACASIM_MODE");
    if (!mode || strcmp(mode, "long") != 0) return;
    static const struct {
        const char *what;
        const struct law *law;
        draw_fn *draw;
    } rows[] = {{"exponential", &exponential, draw_exponential},
                {"normal", &normal, variate_normal}};
    for (int k = 0; k < 2; k++) {
        double distance[STREAMS], weighted[STREAMS];
        for (uint32_t i = 0; i < STREAMS; i++) {
            struct verdict v = battery(rows[k].law, rows[k].draw, 1 + i);
            require(rows[k].what, &v, ALPHA / STREAMS);
            distance[i] = v.least[SMIRNOV];
            weighted[i] = v.least[ANDERSON];
        }
        sort_units(distance, STREAMS);
        sort_units(weighted, STREAMS);
        double p = smirnov(distance, STREAMS), q = smirnov(weighted, STREAMS);
        print_message("measured: %s over %d streams of 10^6: %.3g, %.3g\n", rows[k].what, STREAMS,
                      p, q);
        assert_true(p > ALPHA && q > ALPHA);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exponentials_pass),
        cmocka_unit_test(normals_pass),
        cmocka_unit_test(lognormals_pass),
        cmocka_unit_test(inversions_pass),
        cmocka_unit_test(neighbouring_streams_pass),
        cmocka_unit_test(neighbouring_sequences_are_uncorrelated),
        cmocka_unit_test(twins_agree),
        cmocka_unit_test(parameters_only_scale),
        cmocka_unit_test(planted_defects_are_found),
        cmocka_unit_test(inverses_take_one_draw_and_are_monotone),
        cmocka_unit_test(quantiles_are_piecewise_linear),
        cmocka_unit_test(probabilities_are_uniform),
    };
    return cmocka_run_group_tests_name("variate", tests, NULL, NULL);
}
