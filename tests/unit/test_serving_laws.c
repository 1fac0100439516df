/* SPDX-License-Identifier: Apache-2.0
 * Laws that a serving node obeys over long runs: conservation of tokens, work and blocks, first
 * come first served, Little's law (exact), M/D/1 and processor sharing (within an interval), and
 * once more that leaping equals stepping, on a real card's figures under overload. */
#include "models/serving.h"
#include "sim/sim.h"
#include "tests/unit/serving_toy.h"
#include "tests/unit/unit.h"

enum { PURPOSE = 904 };

static bool long_mode(void)
{
    const char *mode = getenv("HACASIM_MODE");
    return mode && strcmp(mode, "long") == 0;
}

/* ---- a longer run of one node, for the laws ------------------------------------------------- */

enum { LONG_REQUESTS = 1500 };

struct run {
    struct serving_params params;
    struct perf perf;
    int64_t arrive_ns[LONG_REQUESTS], prompt[LONG_REQUESTS], output[LONG_REQUESTS];
    int64_t first_ns[LONG_REQUESTS], done_ns[LONG_REQUESTS];
    int count;
    __extension__ __int128 load_area_ns; /* integral of requests held */
    int64_t held_ns;                     /* time with any */
    uint64_t wakes;
    size_t bytes; /* of the arena */
    struct serving_counters counters;
};

static void account(struct run *r, int64_t *since_ns, int64_t now_ns, uint32_t load)
{
    r->load_area_ns += (__int128)load * (now_ns - *since_ns);
    if (load > 0) r->held_ns += now_ns - *since_ns;
    *since_ns = now_ns;
}

static void check_laws(const struct serving *s)
{
    char text[160];
    if (serving_laws_audit(s, text, sizeof text)) fail_msg("%s", text);
}

/* `days` times the same requests, `day_ns` apart; the times that are kept are those of the last. */
static void run_days(struct run *r, int days, int64_t day_ns)
{
    struct arena arena;
    struct serving s;
    struct serving_done done;
    int64_t since_ns = 0, now_ns;
    uint32_t load = 0;
    int next = 0, day = 0;
    arena_init(&arena, "test", 0);
    serving_init(&s, &r->params, &r->perf, &arena);
    r->load_area_ns = r->held_ns = 0;
    for (r->wakes = 0;; r->wakes++) {
        int64_t wake_ns = serving_next_ns(&s);
        if (next == r->count && ++day < days) next = 0;
        int64_t arrive_ns = next < r->count ? day * day_ns + r->arrive_ns[next] : INT64_MAX;
        if (wake_ns == INT64_MAX && arrive_ns == INT64_MAX) break;
        now_ns = wake_ns < arrive_ns ? wake_ns : arrive_ns;
        account(r, &since_ns, now_ns, load);
        while (serving_advance(&s, now_ns, &done, 1) > 0) {
            r->first_ns[done.tag] = done.first_token_ns;
            r->done_ns[done.tag] = done.done_ns;
        }
        if (arrive_ns == now_ns) {
            struct serving_terms terms = {.tag = (uint32_t)next,
                                          .prompt_tok = r->prompt[next],
                                          .output_tok = r->output[next]};
            assert_true(serving_submit(&s, now_ns, &terms, NULL));
            next++;
        }
        load = serving_load(&s, now_ns);
        check_laws(&s);
    }
    r->counters = serving_count(&s, s.now_ns);
    r->bytes = arena.used_bytes;
    arena_free(&arena);
}

static void run_node(struct run *r)
{
    run_days(r, 1, 0);
}

static void draw_run(struct run *r, uint32_t replication, int count, double gap_ns)
{
    struct rng_stream s = rng_open(77, replication, PURPOSE, 1);
    double now_ns = 0.0;
    r->count = count;
    for (int i = 0; i < count; i++) {
        now_ns += variate_exponential(&s, gap_ns);
        r->arrive_ns[i] = (int64_t)now_ns;
        r->prompt[i] = between(&s, 1, 2500);
        r->output[i] = between(&s, 1, 400);
    }
}

