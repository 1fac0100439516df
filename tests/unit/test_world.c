/* SPDX-License-Identifier: Apache-2.0
 * A whole world: conservation after each block, that every invariant fires on a planted breach,
 * that streams are keyed (an unrelated node class changes no arrival), and that the two serving
 * fidelities give the same run. */
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

static struct models_scenario *load(const char *path, const char *const *sets, size_t count)
{
    struct diag diag;
    diag_init(&diag, &arena);
    struct models_scenario *scenario = models_load(&arena, path, sets, count, &diag);
    if (!scenario) diag_print(&diag, stderr);
    assert_non_null(scenario);
    return scenario;
}

static struct world *open_at(const struct models_scenario *scenario, int64_t until_ns)
{
    struct world *w = arena_alloc(&arena, 1, sizeof *w);
    assert_int_equal(world_open(w, scenario, 11, 0, &arena), STATUS_OK);
    assert_int_equal(world_advance(w, until_ns, NULL), STATUS_OK);
    assert_true(w->block.height > 10);
    return w;
}

static void close_world(struct world *w, struct models_scenario *scenario)
{
    world_close(w);
    models_close(scenario);
}

static const char *const short_run[] = {"horizon=5 min", "drain=2 min", "events=[]"};

/* ---- planted breaches ------------------------------------------------------------------------ */

/* Corrupt one thing in a running world; the next block must stop the run, naming block and seed. */
static void expect_breach(void (*plant)(struct world *), const char *what)
{
    struct models_scenario *scenario = load("scenarios/baseline.yaml", short_run, 3);
    struct world *w = open_at(scenario, 60 * SECOND);
    assert_true(invariant_check(w));
    plant(w);
    assert_int_equal(world_advance(w, 120 * SECOND, NULL), STATUS_BREACH);
    char text[1024];
    status_take(text, sizeof text);
    printf("measured: %s\n", text);
    assert_non_null(strstr(text, "block "));
    assert_non_null(strstr(text, "seed 11"));
    assert_non_null(strstr(text, what));
    close_world(w, scenario);
}

static void plant_created_money(struct world *w)
{
    w->ledger.balance[LEDGER_OPG][w->token.at.market] += 1;
}
static void plant_negative(struct world *w)
{
    money_t all = w->ledger.balance[LEDGER_OPG][w->token.at.users];
    w->ledger.balance[LEDGER_OPG][w->token.at.users] = -1;
    w->ledger.balance[LEDGER_OPG][w->token.at.market] += all + 1;
}
static void plant_unburned(struct world *w)
{
    /* burned falls and the sum follows, so that only monotony can tell */
    assert_true(w->ledger.burned[LEDGER_OPG] > 0);
    w->ledger.burned[LEDGER_OPG] -= 1;
    w->ledger.balance[LEDGER_OPG][w->token.at.market] += 1;
    w->ledger.burned_before[LEDGER_OPG] = w->ledger.burned[LEDGER_OPG] + 1000 * MONEY_ATTO;
}
static void plant_lost_fee(struct world *w)
{
    w->token.charged_opg += 1;
}
static void plant_lost_request(struct world *w)
{
    w->states[REQUEST_COMPLETED]--;
}
static void plant_freed_record(struct world *w)
{
    w->states[REQUEST_SENT] += 100000;
    w->arrived += 100000;
}
static void plant_negative_pending(struct world *w)
{
    w->metrics.open = -1000000;
}
static void plant_late_steps(struct world *w)
{
    for (uint32_t i = 0; i < w->node_count; i++)
        w->nodes[i].serving.start_ns++;
}
static void plant_forgotten_request(struct world *w)
{
    for (uint32_t i = 0; i < w->node_count; i++)
        w->nodes[i].serving.laws.sojourn_ns += 1; /* as if one had stayed longer */
}
static void plant_recovered(struct world *w)
{
    w->metrics.recovered_nano = w->metrics.exploited_nano + 1;
}

