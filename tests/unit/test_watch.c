/* SPDX-License-Identifier: Apache-2.0
 * Watching a run: results do not feel it, the same run gives the same bytes, the trace agrees with
 * the metrics, filters keep what they name, and a crash tells what it was doing. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <omp.h>

#include "models/watch_internal.h"

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

/* The baseline with an outage in it. */
static const char *const sets[] = {"horizon=3 min",
                                   "drain=30 s",
                                   "nodes[0].count=3",
                                   "nodes[1].count=3",
                                   "nodes[2].count=2",
                                   "workload.arrivals={poisson: 3/s}",
                                   "events=[{at: 1 min, do: outage, region: Frankfurt, for: 20 s}]",
                                   "adversaries[0].start=30 s",
                                   "adversaries[0].share=30%"};

static struct models_scenario *load(const char *more)
{
    struct diag diag;
    const char *all[16];
    size_t count = sizeof sets / sizeof *sets;
    memcpy(all, sets, sizeof sets);
    if (more) all[count++] = more;
    diag_init(&diag, &arena);
    struct models_scenario *s = models_load(&arena, "scenarios/baseline.yaml", all, count, &diag);
    if (!s) diag_print(&diag, stderr);
    assert_non_null(s);
    return s;
}

struct watched {
    char *trace, *log;
    size_t trace_bytes, log_bytes;
    struct watch_file trace_file, log_file;
    struct watch_profile profile;
    struct models_record record;
};

/* Run with everything on that `filter` lets through (NULL: nothing on). */
static struct watched *run(const struct models_scenario *s, const struct watch_filter *filter,
                           uint64_t limit)
{
    struct watched *out = arena_alloc(&arena, 1, sizeof *out);
    struct watch_options watch = {.trace = &out->trace_file,
                                  .log = &out->log_file,
                                  .profile = &out->profile,
                                  .filter = filter ? *filter : watch_filter_all()};
    struct models_options options = {.watch = filter ? &watch : NULL};
    out->trace_file = (struct watch_file){.path = "memory", .limit = limit};
    out->log_file = out->trace_file;
    out->trace_file.stream = open_memstream(&out->trace, &out->trace_bytes);
    out->log_file.stream = open_memstream(&out->log, &out->log_bytes);
    assert_int_equal(models_run(s, 7, 0, &options, &arena, &out->record), STATUS_OK);
    fclose(out->trace_file.stream);
    fclose(out->log_file.stream);
    return out;
}

static void release(struct watched *w)
{
    free(w->trace);
    free(w->log);
}

static double metric(const struct watched *w, const char *name)
{
    long index = models_metric_find(name);
    assert_true(index >= 0);
    return w->record.values[index].real;
}

/* ---- a reader of traces, which knows nothing of the writer ----------------------------------- */

/* One record a line, as text between braces; the fields are found by name. */
struct record {
    char text[1024];
    char phase;
    double ts_us;
};

static bool field(const struct record *r, const char *name, char *out, size_t size)
{
    char key[48];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(r->text, key);
    *out = '\0';
    if (!at) return false;
    at += strlen(key);
    bool quoted = *at == '"';
    size_t n = quoted ? strcspn(++at, "\"") : strcspn(at, ",}");
    assert_true(n < size);
    memcpy(out, at, n);
    out[n] = '\0';
    return true;
}

static const char *next_record(const char *at, struct record *r)
{
    char text[64];
    while (*at && strncmp(at, "{\"ph\"", 5) != 0) {
        const char *line = strchr(at, '\n');
        if (!line) return NULL;
        at = line + 1;
    }
    if (!*at) return NULL;
    size_t n = strcspn(at, "\n");
    assert_true(n < sizeof r->text);
    memcpy(r->text, at, n);
    r->text[n] = '\0';
    assert_true(field(r, "ph", text, sizeof text));
    r->phase = text[0];
    r->ts_us = field(r, "ts", text, sizeof text) ? strtod(text, NULL) : -1;
    return at + n;
}

