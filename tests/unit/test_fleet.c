/* SPDX-License-Identifier: Apache-2.0
 * The fleet in a world: what it costs, how it fails, comes and goes, and how its engines are
 * swapped under a running chain; against closed forms, conservation, and worlds without the change.
 */
#include <math.h>

#include "models/world.h"
#include "tests/unit/unit.h"

#define SECOND 1000000000LL

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

static void assert_near(double have, double want, double most)
{
    if (!(fabs(have - want) <= most)) fail_msg("%.12g is not %.12g", have, want);
}

/* ---- worlds -----------------------------------------------------------------------------------
 */

#define QUIET "events=[]", "adversaries=[]", "models=[{name: llama3-8b}]"

static const char *nodes_are(const char *list)
{
    return arena_print(&arena, "nodes=%s", list);
}

static struct models_scenario *load(const char *const *sets, size_t count)
{
    struct diag diag;
    diag_init(&diag, &arena);
    struct models_scenario *scenario =
        models_load(&arena, "scenarios/baseline.yaml", sets, count, &diag);
    if (!scenario) diag_print(&diag, stderr);
    assert_non_null(scenario);
    return scenario;
}
#define LOAD(...)                                                                                  \
    load((const char *const[]){QUIET, __VA_ARGS__},                                                \
         sizeof((const char *const[]){QUIET, __VA_ARGS__}) / sizeof(char *))

static struct world *open_world(const struct models_scenario *scenario)
{
    struct world *w = arena_alloc(&arena, 1, sizeof *w);
    assert_int_equal(world_open(w, scenario, 11, 0, &arena), STATUS_OK);
    return w;
}

static void advance(struct world *w, int64_t until_ns)
{
    enum status status = world_advance(w, until_ns, NULL);
    if (status != STATUS_OK) status_print(stderr);
    assert_int_equal(status, STATUS_OK);
}

static struct models_record finish(struct world *w)
{
    struct models_record record;
    advance(w, world_end_ns(w));
    payment_flush(&w->payment);
    assert_true(invariant_check(w));
    record_fill(w, &record);
    return record;
}

static double metric(const struct models_record *record, const char *name)
{
    long index = models_metrics_find(record->metrics, name);
    if (index < 0) fail_msg("no metric %s", name);
    if (record->values[index].kind == MODELS_NULL) fail_msg("%s is null", name);
    return record->values[index].real;
}

static struct models_record run(struct models_scenario *scenario)
{
    struct world *w = open_world(scenario);
    struct models_record record = finish(w);
    world_close(w);
    models_close(scenario);
    return record;
}

/* Every rejection and every failure has one reason. */
static void check_reasons(const struct models_record *r)
{
    static const char *const names[] = {
        "rejected.no_node",  "rejected.unpriced",   "rejected.no_record",
        "rejected.chain",    "rejected.queue_full", "rejected.queue_timeout",
        "rejected.too_long", "rejected.no_encoder", "rejected.rate_limited",
        "failed.node_lost",  "failed.unreachable",  "failed.api",
        "failed.no_room",    "failed.disagreed"};
    double sums[2] = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        sums[names[i][0] == 'f'] += metric(r, names[i]);
    assert_true(sums[0] == metric(r, "requests.rejected"));
    assert_true(sums[1] == metric(r, "requests.failed"));
    assert_true(metric(r, "requests.arrived") == metric(r, "requests.completed") + sums[0] +
                                                     sums[1] + metric(r, "requests.timed_out") +
                                                     metric(r, "requests.in_flight"));
}

/* ---- failures ---------------------------------------------------------------------------------
 */

/* Machines that fail and are repaired each for itself: at any time each is up with probability
 * A = MTBF / (MTBF + MTTR), so the number up is binomial.  300 nodes over 100 h: a cycle takes
 * 20 min, the share up of one node over time t has the variance 2 A (1-A)^2 MTBF/t (to first order
 * for exponential times), here 2 x 0.75 x 0.0625 x (0.25/100) = 2.3e-4, over 300 nodes a standard
 * error of 8.8e-4.  The start, when all are up, adds (1-A) x relaxation (3.75 min) over 100 h,
 * 1.6e-4.  Four standard errors and the bias: 0.0037. */
