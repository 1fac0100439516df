/* SPDX-License-Identifier: Apache-2.0
 * Queues with known answers: what a serving node becomes when its step times are made simple, and
 * what theory says of it.
 *
 *   one place, constant steps      M/D/1 (mean and tail of the wait), M/G/1 (Pollaczek, Khinchine)
 *   c places, constant steps       M/D/c, seen from its number in system (Crommelin 1932)
 *   b places, one token each       bulk service, M/D^[1,b]/1 (Bailey 1954)
 *   steps as long as their batch   processor sharing, insensitive to the distribution of sizes
 *
 * An interval of 99.9 % over independent replications must hold the theory's value, widened by
 * what the node's whole steps are known to add (said at each test), and must be narrow enough to
 * tell.  There are 18 intervals: for one set of seeds in 55 one of them would miss by chance.  The
 * seeds are fixed.  HACASIM_MODE=long takes replications twenty times as long, which makes the
 * intervals more than four times narrower. */
#include <math.h>

#include "models/serving.h"
#include "sim/sim.h"
#include "tests/unit/serving_toy.h"
#include "tests/unit/unit.h"

enum { PURPOSE = 905, REPS_MOST = 100, LONGER = 20, TAILS = 6, ROOM = 1 << 16 };

static bool long_mode(void)
{
    const char *mode = getenv("HACASIM_MODE");
    return mode && strcmp(mode, "long") == 0;
}

/* ---- one replication ------------------------------------------------------------------------ */

struct queue {
    struct serving_params params;
    struct toy toy;
    double gap_ns;                               /* mean time between arrivals */
    int64_t (*output_tok)(struct rng_stream *s); /* size of a request */
    int requests, warm;                          /* the first are not measured */
    /* measured */
    double sojourn_ns, work_tok, slowness_ns; /* means: stay, output, stay over output */
    double wait_ns;                           /* stay less the time that `alone_ns` asks for */
    double (*alone_ns)(int64_t output_tok);
    int64_t tail_ns[TAILS];
    double tail[TAILS]; /* share of waits above it */
};

static void note_stay(struct queue *q, int64_t stay_ns, int64_t output_tok)
{
    double wait_ns = q->alone_ns ? (double)stay_ns - q->alone_ns(output_tok) : 0.0;
    double n = q->requests - q->warm;
    q->sojourn_ns += (double)stay_ns / n;
    q->work_tok += (double)output_tok / n;
    q->slowness_ns += (double)stay_ns / (double)output_tok / n;
    q->wait_ns += wait_ns / n;
    for (int i = 0; i < TAILS; i++)
        q->tail[i] += (wait_ns > (double)q->tail_ns[i]) / n;
}

/* Tags of requests are taken in turn from ROOM of them, so that fewer may be held at a time. */
static int64_t arrived_ns[ROOM], asked_tok[ROOM];
static int number[ROOM];

static void take_done(struct queue *q, struct serving *s, int64_t now_ns)
{
    struct serving_done done[64];
    uint32_t count;
    do {
        count = serving_advance(s, now_ns, done, 64);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t tag = done[i].tag;
            if (number[tag] >= q->warm)
                note_stay(q, done[i].done_ns - arrived_ns[tag], asked_tok[tag]);
        }
    } while (count == 64);
}

static void run_queue(struct queue *q, uint32_t replication)
{
    struct arena arena;
    struct serving s;
    struct perf perf = toy_perf(&q->toy);
    struct rng_stream draw = rng_open(80, replication, PURPOSE, 1);
    char text[160];
    double next_ns = 0.0;
    q->sojourn_ns = q->work_tok = q->slowness_ns = q->wait_ns = 0.0;
    memset(q->tail, 0, sizeof q->tail);
    arena_init(&arena, "test", 0);
    serving_init(&s, &q->params, &perf, &arena);
    for (int i = 0; i < q->requests; i++) {
        uint32_t tag = (uint32_t)i % ROOM;
        next_ns += variate_exponential(&draw, q->gap_ns);
        while (serving_next_ns(&s) <= (int64_t)next_ns)
            take_done(q, &s, serving_next_ns(&s));
        arrived_ns[tag] = (int64_t)next_ns;
        asked_tok[tag] = q->output_tok(&draw);
        number[tag] = i;
        assert_true(s.waiting.count + s.running.count < ROOM);
        assert_true(submit_plainly(&s, (int64_t)next_ns, tag, 1, asked_tok[tag], NULL));
    }
    while (serving_next_ns(&s) != INT64_MAX)
        take_done(q, &s, serving_next_ns(&s));
    if (serving_laws_audit(&s, text, sizeof text)) fail_msg("%s", text);
    arena_free(&arena);
}