/* Value of "name" in records whose "name" is `what`, integrated over time up to `end_us`. */
static double integral(const char *trace, const char *what, const char *series, double end_us)
{
    struct record r;
    char text[64];
    double sum = 0, value = 0, since = 0;
    for (const char *at = trace; (at = next_record(at, &r));) {
        if (r.phase != 'C' || !field(&r, "name", text, sizeof text) || strcmp(text, what) != 0)
            continue;
        if (!field(&r, series, text, sizeof text)) continue;
        double ts = r.ts_us < end_us ? r.ts_us : end_us;
        sum += value * (ts - since);
        since = ts;
        value = strtod(text, NULL);
    }
    return sum + value * (end_us - since);
}

/* Time that slices called `what` last in all, up to `end_us`; no two of a track overlap. */
static double slices(const char *trace, const char *what, double end_us)
{
    struct record r;
    char text[64];
    double sum = 0, depth_begin[64] = {0};
    int open[64] = {0}, level[64] = {0};
    for (const char *at = trace; (at = next_record(at, &r));) {
        if (r.phase != 'B' && r.phase != 'E') continue;
        assert_true(field(&r, "pid", text, sizeof text));
        int pid = atoi(text);
        assert_true(pid < 64);
        double ts = r.ts_us < end_us ? r.ts_us : end_us;
        if (r.phase == 'B') {
            level[pid]++;
            if (field(&r, "name", text, sizeof text) && strcmp(text, what) == 0) {
                open[pid] = level[pid];
                depth_begin[pid] = ts;
            }
        } else {
            if (open[pid] == level[pid] && open[pid] > 0) {
                sum += ts - depth_begin[pid];
                open[pid] = 0;
            }
            level[pid]--;
            assert_true(level[pid] >= 0);
        }
    }
    return sum;
}

static uint64_t count_of(const char *text, const char *what)
{
    uint64_t count = 0;
    for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
        count++;
    return count;
}

/* ---- results --------------------------------------------------------------------------------- */

static void test_results_do_not_feel_it(void **state)
{
    static const char *const designs[] = {"verification.design=haca_tee",
                                          "verification.design=replicated"};
    (void)state;
    struct watch_filter all = watch_filter_all();
    for (int d = 0; d < 2; d++) {
        struct models_scenario *s = load(designs[d]);
        struct watched *off = run(s, NULL, 0), *on = run(s, &all, UINT64_MAX);
        struct watched *again = run(s, &all, UINT64_MAX);
        assert_int_equal(off->record.trace_hash, on->record.trace_hash);
        for (size_t m = 0; m < models_metric_count(); m++) {
            char a[MONEY_TEXT], b[MONEY_TEXT];
            assert_string_equal(models_value_text(a, &off->record.values[m]),
                                models_value_text(b, &on->record.values[m]));
        }
        assert_int_equal(on->trace_bytes, again->trace_bytes);
        assert_memory_equal(on->trace, again->trace, on->trace_bytes);
        assert_memory_equal(on->log, again->log, on->log_bytes);
        printf("measured: %llu records, %llu lines\n", (unsigned long long)on->trace_file.written,
               (unsigned long long)on->log_file.written);
        release(off), release(on), release(again);
        models_close(s);
    }
}

/* ---- the trace against the metrics ----------------------------------------------------------- */

/* Value at risk and busy nodes are measured up to the horizon and exact in both; the trace writes
 * micro-USD and nanoseconds, the metric is a double, so 1e-9 is above what rounding can do. */