static void test_planted_breaches(void **state)
{
    (void)state;
    expect_breach(plant_created_money, "OPG");
    expect_breach(plant_negative, "OPG");
    expect_breach(plant_unburned, "burned");
    expect_breach(plant_lost_fee, "fee");
    expect_breach(plant_lost_request, "requests");
    expect_breach(plant_freed_record, "records are in use");
    expect_breach(plant_negative_pending, "pending");
    expect_breach(plant_recovered, "recovered");
    expect_breach(plant_late_steps, "serving: node ");
    expect_breach(plant_forgotten_request, "Little's law");
}

/* A negative value at risk cannot wait for the next block: its distribution would assert first. */
static void test_negative_risk_is_a_breach(void **state)
{
    (void)state;
    struct models_scenario *scenario = load("scenarios/baseline.yaml", short_run, 3);
    struct world *w = open_at(scenario, 60 * SECOND);
    w->metrics.risk.value = -1;
    assert_false(invariant_check(w));
    assert_non_null(strstr(invariant_text(w), "value at risk"));
    close_world(w, scenario);
}

/* ---- conservation ---------------------------------------------------------------------------- */

static double metric(const struct models_record *record, const char *name)
{
    long index = models_metric_find(name);
    assert_true(index >= 0);
    assert_int_not_equal(record->values[index].kind, MODELS_NULL);
    return record->values[index].real;
}

static void run(const char *path, const char *const *sets, size_t count,
                struct models_record *record)
{
    struct models_scenario *scenario = load(path, sets, count);
    assert_int_equal(models_run(scenario, 3, 0, NULL, &arena, record), STATUS_OK);
    models_close(scenario);
}

static void check_requests(const struct models_record *r)
{
    double ends = metric(r, "requests.completed") + metric(r, "requests.rejected") +
                  metric(r, "requests.failed") + metric(r, "requests.timed_out") +
                  metric(r, "requests.in_flight");
    assert_true(metric(r, "requests.arrived") == ends);
    assert_true(metric(r, "requests.arrived") > 1000);
    assert_true(metric(r, "ledger.residual") == 0);
}

static void test_every_design_conserves(void **state)
{
    (void)state;
    const char *const designs[][5] = {
        {"horizon=5 min", "drain=20 min", "verification.design=haca_tee", "events=[]", "seed=1"},
        {"horizon=5 min", "drain=20 min", "verification.design=og_batch", "events=[]", "seed=1"},
        {"horizon=5 min", "drain=20 min", "verification.design=replicated", "events=[]", "seed=1"},
        {"horizon=5 min", "drain=20 min", "token.design=as_coded", "token.burn_share=0%",
         "events=[]"},
    };
    for (size_t i = 0; i < sizeof designs / sizeof designs[0]; i++) {
        struct models_record record;
        run("scenarios/baseline.yaml", designs[i], 5, &record);
        check_requests(&record);
    }
}

/* A validator that runs the model knows of a request what a node would: blocks of a system prompt
 * are found again, and less is computed for the same blocks of requests. */
static void test_validators_share_prefixes(void **state)
{
    (void)state;
    const char *sets[] = {"horizon=5 min",
                          "drain=20 min",
                          "verification.design=replicated",
                          "events=[]",
                          "workload.system_prompts={count: 1, tokens: 3000}",
                          "serving.prefix_caching=true"};
    struct models_record with, without;
    run("scenarios/baseline.yaml", sets, 6, &with);
    sets[5] = "serving.prefix_caching=false";
    run("scenarios/baseline.yaml", sets, 6, &without);
    assert_true(metric(&with, "latency.e2e_s.mean") < metric(&without, "latency.e2e_s.mean"));
}