/* ---- many of them --------------------------------------------------------------------------- */

struct sample {
    const char *what;
    double values[REPS_MOST];
};

/* The interval over the replications holds `theory`, or what lies up to `bias` above it, and is no
 * wider than `narrow` of it (in the long mode, of a quarter of that). */
static void check_mean(const struct sample *x, size_t reps, double theory, double bias,
                       double narrow)
{
    double mean, half = interval_half_width(x->values, reps, 0.999, &mean);
    if (long_mode()) narrow /= 4.0;
    print_message("%-44s %12.6g +- %-10.3g theory %12.6g", x->what, mean, half, theory);
    print_message(bias > 0.0 ? " to %.6g\n" : "\n", theory + bias);
    assert_true(theory <= mean + half && mean - half <= theory + bias);
    assert_true(half < narrow * theory);
}

static void replicate(struct queue *q, uint32_t first, size_t reps, struct sample *out,
                      double (*measure)(const struct queue *q))
{
    if (long_mode()) {
        q->requests *= LONGER;
        q->warm *= LONGER;
    }
    for (uint32_t rep = 0; rep < reps; rep++) {
        run_queue(q, first + rep);
        out->values[rep] = measure(q);
    }
}

static double mean_wait(const struct queue *q)
{
    return q->wait_ns;
}

static int64_t one_token(struct rng_stream *s)
{
    (void)s;
    return 1;
}

/* ---- one place ------------------------------------------------------------------------------ */

#define SERVICE_NS 1000000.0 /* so long that arrivals in whole ns are as good as continuous */

static double alone_one(int64_t output_tok)
{
    (void)output_tok;
    return SERVICE_NS;
}

/* P(W <= t) in M/D/1, t in units of the service time (Erlang 1909). */
static double wait_below(double rho, double t)
{
    double sum = 0.0;
    for (int k = 0; k <= (int)t; k++) {
        double x = rho * (k - t), term = exp(-x);
        for (int i = 1; i <= k; i++)
            term *= x / i;
        sum += term;
    }
    return (1.0 - rho) * sum;
}

static int tail_asked;
static double wait_tail(const struct queue *q)
{
    return q->tail[tail_asked];
}

/* Each point of the tail has replications of its own, so that the points are independent. */
static void one_place_is_m_d_1(void **state)
{
    (void)state;
    static const double at[TAILS] = {0.0, 0.5, 1.0, 2.0, 4.0, 6.0};
    const double rho = 0.7;
    struct queue q = {.params = toy_params(1, 64, 16, 1000),
                      .toy = {.base = (int64_t)SERVICE_NS * PERF_TICKS},
                      .gap_ns = SERVICE_NS / rho,
                      .output_tok = one_token,
                      .alone_ns = alone_one,
                      .warm = 300};
    struct sample x = {.what = "M/D/1, mean wait, ns"};
    q.requests = 6000;
    replicate(&q, 0, 60, &x, mean_wait);
    check_mean(&x, 60, rho * SERVICE_NS / (2.0 * (1.0 - rho)), 0.0, 0.06);
    for (int i = 0; i < TAILS; i++)
        q.tail_ns[i] = (int64_t)(at[i] * SERVICE_NS);
    for (tail_asked = 0; tail_asked < TAILS; tail_asked++) {
        char what[64];
        snprintf(what, sizeof what, "M/D/1, share that waits above %.1f services", at[tail_asked]);
        x.what = what;
        q.requests = 6000;
        q.warm = 300;
        replicate(&q, 1000U * (1U + (uint32_t)tail_asked), 60, &x, wait_tail);
        check_mean(&x, 60, 1.0 - wait_below(rho, at[tail_asked]), 0.0, 0.30);
    }
}

/* Sizes in tokens, all of mean 20. */
enum { MEAN_TOK = 20 };

static int64_t size_fixed(struct rng_stream *s)
{
    (void)s;
    return MEAN_TOK;
}
static int64_t size_geometric(struct rng_stream *s) /* variance 380 */
{
    return 1 + (int64_t)(log(1.0 - rng_unit(s)) / log(1.0 - 1.0 / MEAN_TOK));
}
static int64_t size_extreme(struct rng_stream *s) /* 10 or 110: variance 900 */
{
    return rng_unit(s) < 0.9 ? 10 : 110;
}