/* Llama-3-8B on an RTX 4090 with the KV memory that such a card really has, overloaded. */
static void real_node_leaps_as_it_steps(void **state)
{
    (void)state;
    static struct run leap, step;
    draw_run(&leap, 1, 600, 0.15e9);
    leap.params = toy_params(256, 2048, 16, 2587);
    leap.perf = perf_build(perf_hardware_find("rtx4090"), perf_model_find("llama3-8b"), PERF_BF16,
                           1, 200000, 0.002);
    step = leap;
    step.params.fidelity = SERVING_STEP;
    run_node(&leap);
    run_node(&step);
    assert_memory_equal(leap.done_ns, step.done_ns, sizeof leap.done_ns);
    assert_memory_equal(leap.first_ns, step.first_ns, sizeof leap.first_ns);
    assert_true(leap.counters.preemptions > 20);
    print_message("%llu steps: %llu calls leaping, %llu stepping; %llu preemptions\n",
                  (unsigned long long)leap.counters.steps, (unsigned long long)leap.wakes,
                  (unsigned long long)step.wakes, (unsigned long long)leap.counters.preemptions);
    assert_true(leap.wakes < step.wakes);
}

static void tokens_work_and_time_are_conserved(void **state)
{
    (void)state;
    static struct run r;
    for (uint32_t replication = 0; replication < 6; replication++) {
        draw_run(&r, replication, LONG_REQUESTS, replication % 2 ? 0.1e9 : 0.5e9);
        r.params = toy_params(64, 2048, 16, replication % 3 ? 5000 : 1000);
        r.perf = perf_build(perf_hardware_find("a100-80g"), perf_model_find("llama3-8b"), PERF_BF16,
                            1, 0, 0.0);
        run_node(&r);
        __int128 sojourn_ns = 0;
        uint64_t tokens = 0;
        for (int i = 0; i < r.count; i++) {
            sojourn_ns += r.done_ns[i] - r.arrive_ns[i];
            tokens += (uint64_t)(r.prompt[i] + r.output[i] - 1);
            assert_true(r.arrive_ns[i] < r.first_ns[i] && r.first_ns[i] <= r.done_ns[i]);
            assert_true((r.output[i] == 1) == (r.first_ns[i] == r.done_ns[i]));
        }
        assert_true(sojourn_ns == r.load_area_ns);       /* Little's law, exact over a whole run */
        assert_int_equal(r.counters.busy_ns, r.held_ns); /* never idle while it holds a request */
        assert_int_equal(r.counters.prefill_tok + r.counters.decode_tok,
                         tokens + r.counters.wasted_tok);
        assert_int_equal(r.counters.completed, r.count);
        if (r.counters.preemptions == 0)
            assert_int_equal(r.counters.prefill_tok + r.counters.decode_tok, tokens);
    }
}

static void first_tokens_come_in_order_of_arrival(void **state)
{
    (void)state;
    static struct run r;
    draw_run(&r, 9, LONG_REQUESTS, 0.05e9);
    r.params = toy_params(32, 512, 16, 100000);
    r.perf = perf_build(perf_hardware_find("h100-sxm"), perf_model_find("llama3-8b"), PERF_BF16, 1,
                        0, 0.0);
    run_node(&r);
    assert_int_equal(r.counters.preemptions, 0);
    for (int i = 1; i < r.count; i++)
        assert_true(r.first_ns[i - 1] <= r.first_ns[i]);
}

/* Memory is for the requests held at once: ten times as many served take not a byte more. */
static void memory_does_not_grow_with_the_served(void **state)
{
    (void)state;
    static struct run r;
    draw_run(&r, 3, LONG_REQUESTS, 0.1e9);
    r.params = toy_params(64, 2048, 16, 1000);
    r.perf = perf_build(perf_hardware_find("a100-80g"), perf_model_find("llama3-8b"), PERF_BF16, 1,
                        0, 0.0);
    run_days(&r, 1, 0);
    size_t once = r.bytes;
    assert_int_equal(r.counters.completed, LONG_REQUESTS);
    run_days(&r, 10, 3600LL * 1000000000);
    assert_int_equal(r.counters.completed, 10 * LONG_REQUESTS);
    assert_true(r.counters.preemptions > 0);
    assert_int_equal(r.bytes, once);
}