/* Every answer ends in exactly one way: proofs of the counted answers add up. */
static void test_every_answer_has_one_end(void **state)
{
    (void)state;
    struct models_record r;
    run("scenarios/baseline.yaml", NULL, 0, &r);
    double ends = metric(&r, "verify.accepted") + metric(&r, "verify.rejected") +
                  metric(&r, "verify.expired") + metric(&r, "verify.lost");
    assert_true(ends == metric(&r, "verify.submitted"));
    assert_true(metric(&r, "requests.completed") == ends);
    assert_true(metric(&r, "cheat.detected") + metric(&r, "cheat.undetected") ==
                metric(&r, "cheat.attempted"));
    check_requests(&r);
}

static const struct models_series *series(const struct models_record *record, const char *name)
{
    for (uint32_t i = 0; i < record->series_count; i++)
        if (strcmp(record->series[i].name, name) == 0) return &record->series[i];
    fail_msg("no series %s", name);
    return NULL;
}

/* The rows of the series are samples of what the metrics integrate or count to the end.  Of some
 * 360 samples of a level of about 5 with the spread of a Poisson number, the mean lies within
 * 4/sqrt(360 x 4) = 11 % with four standard errors. */
static void test_series_say_what_metrics_say(void **state)
{
    (void)state;
    struct models_record r;
    run("scenarios/baseline.yaml", (const char *[]){"workload.value=$1"}, 1, &r);
    const struct models_series *risk = series(&r, "gap.value_at_risk_usd");
    double sum = 0, rows = 0, mean = metric(&r, "gap.value_at_risk_usd.mean");
    for (uint32_t i = 0; i < risk->count && risk->time_s[i] < 3600; i++, rows++)
        sum += risk->value[i];
    printf("measured: value at risk %.4g, sampled %.4g over %.0f rows\n", mean, sum / rows, rows);
    assert_true(rows > 300 && fabs(sum / rows - mean) < 0.11 * mean);
    const struct models_series *exploited = series(&r, "cheat.exploited_usd");
    assert_float_equal(exploited->value[exploited->count - 1], metric(&r, "gap.exploited_usd"),
                       1e-9);
}

static void test_a_halted_facilitator_loses_records(void **state)
{
    (void)state;
    const char *const sets[] = {"horizon=10 min",
                                "events=[{at: 2 min, do: facilitator_outage, for: 3 min}]"};
    struct models_record r;
    run("scenarios/og_as_coded.yaml", sets, 2, &r);
    assert_true(metric(&r, "verify.lost") > 100); /* 3 min at 5.5/s are about 990 */
    assert_true(metric(&r, "gap.never_ratio") == 1);
    check_requests(&r);
}

static void test_a_surge_brings_more_requests(void **state)
{
    (void)state;
    const char *const calm[] = {"horizon=10 min", "events=[]"};
    const char *const surge[] = {"horizon=10 min",
                                 "events=[{at: 2 min, do: surge, factor: 4, for: 5 min}]"};
    struct models_record a, b;
    run("scenarios/baseline.yaml", calm, 2, &a);
    run("scenarios/baseline.yaml", surge, 2, &b);
    /* 5.5/s x (600 + 3 x 300) s = 8,250 against 3,300: a ratio of 2.5 */
    double ratio = metric(&b, "requests.arrived") / metric(&a, "requests.arrived");
    assert_true(ratio > 2.3 && ratio < 2.7);
    check_requests(&b);
}

static void test_a_chain_without_quorum_halts(void **state)
{
    (void)state;
    const char *const sets[] = {"horizon=10 min", "validators.regions={one: Tokyo}",
                                "events=[{at: 2 min, do: outage, region: Tokyo, for: 3 min}]"};
    struct models_record r;
    run("scenarios/baseline.yaml", sets, 3, &r);
    assert_true(metric(&r, "chain.halted_s") > 175 && metric(&r, "chain.halted_s") < 185);
    assert_true(metric(&r, "gap.s.max") > 170);
    assert_true(metric(&r, "gap.never_ratio") == 0);
    check_requests(&r);
}

