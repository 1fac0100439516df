/* SPDX-License-Identifier: Apache-2.0
 * Tests of the workload: arrival processes and lengths against theory and published quantiles,
 * common random numbers, surges, replayed traces. */
#include <math.h>
#include <unistd.h>

#include "models/workload.h"
#include "tests/unit/unit.h"

#define S INT64_C(1000000000)

/* Four standard errors, or the 0.1 % point of a named test: with the fixed seeds below each
 * comparison is one draw from its null distribution, and a wrong law misses by far more. */
#define KS_POINT 1.95 /* Kolmogorov, times sqrt(n) */

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, "test", 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct workload_params poisson(double rate)
{
    return (struct workload_params){
        .arrivals = {.kind = WORKLOAD_POISSON, .poisson = rate},
        .lengths = {.kind = WORKLOAD_LENGTHS_AZURE_CONV_2023},
        .value = {.kind = DIST_LOGNORMAL, .a = 0.5, .b = 2.0},
        .clients = 1000,
    };
}

static struct workload_params diurnal(double mean, double amplitude)
{
    struct workload_params params = poisson(0.0);
    params.arrivals.kind = WORKLOAD_DIURNAL;
    params.arrivals.diurnal = (struct workload_diurnal){mean, amplitude, 86400 * S, 14 * 3600 * S};
    return params;
}

static struct workload open_workload(const struct workload_params *params, uint64_t seed)
{
    struct workload w;
    assert_int_equal(workload_open(&w, params, seed, 0, &arena), STATUS_OK);
    return w;
}