static const struct {
    const char *name;
    int64_t (*draw)(struct rng_stream *s);
    double variance;
} sizes[] = {
    {"fixed", size_fixed, 0.0},
    {"geometric", size_geometric, 380.0},
    {"10 or 110 tokens", size_extreme, 900.0},
};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static double alone_steps(int64_t output_tok)
{
    return SERVICE_NS * (double)output_tok;
}

/* One place, a token a step: the wait is lambda E[S^2] / (2 (1 - rho)). */
static void one_place_is_m_g_1(void **state)
{
    (void)state;
    const double rho = 0.5, lambda = rho / (MEAN_TOK * SERVICE_NS);
    for (uint32_t i = 0; i < SIZES; i++) {
        char what[64];
        struct sample x = {.what = what};
        struct queue q = {.params = toy_params(1, 64, 16, 1000),
                          .toy = {.base = (int64_t)SERVICE_NS * PERF_TICKS},
                          .gap_ns = 1.0 / lambda,
                          .output_tok = sizes[i].draw,
                          .alone_ns = alone_steps,
                          .requests = 6000,
                          .warm = 200};
        double square = (sizes[i].variance + MEAN_TOK * MEAN_TOK) * SERVICE_NS * SERVICE_NS;
        snprintf(what, sizeof what, "M/G/1, %s, mean wait, ns", sizes[i].name);
        replicate(&q, 10000 + 1000 * i, 60, &x, mean_wait);
        check_mean(&x, 60, lambda * square / (2.0 * (1.0 - rho)), 0.0, 0.12);
    }
}

/* ---- several places ------------------------------------------------------------------------- */

enum { STATES = 400 };

/* Stationary distribution of X' = max(X - taken, 0) + A with A Poisson of the given mean, by
 * iteration: the number in M/D/c a service time later (taken = c), and what a bulk server leaves
 * behind (taken = b). */
static void taken_each_time(double mean, int taken, double p[STATES])
{
    static double arrivals[STATES], next[STATES];
    for (int k = 0; k < STATES; k++) {
        arrivals[k] = k == 0 ? exp(-mean) : arrivals[k - 1] * mean / k;
        p[k] = k == 0;
    }
    for (double change = 1.0; change > 1e-13;) {
        memset(next, 0, sizeof next);
        for (int x = 0; x < STATES; x++) {
            int rest = x > taken ? x - taken : 0;
            for (int a = 0; p[x] > 1e-18 && rest + a < STATES; a++)
                next[rest + a] += p[x] * arrivals[a];
        }
        change = 0.0;
        for (int x = 0; x < STATES; x++) {
            change += fabs(next[x] - p[x]);
            p[x] = next[x];
        }
    }
}

static double mean_beyond(const double p[STATES], int places)
{
    double sum = 0.0;
    for (int x = places; x < STATES; x++)
        sum += p[x] * (x - places);
    return sum;
}

enum { SERVERS = 4, SERVER_TOK = 500 };

static int64_t server_tokens(struct rng_stream *s)
{
    (void)s;
    return SERVER_TOK;
}

/* A newcomer that finds the node at work and a place free waits for the end of the running step, so
 * up to a step is added: 1/500 of a service. */
static void places_are_m_d_c(void **state)
{
    (void)state;
    static double p[STATES];
    const double rho = 0.8, service_ns = SERVER_TOK * SERVICE_NS;
    struct sample x = {.what = "M/D/4, mean wait, ns"};
    struct queue q = {.params = toy_params(SERVERS, 64, 16, 1000),
                      .toy = {.base = (int64_t)SERVICE_NS * PERF_TICKS},
                      .gap_ns = service_ns / (SERVERS * rho),
                      .output_tok = server_tokens,
                      .alone_ns = alone_steps,
                      .requests = 5000,
                      .warm = 200};
    taken_each_time(SERVERS * rho, SERVERS, p);
    replicate(&q, 20000, 60, &x, mean_wait);
    check_mean(&x, 60, mean_beyond(p, SERVERS) * q.gap_ns, SERVICE_NS, 0.12);
}