/* A settlement given up while its transaction still travels must not land on a reused batch. */
static void test_withdrawn_on_the_way(void **state)
{
    (void)state;
    const char *const sets[] = {"facilitator={receipt: 5 s, batch: 5}",
                                "net.loss=50%",
                                "net.retransmit=3 s",
                                "client.timeout=10 min",
                                "horizon=10 min",
                                "drain=2 h"};
    struct models_record r;
    run("scenarios/og_as_coded.yaml", sets, 6, &r);
    check_requests(&r);
}

/* One request alone takes the same time whenever it comes: a time-out at exactly its last
 * nanosecond finds it finished, one nanosecond earlier finds it running. */
static void test_timeout_at_the_last_nanosecond(void **state)
{
    (void)state;
    const char *sets[] = {"workload.arrivals={poisson: 0.01/s}",
                          "workload.clients=1",
                          "workload.lengths={fixed: {prompt: 1000, output: 200}}",
                          "net.jitter=0%",
                          "events=[]",
                          "adversaries=[]",
                          "nodes=[{name: a, gpu: a100-80g, gpus: 4, model: llama3-70b}]",
                          "client.timeout=60 s"};
    struct models_scenario *s = load("scenarios/baseline.yaml", sets, 8);
    struct world *w = arena_alloc(&arena, 1, sizeof *w);
    assert_int_equal(world_open(w, s, 5, 0, &arena), STATUS_OK);
    int64_t arrived = w->next_arrival.time_ns, t = arrived;
    for (int step = 0; step < 60000 && w->states[REQUEST_RETURN] == 0; step++) {
        t += SECOND / 1000; /* shorter than the way back */
        assert_int_equal(world_advance(w, t, NULL), STATUS_OK);
    }
    assert_int_equal(w->states[REQUEST_RETURN], 1);
    int64_t takes = world_request(w, 0)->served_ns - arrived;
    close_world(w, s);
    for (int early = 0; early < 2; early++) {
        struct models_record r;
        char timeout[64];
        snprintf(timeout, sizeof timeout, "client.timeout=%lld ns", (long long)(takes - early));
        sets[7] = timeout;
        s = load("scenarios/baseline.yaml", sets, 8);
        assert_int_equal(models_run(s, 5, 0, NULL, &arena, &r), STATUS_OK);
        assert_true(early ? metric(&r, "requests.timed_out") > 0
                          : metric(&r, "requests.completed") > 0);
        models_close(s);
    }
}

static void test_a_halt_to_the_end_is_counted(void **state)
{
    (void)state;
    const char *const sets[] = {"validators.silent=40%", "horizon=5 min", "drain=1 min",
                                "events=[]"};
    struct models_record r;
    run("scenarios/baseline.yaml", sets, 4, &r);
    assert_true(metric(&r, "chain.halted_s") == 300);
    assert_true(metric(&r, "chain.blocks") == 0);
    assert_true(metric(&r, "gap.open_ratio") == 1);
}

/* The longer the jail, the fewer cheats; the settled gap knows what has not settled. */
static void test_jail_and_unsettled(void **state)
{
    (void)state;
    const char *const brief[] = {"staking.jail=1 min", "events=[]"};
    const char *const ever[] = {"staking.jail=100 y", "events=[]"};
    const char *const cut[] = {"horizon=2 min", "drain=0 s", "facilitator.batch=4000",
                               "adversaries=[]"};
    struct models_record a, b, c;
    run("scenarios/baseline.yaml", brief, 2, &a);
    run("scenarios/baseline.yaml", ever, 2, &b);
    assert_true(metric(&a, "cheat.attempted") > metric(&b, "cheat.attempted"));
    run("scenarios/og_as_coded.yaml", cut, 4, &c);
    assert_int_equal(c.values[models_metric_find("gap.settled_s.p50")].kind, MODELS_NULL);
}

/* ---- keyed streams and twins ----------------------------------------------------------------- */

