/* SPDX-License-Identifier: Apache-2.0
 * The slow twin of models/serving: a scheduler that takes every step and visits every request.
 *
 * Written from the description of vLLM V1 (and of the calls in models/serving.h) without the
 * shortcuts of the product: no leaps, no shared decode clock, no heap, no block phases; blocks are
 * held per request.  It shares only the step time.  Test code: fixed capacities, no arena. */
#ifndef HACASIM_TESTS_SERVING_PLAIN_H
#define HACASIM_TESTS_SERVING_PLAIN_H

#include <assert.h>
#include <string.h>

#include "models/serving.h"

enum { PLAIN_MAX = 4096 };

struct plain_request {
    uint32_t tag;
    bool cancelled, decoding; /* decoding: has sampled since it was admitted */
    int64_t prompt, output, generated, computed, scheduled, blocks, first_token_ns;
};

struct plain {
    const struct serving_params *params;
    const struct perf *perf, *next_perf;
    struct plain_request waiting[PLAIN_MAX], running[PLAIN_MAX];
    int waiting_count, running_count;
    int64_t blocks_total, blocks_free, budget;
    int64_t start_ticks, end_ticks; /* since time 0, exact */
    bool busy, open, preempted, outside;
    int64_t busy_since_ns;
    struct serving_done done[PLAIN_MAX];
    int done_count;
    struct serving_counters counters;
};

static int64_t plain_ns(int64_t ticks)
{
    return (ticks + PERF_TICKS - 1) / PERF_TICKS;
}

static int64_t plain_blocks(const struct plain *p, int64_t tok)
{
    return (tok + p->params->block_tokens - 1) / p->params->block_tokens;
}

static void plain_init(struct plain *p, const struct serving_params *params,
                       const struct perf *perf)
{
    memset(p, 0, sizeof *p);
    p->params = params;
    p->perf = perf;
    p->blocks_total = p->blocks_free = serving_blocks(params, perf, NULL) - 1;
}

static void plain_insert(struct plain_request *list, int *count, int at, struct plain_request r)
{
    assert(*count < PLAIN_MAX);
    memmove(&list[at + 1], &list[at], (size_t)(*count - at) * sizeof *list);
    list[at] = r;
    ++*count;
}

static struct plain_request plain_remove(struct plain_request *list, int *count, int at)
{
    struct plain_request r = list[at];
    memmove(&list[at], &list[at + 1], (size_t)(*count - at - 1) * sizeof *list);
    --*count;
    return r;
}

static void plain_report(struct plain *p, const struct plain_request *r,
                         enum serving_outcome outcome, int64_t now_ns)
{
    p->done[p->done_count++] = (struct serving_done){r->tag, outcome, r->first_token_ns, now_ns};
}

static void plain_preempt_last(struct plain *p)
{
    struct plain_request r = plain_remove(p->running, &p->running_count, p->running_count - 1);
    p->blocks_free += r.blocks;
    p->counters.wasted_tok += (uint64_t)r.computed;
    r.blocks = r.computed = r.scheduled = 0;
    r.decoding = false;
    plain_insert(p->waiting, &p->waiting_count, 0, r);
}

static bool plain_schedule(struct plain *p, struct plain_request *r)
{
    int64_t lack = r->prompt + r->generated - r->computed;
    int64_t chunk = lack < p->budget ? lack : p->budget;
    int64_t need = plain_blocks(p, r->computed + chunk) - r->blocks;
    if (need > p->blocks_free) return false;
    p->blocks_free -= need;
    r->blocks += need;
    r->scheduled = chunk;
    p->budget -= chunk;
    return true;
}

static void plain_schedule_running(struct plain *p)
{
    for (int i = 0; i < p->running_count && p->budget > 0; i++) {
        while (!plain_schedule(p, &p->running[i])) {
            p->preempted = true;
            p->counters.preemptions++;
            plain_preempt_last(p);
            if (i == p->running_count) return;
        }
    }
}

static void plain_admit(struct plain *p)
{
    while (!p->preempted && p->waiting_count > 0 && p->budget > 0 &&
           p->running_count < p->params->max_num_seqs) {
        struct plain_request *r = &p->waiting[0];
        if (plain_blocks(p, r->prompt + r->generated) > p->blocks_free) break;
        bool fits = plain_schedule(p, r);
        assert(fits);
        (void)fits;
        plain_insert(p->running, &p->running_count, p->running_count, *r);
        plain_remove(p->waiting, &p->waiting_count, 0);
    }
    p->open = !p->preempted && p->waiting_count == 0;
}

static void plain_time_step(struct plain *p)
{
    struct perf_batch batch = {0};
    int64_t used = p->blocks_total - p->blocks_free;
    if (used > p->counters.blocks_peak) p->counters.blocks_peak = used;
    p->busy = p->running_count > 0;
    for (int i = 0; i < p->running_count; i++) {
        const struct plain_request *r = &p->running[i];
        if (r->decoding)
            perf_batch_decode(&batch, r->computed + 1);
        else if (r->scheduled > 0)
            perf_batch_prefill(&batch, r->computed, r->scheduled,
                               r->computed + r->scheduled == r->prompt + r->generated);
    }
    struct perf_line line = {0};
    if (p->busy) {
        line = perf_step_line(p->perf, &batch);
        p->end_ticks = p->start_ticks + line.first_ticks;
    } else
        p->counters.busy_ns += plain_ns(p->start_ticks) - p->busy_since_ns;
    p->outside = line.outside;
    if (!p->busy) p->open = false;
}

