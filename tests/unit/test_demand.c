/* SPDX-License-Identifier: Apache-2.0
 * What users ask for, in whole worlds: conversations against the share of tokens that a cache
 * without bound saves (closed form), objectives counted by hand from the requests, KV transfers as
 * a sum of parts to the nanosecond, and what breaks on either side of one. */
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

/* Networks without chance, a chain that is small, and what the test adds. */
static const char base[] = "hacasim: 1\n"
                           "name: x\n"
                           "horizon: 10 min\n"
                           "drain: 2 min\n"
                           "net: {jitter: 0%, loss: 0%}\n"
                           "validators: {count: 4}\n"
                           "client: {timeout: 1 h}\n";

static struct models_scenario *load(const char *more)
{
    struct diag diag;
    diag_init(&diag, &arena);
    const char *text = arena_print(&arena, "%s%s", base, more);
    struct models_scenario *scenario = models_load_text(&arena, "x.yaml", text, NULL, 0, &diag);
    if (!scenario) diag_print(&diag, stderr);
    assert_non_null(scenario);
    return scenario;
}

static struct world *open_at(const struct models_scenario *scenario, int64_t until_ns)
{
    struct world *w = arena_alloc(&arena, 1, sizeof *w);
    assert_int_equal(world_open(w, scenario, 11, 0, &arena), STATUS_OK);
    assert_int_equal(world_advance(w, until_ns, NULL), STATUS_OK);
    return w;
}

static struct models_record run(const struct models_scenario *scenario)
{
    struct models_record record;
    assert_int_equal(models_run(scenario, 11, 0, NULL, &arena, &record), STATUS_OK);
    return record;
}

static const struct models_value *value(const struct models_scenario *scenario,
                                        const struct models_record *record, const char *name)
{
    struct models_metrics metrics = *models_info(scenario).metrics;
    long index = models_metrics_find(&metrics, name);
    assert_true(index >= 0);
    return &record->values[index];
}

static double real(const struct models_scenario *scenario, const struct models_record *record,
                   const char *name)
{
    assert_int_not_equal(value(scenario, record, name)->kind, MODELS_NULL);
    return value(scenario, record, name)->real;
}

/* ---- sessions -------------------------------------------------------------------------------- */

/* One node, blocks of one token and room for all: what the engine finds is what could be found.
 * Turn k of a session asks k p + (k - 1) o tokens and finds (k - 1) (p + o) - 1 of them; think time
 * is 0 and the horizon cuts off so few sessions that the whole agrees within a percent, while the
 * engine and the count agree to the last bit. */
static void sessions_hit_what_an_unbounded_cache_would(void **state)
{
    (void)state;
    enum { P = 100, O = 50, T = 5 };
    struct models_scenario *scenario = load("workload:\n"
                                            "  arrivals: {poisson: 0.5/s}\n"
                                            "  lengths: {fixed: {prompt: 100, output: 50}}\n"
                                            "  sessions: {share: 100%, turns: 5, think_time: 0 s}\n"
                                            "nodes: [{name: n, gpu: h100-sxm}]\n"
                                            "serving: {block_tokens: 1}\n"
                                            "warmup: 1 min\n");
    struct models_record record = run(scenario);
    double asked = 0, found = 0;
    for (int k = 1; k <= T; k++) {
        asked += k * P + (k - 1) * O;
        found += k > 1 ? (k - 1) * (P + O) - 1 : 0;
    }
    double hit = real(scenario, &record, "serving.prefix_hit_ratio");
    double shared = real(scenario, &record, "serving.prefix_shared_ratio");
    printf("measured: %.6f of the tokens hit, %.6f could; closed form %.6f\n", hit, shared,
           found / asked);
    assert_true(fabs(shared - found / asked) < 0.01 * found / asked);
    assert_true(fabs(hit - shared) < 0.01 * shared); /* the window cuts them at other moments */
    models_close(scenario);
}

/* The requests of a run, by hand: (first, prompt) in order of id. */
struct seen {
    uint32_t id, prompt_tok, user, class;
    int64_t arrived_ns;
    uint64_t stream;
};