static void test_unrelated_nodes_change_no_arrival(void **state)
{
    (void)state;
    const char *const plain[] = {"horizon=5 min", "events=[]", "adversaries=[]"};
    const char *const more[] = {
        "horizon=5 min", "events=[]", "adversaries=[]",
        "models=[{name: llama3-70b}, {name: llama3-8b, share: 0%}]",
        "nodes=[{name: eu, region: Frankfurt, count: 16, gpu: a100-80g, gpus: 4, model: "
        "llama3-70b}, "
        "{name: us, region: N_Virginia, count: 16, gpu: a100-80g, gpus: 4, model: llama3-70b}, "
        "{name: asia, region: Tokyo, count: 8, gpu: a100-80g, gpus: 4, model: llama3-70b}, "
        "{name: extra, region: Seoul, count: 5, gpu: l40s, model: llama3-8b}]"};
    struct models_scenario *a = load("scenarios/baseline.yaml", plain, 3);
    struct models_scenario *b = load("scenarios/baseline.yaml", more, 5);
    struct world *wa = open_at(a, 30 * SECOND), *wb = open_at(b, 30 * SECOND);
    assert_int_equal(wb->node_count, wa->node_count + 5);
    for (int64_t t = 30; t < 300; t++) {
        assert_int_equal(world_advance(wa, t * SECOND, NULL), STATUS_OK);
        assert_int_equal(world_advance(wb, t * SECOND, NULL), STATUS_OK);
        assert_int_equal(wa->arrived, wb->arrived);
        assert_memory_equal(&wa->next_arrival, &wb->next_arrival, sizeof wa->next_arrival);
    }
    /* nor where and how the requests are served: the timings of answers are the same too */
    assert_memory_equal(wa->metrics.hist[HIST_TTFT].cells, wb->metrics.hist[HIST_TTFT].cells,
                        HIST_CELLS * sizeof(uint64_t));
    close_world(wa, a);
    close_world(wb, b);
}

static void test_leap_equals_step(void **state)
{
    (void)state;
    const char *const leap[] = {"horizon=4 min", "serving.fidelity=leap"};
    const char *const step[] = {"horizon=4 min", "serving.fidelity=step"};
    struct models_record a, b;
    run("scenarios/baseline.yaml", leap, 2, &a);
    run("scenarios/baseline.yaml", step, 2, &b);
    for (size_t i = 0; i < models_metric_count(); i++) {
        const char *name = models_metric(i)->name;
        if (strncmp(name, "sim.", 4) == 0) continue; /* stepping has more events by design */
        assert_int_equal(a.values[i].kind, b.values[i].kind);
        if (a.values[i].kind == MODELS_NULL) continue;
        if (a.values[i].real != b.values[i].real) fail_msg("%s differs", name);
    }
    assert_true(metric(&b, "sim.events") > metric(&a, "sim.events"));
}

static void test_seed_and_replication_matter(void **state)
{
    (void)state;
    struct models_scenario *s = load("scenarios/baseline.yaml", short_run, 3);
    struct models_record a, again, other_seed, other_rep;
    assert_int_equal(models_run(s, 3, 0, NULL, &arena, &a), STATUS_OK);
    assert_int_equal(models_run(s, 3, 0, NULL, &arena, &again), STATUS_OK);
    assert_int_equal(models_run(s, 4, 0, NULL, &arena, &other_seed), STATUS_OK);
    assert_int_equal(models_run(s, 3, 1, NULL, &arena, &other_rep), STATUS_OK);
    assert_true(a.trace_hash == again.trace_hash);
    assert_true(a.trace_hash != other_seed.trace_hash);
    assert_true(a.trace_hash != other_rep.trace_hash);
    models_close(s);
}

/* With the pending ones censored, quantiles of the gap do not move with the horizon beyond noise:
 * a run cut short in the middle of its proofs against one that drains. */