static void test_availability(void **state)
{
    (void)state;
    struct models_scenario *scenario = LOAD(
        "horizon=100 h", "drain=0 s", "workload.arrivals={poisson: 0.001/s}", "validators.count=1",
        "consensus.timeout_commit=10 min", "registry.heartbeat_interval=30 d",
        "registry.heartbeat_max_age=60 d", "token.price.tick=1 d", "payment.feed_refresh=1 h",
        nodes_are("[{name: a, count: 300, gpu: h100-sxm, tee: none, load: {time: 1 ns, "
                  "cold_start: 0 s}, failures: {exponential: {mtbf: 15 min, mttr: 5 min}}}]"));
    struct world *w = open_world(scenario);
    double sum = 0, squares = 0;
    int samples = 0;
    for (int64_t t = 3600; t <= 100 * 3600; t += 1800, samples++) { /* 8 relaxation times apart */
        double up = 0;
        advance(w, t * SECOND);
        for (uint32_t i = 0; i < w->node_count; i++)
            up += w->nodes[i].down == 0;
        sum += up;
        squares += up * up;
    }
    double mean = sum / samples, variance = squares / samples - mean * mean;
    struct models_record r = finish(w);
    double want = 0.75, failures = 300 * 100 / (20.0 / 60);
    printf("measured: availability %.5f (closed form %.5f), %.0f failures (%.0f), nodes up %.2f "
           "(%.2f) with variance %.1f (%.1f)\n",
           metric(&r, "fleet.availability_ratio"), want, metric(&r, "fleet.failures"), failures,
           mean, 300 * want, variance, 300 * want * (1 - want));
    assert_true(fabs(metric(&r, "fleet.availability_ratio") - want) < 0.0037);
    /* a renewal count has variance mean x cv^2 of the cycle, (15^2 + 5^2) / 20^2 = 0.625 */
    assert_true(fabs(metric(&r, "fleet.failures") - failures) < 4 * sqrt(0.625 * failures));
    /* 199 samples: the mean within 4 sqrt(56.25 / 199), the variance within 4 sqrt(2 / 198) of it
     */
    assert_true(fabs(mean - 225) < 4 * sqrt(56.25 / 199));
    assert_true(fabs(variance - 56.25) < 4 * sqrt(2.0 / 198) * 56.25);
    world_close(w);
    models_close(scenario);
}

/* A node that breaks signs no heartbeat: the registry keeps it until its last one is too old, and
 * clients find out by themselves before that. */
static void test_registry_sees_failures(void **state)
{
    (void)state;
    struct models_scenario *scenario = LOAD(
        "horizon=20 min", "registry.heartbeat_interval=30 s", "registry.heartbeat_max_age=90 s",
        "registry.heartbeat_back_date=0 s", "workload.arrivals={poisson: 2/s}",
        nodes_are("[{name: a, count: 4, gpu: h100-sxm, failures: {exponential: {mtbf: 10 min, "
                  "mttr: 1 h}}}]"));
    struct world *w = open_world(scenario);
    int stale = 0, dropped = 0;
    int64_t broken_ns[4];
    for (int i = 0; i < 4; i++)
        broken_ns[i] = INT64_MAX;
    for (int64_t t = 1; t <= 1200; t++) {
        advance(w, t * SECOND);
        registry_expire(&w->registry, world_now(w));
        for (uint32_t i = 0; i < 4; i++) {
            bool down = w->nodes[i].life.phase == FLEET_BROKEN;
            bool active = w->registry.nodes[i].active;
            if (!down) broken_ns[i] = INT64_MAX;
            if (down && broken_ns[i] == INT64_MAX) broken_ns[i] = world_now(w);
            if (down && active) stale++;
            if (down && !active) dropped++;
            /* the last may have been on its way to a block for some seconds when it broke */
            if (down && world_now(w) - broken_ns[i] > 100 * SECOND) assert_false(active);
        }
    }
    assert_true(stale > 60 && dropped > 60);
    struct models_record r = finish(w);
    assert_true(metric(&r, "failed.unreachable") > 0);
    check_reasons(&r);
    world_close(w);
    models_close(scenario);
}