static uint32_t watch_requests(struct world *w, int64_t until_ns, struct seen *seen, uint32_t most)
{
    uint32_t count = 0;
    for (int64_t t = 0; t <= until_ns; t += SECOND / 100) {
        assert_int_equal(world_advance(w, t, NULL), STATUS_OK);
        for (uint32_t slot = 0; slot < w->requests.capacity; slot++) {
            const struct request *r = world_request(w, slot);
            bool known = r->holds == 0;
            for (uint32_t i = 0; i < count; i++)
                known = known || seen[i].id == r->id;
            if (known) continue;
            assert_true(count < most);
            seen[count++] =
                (struct seen){r->id, r->prompt_tok, r->user, r->class, r->arrived_ns, r->stream};
        }
    }
    return count;
}

/* Turns of one session: one client, one class, growing prompts, ids set apart; under a faster node
 * the same turns come earlier. */
static void turns_follow_their_answers(void **state)
{
    (void)state;
    static const char text[] = "workload:\n"
                               "  arrivals: {poisson: 0.05/s}\n"
                               "  lengths: {fixed: {prompt: 100, output: 50}}\n"
                               "  sessions: {share: 100%%, turns: 3, think_time: 2 s}\n"
                               "users: [{class: a, share: 50%%}, {class: b, share: 50%%}]\n"
                               "nodes: [{name: n, gpu: %s}]\n";
    struct seen seen[2][64];
    uint32_t count[2];
    static const char *const cards[] = {"h200-sxm", "l40s"};
    for (int k = 0; k < 2; k++) {
        struct models_scenario *scenario = load(arena_print(&arena, text, cards[k]));
        struct world *w = open_at(scenario, 0);
        count[k] = watch_requests(w, 300 * SECOND, seen[k], 64);
        world_close(w);
        models_close(scenario);
    }
    assert_true(count[0] > 15);
    for (uint32_t i = 0; i < count[0]; i++) {
        const struct seen *a = &seen[0][i];
        assert_int_equal(a->prompt_tok, 100 + a->id % 3 * 150);
        assert_int_equal(a->stream, a->id / 3 + 1);
        for (uint32_t k = 0; k < count[1]; k++) {
            const struct seen *b = &seen[1][k];
            if (b->id != a->id) continue;
            assert_int_equal(b->user, a->user);
            assert_int_equal(b->class, a->class);
            assert_int_equal(b->prompt_tok, a->prompt_tok);
            if (a->id % 3 == 0)
                assert_int_equal(b->arrived_ns, a->arrived_ns);
            else
                assert_true(b->arrived_ns > a->arrived_ns);
        }
        for (uint32_t k = 0; k < count[0]; k++) {
            if (seen[0][k].stream != a->stream) continue;
            assert_int_equal(seen[0][k].user, a->user);
            assert_int_equal(seen[0][k].class, a->class);
        }
    }
}

/* Rows of tests/data/chat.csv: a 100+50, b 80+20, a 180+50, a 250+10, b 60+20, - 300+10.  Whole
 * prompts: the third finds 149 of 180, the fourth 229 of 250, the fifth is shorter than its
 * conversation and begins anew.  New words only: the third is 330 long, the fourth 630, the fifth
 * 160. */
static void recorded_sessions_are_followed(void **state)
{
    (void)state;
    static const struct {
        const char *turns;
        double asked, shared;
    } cases[] = {{"whole", 100 + 80 + 180 + 250 + 60 + 300, 149 + 229},
                 {"new", 100 + 80 + 330 + 630 + 160 + 300, 149 + 379 + 99}};
    for (int i = 0; i < 2; i++) {
        struct models_scenario *scenario = load(
            arena_print(&arena,
                        "workload: {arrivals: {trace: {file: tests/data/chat.csv, turns: %s}}}\n"
                        "serving: {block_tokens: 1}\n"
                        "nodes: [{name: n, gpu: h100-sxm}]\n",
                        cases[i].turns));
        struct models_record record = run(scenario);
        assert_true(real(scenario, &record, "requests.completed") == 6);
        double shared = real(scenario, &record, "serving.prefix_shared_ratio");
        assert_true(shared == cases[i].shared / cases[i].asked);
        assert_true(real(scenario, &record, "serving.prefix_hit_ratio") == shared);
        models_close(scenario);
    }
}