/* ---- the laws at each event ----------------------------------------------------------------- */

enum { TAGS = 64, EVENTS = 160, WORLDS = 400, WORLDS_LONG = 20000 };

struct gauged { /* what is read from a node, apart from what it does */
    struct hist waiting, running, kv;
    struct serving_gauges gauges;
};

static void attach(struct gauged *g, struct serving *s, struct arena *arena)
{
    g->gauges = (struct serving_gauges){.start_ns = 3 * 1000000000LL,
                                        .end_ns = 60 * 1000000000LL,
                                        .waiting = &g->waiting,
                                        .running = &g->running,
                                        .kv = &g->kv};
    hist_init(&g->waiting, arena);
    hist_init(&g->running, arena);
    hist_init(&g->kv, arena);
    s->gauges = &g->gauges;
}

struct disturbed {
    struct serving_params params;
    struct toy toys[2];
    struct perf perfs[2];
    uint32_t world;
    struct serving s;
    struct gauged gauged;
    uint64_t finished;
};

static void advance(struct disturbed *d, int64_t now_ns)
{
    struct serving_done done;
    while (serving_next_ns(&d->s) <= now_ns) {
        int64_t next_ns = serving_next_ns(&d->s);
        if (next_ns < d->s.now_ns) next_ns = d->s.now_ns; /* finished before the last call */
        while (serving_advance(&d->s, next_ns, &done, 1) > 0)
            d->finished++;
        check_laws(&d->s);
    }
}

static void submit_named(struct disturbed *d, struct rng_stream *draw, int64_t now_ns, uint32_t tag)
{
    struct serving_terms terms = {.tag = tag,
                                  .prompt_tok = between(draw, 1, 120),
                                  .output_tok = between(draw, 1, 90),
                                  .stream = rng_below(draw, 4),
                                  .priority = between(draw, 0, 2),
                                  .handoff = rng_below(draw, 12) == 0};
    serving_submit(&d->s, now_ns, &terms, NULL);
}

static void disturb(struct disturbed *d, struct rng_stream *draw, int64_t now_ns, uint32_t tag)
{
    uint64_t what = rng_below(draw, 100);
    if (what < 12)
        serving_cancel(&d->s, now_ns, (uint32_t)rng_below(draw, tag + 1));
    else if (what < 14)
        serving_fail(&d->s, now_ns);
    else if (what < 17)
        serving_swap_perf(&d->s, now_ns, &d->perfs[what % 2]);
    else
        submit_named(d, draw, now_ns, tag);
    check_laws(&d->s);
}

/* Any policy, order and engine option. */
static void draw_policy(struct rng_stream *draw, struct serving_params *p)
{
    p->policy = rng_below(draw, 2) ? 0 : (int)between(draw, 1, SERVING_POLICIES - 1);
    p->order = (int)between(draw, 0, 2);
    p->prefix_caching = rng_below(draw, 2);
    p->async_scheduling = rng_below(draw, 3) == 0;
    if (rng_below(draw, 3) > 0) return;
    p->speculative = (struct serving_speculative){between(draw, 1, 4), rng_unit(draw), 0.1};
    p->async_scheduling = false;
    p->max_num_batched_tokens += p->max_num_seqs * p->speculative.tokens;
}