/* Failures have streams of their own: with them the same requests arrive, with the same lengths,
 * values and places, and prices move the same way. */
static void test_failures_move_no_other_draw(void **state)
{
    (void)state;
    const char *const nodes[] = {
        nodes_are("[{name: a, count: 6, gpu: h100-sxm}]"),
        nodes_are(
            "[{name: a, count: 6, gpu: h100-sxm, failures: {exponential: {mtbf: 5 min, mttr: 1 "
            "min}}, leave: {after: 20 min}}]")};
    struct models_scenario *scenarios[2];
    struct world *w[2];
    uint32_t arrivals = 0;
    for (int i = 0; i < 2; i++) {
        scenarios[i] = LOAD("horizon=20 min", "token.price.rule=gbm", nodes[i]);
        w[i] = open_world(scenarios[i]);
    }
    for (int64_t t = 0; t < 1200 * 20; t++) {
        const struct workload_arrival *a = &w[0]->next_arrival, *b = &w[1]->next_arrival;
        for (int i = 0; i < 2; i++)
            advance(w[i], t * SECOND / 20);
        assert_int_equal(a->time_ns, b->time_ns);
        assert_int_equal(a->prompt_tok, b->prompt_tok);
        assert_int_equal(a->output_tok, b->output_tok);
        assert_int_equal(a->client, b->client);
        assert_true(a->value_usd_nano == b->value_usd_nano);
        assert_true(price_spot(&w[0]->price) == price_spot(&w[1]->price));
        arrivals = w[0]->arrived > arrivals ? (uint32_t)w[0]->arrived : arrivals;
    }
    assert_true(arrivals > 5000 && w[1]->fleet.failures > 10 && w[0]->fleet.failures == 0);
    for (int i = 0; i < 2; i++) {
        world_close(w[i]);
        models_close(scenarios[i]);
    }
}

/* What is lost with a node fails, or is tried again as the client says. */
static void test_lost_or_retried(void **state)
{
    (void)state;
    struct models_record r[2];
    for (int i = 0; i < 2; i++) {
        r[i] = run(LOAD(
            "horizon=30 min", "registry.heartbeat_interval=30 s", "registry.heartbeat_max_age=60 s",
            "registry.heartbeat_back_date=0 s", i ? "client.lost=retried" : "client.lost=fails",
            nodes_are("[{name: a, count: 6, gpu: l40s, failures: {exponential: {mtbf: 10 "
                      "min, mttr: 30 s}}, load: {time: 5 s, cold_start: 5 s}}]")));
        check_reasons(&r[i]);
    }
    double lost = metric(&r[0], "failed.node_lost");
    printf("measured: %.0f lost; with retries %.0f of %.0f\n", lost,
           metric(&r[1], "failed.node_lost"), metric(&r[1], "fleet.retried"));
    assert_true(lost > 20 && metric(&r[0], "fleet.retried") == 0);
    assert_true(metric(&r[1], "fleet.retried") > 20);
    assert_true(metric(&r[1], "failed.node_lost") < lost / 4);
    assert_true(metric(&r[1], "requests.completed") > metric(&r[0], "requests.completed"));
}

/* ---- coming, loading, going -------------------------------------------------------------------
 */

/* 8.03 B parameters in bf16 over 2 GB/s, times the toll, a cold start and an attestation; then a
 * registration through a block, and not before. */