static void test_censoring_keeps_the_quantiles(void **state)
{
    (void)state;
    const char *const cut[] = {"horizon=20 min", "drain=0 s", "events=[]"};
    const char *const drained[] = {"horizon=20 min", "drain=20 min", "events=[]"};
    struct models_record a, b;
    run("scenarios/baseline.yaml", cut, 3, &a);
    run("scenarios/baseline.yaml", drained, 3, &b);
    double p50 = metric(&a, "gap.s.p50") / metric(&b, "gap.s.p50");
    double p99 = metric(&a, "gap.s.p99") / metric(&b, "gap.s.p99");
    printf("measured: p50 ratio %.4f, p99 ratio %.4f\n", p50, p99);
    assert_true(p50 > 0.98 && p50 < 1.02); /* 6,600 answers: 2 % is above the cell width */
    assert_true(p99 > 0.95 && p99 < 1.05);
}

/* ---- clients, entry points, heartbeats --------------------------------------------------------
 */

static double metric_of(const struct models_scenario *scenario, const char *name)
{
    struct models_record record;
    assert_int_equal(
        models_run(scenario, 3, 0, &(struct models_options){.stop = NULL}, &arena, &record),
        STATUS_OK);
    return record.values[models_metric_find(name)].real;
}

/* Two nodes, one of them cut off for a minute, clients that stick to theirs: whoever holds the dead
 * one gets his first token from the other, and client.connect later than without it.  Load is light
 * (prompts of 100 tokens take milliseconds), so nobody waits longer than a second otherwise. */
static void test_a_retry_takes_time(void **state)
{
    (void)state;
    static const char *const sets[] = {"horizon=2 min",
                                       "workload.arrivals=2/s",
                                       "workload.clients=200",
                                       "workload.lengths={fixed: {prompt: 100, output: 5}}",
                                       "nodes=[{name: a, region: Tokyo}, {name: b}]",
                                       "nodes[0].gpu=h100-sxm",
                                       "nodes[1].gpu=h100-sxm",
                                       "router.policy=sticky",
                                       "client.retries=20",
                                       "events=[{at: 10 s, do: outage, for: 1 min, region: Tokyo}]",
                                       "client.connect=7 s"};
    enum { SETS = sizeof sets / sizeof *sets };
    const char *instant[SETS];
    memcpy(instant, sets, sizeof sets);
    instant[SETS - 1] = "client.connect=0 s";
    struct models_scenario *slow = load("tests/bad/good.yaml", sets, SETS);
    struct models_scenario *fast = load("tests/bad/good.yaml", instant, SETS);
    double slow_max = metric_of(slow, "latency.ttft_s.max");
    double fast_max = metric_of(fast, "latency.ttft_s.max");
    printf("measured: longest first token %.2f s, without the wait %.2f s\n", slow_max, fast_max);
    assert_true(slow_max >= 7);
    assert_true(fast_max < 7);
    assert_true(metric_of(slow, "latency.ttft_s.p50") < 1);
    models_close(slow);
    models_close(fast);
}

/* With Frankfurt cut off, what a node in Tokyo sends goes to the validators of Tokyo: without
 * jitter it is there within 20 ms, and Frankfurt is more than 100 ms away. */
static void test_dead_validators_are_passed_over(void **state)
{
    (void)state;
    enum { SENT = 60 };
    static const char *const sets[] = {
        "horizon=5 min", "net.jitter=0%", "net.loss=0%",
        "validators={count: 10, regions: {list: [Tokyo, Frankfurt]}}",
        "registry.heartbeat_interval=1 d"};
    struct models_scenario *scenario = load("tests/bad/good.yaml", sets, 5);
    struct world *w = open_at(scenario, 60 * SECOND);
    uint32_t tokyo = net_region_find("Tokyo");
    net_region_set_down(&w->net, net_region_find("Frankfurt"), true);
    uint64_t before = w->mempool.count, gas = (uint64_t)w->params->registry.heartbeat_gas_limit;
    for (uint32_t i = 0; i < SENT; i++) {
        struct rng_stream s = world_stream(w, PURPOSE_HEARTBEAT, 1000 + i);
        struct mempool_tx tx = {
            .kind = TX_HEARTBEAT, .sender = CHAIN_RELAYER, .gas_limit = gas, .bytes = 100};
        chain_send(w, tx, tokyo, 0, &s);
    }
    assert_int_equal(world_advance(w, world_now(w) + 20000000, NULL), STATUS_OK);
    assert_int_equal(w->mempool.count - before, SENT);
    close_world(w, scenario);
}