static void test_trace_agrees_with_metrics(void **state)
{
    (void)state;
    struct models_scenario *s = load(NULL);
    struct watch_filter all = watch_filter_all();
    struct watched *w = run(s, &all, UINT64_MAX);
    double end_us = 180e6;
    double risk = integral(w->trace, "value at risk", "USD", end_us) / end_us;
    double busy = slices(w->trace, "busy", end_us) / end_us / 8;
    double metric_risk = metric(w, "gap.value_at_risk_usd.mean");
    double metric_busy = metric(w, "node.utilisation_ratio.mean");
    printf("measured: value at risk %.12g and %.12g, busy %.12g and %.12g\n", risk, metric_risk,
           busy, metric_busy);
    assert_true(metric_risk > 0 && fabs(risk / metric_risk - 1) < 1e-9);
    assert_true(metric_busy > 0 && fabs(busy / metric_busy - 1) < 1e-9);
    /* there is no warm-up, so each request is counted and has one lane */
    assert_int_equal(count_of(w->trace, "\"proof\":\"verified\""), metric(w, "verify.accepted"));
    assert_int_equal(count_of(w->trace, "\"proof\":\"rejected\""), metric(w, "verify.rejected"));
    assert_int_equal(count_of(w->trace, "\"name\":\"to its node\"") / 2,
                     metric(w, "requests.arrived"));
    assert_int_equal(count_of(w->trace, "\"state\":\"failed\""), metric(w, "requests.failed"));
    assert_true(metric(w, "requests.failed") > 0 && metric(w, "verify.rejected") > 0);
    uint64_t proofs = count_of(w->log, " proof verified, ") + count_of(w->log, " proof rejected, ");
    assert_int_equal(proofs, metric(w, "verify.accepted") + metric(w, "verify.rejected"));
    assert_int_equal(w->log_file.written - count_of(w->log, " proof verified") -
                         count_of(w->log, " proof rejected") - count_of(w->log, " proof lost"),
                     metric(w, "sim.events"));
    release(w);
    models_close(s);
}

static void test_profile(void **state)
{
    (void)state;
    struct models_scenario *s = load(NULL);
    struct watch_filter all = watch_filter_all();
    struct watched *w = run(s, &all, UINT64_MAX);
    const struct watch_profile *p = &w->profile;
    uint64_t count = 0;
    for (int k = 0; k < WATCH_KINDS; k++) {
        count += p->count[k];
        assert_true(p->wall_ns[k] >= 0 && (p->wall_ns[k] > 0) == (p->count[k] > 0));
        char line[40];
        snprintf(line, sizeof line, "  %-9s  ", watch_kind_names[k]);
        if (k != EV_COMMIT) assert_int_equal(count_of(w->log, line), p->count[k]);
    }
    assert_int_equal(count, p->fired);
    assert_int_equal(p->fired, metric(w, "sim.events"));
    assert_int_equal(p->ties, metric(w, "sim.ties"));
    assert_true(p->scheduled >= p->fired + p->cancelled);
    /* the same level, summed in microseconds and as an integer times nanoseconds */
    double mean = integral(w->trace, "requests", "in flight", 210e6) / 210e6;
    printf("measured: in flight %.12g and %.12g\n", mean, p->mean[WATCH_INFLIGHT]);
    assert_true(fabs(mean / p->mean[WATCH_INFLIGHT] - 1) < 1e-9);
    struct watch_profile sum = {0};
    watch_profile_add(&sum, p);
    watch_profile_add(&sum, p);
    assert_int_equal(sum.fired, 2 * p->fired);
    assert_int_equal(sum.replications, 2);
    assert_int_equal(sum.peak[WATCH_INFLIGHT], p->peak[WATCH_INFLIGHT]);
    release(w);
    models_close(s);
}

/* ---- filters and limits ---------------------------------------------------------------------- */