static void check_join(const char *tee, double toll, double attest_s)
{
    char nodes[200];
    snprintf(
        nodes, sizeof nodes,
        "nodes=[{name: a, gpu: h100-sxm}, {name: b, gpu: h100-sxm, tee: %s, join: {at: 2 min}, "
        "load: {bandwidth: 2 GB/s, cold_start: 20 s}}]",
        tee);
    struct models_scenario *scenario = LOAD("horizon=30 min", nodes);
    struct world *w = open_world(scenario);
    const struct fleet_life *life = &w->nodes[1].life;
    double weights = perf_shape_of(perf_model_find("llama3-8b")).total * 2;
    int64_t load = (int64_t)((20 + weights / 2e9 * toll + attest_s) * 1e9);
    advance(w, 120 * SECOND - 1);
    assert_int_equal(life->phase, FLEET_ABSENT);
    advance(w, 120 * SECOND);
    assert_int_equal(life->phase, FLEET_LOADING);
    advance(w, 120 * SECOND + load - 1000);
    assert_int_equal(life->phase, FLEET_LOADING);
    advance(w, 120 * SECOND + load + 1000);
    assert_int_equal(life->phase, FLEET_UP);
    assert_false(w->registry.nodes[1].registered);
    advance(w, 120 * SECOND + load + 5 * SECOND);
    assert_true(w->registry.nodes[1].active);
    struct models_record r = finish(w);
    assert_true(metric(&r, "fleet.joined") == 1 && metric(&r, "fleet.attested") == 1);
    assert_true(fabs(metric(&r, "cost.class.b.node_h") - 28.0 / 60) < 1e-9);
    assert_true(fabs(metric(&r, "fleet.loading_ratio") - (double)load / (58 * 60e9)) < 1e-6);
    world_close(w);
    models_close(scenario);
}

static void test_join_and_load(void **state)
{
    (void)state;
    check_join("none", 1, 0);
    check_join("cc_aware", 34, 0.251);
    check_join("{custom: {load: 2}}", 2, 0.251);
}

/* Nodes that come at a rate: n of them by time n / rate, give or take 4 sqrt(n). */
static void test_rates(void **state)
{
    (void)state;
    struct models_scenario *scenario = LOAD(
        "horizon=2 h", "workload.arrivals={poisson: 0.1/s}", "drain=0 s",
        nodes_are("[{name: a, gpu: h100-sxm}, {name: b, gpu: h100-sxm, count: 400, join: {rate: "
                  "200/h}, leave: {after: 1 h}, load: {time: 1 ns, cold_start: 0 s}}]"));
    struct world *w = open_world(scenario);
    int64_t last_ns = 0;
    advance(w, 3600 * SECOND);
    /* joined and not gone: 200/h x 1 h x (1 - 1/e) */
    double joined = (double)w->fleet.joined, there = joined - (double)w->fleet.left;
    double want = 200 * (1 - exp(-1));
    printf("measured: %.0f joined in an hour (200), %.0f still there (%.1f)\n", joined, there,
           want);
    assert_true(fabs(joined - 200) < 4 * sqrt(200));
    assert_true(fabs(there - want) < 4 * sqrt(want));
    for (uint32_t i = 1; i < w->node_count; i++) { /* in order */
        bool absent = w->nodes[i].life.phase == FLEET_ABSENT;
        if (absent && last_ns == 0) last_ns = i;
        if (last_ns > 0 && w->nodes[i].life.phase != FLEET_GONE) assert_true(absent);
    }
    world_close(w);
    models_close(scenario);
}

/* Who leaves finishes what it has: nothing is lost, and nothing comes after it. */
static void test_leave(void **state)
{
    (void)state;
    struct models_scenario *scenario =
        LOAD("horizon=20 min", "router.policy=random", "workload.arrivals={poisson: 8/s}",
             nodes_are("[{name: a, gpu: h100-sxm, count: 2}, {name: b, gpu: h100-sxm, count: 2, "
                       "leave: {at: 10 min}}]"));
    struct world *w = open_world(scenario);
    advance(w, 600 * SECOND);
    assert_int_equal(w->nodes[2].life.phase, FLEET_LEAVING);
    assert_true(w->registry.nodes[2].in_flight > 0 && !w->registry.nodes[2].active);
    advance(w, 700 * SECOND);
    assert_int_equal(w->nodes[2].life.phase, FLEET_GONE);
    assert_int_equal(w->registry.nodes[2].in_flight, 0);
    uint64_t served = w->nodes[2].honest_tok;
    struct models_record r = finish(w);
    assert_int_equal(w->nodes[2].honest_tok, served);
    assert_true(metric(&r, "requests.failed") == 0 && metric(&r, "fleet.left") == 2);
    assert_true(metric(&r, "cost.class.b.node_h") > 2.0 / 6 &&
                metric(&r, "cost.class.b.node_h") < 2.0 / 6 + 2 * 60.0 / 3600);
    world_close(w);
    models_close(scenario);
}