static struct workload_arrival next(struct workload *w)
{
    struct workload_arrival a;
    bool more;
    assert_int_equal(workload_next(w, &a, &more), STATUS_OK);
    assert_true(more);
    return a;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* sqrt(n) x the distance of a sample, given as its values of the distribution function, from the
 * uniform distribution. */
static double kolmogorov(double *u, size_t n)
{
    double distance = 0.0;
    qsort(u, n, sizeof *u, compare);
    for (size_t i = 0; i < n; i++) {
        distance = fmax(distance, u[i] - (double)i / (double)n);
        distance = fmax(distance, (double)(i + 1) / (double)n - u[i]);
    }
    return distance * sqrt((double)n);
}

/* ---- arrivals ------------------------------------------------------------------------------ */

static void poisson_gaps_are_exponential_and_independent(void **state)
{
    (void)state;
    enum { N = 50000 };
    struct workload_params params = poisson(5.53);
    struct workload w = open_workload(&params, 41);
    double *u = arena_alloc(&arena, N, sizeof *u), before = 0.0, product = 0.0, square = 0.0;
    int64_t last_ns = 0;
    for (int i = 0; i < N; i++) {
        struct workload_arrival a = next(&w);
        assert_int_equal(a.request, i);
        assert_true(a.time_ns >= last_ns);
        double gap = 5.53 * (double)(a.time_ns - last_ns) / 1e9;
        last_ns = a.time_ns;
        u[i] = 1.0 - exp(-gap);
        product += (gap - 1.0) * (before - 1.0);
        square += gap * gap;
        before = gap;
    }
    assert_true(fabs((double)last_ns / 1e9 * 5.53 / N - 1.0) < 4.0 / sqrt(N));
    assert_true(fabs(square / N - 2.0) < 4.0 * sqrt(20.0 / N)); /* Var X^2 = 24 - 4 */
    assert_true(fabs(product / N) < 4.0 / sqrt(N));
    assert_true(kolmogorov(u, N) < KS_POINT);
    workload_close(&w);
}

/* The expected number of requests until t hours, worked out by hand. */
static double diurnal_mass(double mean, double amplitude, double hours)
{
    double turn = 2.0 * M_PI / 24.0;
    return mean * 3600.0 *
           (hours + amplitude / turn * (sin(turn * (hours - 14.0)) - sin(turn * -14.0)));
}

/* Counts of 48 hours against the integral of the rate: chi-square with 48 degrees, and the rescaled
 * gaps (time-rescaling theorem) against the exponential law. */
static void diurnal_arrivals_follow_the_cosine(void **state)
{
    (void)state;
    static const double amplitudes[] = {0.0, 0.5, 1.0};
    enum { MOST = 400000 };
    double *u = arena_alloc(&arena, MOST, sizeof *u);
    for (size_t k = 0; k < 3; k++) {
        struct workload_params params = diurnal(1.2, amplitudes[k]);
        struct workload w = open_workload(&params, 43);
        double count[48] = {0}, chi = 0.0, before = 0.0;
        size_t n = 0;
        for (;;) {
            double hours = (double)next(&w).time_ns / 3.6e12;
            if (hours >= 48.0) break;
            count[(int)hours]++;
            double mass = diurnal_mass(1.2, amplitudes[k], hours);
            u[n++] = 1.0 - exp(before - mass);
            before = mass;
            assert_true(n < MOST);
        }
        for (int h = 0; h < 48; h++) {
            double expected =
                diurnal_mass(1.2, amplitudes[k], h + 1) - diurnal_mass(1.2, amplitudes[k], h);
            chi += (count[h] - expected) * (count[h] - expected) / expected;
        }
        assert_true(chi < 84.0 && chi > 22.0); /* 0.1 % points of chi-square, 48 degrees */
        assert_true(kolmogorov(u, n) < KS_POINT);
        workload_close(&w);
    }
}

/* At the bottom of a full swing the rate is 0 for an instant: gaps that span whole nights, and
 * gaps of many periods, are inverted to the nanosecond. */
static void diurnal_inversion_is_exact_at_low_rates(void **state)
{
    (void)state;
    struct workload_params params = diurnal(0.00001, 1.0);
    struct workload w = open_workload(&params, 3);
    double hazard = 0.0;
    int64_t last_ns = 0;
    for (int i = 0; i < 300; i++) {
        struct rng_stream s = rng_open(3, 0, WORKLOAD_STREAM_GAP, (uint32_t)i);
        hazard += variate_exponential_inverse(&s, 1.0);
        int64_t t = next(&w).time_ns;
        double mass = diurnal_mass(0.00001, 1.0, (double)t / 3.6e12);
        assert_true(fabs(mass - hazard) < 1e-9 * hazard);
        assert_true(t > last_ns);
        last_ns = t;
    }
    assert_true(last_ns > 200 * 86400 * S);
    workload_close(&w);
}

/* Without a swing, the cycle is the constant rate, to the rounding of a nanosecond a gap. */
static void diurnal_without_amplitude_is_poisson(void **state)
{
    (void)state;
    struct workload_params a = diurnal(5.53, 0.0), b = poisson(5.53);
    struct workload v = open_workload(&a, 9), w = open_workload(&b, 9);
    for (int i = 0; i < 5000; i++)
        assert_true(llabs(next(&v).time_ns - next(&w).time_ns) <= i);
}

/* ---- common random numbers ------------------------------------------------------------------ */

/* Twice the rate: the same requests, each at half its time. */
static void another_rate_moves_the_same_requests(void **state)
{
    (void)state;
    struct workload_params slow = poisson(5.0), fast = poisson(10.0);
    struct workload v = open_workload(&slow, 17), w = open_workload(&fast, 17);
    for (int i = 0; i < 5000; i++) {
        struct workload_arrival a = next(&v), b = next(&w);
        assert_true(llabs(a.time_ns - 2 * b.time_ns) <= 2 * (i + 1));
        assert_int_equal(a.prompt_tok, b.prompt_tok);
        assert_int_equal(a.output_tok, b.output_tok);
        assert_int_equal(a.client, b.client);
        assert_true(a.value_usd_nano == b.value_usd_nano);
    }
}

static void seeds_and_replications_differ(void **state)
{
    (void)state;
    struct workload_params params = poisson(5.0);
    struct workload a = open_workload(&params, 17), b = open_workload(&params, 18), c;
    assert_int_equal(workload_open(&c, &params, 17, 1, &arena), STATUS_OK);
    struct workload_arrival x = next(&a), y = next(&b), z = next(&c);
    assert_true(x.time_ns != y.time_ns && x.time_ns != z.time_ns && y.time_ns != z.time_ns);
    assert_true(x.value_usd_nano != y.value_usd_nano && x.value_usd_nano != z.value_usd_nano);
}

/* ---- surges -------------------------------------------------------------------------------- */

/* Before the surge nothing changes; in it time runs three times as fast, and afterwards the same
 * gaps come again. */
static void a_surge_compresses_time(void **state)
{
    (void)state;
    struct workload_params params = poisson(5.0);
    struct workload plain = open_workload(&params, 23), surged = open_workload(&params, 23);
    workload_surge(&surged, 600 * S, 1200 * S, 3.0);
    int64_t in_surge = 0;
    for (int i = 0; i < 12000; i++) {
        int64_t t = next(&plain).time_ns, u = next(&surged).time_ns;
        int64_t expected = t <= 600 * S    ? t
                           : t <= 2400 * S ? 600 * S + (t - 600 * S) / 3
                                           : t - 1200 * S;
        assert_true(llabs(u - expected) <= i + 1); /* half a nanosecond of rounding each */
        in_surge += u > 600 * S && u <= 1200 * S;
    }
    assert_true(fabs((double)in_surge - 9000.0) < 4.0 * sqrt(9000.0));
}

static void surges_multiply_and_can_stop_arrivals(void **state)
{
    (void)state;
    struct workload_params params = poisson(50.0);
    struct workload w = open_workload(&params, 29);
    workload_surge(&w, 200 * S, 300 * S, 0.0);
    workload_surge(&w, 100 * S, 200 * S, 2.0);
    workload_surge(&w, 150 * S, 400 * S, 3.0);
    workload_surge(&w, 500 * S, INT64_MAX, 0.0);
    double count[10] = {0};
    static const double expected[10] = {2500, 2500, 5000, 15000, 0, 0, 7500, 7500, 2500, 2500};
    for (;;) {
        struct workload_arrival a;
        bool more;
        assert_int_equal(workload_next(&w, &a, &more), STATUS_OK);
        if (!more) break;
        assert_true(a.time_ns < 500 * S);
        count[a.time_ns / (50 * S)]++;
    }
    for (int i = 0; i < 10; i++)
        assert_true(fabs(count[i] - expected[i]) <= 4.0 * sqrt(expected[i]));
}

static void a_surge_multiplies_the_daily_cycle(void **state)
{
    (void)state;
    struct workload_params params = diurnal(2.0, 0.8);
    struct workload w = open_workload(&params, 31);
    workload_surge(&w, 6 * 3600 * S, 9 * 3600 * S, 4.0);
    workload_surge(&w, 20 * 3600 * S, 70 * 3600 * S, 0.5); /* spans more than a period */
    double count[96] = {0}, chi = 0.0;
    for (;;) {
        int64_t hour = next(&w).time_ns / (3600 * S);
        if (hour >= 96) break;
        count[hour]++;
    }
    for (int h = 0; h < 96; h++) {
        double factor = h >= 6 && h < 9 ? 4.0 : h >= 20 && h < 70 ? 0.5 : 1.0;
        double expected = factor * (diurnal_mass(2.0, 0.8, h + 1) - diurnal_mass(2.0, 0.8, h));
        chi += (count[h] - expected) * (count[h] - expected) / expected;
    }
    assert_true(chi < 145.0 && chi > 57.0); /* 0.1 % points, 96 degrees */
}

/* ---- lengths and values --------------------------------------------------------------------- */

static const double conv_p[] = {0, .01, .05, .10, .25, .50, .75, .90, .95, .99, .999, 1};
static const double conv_prompt[] = {2,    29,   181,  207,  396,  1020,
                                     1189, 2735, 4083, 4142, 6212, 14050};
static const double conv_output[] = {7, 16, 41, 54, 85, 129, 395, 424, 451, 601, 954, 1000};

/* The share of a piecewise-linear quantile function below x. */
static double share_below(const double *p, const double *at, int n, double x)
{
    if (x >= at[n - 1]) return 1.0;
    int i = 0;
    while (at[i + 1] <= x)
        i++;
    return p[i] + (p[i + 1] - p[i]) * (x - at[i]) / (at[i + 1] - at[i]);
}

static void lengths_have_the_published_quantiles(void **state)
{
    (void)state;
    enum { N = 100000 };
    struct workload_params params = poisson(5.53);
    struct workload w = open_workload(&params, 47);
    double prompts[12] = {0}, outputs[12] = {0}, xy = 0.0, x = 0.0, y = 0.0, xx = 0.0, yy = 0.0;
    double prompt_sum = 0.0, output_sum = 0.0;
    for (int i = 0; i < N; i++) {
        struct workload_arrival a = next(&w);
        assert_true(a.prompt_tok >= 2 && a.prompt_tok <= 14050);
        assert_true(a.output_tok >= 7 && a.output_tok <= 1000);
        for (int k = 0; k < 12; k++) {
            prompts[k] += a.prompt_tok <= conv_prompt[k];
            outputs[k] += a.output_tok <= conv_output[k];
        }
        double lx = log(a.prompt_tok), ly = log(a.output_tok);
        x += lx, y += ly, xy += lx * ly, xx += lx * lx, yy += ly * ly;
        prompt_sum += a.prompt_tok;
        output_sum += a.output_tok;
    }
    for (int k = 0; k < 12; k++) { /* rounding half up: <= knot is < knot + 1/2 */
        double p = share_below(conv_p, conv_prompt, 12, conv_prompt[k] + 0.5);
        double q = share_below(conv_p, conv_output, 12, conv_output[k] + 0.5);
        assert_true(fabs(prompts[k] / N - p) <= 4.0 * sqrt(p * (1.0 - p) / N));
        assert_true(fabs(outputs[k] / N - q) <= 4.0 * sqrt(q * (1.0 - q) / N));
    }
    double covariance = xy / N - x / N * (y / N);
    double correlation = covariance / sqrt((xx / N - x / N * (x / N)) * (yy / N - y / N * (y / N)));
    assert_true(fabs(correlation) < 4.0 / sqrt(N)); /* the trace has 0.09; drawn independently */
    printf("measured: mean prompt %.1f (trace 1,155), answer %.1f (trace 211) tokens\n",
           prompt_sum / N, output_sum / N);
    assert_true(fabs(prompt_sum / N / 1155.0 - 1.0) < 0.05);
    assert_true(fabs(output_sum / N / 211.0 - 1.0) < 0.10);
}

static void lengths_can_be_fixed_or_given(void **state)
{
    (void)state;
    struct workload_params params = poisson(5.53);
    params.lengths.kind = WORKLOAD_LENGTHS_FIXED;
    params.lengths.fixed = (struct workload_fixed){2385, 17};
    struct workload w = open_workload(&params, 1);
    for (int i = 0; i < 10; i++) {
        struct workload_arrival a = next(&w);
        assert_int_equal(a.prompt_tok, 2385);
        assert_int_equal(a.output_tok, 17);
    }
    /* 1, 2, 3, 4 tokens: halves at the ends round away, so 1/6, 1/3, 1/3, 1/6. */
    struct workload_knot prompt[] = {{0.0, 1}, {1.0, 4}}, output[] = {{0.0, 9}, {0.5, 9}, {1.0, 9}};
    params.lengths.kind = WORKLOAD_LENGTHS_QUANTILES;
    params.lengths.quantiles = (struct workload_quantiles){{prompt, 2}, {output, 3}};
    w = open_workload(&params, 1);
    double count[6] = {0};
    for (int i = 0; i < 60000; i++) {
        struct workload_arrival a = next(&w);
        assert_int_equal(a.output_tok, 9);
        count[a.prompt_tok]++;
    }
    assert_true(fabs(count[1] - 10000) < 4.0 * sqrt(60000.0 * 5 / 36));
    assert_true(fabs(count[2] - 20000) < 4.0 * sqrt(60000.0 * 2 / 9));
    assert_true(fabs(count[4] - 10000) < 4.0 * sqrt(60000.0 * 5 / 36));
}

static void values_and_clients_follow_their_laws(void **state)
{
    (void)state;
    enum { N = 50000 };
    struct workload_params params = poisson(5.53);
    struct workload w = open_workload(&params, 53);
    double *u = arena_alloc(&arena, N, sizeof *u), chi = 0.0;
    double *count = arena_alloc(&arena, 1000, sizeof *count);
    for (int i = 0; i < N; i++) {
        struct workload_arrival a = next(&w);
        double usd = (double)a.value_usd_nano / 1e9;
        u[i] = 0.5 * erfc(-(log(usd) - log(0.5)) / 2.0 / sqrt(2.0));
        count[a.client]++;
    }
    assert_true(kolmogorov(u, N) < KS_POINT);
    for (int i = 0; i < 1000; i++)
        chi += (count[i] - 50.0) * (count[i] - 50.0) / 50.0;
    assert_true(chi < 1143.0 && chi > 868.0); /* 0.1 % points, 999 degrees */
    params.value = (struct dist){DIST_FIXED, 1e300, 0.0};
    w = open_workload(&params, 53);
    assert_true(next(&w).value_usd_nano == (money_t)1000000000000 * MONEY_NANO);
}

/* ---- traces -------------------------------------------------------------------------------- */

static struct workload_params replay(const char *file, double speed, int64_t limit)
{
    struct workload_params params = poisson(0.0);
    params.arrivals.kind = WORKLOAD_TRACE;
    params.arrivals.trace = (struct workload_trace){.file = file, .speed = speed, .limit = limit};
    return params;
}

static void a_trace_is_replayed_as_recorded(void **state)
{
    (void)state;
    struct workload_params params = replay("tests/data/own.csv", 1.0, 0);
    struct workload w = open_workload(&params, 1);
    static const struct trace_row rows[] = {
        {0, 10, 20, 0, 0}, {1, 30, 40, 0, 0}, {3599750000000, 10000000, 1, 0, 0}};
    struct workload_params other = poisson(1.0);
    struct workload v = open_workload(&other, 1);
    for (uint32_t i = 0; i < 3; i++) {
        struct workload_arrival a = next(&w), b = next(&v);
        assert_int_equal(a.request, i);
        assert_int_equal(a.time_ns, rows[i].time_ns);
        assert_int_equal(a.prompt_tok, rows[i].prompt_tok);
        assert_int_equal(a.output_tok, rows[i].output_tok);
        assert_true(a.value_usd_nano == b.value_usd_nano); /* keyed by request, not by source */
        assert_int_equal(a.client, b.client);
    }
    struct workload_arrival a;
    bool more = true;
    assert_int_equal(workload_next(&w, &a, &more), STATUS_OK);
    assert_false(more);
    workload_close(&w);
}

static void a_trace_can_be_compressed_and_cut(void **state)
{
    (void)state;
    struct workload_params params = replay("tests/data/azure-2023.csv", 2.0, 3);
    struct workload w = open_workload(&params, 1);
    struct workload_arrival a;
    bool more;
    assert_int_equal(next(&w).time_ns, 0);
    assert_int_equal(next(&w).time_ns, 749999950);
    assert_int_equal(next(&w).time_ns, 750000050);
    assert_int_equal(workload_next(&w, &a, &more), STATUS_OK);
    assert_false(more);
    workload_close(&w);
}

/* Speed 2 until 0.25 s (0.5 s of the trace), standing still until 1 s, then speed 2 again. */
static void a_surge_changes_the_speed_of_a_replay(void **state)
{
    (void)state;
    struct workload_params params = replay("tests/data/azure-2023.csv", 1.0, 0);
    struct workload w = open_workload(&params, 1);
    workload_surge(&w, 0, INT64_MAX, 2.0);
    workload_surge(&w, S / 4, S, 0.0);
    assert_int_equal(next(&w).time_ns, 0);
    assert_int_equal(next(&w).time_ns, S + 499999950); /* 0.9999999 s of the trace left */
    assert_int_equal(next(&w).time_ns, S + 500000050);
    assert_int_equal(next(&w).time_ns, S + 500000050);
    workload_close(&w);
}

static void a_missing_trace_is_an_operating_error(void **state)
{
    (void)state;
    struct workload_params params = replay("tests/data/none.csv", 1.0, 0);
    struct workload w;
    char chain[300];
    assert_int_equal(workload_open(&w, &params, 1, 0, &arena), STATUS_OPERATING);
    status_take(chain, sizeof chain);
    assert_non_null(strstr(chain, "cannot open tests/data/none.csv"));
    workload_close(&w);
}

/* ---- scenario text -------------------------------------------------------------------------- */

struct scenario {
    struct workload_params workload;
};
static const struct param scenario_rows[] = {
    PARAM_SUB(scenario, workload, PARAM_GROUP, workload_table, "{}", "the workload", NULL),
};
static const struct param_table scenario_table = PARAM_TABLE("scenario", scenario, scenario_rows);

/* The findings in a scenario text, as printed. */
static char *read_text(const char *text, struct workload_params *params)
{
    struct diag diag;
    struct scenario scenario = {0};
    char *printed;
    size_t size;
    diag_init(&diag, &arena);
    struct param_doc *doc = param_load_text(&arena, "x.yaml", text, strlen(text), NULL, 0, &diag);
    assert_non_null(doc);
    param_read(doc, &scenario_table, &scenario, &diag);
    if (diag.count == 0) workload_check(&scenario.workload, doc, "workload", 0, "", true, &diag);
    param_close(doc);
    *params = scenario.workload;
    FILE *out = open_memstream(&printed, &size);
    diag_print(&diag, out);
    fclose(out);
    char *copy = arena_text(&arena, printed, size);
    free(printed);
    return copy;
}

static void scenario_text_is_read(void **state)
{
    (void)state;
    struct workload_params p;
    assert_string_equal(read_text("{}\n", &p), "");
    assert_int_equal(p.arrivals.kind, WORKLOAD_POISSON);
    assert_true(p.arrivals.poisson == 5.53);
    assert_int_equal(p.lengths.kind, WORKLOAD_LENGTHS_AZURE_CONV_2023);
    assert_int_equal(p.value.kind, DIST_LOGNORMAL);
    assert_true(p.value.a == 0.5 && p.value.b == 2.0);
    assert_string_equal(read_text("workload:\n"
                                  "  arrivals: {diurnal: {mean: 60/min, amplitude: 30%}}\n"
                                  "  lengths: {fixed: {prompt: 10, output: 20}}\n",
                                  &p),
                        "");
    assert_int_equal(p.arrivals.kind, WORKLOAD_DIURNAL);
    assert_true(p.arrivals.diurnal.mean == 1.0 && p.arrivals.diurnal.amplitude == 0.3);
    assert_int_equal(p.arrivals.diurnal.peak, 14 * 3600 * S);
    assert_int_equal(p.lengths.kind, WORKLOAD_LENGTHS_FIXED);
    assert_int_equal(p.lengths.fixed.output, 20);
    assert_string_equal(
        read_text("workload:\n  lengths:\n    quantiles:\n"
                  "      prompt: [{p: 0%, tokens: 2}, {p: 50%, tokens: 7}, {p: 100%, tokens: 9}]\n"
                  "      output: [{p: 0%, tokens: 1}, {p: 100%, tokens: 1}]\n",
                  &p),
        "");
    assert_int_equal(p.lengths.quantiles.prompt.count, 3);
    struct workload w = open_workload(&p, 1);
    assert_true(next(&w).prompt_tok <= 9);
    assert_string_equal(
        read_text("workload: {arrivals: {trace: {file: tests/data/own.csv, limit: 2}}}\n", &p), "");
    assert_int_equal(p.arrivals.trace.limit, 2);
    assert_true(p.arrivals.trace.speed == 1.0);
}

static void knots_and_traces_are_cross_checked(void **state)
{
    (void)state;
    struct workload_params p;
    assert_string_equal(
        read_text("workload:\n  lengths:\n    quantiles:\n"
                  "      prompt: [{p: 1%, tokens: 2}, {p: 1%, tokens: 1}]\n"
                  "      output: [{p: 0%, tokens: 1}, {p: 100%, tokens: 2}]\n",
                  &p),
        "x.yaml:4:20: error: workload.lengths.quantiles.prompt[0].p: the first quantile must be "
        "at 0%\n"
        "x.yaml:4:40: error: workload.lengths.quantiles.prompt[1].p: the last quantile must be at "
        "100%\n"
        "x.yaml:4:40: error: workload.lengths.quantiles.prompt[1].p: must be above the one before "
        "it (1%)\n"
        "x.yaml:4:52: error: workload.lengths.quantiles.prompt[1].tokens: must not be below the "
        "one "
        "before it (2)\n4 errors\n");
    assert_string_equal(
        read_text("workload:\n  arrivals: {trace: {file: none.csv}}\n", &p),
        "x.yaml:2:28: error: workload.arrivals.trace.file: cannot open none.csv (No such file or "
        "directory); the public Azure trace is at github.com/Azure/AzurePublicDataset, "
        "data/AzureLLMInferenceTrace_conv.csv\n");
    assert_non_null(strstr(read_text("workload: {arrivals: {trace: {}}}\n", &p), "file"));
    assert_non_null(strstr(
        read_text("workload: {lengths: {quantiles: {prompt: [], output: []}}}\n", &p), "prompt"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(poisson_gaps_are_exponential_and_independent),
        cmocka_unit_test(diurnal_arrivals_follow_the_cosine),
        cmocka_unit_test(diurnal_inversion_is_exact_at_low_rates),
        cmocka_unit_test(diurnal_without_amplitude_is_poisson),
        cmocka_unit_test(another_rate_moves_the_same_requests),
        cmocka_unit_test(seeds_and_replications_differ),
        cmocka_unit_test(a_surge_compresses_time),
        cmocka_unit_test(surges_multiply_and_can_stop_arrivals),
        cmocka_unit_test(a_surge_multiplies_the_daily_cycle),
        cmocka_unit_test(lengths_have_the_published_quantiles),
        cmocka_unit_test(lengths_can_be_fixed_or_given),
        cmocka_unit_test(values_and_clients_follow_their_laws),
        cmocka_unit_test(a_trace_is_replayed_as_recorded),
        cmocka_unit_test(a_trace_can_be_compressed_and_cut),
        cmocka_unit_test(a_surge_changes_the_speed_of_a_replay),
        cmocka_unit_test(a_missing_trace_is_an_operating_error),
        cmocka_unit_test(scenario_text_is_read),
        cmocka_unit_test(knots_and_traces_are_cross_checked),
    };
    return cmocka_run_group_tests_name("workload", tests, setup, teardown);
}