/* Each heartbeat carries the time it was signed at: an old one that lands late does not refresh its
 * node, whatever was sent since. */
static void test_heartbeats_keep_their_times(void **state)
{
    (void)state;
    static const char *const sets[] = {"horizon=2 h", "registry.heartbeat_interval=1 d",
                                       "workload.arrivals=1/h"};
    struct models_scenario *scenario = load("tests/bad/good.yaml", sets, 3);
    struct world *w = open_at(scenario, 3600 * SECOND);
    const struct registry_params *p = &w->params->registry;
    const int64_t ages[] = {0, p->heartbeat_max_age + SECOND};
    for (uint32_t i = 0; i < 2; i++) { /* the fresh one is sent first, of node 1 */
        struct rng_stream s = world_stream(w, PURPOSE_HEARTBEAT, 1000 + i);
        struct mempool_tx tx = {.kind = TX_HEARTBEAT,
                                .sender = CHAIN_RELAYER,
                                .gas_limit = (uint64_t)p->heartbeat_gas_limit,
                                .gas_used = (uint64_t)p->heartbeat_gas_used,
                                .fee_cap = INT64_MAX,
                                .bytes = 100,
                                .reference = 1 - i,
                                .signed_ns = world_now(w) - ages[i]};
        chain_send(w, tx, 0, 0, &s);
    }
    int64_t old = w->registry.nodes[0].last_heartbeat_ns;
    assert_int_equal(world_advance(w, 3620 * SECOND, NULL), STATUS_OK);
    assert_true(w->registry.nodes[1].last_heartbeat_ns > 3600 * SECOND);
    assert_int_equal(w->registry.nodes[0].last_heartbeat_ns, old);
    close_world(w, scenario);
}

/* Product-limit means by hand: of 1, 3 finished and one cut at 2, 1/3 ends at 1 and 2/3 at 3. */
static void test_censored_means(void **state)
{
    (void)state;
    struct hist finished, running, *done = &finished, *cut = &running;
    hist_init(done, &arena);
    hist_init(cut, &arena);
    hist_add(done, 1000000000, 1);
    hist_add(done, 3000000000, 1);
    assert_true(metrics_censored_mean(done, cut) == 2e9);
    hist_add(cut, 2000000000, 1);
    double mean = metrics_censored_mean(done, cut);
    assert_true(fabs(mean - 7e9 / 3) <= 0.0039 * 7e9 / 3); /* that of a cell */
    hist_add(cut, 4000000000, 1);
    assert_true(isnan(metrics_censored_mean(done, cut)));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_planted_breaches),
        TEST(test_negative_risk_is_a_breach),
        TEST(test_every_design_conserves),
        TEST(test_validators_share_prefixes),
        TEST(test_every_answer_has_one_end),
        TEST(test_series_say_what_metrics_say),
        TEST(test_a_halted_facilitator_loses_records),
        TEST(test_a_surge_brings_more_requests),
        TEST(test_a_chain_without_quorum_halts),
        TEST(test_withdrawn_on_the_way),
        TEST(test_timeout_at_the_last_nanosecond),
        TEST(test_a_halt_to_the_end_is_counted),
        TEST(test_jail_and_unsettled),
        TEST(test_unrelated_nodes_change_no_arrival),
        TEST(test_leap_equals_step),
        TEST(test_seed_and_replication_matter),
        TEST(test_censoring_keeps_the_quantiles),
        cmocka_unit_test(test_a_retry_takes_time),
        cmocka_unit_test(test_dead_validators_are_passed_over),
        cmocka_unit_test(test_heartbeats_keep_their_times),
        cmocka_unit_test(test_censored_means),
    };
    return cmocka_run_group_tests_name("world", tests, NULL, NULL);
}