/* ---- costs ------------------------------------------------------------------------------------
 */

/* Energy is rating x (idle x (time - busy) + share x busy); rent is price x time; the network's
 * cost is the sum over its classes and the validators' hosts; per token, over the tokens served. */
static void test_costs_add_up(void **state)
{
    (void)state;
    struct models_record r = run(LOAD(
        "horizon=20 min", "router.policy=random", "costs.validator_rent=$0.20/h",
        "validators.count=10",
        nodes_are(
            "[{name: a, count: 3, gpu: h100-sxm, rent: $2/h, power: {idle: 20%, busy: 90%}}, "
            "{name: b, count: 2, gpu: l40s, gpus: 2, power: {rated: 100 W}}, {name: c, count: 2, "
            "kind: proxy, power: {rated: 50 W, idle: 100%}, proxy: {host_rent: $0.30/h, "
            "input_price: $1, output_price: $3}}]")));
    double usd = metric(&r, "cost.class.a.usd") + metric(&r, "cost.class.b.usd") +
                 metric(&r, "cost.class.c.usd") + 10 * 0.20 / 3;
    double kwh = metric(&r, "cost.class.a.kwh") + metric(&r, "cost.class.b.kwh") +
                 metric(&r, "cost.class.c.kwh");
    double mtok = metric(&r, "cost.class.a.mtok") + metric(&r, "cost.class.b.mtok") +
                  metric(&r, "cost.class.c.mtok");
    double a = metric(&r, "cost.class.a.utilisation_ratio");
    double b = metric(&r, "cost.class.b.utilisation_ratio");
    assert_near(metric(&r, "cost.class.a.usd"), 3 * 2.0 / 3, 1e-9);
    assert_near(metric(&r, "cost.class.b.usd"), 2 * 2 * 0.92 / 3, 1e-9);
    assert_near(metric(&r, "cost.class.c.usd"), 2 * 0.30 / 3 + metric(&r, "cost.api_usd"), 1e-9);
    assert_true(metric(&r, "cost.api_usd") > 1 * metric(&r, "cost.class.c.mtok"));
    assert_true(metric(&r, "cost.api_usd") < 3 * metric(&r, "cost.class.c.mtok"));
    assert_near(metric(&r, "cost.class.a.kwh"), 3 * 0.7 / 3 * (0.2 * (1 - a) + 0.9 * a), 1e-9);
    assert_near(metric(&r, "cost.class.b.kwh"), 2 * 0.2 / 3 * (0.3 * (1 - b) + 1.0 * b), 1e-9);
    assert_near(metric(&r, "cost.class.c.kwh"), 2 * 0.05 / 3, 1e-9);
    assert_near(metric(&r, "cost.network_usd"), usd, 1e-9);
    assert_near(metric(&r, "cost.usd_per_mtok"), usd / mtok, 1e-9);
    assert_near(metric(&r, "cost.kwh_per_mtok"), kwh / mtok, 1e-9);
    assert_true(a > 0.01 && b > 0.01 && mtok > 1);
}

/* ---- queues -----------------------------------------------------------------------------------
 */

/* An overloaded node with room for two at once: a queue of five, or of two seconds. */
static void test_queue_limits(void **state)
{
    (void)state;
    struct models_record full, late;
    full = run(LOAD("horizon=10 min", "serving.max_num_seqs=2",
                    nodes_are("[{name: a, gpu: a100-80g, queue: {limit: 5}}]")));
    late = run(LOAD("horizon=10 min", "serving.max_num_seqs=2",
                    nodes_are("[{name: a, gpu: a100-80g, queue: {timeout: 2 s}}]")));
    check_reasons(&full);
    check_reasons(&late);
    assert_true(metric(&full, "rejected.queue_full") > 500);
    assert_true(metric(&full, "rejected.queue_timeout") == 0);
    assert_true(metric(&late, "rejected.queue_timeout") > 500);
    assert_true(metric(&late, "rejected.queue_full") == 0);
    /* 2 s in the queue, up to 0.5 s of prompts before its own, the way there and back */
    assert_true(metric(&late, "latency.ttft_s.max") < 3.5);
}

