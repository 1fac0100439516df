/* SPDX-License-Identifier: Apache-2.0
 * Calls to an outside API: keys, the heap of open calls, the queue before it, the rate limit.
 *
 * Answers for: proxy.h.  The rate limit is the generic cell rate algorithm, which is a token bucket
 * kept as one time: a call may begin while that time is at most (burst - 1) intervals ahead. */
#include "models/proxy.h"

#include <assert.h>

#include "models/workload.h"
#include "sim/variate.h"

/* ---- parameters ----------------------------------------------------------------------------- */

static const struct param knot_rows[] = {
    PARAM(proxy_knot, p, PARAM_RATIO, NULL, "0%", "100%", "share of calls that take no longer",
          NULL),
    PARAM_AS(proxy_knot, "time", seconds_s, PARAM_SECONDS, NULL, "0 s", "1 h", "their time", NULL),
};
static const struct param_table knot_table = PARAM_TABLE("proxy_knot", proxy_knot, knot_rows);

static const struct param latency_rows[] = {
    {.key = "dist",
     .type = PARAM_CHOICE,
     .offset = offsetof(struct proxy_latency, dist),
     .meaning = "a distribution",
     .sub = &param_dist_seconds,
     .flags = PARAM_BARE},
    {.key = "quantiles",
     .type = PARAM_LIST,
     .offset = offsetof(struct proxy_latency, quantiles),
     .min = "2",
     .max = "1000",
     .meaning = "measured quantiles from 0% to 100%, linear in between",
     .sub = &knot_table},
};
static const struct param_table latency_table =
    PARAM_TABLE("proxy_latency", proxy_latency, latency_rows);

#define PROXY_PRICE "assumption: a mid-size model's public list price"

static const struct param proxy_rows[] = {
    PARAM_SUB(proxy_params, first_token, PARAM_CHOICE, latency_table,
              "{dist: {lognormal: {median: 0.6 s, sigma: 0.5}}}",
              "time until the API's first token comes back", "assumption"),
    PARAM_SUB(proxy_params, token, PARAM_CHOICE, latency_table,
              "{dist: {lognormal: {median: 15 ms, sigma: 0.3}}}",
              "time of each further token, drawn once for each call", "assumption"),
    PARAM(proxy_params, concurrency, PARAM_COUNT, "64", "1", "1000000",
          "calls open at once; more wait", "assumption"),
    PARAM(proxy_params, rate, PARAM_RATE, "0/s", "0/s", "1000000/s",
          "calls that the contract lets begin; more are refused (HTTP 429); 0: no limit",
          "assumption: no limit"),
    PARAM(proxy_params, burst, PARAM_COUNT, "1", "1", "1000000",
          "calls that may begin at once after a pause", "assumption"),
    PARAM(proxy_params, failure, PARAM_RATIO, "0%", "0%", "100%",
          "share of calls that the API answers with an error", "assumption: none"),
    PARAM(proxy_params, input_price, PARAM_USD, "$0.50", "$0", "$1000000",
          "what the API charges for a million prompt tokens", PROXY_PRICE),
    PARAM(proxy_params, output_price, PARAM_USD, "$1.50", "$0", "$1000000",
          "and for a million tokens of answers", PROXY_PRICE),
    PARAM(proxy_params, host_rent, PARAM_USD_PER_H, "$0.192/h", "$0/h", "$10000/h",
          "rent of the host: an enclave on an m5.xlarge",
          "tee-gateway docs/nitro-enclave-setup.md; AWS price list, us-east-1, on demand"),
};
const struct param_table proxy_table = PARAM_TABLE("proxy", proxy_params, proxy_rows);

static void check_knots(const struct param_list *list, struct param_doc *doc, const char *path,
                        struct diag *diag)
{
    const struct proxy_knot *knots = list->items;
    if (list->count < 2 || !param_good(doc, path)) return; /* has been reported */
    workload_check_shares(&knots->p, sizeof *knots, list->count, doc, path, diag);
    for (uint32_t i = 1; i < list->count; i++) {
        if (knots[i].seconds_s < knots[i - 1].seconds_s)
            param_error(doc, diag, arena_print(diag->arena, "%s[%u].time", path, i),
                        "must not be below the one before it (%g s)", knots[i - 1].seconds_s);
    }
}