/* Popularity: with zipf 1 over 3 prompts the shares are 6/11, 3/11, 2/11. */
static void system_prompts_follow_zipf(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    static const struct dist fixed = {.kind = DIST_FIXED, .a = 40};
    const struct session_params none = {.share = 0, .limit = 1};
    const struct session_system_params params = {
        .count = 3, .share = 0.5, .tokens = fixed, .popularity = {.kind = 1, .zipf = 1}};
    struct sessions s;
    uint32_t counts[4] = {0};
    sessions_init(&s, &none, &params, 5, 0, &arena);
    for (uint32_t i = 0; i < DRAWS; i++) {
        struct session_text text = session_open_text(&s, i, 30 + i % 20);
        counts[text.prefix]++;
        assert_int_equal(text.prompt_tok, 30 + i % 20);
        if (text.prefix > 0)
            assert_int_equal(text.prefix_tok, text.prompt_tok < 40 ? text.prompt_tok : 40);
        assert_true(text.shared_tok < text.prompt_tok);
    }
    static const double shares[] = {0.5, 3.0 / 11, 1.5 / 11, 1.0 / 11};
    for (int k = 0; k < 4; k++) { /* five standard errors of a share of 20,000 */
        double error = sqrt(shares[k] * (1 - shares[k]) / DRAWS);
        assert_true(fabs((double)counts[k] / DRAWS - shares[k]) < 5 * error);
    }
}

/* ---- objectives ------------------------------------------------------------------------------ */

/* A model of what slo.c counts, on answers around each target. */
static void objectives_are_counted(void **state)
{
    (void)state;
    struct scenario_user users[] = {
        {.class = "a", .slo = {.ttft = 500, .tpot = 10, .e2e = 0, .attainment = 0.5}},
        {.class = "b"}};
    struct param_list list = {users, 2};
    struct slo slo;
    slo_init(&slo, &list, 2 * SECOND, &arena);
    struct slo_answer in_time = {.ttft_ns = 500, .rest_ns = 90, .e2e_ns = 590, .output_tok = 10};
    struct slo_answer late = in_time, slow = in_time, single = {501, 0, 501, 1};
    late.ttft_ns++;
    slow.rest_ns++; /* a mean of 10.1 ns, which rounds to the target */
    slo_answered(&slo, 0, &in_time);
    slo_answered(&slo, 0, &late);
    slo_answered(&slo, 0, &slow);
    slo_answered(&slo, 0, &single);
    slo_answered(&slo, 1, &late); /* promised nothing */
    slo_unanswered(&slo, 0);
    slo_unanswered(&slo, 1);
    slo_pending(&slo, 0, 400, -1);  /* may still be in time */
    slo_pending(&slo, 0, 501, -1);  /* may not */
    slo_pending(&slo, 0, 900, 500); /* its first token was in time */
    assert_int_equal(slo.classes[0].met, 1);
    assert_int_equal(slo.classes[0].missed, 5);
    assert_int_equal(slo.classes[0].open, 2);
    assert_int_equal(slo.classes[0].met_tok, 10);
    assert_int_equal(slo.classes[1].missed, 0);
    struct models_metrics metrics = slo_metrics(&list, &arena);
    struct models_value *values =
        arena_alloc(&arena, models_metrics_count(&metrics), sizeof *values);
    slo_fill(&slo, values);
    assert_true(values[METRIC_slo_attainment].real == 1.0 / 6);
    assert_int_equal(values[METRIC_slo_unmet].integer, 1);
    assert_true(values[METRIC_slo_goodput].real == 0.5);
    assert_true(values[METRIC_slo_goodput_tok].real == 5);
    long ttft = models_metrics_find(&metrics, "slo.class.a.ttft_attainment_ratio");
    long e2e = models_metrics_find(&metrics, "slo.class.a.e2e_attainment_ratio");
    assert_true(values[ttft].real == 0.5);
    assert_int_equal(values[e2e].kind, MODELS_NULL); /* no target */
    assert_true(models_metrics_find(&metrics, "slo.class.b.met") < 0);
}

/* Every request that arrived in the window is met, missed or open, with and without a warm-up, a
 * drain and an overload; a quarter of the requests is of the class without targets. */