/* A proxy under a rate limit refuses what is above it: of 5.5/s at most 2/s and the burst pass. */
static void test_proxy_node(void **state)
{
    (void)state;
    struct models_record r =
        run(LOAD("horizon=30 min", "models=[{name: outside}]",
                 nodes_are("[{name: a, kind: proxy, model: outside, proxy: {rate: 2/s, burst: 10, "
                           "failure: 10%, first_token: 0.5 s, token: 10 ms}}]")));
    check_reasons(&r);
    double passed = metric(&r, "requests.arrived") - metric(&r, "rejected.rate_limited");
    double failed = metric(&r, "failed.api");
    assert_true(passed <= 2 * 1800 + 10 && passed > 0.97 * 2 * 1800);
    assert_true(fabs(failed / passed - 0.1) < 4 * sqrt(0.1 * 0.9 / passed));
    assert_near(metric(&r, "latency.tpot_s.mean"), 0.010, 0.0005); /* the signature in it */
    assert_true(metric(&r, "latency.ttft_s.mean") > 0.5 && metric(&r, "latency.ttft_s.mean") < 0.8);
}

/* ---- signatures -------------------------------------------------------------------------------
 */

/* The last token leaves with the signature, the first does not wait for it. */
static void test_signature_delays_the_answer(void **state)
{
    (void)state;
    struct models_record r[2];
    for (int i = 0; i < 2; i++)
        r[i] =
            run(LOAD("horizon=10 min", "users=[{class: apps}]", "router.policy=random",
                     "models=[{name: llama3-70b}]",
                     i ? "verification.haca_tee.sign=100 ms" : "verification.haca_tee.sign=0 s"));
    assert_true(metric(&r[0], "latency.ttft_s.mean") == metric(&r[1], "latency.ttft_s.mean"));
    assert_near(metric(&r[1], "latency.e2e_s.mean") - metric(&r[0], "latency.e2e_s.mean"), 0.1,
                1e-9);
}

/* ---- swaps ------------------------------------------------------------------------------------
 */

enum { BLOCKS_MOST = 2000, ANSWERS_MOST = 512 };

struct watched { /* what the verification layer does in a world */
    struct models_scenario *scenario;
    struct world *w;
    int64_t blocks[BLOCKS_MOST];
    uint32_t block_count;
    uint32_t pending[ANSWERS_MOST], pending_count; /* slots of answers not yet verified */
};

/* A look every 50 ms; blocks are more than a second apart. */
static void watch_until(struct watched *x, int64_t until_ns)
{
    for (int64_t t = world_now(x->w); t < until_ns;) {
        t = t + SECOND / 20 < until_ns ? t + SECOND / 20 : until_ns;
        advance(x->w, t);
        int64_t last = x->w->metrics.last_block_ns;
        if (x->block_count > 0 && x->blocks[x->block_count - 1] == last) continue;
        assert_true(x->block_count < BLOCKS_MOST);
        x->blocks[x->block_count++] = last;
    }
}

/* Keep the records of answers whose proofs are under way. */
static void hold_pending(struct watched *x)
{
    for (uint32_t slot = 0; slot < x->w->requests.capacity; slot++) {
        const struct request *r = world_request(x->w, slot);
        if (r->holds == 0 || r->state != REQUEST_COMPLETED || r->proof != PROOF_PENDING) continue;
        assert_true(x->pending_count < ANSWERS_MOST);
        world_hold(x->w, slot);
        x->pending[x->pending_count++] = slot;
    }
}

static void watched_open(struct watched *x, const char *swap)
{
    x->scenario =
        LOAD("horizon=20 min", "users=[{class: apps}]", "workload.arrivals={poisson: 6/s}",
             "net.bandwidth=1000 GB/s", "consensus.send_rate=100 GB/s",
             "verification.haca_tee.check=0 s", "registry.attestation_check=0 s",
             "verification.haca_tee.bytes=1 B", "registry.attestation_bytes=1 B",
             "registry.heartbeat_bytes=1 B", "models=[{name: llama3-70b}]",
             nodes_are("[{name: eu, count: 8, gpu: a100-80g, gpus: 4, model: llama3-70b}]"), swap);
    x->w = open_world(x->scenario);
    x->block_count = x->pending_count = 0;
}