static void plain_begin(struct plain *p)
{
    p->budget = p->params->max_num_batched_tokens;
    p->preempted = false;
    plain_schedule_running(p);
    plain_admit(p);
    plain_time_step(p);
}

static void plain_swap_now(struct plain *p)
{
    while (p->running_count > 0)
        plain_preempt_last(p);
    p->perf = p->next_perf;
    p->next_perf = NULL;
    p->blocks_total = p->blocks_free = serving_blocks(p->params, p->perf, NULL) - 1;
    for (int i = 0; i < p->waiting_count;) {
        const struct plain_request *r = &p->waiting[i];
        if (plain_blocks(p, r->prompt + r->output - 1) <= p->blocks_total) {
            i++;
            continue;
        }
        plain_report(p, r, SERVING_LOST, plain_ns(p->start_ticks));
        p->counters.lost++;
        plain_remove(p->waiting, &p->waiting_count, i);
    }
}

/* One running request at the end of a step: true if it leaves. */
static bool plain_step_done(struct plain *p, struct plain_request *r)
{
    if (r->decoding)
        p->counters.decode_tok++;
    else
        p->counters.prefill_tok += (uint64_t)r->scheduled;
    r->computed += r->scheduled;
    r->scheduled = 0;
    if (r->computed == r->prompt + r->generated) {
        r->generated++;
        r->decoding = true;
        if (r->first_token_ns < 0) r->first_token_ns = plain_ns(p->start_ticks);
    }
    return r->generated == r->output || r->cancelled;
}

static void plain_finish(struct plain *p)
{
    p->start_ticks = p->end_ticks;
    p->counters.steps++;
    p->counters.outside_steps += p->outside;
    for (int i = 0; i < p->running_count;) {
        if (!plain_step_done(p, &p->running[i])) {
            i++;
            continue;
        }
        struct plain_request r = plain_remove(p->running, &p->running_count, i);
        p->blocks_free += r.blocks;
        if (r.cancelled) {
            p->counters.wasted_tok += (uint64_t)r.computed;
            continue;
        }
        p->counters.completed++;
        plain_report(p, &r, SERVING_DONE, plain_ns(p->start_ticks));
    }
    if (p->next_perf != NULL) plain_swap_now(p);
}

static void plain_run(struct plain *p, int64_t now_ns)
{
    while (p->busy && plain_ns(p->end_ticks) <= now_ns) {
        plain_finish(p);
        plain_begin(p);
    }
}

static enum serving_reject plain_submit(struct plain *p, int64_t now_ns, uint32_t tag,
                                        int64_t prompt, int64_t output)
{
    plain_run(p, now_ns);
    if (plain_blocks(p, prompt + output - 1) > p->blocks_total) {
        p->counters.rejected_long++;
        return SERVING_TOO_LONG;
    }
    if (p->waiting_count >= p->params->max_waiting) {
        p->counters.rejected_full++;
        return SERVING_QUEUE_FULL;
    }
    struct plain_request r = {.tag = tag, .prompt = prompt, .output = output, .first_token_ns = -1};
    plain_insert(p->waiting, &p->waiting_count, p->waiting_count, r);
    p->counters.accepted++;
    if (!p->busy) {
        p->start_ticks = now_ns * PERF_TICKS;
        p->busy_since_ns = now_ns;
        plain_begin(p);
    } else if (p->open && plain_ns(p->start_ticks) == now_ns) {
        plain_admit(p);
        plain_time_step(p);
    }
    return SERVING_ACCEPTED;
}

static bool plain_cancel(struct plain *p, int64_t now_ns, uint32_t tag)
{
    plain_run(p, now_ns);
    for (int i = 0; i < p->waiting_count; i++) {
        if (p->waiting[i].tag != tag) continue;
        plain_remove(p->waiting, &p->waiting_count, i);
        p->counters.cancelled++;
        return true;
    }
    for (int i = 0; i < p->running_count; i++) {
        if (p->running[i].tag != tag || p->running[i].cancelled) continue;
        p->running[i].cancelled = true;
        p->counters.cancelled++;
        return true;
    }
    return false;
}

static void plain_lose(struct plain *p, struct plain_request *list, int *count, int64_t now_ns)
{
    for (int i = 0; i < *count; i++) {
        p->counters.wasted_tok += (uint64_t)list[i].computed;
        if (list[i].cancelled) continue;
        plain_report(p, &list[i], SERVING_LOST, now_ns);
        p->counters.lost++;
    }
    *count = 0;
}

static void plain_fail(struct plain *p, int64_t now_ns)
{
    plain_run(p, now_ns);
    if (!p->busy) return;
    p->counters.busy_ns += now_ns - p->busy_since_ns;
    plain_lose(p, p->running, &p->running_count, now_ns);
    plain_lose(p, p->waiting, &p->waiting_count, now_ns);
    p->busy = p->open = false;
    if (p->next_perf != NULL) plain_swap_now(p);
    p->blocks_free = p->blocks_total;
}

static void plain_swap(struct plain *p, int64_t now_ns, const struct perf *perf)
{
    plain_run(p, now_ns);
    p->next_perf = perf;
    if (!p->busy) plain_swap_now(p);
}

static uint32_t plain_load(struct plain *p, int64_t now_ns)
{
    plain_run(p, now_ns);
    uint32_t load = (uint32_t)p->waiting_count;
    for (int i = 0; i < p->running_count; i++)
        load += !p->running[i].cancelled;
    return load;
}

static struct serving_counters plain_count(struct plain *p, int64_t now_ns)
{
    plain_run(p, now_ns);
    struct serving_counters c = p->counters;
    if (p->busy) c.busy_ns += now_ns - p->busy_since_ns;
    return c;
}

#endif