static void test_filters(void **state)
{
    (void)state;
    struct models_scenario *s = load(NULL);
    struct watch_filter f = watch_filter_all(), all = f;
    struct watched *w = run(s, &all, UINT64_MAX);
    f.requests = (struct watch_set){.ranges = {{17, 17}}, .count = 1};
    struct watched *one = run(s, &f, UINT64_MAX);
    assert_true(count_of(one->trace, "\"id\":\"0x11\"") > 10);
    assert_int_equal(count_of(one->trace, "\"id\":\"0x11\""),
                     count_of(w->trace, "\"id\":\"0x11\""));
    assert_int_equal(count_of(one->trace, "\"ph\":\"b\"") + count_of(one->trace, "\"ph\":\"e\"") +
                         count_of(one->trace, "\"ph\":\"n\""),
                     count_of(one->trace, "\"id\":\"0x11\""));
    assert_int_equal(count_of(one->trace, "\"ph\":\"B\"") + count_of(one->trace, "\"ph\":\"C\""),
                     0);
    assert_int_equal(count_of(one->log, "request 17 "), one->log_file.written);
    assert_int_equal(count_of(w->log, "request 17 "), one->log_file.written);

    f = all;
    f.nodes = (struct watch_set){.ranges = {{3, 3}, {5, 6}}, .count = 2};
    f.from_ns = 50 * SECOND;
    f.to_ns = 70 * SECOND;
    struct watched *some = run(s, &f, UINT64_MAX);
    assert_int_equal(count_of(some->trace, "process_name"), 4); /* requests, three nodes */
    assert_int_equal(count_of(some->trace, "\"ph\":\"B\""), count_of(some->trace, "\"ph\":\"E\""));
    assert_int_equal(count_of(some->trace, "\"ph\":\"b\""), count_of(some->trace, "\"ph\":\"e\""));
    struct record r;
    for (const char *at = some->trace; (at = next_record(at, &r));)
        assert_true(r.phase == 'M' || r.ts_us <= 70e6);
    f = all;
    f.kinds = 1u << EV_COMMIT;
    f.validators = (struct watch_set){.ranges = {{0, 50}}, .count = 1};
    struct watched *some_commits = run(s, &f, UINT64_MAX);
    f.validators.ranges[0] = (struct watch_range){51, 99};
    struct watched *other_commits = run(s, &f, UINT64_MAX);
    assert_true(some_commits->log_file.written > 0 && other_commits->log_file.written > 0);
    assert_int_equal(some_commits->log_file.written + other_commits->log_file.written,
                     w->profile.count[EV_COMMIT]);
    release(w), release(one), release(some), release(some_commits), release(other_commits);
    models_close(s);
}

static void test_limit(void **state)
{
    (void)state;
    struct models_scenario *s = load(NULL);
    struct watch_filter all = watch_filter_all();
    struct watched *w = run(s, &all, 1000);
    assert_int_equal(w->trace_file.written, 1000);
    assert_true(w->trace_file.left_out > 1000);
    assert_int_equal(count_of(w->trace, "\"ph\":\"B\""), count_of(w->trace, "\"ph\":\"E\""));
    assert_int_equal(count_of(w->trace, "\"ph\":\"b\""), count_of(w->trace, "\"ph\":\"e\""));
    assert_int_equal(count_of(w->log, "\n"), 1000 + 3);
    assert_non_null(strstr(w->log, "left out beyond the limit"));
    assert_non_null(strstr(w->trace, "\"limit\":1000,"));
    struct watch_filter wrong = all;
    wrong.nodes = (struct watch_set){.ranges = {{3, 8}}, .count = 1};
    const char *why = watch_refuse(s, &wrong, &arena);
    assert_string_equal(why, "node 8 does not exist; the scenario has 0 to 7");
    assert_null(watch_refuse(s, &all, &arena));
    release(w);
    models_close(s);
}

/* ---- crashes --------------------------------------------------------------------------------- */

/* What a child that dies of `act` leaves on standard error. */
static int die(void (*act)(void), char *text, size_t size)
{
    int ends[2], result;
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        for (int number = 1; number <= SIGSEGV; number++)
            signal(number, SIG_DFL); /* cmocka catches some, sanitizers others */
        watch_crash_catch();
        watch_crash_catch(); /* twice is no harm */
        act();
        _exit(0);
    }
    close(ends[1]);
    size_t used = 0;
    for (ssize_t n; (n = read(ends[0], text + used, size - 1 - used)) > 0;)
        used += (size_t)n;
    text[used] = '\0';
    close(ends[0]);
    waitpid(child, &result, 0);
    return WIFSIGNALED(result) ? WTERMSIG(result) : -1;
}

/* A world of replication `replication` at one minute, as models_run would have it. */
static struct world *at_work(struct arena *own, uint32_t replication)
{
    static const struct watch_options watch = {.replay = "hacasim run x.yaml --seed 7"};
    struct diag diag;
    arena_init(own, "world", 0);
    diag_init(&diag, own);
    struct models_scenario *s =
        models_load(own, "scenarios/baseline.yaml", sets, sizeof sets / sizeof *sets, &diag);
    struct world *w = arena_alloc(own, 1, sizeof *w);
    watch_crash_enter(w, &watch);
    if (world_open(w, s, 7, replication, own) != STATUS_OK) _exit(9);
    if (world_advance(w, 60 * SECOND, NULL) != STATUS_OK) _exit(9);
    return w;
}