/* Up to the swap two worlds are the same to the bit.  After it proofs of answers given before end
 * at the same times, and, since here the size of a block and the work in it weigh nothing, all
 * blocks come at the same times though other answers are proven in them. */
static void test_swap_leaves_verification_alone(void **state)
{
    (void)state;
    static struct watched x[2];
    const int64_t swap_ns = 600 * SECOND;
    watched_open(&x[0], "events=[]");
    watched_open(&x[1], "events=[{at: 10 min, do: swap, nodes: eu, model: mixtral-8x7b}]");
    for (int i = 0; i < 2; i++) {
        watch_until(&x[i], swap_ns - 1);
        hold_pending(&x[i]);
    }
    assert_true(x[0].w->events.hash == x[1].w->events.hash);
    assert_int_equal(x[0].block_count, x[1].block_count);
    assert_int_equal(x[0].pending_count, x[1].pending_count);
    assert_true(x[0].block_count > 400 && x[0].pending_count > 2);
    for (int i = 0; i < 2; i++)
        watch_until(&x[i], world_end_ns(x[i].w));
    assert_true(x[0].w->events.hash != x[1].w->events.hash);
    for (uint32_t k = 0; k < x[0].pending_count; k++) {
        const struct request *a = world_request(x[0].w, x[0].pending[k]);
        const struct request *b = world_request(x[1].w, x[1].pending[k]);
        assert_int_equal(a->id, b->id);
        assert_int_equal(a->proof, PROOF_VERIFIED);
        assert_int_equal(b->proof, PROOF_VERIFIED);
        assert_int_equal(a->answered_ns, b->answered_ns);
        assert_int_equal(a->ended_ns, b->ended_ns);
    }
    assert_int_equal(x[0].block_count, x[1].block_count);
    for (uint32_t k = 0; k < x[0].block_count; k++)
        assert_int_equal(x[0].blocks[k], x[1].blocks[k]);
    printf("measured: %u blocks and %u earlier answers the same, swap at 600 s\n", x[0].block_count,
           x[0].pending_count);
    for (int i = 0; i < 2; i++) {
        world_close(x[i].w);
        models_close(x[i].scenario);
    }
}

/* A swap keeps what its nodes hold: requests wait for the new model (none is lost), it takes its
 * time to load, and then answers as a fleet that always had it. */
static void test_swap_changes_the_model(void **state)
{
    (void)state;
    struct models_scenario *scenario =
        LOAD("horizon=30 min", "warmup=20 min", "client.timeout=1 h", "users=[{class: apps}]",
             "router.policy=random",
             nodes_are("[{name: a, count: 4, gpu: h100-sxm, load: {time: 30 s, cold_start: 0 s}}]"),
             "events=[{at: 5 min, do: swap, nodes: a, model: qwen2.5-vl-7b}]");
    struct world *w = open_world(scenario);
    advance(w, 300 * SECOND);
    uint64_t held = w->fleet.held;
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(w->nodes[i].life.phase, FLEET_LOADING);
        assert_string_equal(w->nodes[i].perf->model->name, "qwen2.5-vl-7b");
    }
    printf("measured: %llu requests held\n", (unsigned long long)held);
    assert_true(held > 2);
    advance(w, 330 * SECOND); /* with the attestation */
    assert_int_equal(w->nodes[0].life.phase, FLEET_LOADING);
    assert_true(w->nodes[0].life.held_count > 10);
    advance(w, 331 * SECOND);
    assert_int_equal(w->nodes[0].life.phase, FLEET_UP);
    assert_int_equal(w->nodes[0].life.held_count, 0);
    struct models_record swapped = finish(w);
    assert_true(w->states[REQUEST_FAILED] == 0 && w->states[REQUEST_REJECTED] == 0);
    struct models_record always =
        run(LOAD("horizon=30 min", "warmup=20 min", "client.timeout=1 h", "users=[{class: apps}]",
                 "router.policy=random", "models=[{name: qwen2.5-vl-7b}]",
                 nodes_are("[{name: a, count: 4, gpu: h100-sxm, model: qwen2.5-vl-7b}]")));
    /* ten minutes after the backlog is worked off the nodes are in the same state */
    assert_true(metric(&swapped, "latency.tpot_s.mean") == metric(&always, "latency.tpot_s.mean"));
    assert_true(metric(&swapped, "latency.ttft_s.mean") == metric(&always, "latency.ttft_s.mean"));
    world_close(w);
    models_close(scenario);
}