/* Steps of constant length that each take up to 8 of those that wait.  In a cycle of one step the
 * requests left over wait for all of it, and newcomers for half on average; in the cycle after an
 * empty one a newcomer is served at once. */
static void one_token_each_is_bulk_service(void **state)
{
    (void)state;
    enum { BULK = 8 };
    static double p[STATES];
    const double rho = 0.85, lambda = rho * BULK / SERVICE_NS;
    struct sample x = {.what = "M/D^[1,8]/1, mean wait, ns"};
    struct queue q = {.params = toy_params(BULK, 64, 16, 1000),
                      .toy = {.base = (int64_t)SERVICE_NS * PERF_TICKS},
                      .gap_ns = 1.0 / lambda,
                      .output_tok = one_token,
                      .alone_ns = alone_one,
                      .requests = 12000,
                      .warm = 400};
    taken_each_time(rho * BULK, BULK, p);
    double area = mean_beyond(p, BULK) * SERVICE_NS + lambda * SERVICE_NS * SERVICE_NS / 2.0;
    double cycle_ns = SERVICE_NS + p[0] / lambda;
    replicate(&q, 30000, 60, &x, mean_wait);
    check_mean(&x, 60, area / cycle_ns / lambda, 0.0, 0.12);
}

/* ---- equal shares --------------------------------------------------------------------------- */

#define SHARE_NS 1000.0
enum { TIMES = 100 }; /* tokens are many, so that steps are short beside a request */

static int64_t many_times(int64_t (*draw)(struct rng_stream *s), struct rng_stream *s)
{
    return TIMES * draw(s);
}
static int64_t share_fixed(struct rng_stream *s)
{
    return many_times(size_fixed, s);
}
static int64_t share_geometric(struct rng_stream *s)
{
    return many_times(size_geometric, s);
}
static int64_t share_extreme(struct rng_stream *s)
{
    return many_times(size_extreme, s);
}

static double mean_sojourn(const struct queue *q)
{
    return q->sojourn_ns;
}
static double mean_slowness(const struct queue *q)
{
    return q->slowness_ns;
}

/* A step as long as the number of its sequences: processor sharing, whose mean sojourn of a request
 * of size x is x / (1 - rho) whatever the sizes of the others (Kleinrock 1967).  Shares are equal
 * only after whole steps: a newcomer gets nothing of the step that runs, and the others get its
 * share of it.  So a stay is off by a step either way, which has rho / (1 - rho) sequences in the
 * mean: 1/4000 of a mean stay, 1/2000 of the shortest. */
static void equal_shares_are_processor_sharing(void **state)
{
    (void)state;
    int64_t (*const draws[])(struct rng_stream *) = {share_fixed, share_geometric, share_extreme};
    const double rho = 0.5, step_ns = SHARE_NS * rho / (1.0 - rho);
    const double work_ns = TIMES * MEAN_TOK * SHARE_NS;
    for (uint32_t i = 0; i < SIZES; i++) {
        char what[64];
        struct sample x = {.what = what};
        struct queue q = {.params = toy_params(1000, 100000, 16, 10000000),
                          .toy = {.base = 1, .per_seq = (int64_t)SHARE_NS * PERF_TICKS},
                          .gap_ns = work_ns / rho,
                          .output_tok = draws[i],
                          .requests = 4000,
                          .warm = 200};
        snprintf(what, sizeof what, "shares, %s, mean sojourn, ns", sizes[i].name);
        replicate(&q, 40000 + 1000 * i, 40, &x, mean_sojourn);
        check_mean(&x, 40, work_ns / (1.0 - rho) - step_ns, 2.0 * step_ns, 0.07);
        q.requests = 4000;
        q.warm = 200;
        snprintf(what, sizeof what, "shares, %s, mean sojourn a token, ns", sizes[i].name);
        replicate(&q, 50000 + 1000 * i, 40, &x, mean_slowness);
        double token_ns = SHARE_NS / (1.0 - rho), off_ns = token_ns / 2000.0;
        check_mean(&x, 40, token_ns - off_ns, 2.0 * off_ns, 0.07);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_place_is_m_d_1),
        cmocka_unit_test(one_place_is_m_g_1),
        cmocka_unit_test(places_are_m_d_c),
        cmocka_unit_test(one_token_each_is_bulk_service),
        cmocka_unit_test(equal_shares_are_processor_sharing),
    };
    return cmocka_run_group_tests_name("serving_queues", tests, NULL, NULL);
}