static void plant_lost_hold(struct world *w)
{
    for (uint32_t slot = 0; slot < w->requests.capacity; slot++)
        world_request(w, slot)->holds = 0; /* the next to let go asserts that it held */
    world_advance(w, 120 * SECOND, NULL);
}

static void die_of_assert(void)
{
    struct arena own;
    plant_lost_hold(at_work(&own, 4));
}
static void die_of_the_past(void)
{
    struct arena own;
    struct world *w = at_work(&own, 0);
    event_schedule(&w->events, world_now(w) - 1, EV_HEIGHT, 0, 0);
}
static void die_of_a_bad_access(void)
{
    struct arena own;
    struct world *w = at_work(&own, 1);
    w->nodes = (struct world_node *)(uintptr_t)64;
    world_advance(w, 120 * SECOND, NULL);
}
static void die_of_depth(struct world *w, volatile char *above)
{
    volatile char room[4096];
    room[0] = above ? above[0] : 0;
    if (world_now(w) > 0) die_of_depth(w, room);
    room[1] = room[0];
}
static void die_of_a_full_stack(void)
{
    struct arena own;
    die_of_depth(at_work(&own, 0), NULL);
}
static void die_in_the_second_thread(void)
{
#pragma omp parallel num_threads(2)
    {
        struct arena own;
        bool second = omp_get_thread_num() == 1;
        struct world *w = at_work(&own, second ? 11 : 10);
#pragma omp barrier
        if (second) plant_lost_hold(w);
#pragma omp barrier
    }
}

static void test_crash_tells(void **state)
{
    static char text[65536];
    (void)state;
    assert_int_equal(die(die_of_assert, text, sizeof text), SIGABRT);
    printf("%s\n", text);
    assert_non_null(strstr(text, "Assertion"));
    assert_non_null(strstr(text, "hacasim: aborted at 60."));
    assert_non_null(strstr(text, "seed 7, replication 4, in event "));
    assert_int_equal(count_of(text, "  #"), WORLD_LAST);
    assert_non_null(strstr(text, "it runs again with: hacasim run x.yaml --seed 7 --reps 5\n"));

    assert_int_equal(die(die_of_the_past, text, sizeof text), SIGABRT);
    assert_non_null(strstr(text, "before now"));
    assert_non_null(strstr(text, "hacasim: aborted at 60.000000000 s"));

    assert_int_equal(die(die_of_a_bad_access, text, sizeof text), SIGSEGV);
    assert_non_null(strstr(text, "hacasim: made a bad memory access at 60."));
    assert_non_null(strstr(text, "replication 1"));

    assert_int_equal(die(die_in_the_second_thread, text, sizeof text), SIGABRT);
    assert_non_null(strstr(text, "replication 11, in event"));
    assert_null(strstr(text, "replication 10"));
}

/* The stack of the signal handler is another one. */
static void test_full_stack(void **state)
{
    static char text[65536];
    (void)state;
    int number = die(die_of_a_full_stack, text, sizeof text);
    assert_int_equal(number, SIGSEGV);
    assert_non_null(strstr(text, "hacasim: made a bad memory access at 60.000000000 s"));
}

static void abort_without_world(void)
{
    abort();
}

static void test_no_world(void **state)
{
    static char text[4096];
    (void)state;
    assert_int_equal(die(abort_without_world, text, sizeof text), SIGABRT);
    assert_non_null(strstr(text, "hacasim: aborted; this thread was running no world"));
}

/* ---- text ------------------------------------------------------------------------------------ */

static void test_json_text(void **state)
{
    (void)state;
    assert_string_equal(watch_emit_text(&arena, "a\"b\\c\n\x01"), "a\\\"b\\\\c\\u000a\\u0001");
    assert_string_equal(watch_emit_text(&arena, "Z\xc3\xbcrich"), "Z\xc3\xbcrich");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_crash_tells, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_stack, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_world, setup, teardown),
        cmocka_unit_test_setup_teardown(test_results_do_not_feel_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trace_agrees_with_metrics, setup, teardown),
        cmocka_unit_test_setup_teardown(test_profile, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filters, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json_text, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