/* A request that the new engine has no room for is counted as that, those that fit are answered. */
static void test_swap_without_room(void **state)
{
    (void)state;
    struct models_record r = run(
        LOAD("horizon=10 min", "workload.lengths={fixed: {prompt: 1000, output: 400}}",
             "client.timeout=1 h", "workload.arrivals={poisson: 4/s}",
             nodes_are("[{name: a, count: 2, gpu: h100-sxm, load: {time: 5 s, cold_start: 0 s}}]"),
             "events=[{at: 5 min, do: swap, nodes: a, engine: {serving: {kv_blocks: 80}}}]"));
    check_reasons(&r);
    /* 80 blocks of 16 tokens hold 1,280 of 1,399 */
    double held = metric(&r, "fleet.held"), room = metric(&r, "failed.no_room");
    printf("measured: %.0f held, %.0f without room, %.0f too long after it\n", held, room,
           metric(&r, "rejected.too_long"));
    assert_true(held > 5 && room >= held); /* and those that came while it loaded */
    assert_true(metric(&r, "rejected.too_long") > 500);
}

/* With a time to last, the class gets its own engine back. */
static void test_swap_back(void **state)
{
    (void)state;
    struct models_scenario *scenario =
        LOAD("horizon=20 min",
             "models=[{name: llama3-8b, share: 50%}, {name: qwen3-30b-a3b, share: "
             "50%}]",
             nodes_are(
                 "[{name: a, count: 3, gpu: h200-sxm, load: {time: 10 s, cold_start: 0 s}}, {name: "
                 "b, gpu: h200-sxm, model: qwen3-30b-a3b}]"),
             "events=[{at: 5 min, do: swap, nodes: a, model: qwen3-30b-a3b, stagger: 30 s, for: 5 "
             "min}]");
    struct world *w = open_world(scenario);
    advance(w, 299 * SECOND);
    assert_int_equal(registry_actives(&w->registry, 0)->count, 3);
    advance(w, 320 * SECOND);
    assert_int_equal(registry_actives(&w->registry, 0)->count, 2); /* the others wait their turn */
    assert_int_equal(registry_actives(&w->registry, 1)->count, 2);
    advance(w, 400 * SECOND);
    assert_int_equal(registry_actives(&w->registry, 0)->count, 0); /* it answers for the other */
    assert_int_equal(registry_actives(&w->registry, 1)->count, 4);
    advance(w, 720 * SECOND);
    assert_int_equal(registry_actives(&w->registry, 0)->count, 3);
    assert_string_equal(w->nodes[0].perf->model->name, "llama3-8b");
    struct models_record r = finish(w);
    assert_true(metric(&r, "fleet.swapped") == 6);
    assert_true(metric(&r, "rejected.no_node") > 300); /* nobody had the first for 4 min */
    check_reasons(&r);
    world_close(w);
    models_close(scenario);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_availability),
        TEST(test_registry_sees_failures),
        TEST(test_failures_move_no_other_draw),
        TEST(test_lost_or_retried),
        TEST(test_join_and_load),
        TEST(test_rates),
        TEST(test_leave),
        TEST(test_costs_add_up),
        TEST(test_queue_limits),
        TEST(test_proxy_node),
        TEST(test_signature_delays_the_answer),
        TEST(test_swap_leaves_verification_alone),
        TEST(test_swap_changes_the_model),
        TEST(test_swap_without_room),
        TEST(test_swap_back),
    };
    return cmocka_run_group_tests_name("fleet", tests, NULL, NULL);
}