static void objectives_cover_what_arrived(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "warmup: 0 s\n", "warmup: 2 min\n", "drain: 0 s\nwarmup: 1 min\n",
        "drain: 0 s\nserving: {max_num_seqs: 4, max_waiting: 20}\nclient: {timeout: 20 s}\n"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = arena_print(&arena,
                                 "hacasim: 1\nname: x\nhorizon: 5 min\nvalidators: {count: 4}\n"
                                 "workload: {arrivals: {poisson: 4/s}}\n"
                                 "nodes: [{name: n, gpu: l40s}]\n"
                                 "users: [{class: a, slo: {ttft: 1 s, tpot: 40 ms}}]\n%s",
                                 cases[i]);
        struct diag diag;
        diag_init(&diag, &arena);
        struct models_scenario *scenario = models_load_text(&arena, "x.yaml", text, NULL, 0, &diag);
        assert_non_null(scenario);
        struct models_record record = run(scenario);
        double met = real(scenario, &record, "slo.met");
        double missed = real(scenario, &record, "slo.missed");
        double open = real(scenario, &record, "slo.open");
        assert_true(met + missed + open == real(scenario, &record, "requests.arrived"));
        assert_true(open <= real(scenario, &record, "requests.in_flight"));
        assert_true(real(scenario, &record, "slo.attainment_ratio") == met / (met + missed));
        assert_true(met == real(scenario, &record, "slo.class.a.met"));
        assert_true(missed > 0 && met > 0);
        models_close(scenario);
    }
}

/* Two classes alike but for their priority, on a node that is too slow for both: under order
 * priority the first waits for nobody of the second, under fcfs they wait alike.  The classes are
 * drawn, so the means of some 900 waits under fcfs differ by chance; a fifth is more than ten
 * standard errors of a mean whose values lie within a factor of a few. */
static void priorities_reach_the_engine(void **state)
{
    (void)state;
    static const char text[] =
        "workload: {arrivals: {poisson: 6/s}, lengths: {fixed: {prompt: 1000, output: 100}}}\n"
        "nodes: [{name: n, gpu: l40s}]\n"
        "horizon: 5 min\n"
        "serving: {max_num_seqs: 16, order: %s}\n"
        "users: [{class: a, share: 50%%, priority: 1, slo: {ttft: 1 s}},\n"
        "  {class: b, share: 50%%, priority: 2, slo: {ttft: 1 s}}]\n";
    double median[2][2];
    static const char *const orders[] = {"priority", "fcfs"};
    for (int i = 0; i < 2; i++) {
        struct diag diag;
        diag_init(&diag, &arena);
        char *whole = arena_print(&arena, "hacasim: 1\nname: x\nvalidators: {count: 4}\n");
        whole = arena_print(&arena, "%s%s", whole, arena_print(&arena, text, orders[i]));
        struct models_scenario *scenario =
            models_load_text(&arena, "x.yaml", whole, NULL, 0, &diag);
        if (!scenario) diag_print(&diag, stderr);
        assert_non_null(scenario);
        struct models_record record = run(scenario);
        median[i][0] = real(scenario, &record, "slo.class.a.ttft_s.p50");
        median[i][1] = real(scenario, &record, "slo.class.b.ttft_s.p50");
        models_close(scenario);
    }
    printf("measured: first tokens after %.2f and %.2f s by priority, %.2f and %.2f s by arrival\n",
           median[0][0], median[0][1], median[1][0], median[1][1]);
    assert_true(median[0][0] < 2 && median[0][1] > 5 * median[0][0]);
    assert_true(fabs(median[1][0] - median[1][1]) < 0.2 * median[1][0]);
}

/* ---- KV transfers ---------------------------------------------------------------------------- */

static struct perf perf_of(const struct world *w, uint32_t class)
{
    const struct scenario_node *classes = w->params->nodes.items;
    struct perf_terms terms = scenario_terms(&classes[class], classes[class].model);
    terms.tee_step_ns = w->params->serving.tee.step;
    terms.tee_share = w->params->serving.tee.share;
    return perf_make(&terms, &arena);
}