static void check_latency(const struct proxy_latency *latency, struct param_doc *doc,
                          const char *path, struct diag *diag)
{
    if (latency->kind == PROXY_QUANTILES)
        check_knots(&latency->quantiles, doc, arena_print(diag->arena, "%s.quantiles", path), diag);
}

void proxy_check(const struct proxy_params *params, struct param_doc *doc, const char *path,
                 struct diag *diag)
{
    check_latency(&params->first_token, doc, arena_print(diag->arena, "%s.first_token", path),
                  diag);
    check_latency(&params->token, doc, arena_print(diag->arena, "%s.token", path), diag);
}

/* A day is more than any client waits, and keeps a heavy tail inside the clock. */
int64_t proxy_latency_draw(const struct proxy_latency *latency, struct rng_stream *stream)
{
    const double most_s = 86400.0;
    double s;
    if (latency->kind == PROXY_QUANTILES) {
        const struct proxy_knot *knots = latency->quantiles.items;
        uint32_t i = 1, last = latency->quantiles.count - 1;
        double u = rng_unit(stream);
        while (i < last && knots[i].p <= u)
            i++;
        double p[2] = {knots[i - 1].p, knots[i].p};
        double x[2] = {knots[i - 1].seconds_s, knots[i].seconds_s};
        s = variate_quantiles(u, p, x, 2);
    } else {
        s = dist_draw(&latency->dist, stream);
    }
    return event_ns((s < most_s ? s : most_s) * 1e9);
}

money_t proxy_price(const struct proxy_params *params, uint64_t prompt_tok, uint64_t output_tok)
{
    money_t micro =
        params->input_price * (money_t)prompt_tok + params->output_price * (money_t)output_tok;
    return (micro + 999999) / 1000000;
}

/* ---- the heap of open calls ----------------------------------------------------------------- */

void proxy_init(struct proxy *p, const struct proxy_params *params, int64_t max_waiting,
                struct arena *arena)
{
    *p = (struct proxy){.params = params, .arena = arena, .max_waiting = max_waiting};
}

static void *room(struct proxy *p, void *items, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity) return items;
    uint32_t larger = *capacity ? 2 * *capacity : 16;
    items = arena_grow(p->arena, items, *capacity, larger, size);
    *capacity = larger;
    return items;
}

static bool sooner(const struct proxy_open *a, const struct proxy_open *b)
{
    return a->done_ns != b->done_ns ? a->done_ns < b->done_ns : a->order < b->order;
}

static void sift_up(struct proxy *p, uint32_t at, struct proxy_open entry)
{
    for (; at > 0 && sooner(&entry, &p->open[(at - 1) / 2]); at = (at - 1) / 2)
        p->open[at] = p->open[(at - 1) / 2];
    p->open[at] = entry;
}

static void sift_down(struct proxy *p, uint32_t at, struct proxy_open entry)
{
    for (uint32_t child; (child = 2 * at + 1) < p->open_count; at = child) {
        if (child + 1 < p->open_count && sooner(&p->open[child + 1], &p->open[child])) child++;
        if (!sooner(&p->open[child], &entry)) break;
        p->open[at] = p->open[child];
    }
    p->open[at] = entry;
}