/* Steps of 10 to 100 ms, so that a world lasts a minute or so and its gauges are read. */
static void run_disturbed(struct disturbed *d, int fidelity, struct arena *arena)
{
    struct rng_stream draw = rng_open(79, d->world, PURPOSE, 3);
    int64_t now_ns = 0, gap_ns = between(&draw, 20, 700) * 1000000;
    d->params = toy_params(between(&draw, 1, 12), 4096, between(&draw, 1, 20), 0);
    d->params.max_num_batched_tokens = d->params.max_num_seqs + between(&draw, 0, 100);
    d->params.kv_blocks = 2 + 240 / d->params.block_tokens + between(&draw, 0, 60);
    d->params.fidelity = fidelity;
    draw_policy(&draw, &d->params);
    assert_null(serving_table.check(&d->params));
    for (int i = 0; i < 2; i++) {
        d->toys[i] = (struct toy){.base = between(&draw, 5000000, 20000000) * PERF_TICKS,
                                  .per_seq = between(&draw, 0, 3000000) * PERF_TICKS + 77,
                                  .per_tok = between(&draw, 0, 90000) * PERF_TICKS + 5,
                                  .slope = between(&draw, 0, 40000) * PERF_TICKS + 3,
                                  .upper_slope = between(&draw, 0, 60000) * PERF_TICKS + 1,
                                  .knot_tok = between(&draw, 50, 400)};
        d->perfs[i] = toy_perf(&d->toys[i]);
    }
    serving_init(&d->s, &d->params, &d->perfs[0], arena);
    attach(&d->gauged, &d->s, arena);
    d->finished = 0;
    for (uint32_t event = 0; event < EVENTS; event++) {
        now_ns += (int64_t)variate_exponential(&draw, (double)gap_ns);
        advance(d, now_ns);
        disturb(d, &draw, now_ns, event);
    }
    advance(d, INT64_MAX - 1);
    serving_laws_pass(&d->s, 100 * 1000000000LL);
}

/* The walk over all requests after each call, and the same readings of the gauges leaping as
 * stepping: one for each second of the window, although a leap has no event there. */
static void laws_hold_through_cancels_failures_and_swaps(void **state)
{
    (void)state;
    static struct disturbed leap, step;
    uint64_t preemptions = 0, lost = 0, finished = 0, partial = 0;
    uint32_t worlds = long_mode() ? WORLDS_LONG : WORLDS;
    for (uint32_t world = 0; world < worlds; world++) {
        struct arena arena;
        arena_init(&arena, "test", 0);
        leap.world = step.world = world;
        run_disturbed(&leap, SERVING_LEAP, &arena);
        run_disturbed(&step, SERVING_STEP, &arena);
        const struct gauged *a = &leap.gauged, *b = &step.gauged;
        assert_int_equal(leap.finished, step.finished);
        assert_int_equal(a->kv.weight, 58);
        assert_memory_equal(a->waiting.cells, b->waiting.cells, HIST_CELLS * sizeof(uint64_t));
        assert_memory_equal(a->running.cells, b->running.cells, HIST_CELLS * sizeof(uint64_t));
        assert_memory_equal(a->kv.cells, b->kv.cells, HIST_CELLS * sizeof(uint64_t));
        assert_true(a->kv.sum == b->kv.sum && a->kv.max <= 1000000000);
        preemptions += leap.s.counters.preemptions;
        lost += leap.s.counters.lost;
        finished += leap.finished;
        partial += a->kv.max > 0 && a->kv.max < 1000000000;
        arena_free(&arena);
    }
    print_message("%llu finished, %llu of them lost, %llu preemptions\n",
                  (unsigned long long)finished, (unsigned long long)lost,
                  (unsigned long long)preemptions);
    assert_true(preemptions > worlds && lost > worlds && partial > worlds / 2);
}

/* ---- planted breaches ----------------------------------------------------------------------- */

/* A node amid its work: some requests run, some wait. */
static void at_work(struct disturbed *d, struct arena *arena)
{
    d->params = toy_params(4, 64, 8, 22);
    d->toys[0] = (struct toy){.base = 1000 * PERF_TICKS, .per_tok = 100, .slope = 7};
    d->perfs[0] = toy_perf(&d->toys[0]);
    serving_init(&d->s, &d->params, &d->perfs[0], arena);
    for (uint32_t tag = 0; tag < 12; tag++)
        submit_plainly(&d->s, 100 + tag, tag, 20 + tag, 30, NULL);
    advance(d, 60000);
    assert_true(d->s.waiting.count > 2 && d->s.decoding > 2);
}