/* Nanoseconds, rounded up, of prompt and then decode steps one by one. */
static int64_t steps_ns(const struct perf *perf, int64_t before, int64_t chunk, int64_t decodes)
{
    struct perf_batch batch = {0};
    perf_batch_prefill(&batch, before, chunk, 1);
    int64_t ticks = perf_step_line(perf, &batch).first_ticks;
    for (int64_t i = 1; i <= decodes; i++) {
        struct perf_batch decode = {0};
        perf_batch_decode(&decode, before + chunk + i);
        ticks += perf_step_line(perf, &decode).first_ticks;
    }
    return (ticks + PERF_TICKS - 1) / PERF_TICKS;
}

static const char disaggregated[] =
    "workload: {arrivals: {trace: {file: tests/data/one.csv}}}\n"
    "models: [{name: llama3-70b}]\n"
    "nodes:\n"
    "  - {name: p, region: %s, gpu: h100-sxm, gpus: 4, model: llama3-70b, role: prefill}\n"
    "  - {name: d, region: %s, gpu: a100-80g, gpus: 4, model: llama3-70b, role: decode}\n"
    "transfer: {bandwidth: 100 Gbit/s, between_regions: 8 Gbit/s, latency: 50 us}\n";

/* 1000 + 20 tokens: way to the node, prompt, 1000 tokens of KV over the link, the first token's own
 * KV as a chunk of one behind it, 18 decode steps, and the way back.  All parts are worked out here
 * from the tables of net and perf. */
static void one_request_is_the_sum_of_its_parts(void **state)
{
    (void)state;
    static const char *const places[][2] = {{"Tokyo", "Tokyo"}, {"Tokyo", "Frankfurt"}};
    for (int i = 0; i < 2; i++) {
        struct models_scenario *scenario =
            load(arena_print(&arena, disaggregated, places[i][0], places[i][1]));
        struct world *w = open_at(scenario, 0);
        const struct request *r = world_request(w, 0);
        assert_int_equal(r->state, REQUEST_SENT);
        struct rng_stream luck = rng_open(1, 1, 1, 1); /* there is none in this network */
        uint32_t user = r->region, from = w->nodes[0].region, to = w->nodes[1].region;
        struct perf prefill = perf_of(w, 0), decode = perf_of(w, 1);
        int64_t up = net_delay_ns(&w->net, user, from, 500 + 4 * 1000, &luck);
        int64_t first = up + w->params->serving.api + steps_ns(&prefill, 0, 1000, 0);
        double bytes = 2.0 * 80 * 2 * 8 * 128 * 1000; /* bf16, layers, K and V, heads, tokens */
        double bandwidth = i == 0 ? 100e9 / 8 : 1e9;
        int64_t kv = (int64_t)(bytes / bandwidth * 1e9 + 0.5) + 50000 +
                     (i == 0 ? 0 : net_base_ns(&w->net, from, to));
        int64_t last = first + kv + steps_ns(&decode, 1000, 1, 18);
        int64_t answered = last + net_delay_ns(&w->net, to, user, 200 + 4 * 20, &luck);
        int64_t seen_first = first + net_delay_ns(&w->net, from, user, 200 + 4 * 20, &luck);
        world_hold(w, 0); /* the record stays when all is over */
        assert_int_equal(world_advance(w, 60 * SECOND, NULL), STATUS_OK);
        assert_int_equal(r->state, REQUEST_COMPLETED);
        assert_int_equal(r->handoff_ns, first);
        assert_int_equal(r->served_ns, last);
        assert_int_equal(r->answered_ns, answered);
        assert_int_equal(r->first_token_ns, seen_first);
        assert_int_equal(r->node, 1);
        assert_int_equal(r->prefill_node, 0);
        assert_int_equal(serving_count(&w->nodes[0].serving, world_now(w)).decode_tok, 0);
        world_close(w);
        models_close(scenario);
    }
}