static void heap_drop(struct proxy *p, uint32_t at)
{
    struct proxy_open last = p->open[--p->open_count];
    if (at == p->open_count) return;
    if (at > 0 && sooner(&last, &p->open[(at - 1) / 2]))
        sift_up(p, at, last);
    else
        sift_down(p, at, last);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void begin(struct proxy *p, int64_t now_ns, const struct proxy_call *call)
{
    p->open = room(p, p->open, p->open_count, &p->open_capacity, sizeof *p->open);
    if (p->open_count == 0) p->busy_since_ns = now_ns;
    struct proxy_open entry = {.done_ns = now_ns + (call->fails ? call->first_ns : call->total_ns),
                               .first_token_ns = call->fails ? -1 : now_ns + call->first_ns,
                               .order = p->calls++,
                               .tag = call->tag,
                               .fails = call->fails};
    sift_up(p, p->open_count++, entry);
}

static void report(struct proxy *p, uint32_t tag, enum proxy_outcome outcome,
                   int64_t first_token_ns, int64_t done_ns)
{
    if (p->done_head == p->done_count) p->done_head = p->done_count = 0;
    p->done = room(p, p->done, p->done_count, &p->done_capacity, sizeof *p->done);
    p->done[p->done_count++] = (struct proxy_done){tag, outcome, first_token_ns, done_ns};
}

static void waiting_drop(struct proxy *p, uint32_t at)
{
    p->waiting_count--;
    for (uint32_t i = at; i < p->waiting_count; i++)
        p->waiting[i] = p->waiting[i + 1];
}

/* Places have come free at `now_ns`. */
static void refill(struct proxy *p, int64_t now_ns)
{
    while (p->waiting_count > 0 && p->open_count < (uint64_t)p->params->concurrency) {
        begin(p, now_ns, &p->waiting[0]);
        waiting_drop(p, 0);
    }
    if (p->open_count == 0) p->busy_ns += now_ns - p->busy_since_ns;
}

static void run_until(struct proxy *p, int64_t now_ns)
{
    assert(now_ns >= p->now_ns);
    p->now_ns = now_ns;
    while (p->open_count > 0 && p->open[0].done_ns <= now_ns) {
        struct proxy_open call = p->open[0];
        heap_drop(p, 0);
        p->failed += call.fails;
        report(p, call.tag, call.fails ? PROXY_FAILED : PROXY_DONE, call.first_token_ns,
               call.done_ns);
        refill(p, call.done_ns);
    }
}

/* Take one token of the bucket, if there is one. */
static bool allowed(struct proxy *p, int64_t now_ns)
{
    if (p->params->rate <= 0) return true;
    int64_t interval_ns = event_ns(1e9 / p->params->rate);
    int64_t at_ns = p->allowed_ns > now_ns ? p->allowed_ns : now_ns;
    if (at_ns - now_ns > (p->params->burst - 1) * interval_ns) return false;
    p->allowed_ns = at_ns + interval_ns;
    return true;
}

enum proxy_verdict proxy_submit(struct proxy *p, int64_t now_ns, const struct proxy_call *call)
{
    run_until(p, now_ns);
    bool full = p->open_count >= (uint64_t)p->params->concurrency;
    if (full && p->waiting_count >= (uint64_t)p->max_waiting) {
        p->refused++;
        return PROXY_QUEUE_FULL;
    }
    if (!allowed(p, now_ns)) {
        p->refused++;
        return PROXY_RATE_LIMITED;
    }
    if (full) {
        p->waiting =
            room(p, p->waiting, p->waiting_count, &p->waiting_capacity, sizeof *p->waiting);
        p->waiting[p->waiting_count++] = *call;
    } else {
        begin(p, now_ns, call);
    }
    return PROXY_TAKEN;
}

static uint32_t find_waiting(const struct proxy *p, uint32_t tag)
{
    uint32_t i = 0;
    while (i < p->waiting_count && p->waiting[i].tag != tag)
        i++;
    return i;
}

bool proxy_cancel(struct proxy *p, int64_t now_ns, uint32_t tag)
{
    run_until(p, now_ns);
    uint32_t at = find_waiting(p, tag);
    if (at < p->waiting_count) {
        waiting_drop(p, at);
        p->cancelled++;
        return true;
    }
    for (at = 0; at < p->open_count && p->open[at].tag != tag; at++) {
    }
    if (at == p->open_count) return false;
    heap_drop(p, at);
    p->cancelled++;
    refill(p, now_ns);
    return true;
}

void proxy_fail(struct proxy *p, int64_t now_ns)
{
    run_until(p, now_ns);
    if (p->open_count == 0) return;
    p->lost += p->open_count + p->waiting_count;
    while (p->open_count > 0) {
        struct proxy_open call = p->open[0];
        heap_drop(p, 0);
        report(p, call.tag, PROXY_LOST, call.first_token_ns <= now_ns ? call.first_token_ns : -1,
               now_ns);
    }
    for (uint32_t i = 0; i < p->waiting_count; i++)
        report(p, p->waiting[i].tag, PROXY_LOST, -1, now_ns);
    p->waiting_count = 0;
    p->busy_ns += now_ns - p->busy_since_ns;
}

bool proxy_waits(struct proxy *p, int64_t now_ns, uint32_t tag)
{
    run_until(p, now_ns);
    return find_waiting(p, tag) < p->waiting_count;
}

void proxy_first_tokens(struct proxy *p, int64_t now_ns, int64_t *first_ns)
{
    run_until(p, now_ns);
    for (uint32_t i = 0; i < p->open_count; i++) {
        const struct proxy_open *call = &p->open[i];
        if (!call->fails && call->first_token_ns <= now_ns)
            first_ns[call->tag] = call->first_token_ns;
    }
}

int64_t proxy_next_ns(const struct proxy *p)
{
    if (p->done_head < p->done_count) return p->done[p->done_head].done_ns;
    return p->open_count > 0 ? p->open[0].done_ns : INT64_MAX;
}

uint32_t proxy_advance(struct proxy *p, int64_t now_ns, struct proxy_done *out, uint32_t max)
{
    run_until(p, now_ns);
    uint32_t count = p->done_count - p->done_head;
    if (count > max) count = max;
    for (uint32_t i = 0; i < count; i++)
        out[i] = p->done[p->done_head++];
    return count;
}

int64_t proxy_busy_ns(struct proxy *p, int64_t now_ns)
{
    run_until(p, now_ns);
    return p->busy_ns + (p->open_count > 0 ? now_ns - p->busy_since_ns : 0);
}

/* ---- checkpoints ---------------------------------------------------------------------------- */

static void snap_open(struct proxy *p, struct snap *snap, uint32_t tags)
{
    SNAP_COVERS(struct proxy_open, 32);
    snap_length(snap, &p->open_count, INT32_MAX);
    if (snap->reading) {
        p->open_capacity = p->open_count;
        p->open = arena_alloc(p->arena, p->open_count, sizeof *p->open);
    }
    for (uint32_t i = 0; i < p->open_count; i++) {
        struct proxy_open *call = &p->open[i];
        snap_i64(snap, &call->done_ns);
        snap_i64(snap, &call->first_token_ns);
        snap_u64(snap, &call->order);
        snap_below(snap, &call->tag, tags);
        snap_flag(snap, &call->fails);
    }
}

static void snap_waiting(struct proxy *p, struct snap *snap, uint32_t tags)
{
    SNAP_COVERS(struct proxy_call, 24);
    snap_length(snap, &p->waiting_count, INT32_MAX);
    if (snap->reading) {
        p->waiting_capacity = p->waiting_count;
        p->waiting = arena_alloc(p->arena, p->waiting_count, sizeof *p->waiting);
    }
    for (uint32_t i = 0; i < p->waiting_count; i++) {
        struct proxy_call *call = &p->waiting[i];
        snap_below(snap, &call->tag, tags);
        snap_flag(snap, &call->fails);
        snap_i64(snap, &call->first_ns);
        snap_i64(snap, &call->total_ns);
    }
}

/* Those not yet taken, from the first place on. */
static void snap_finished(struct proxy *p, struct snap *snap, uint32_t tags)
{
    SNAP_COVERS(struct proxy_done, 24);
    uint32_t count = p->done_count - p->done_head;
    snap_length(snap, &count, INT32_MAX);
    if (snap->reading) {
        p->done_head = 0;
        p->done_count = p->done_capacity = count;
        p->done = arena_alloc(p->arena, count, sizeof *p->done);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct proxy_done *done = &p->done[p->done_head + i];
        uint32_t outcome = done->outcome;
        snap_below(snap, &done->tag, tags);
        snap_below(snap, &outcome, PROXY_LOST + 1);
        done->outcome = (enum proxy_outcome)outcome;
        snap_i64(snap, &done->first_token_ns);
        snap_i64(snap, &done->done_ns);
    }
}

void proxy_snap(struct proxy *p, struct snap *snap, uint32_t tags)
{
    SNAP_COVERS(struct proxy, 152);
    int64_t *const times[] = {&p->now_ns, &p->allowed_ns, &p->busy_ns, &p->busy_since_ns};
    uint64_t *const counts[] = {&p->calls, &p->failed, &p->lost, &p->cancelled, &p->refused};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        snap_i64(snap, times[i]);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        snap_u64(snap, counts[i]);
    snap_open(p, snap, tags);
    snap_waiting(p, snap, tags);
    snap_finished(p, snap, tags);
}