static void plant_lost_request(struct serving *s)
{
    struct serving_list *list = &s->waiting; /* nobody will ever look at its first one again */
    list->head = s->requests[list->head].next;
    s->requests[list->head].prev = SERVING_NONE;
    list->count--;
}
static void plant_twice_held(struct serving *s)
{
    s->running.count++;
}
static void plant_swapped_lists(struct serving *s)
{
    struct serving_list running = s->running;
    s->running = s->waiting;
    s->waiting = running;
}
static void plant_earlier_arrival(struct serving *s)
{
    s->requests[s->waiting.tail].arrived_ns -= 1;
}
static void plant_pause(struct serving *s)
{
    s->busy_since_ns += 1;
}
static void plant_forgotten_wake(struct serving *s)
{
    s->counters.busy_ns += s->laws.since_ns - s->busy_since_ns;
    s->planned = 0;
}
static void plant_slow_clock(struct serving *s)
{
    s->start_ticks = (s->start_ticks + 1) % PERF_TICKS;
}
static void plant_token_too_many(struct serving *s)
{
    s->counters.decode_tok++;
}
static void plant_unpaid_token(struct serving *s)
{
    s->requests[s->running.head].output_tok--; /* it ends when it would have */
}
static void plant_forgotten_waste(struct serving *s)
{
    assert_true(s->counters.wasted_tok > 0);
    s->counters.wasted_tok--;
}
static void plant_free_block(struct serving *s)
{
    s->blocks_free = s->blocks_total + 1;
}
static void plant_uncounted_loss(struct serving *s)
{
    s->counters.accepted++;
}

static const struct {
    void (*plant)(struct serving *s);
    const char *law;
    bool at_once; /* found by the comparisons that follow each event */
} plants[] = {
    {plant_lost_request, "Little's law", true},
    {plant_twice_held, "Little's law", true},
    {plant_swapped_lists, "torn", false},
    {plant_earlier_arrival, "arrivals", false},
    {plant_pause, "busy for", true},
    {plant_forgotten_wake, "and is idle", true},
    {plant_slow_clock, "ticks", true},
    {plant_token_too_many, "tokens were computed", false},
    {plant_forgotten_waste, "tokens were computed", false},
    {plant_free_block, "KV blocks", true},
    {plant_uncounted_loss, "were accepted", true},
};

static void every_law_can_break(void **state)
{
    (void)state;
    static struct disturbed d;
    char text[160];
    for (size_t i = 0; i < sizeof plants / sizeof plants[0]; i++) {
        struct arena arena;
        arena_init(&arena, "test", 0);
        at_work(&d, &arena);
        check_laws(&d.s);
        plants[i].plant(&d.s);
        const char *quick = serving_laws_check(&d.s, text, sizeof text);
        assert_int_equal(quick != NULL, plants[i].at_once);
        assert_non_null(serving_laws_audit(&d.s, text, sizeof text));
        if (strstr(text, plants[i].law) == NULL) fail_msg("%s, not %s", text, plants[i].law);
        print_message("planted: %s\n", text);
        arena_free(&arena);
    }
}

/* What only a walk finds at once is found by the comparisons at the latest when the node is idle.
 */
static void idle_nodes_have_settled_accounts(void **state)
{
    (void)state;
    static struct disturbed d;
    char text[160];
    void (*const late[])(struct serving *) = {plant_earlier_arrival, plant_token_too_many,
                                              plant_unpaid_token, plant_forgotten_waste};
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++) {
        struct arena arena;
        struct serving_done done;
        arena_init(&arena, "test", 0);
        at_work(&d, &arena);
        late[i](&d.s);
        while (serving_next_ns(&d.s) != INT64_MAX)
            serving_advance(&d.s, serving_next_ns(&d.s), &done, 1);
        assert_non_null(serving_laws_check(&d.s, text, sizeof text));
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_node_leaps_as_it_steps),
        cmocka_unit_test(tokens_work_and_time_are_conserved),
        cmocka_unit_test(first_tokens_come_in_order_of_arrival),
        cmocka_unit_test(memory_does_not_grow_with_the_served),
        cmocka_unit_test(laws_hold_through_cancels_failures_and_swaps),
        cmocka_unit_test(every_law_can_break),
        cmocka_unit_test(idle_nodes_have_settled_accounts),
    };
    return cmocka_run_group_tests_name("serving_laws", tests, NULL, NULL);
}