/* Two links shared by many: a transfer waits for both ends, and none overlaps another. */
static void links_carry_one_transfer_at_a_time(void **state)
{
    (void)state;
    struct models_scenario *scenario =
        load("workload: {arrivals: {poisson: 6/s}, lengths: {fixed: {prompt: 1000, output: 40}}}\n"
             "nodes:\n"
             "  - {name: p, gpu: h100-sxm, count: 3, role: prefill}\n"
             "  - {name: d, gpu: h100-sxm, count: 2, role: decode}\n"
             "transfer: {bandwidth: 6 Gbit/s}\n");
    struct models_record record = run(scenario);
    /* 131,072,000 bytes at 750 MB/s take 175 ms: two receivers carry 11 a second. */
    double link_s = 131072.0 * 1000 / 750e6;
    double carried = real(scenario, &record, "serving.kv_transfers");
    double wait = real(scenario, &record, "serving.kv_wait_s.mean");
    double whole = real(scenario, &record, "serving.kv_transfer_s.mean");
    printf("measured: %.0f transfers, %.3f s each, of it %.3f s waiting\n", carried, whole, wait);
    assert_true(carried > 3000 && carried == real(scenario, &record, "requests.arrived"));
    assert_true(real(scenario, &record, "serving.kv_moved_bytes") == carried * 131072000);
    /* A receiver alone is an M/D/1 queue of load 0.52, whose mean wait is 94 ms (Pollaczek and
     * Khinchine); that the sender must be free as well only adds to it.  The mean of 3,500 waits
     * with their correlation is good to some 10 %. */
    assert_true(wait > 0.085);
    assert_true(fabs(whole - wait - link_s - 10e-6) < 1e-6);
    models_close(scenario);
}

/* The sender goes down with the KV on its way: lost.  The receiver is down when it comes: another
 * is asked, and without another the request fails.  The books close each time. */
static void either_side_may_break(void **state)
{
    (void)state;
    static const struct {
        const char *role[3];
        uint32_t down; /* which node goes down while the KV is on its way */
        enum request_state ends;
        uint64_t lost, resent;
    } cases[] = {
        {{"prefill", "decode", "decode"}, 0, REQUEST_FAILED, 1, 0},
        {{"prefill", "decode", "decode"}, 1, REQUEST_COMPLETED, 0, 1},
        {{"prefill", "decode", "prefill"}, 1, REQUEST_FAILED, 0, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct models_scenario *scenario = load(arena_print(
            &arena,
            "workload: {arrivals: {trace: {file: tests/data/one.csv}}}\n"
            "router: {policy: least_loaded}\n"
            "nodes: [{name: a, gpu: h100-sxm, role: %s}, {name: b, gpu: h100-sxm, role: %s},\n"
            "  {name: c, gpu: h100-sxm, role: %s}]\n"
            "transfer: {bandwidth: 1 Gbit/s, retries: 3}\n",
            cases[i].role[0], cases[i].role[1], cases[i].role[2]));
        struct world *w = open_at(scenario, 0);
        struct request *r = world_request(w, 0);
        world_hold(w, 0);
        for (int64_t t = 0; !r->moving; t += SECOND / 1000)
            assert_int_equal(world_advance(w, t, NULL), STATUS_OK);
        fleet_set_down(w, cases[i].down, true);
        w->registry.nodes[cases[i].down].in_flight += 5; /* the router looks elsewhere */
        assert_int_equal(world_advance(w, 60 * SECOND, NULL), STATUS_OK);
        assert_int_equal(r->state, cases[i].ends);
        const struct transfer *t = &w->transfer;
        assert_int_equal(t->lost, cases[i].lost);
        assert_int_equal(t->moving, 0);
        assert_int_equal(t->started, t->arrived + t->lost);
        assert_true(t->resent >= cases[i].resent);
        assert_true(invariant_check(w));
        world_close(w);
        models_close(scenario);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sessions_hit_what_an_unbounded_cache_would, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(turns_follow_their_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(recorded_sessions_are_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(system_prompts_follow_zipf, setup, teardown),
        cmocka_unit_test_setup_teardown(objectives_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(objectives_cover_what_arrived, setup, teardown),
        cmocka_unit_test_setup_teardown(priorities_reach_the_engine, setup, teardown),
        cmocka_unit_test_setup_teardown(one_request_is_the_sum_of_its_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(links_carry_one_transfer_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(either_side_may_break, setup, teardown),
    };
    return cmocka_run_group_tests_name("demand", tests, NULL, NULL);
}
