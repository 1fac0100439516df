/* SPDX-License-Identifier: Apache-2.0
 * The sums of serving_laws.h and what they must agree with. */
#include "models/serving_laws.h"

#include <stdarg.h>
#include <stdio.h>

#include "models/serving.h"
#include "models/serving_spec.h"
#include "models/serving_step.h"

/* ---- sums ----------------------------------------------------------------------------------- */

uint32_t serving_laws_waiting(const struct serving *s)
{
    return s->coming.count + s->waiting.count;
}

uint32_t serving_laws_running(const struct serving *s)
{
    return s->running.count - s->leaving;
}

static uint64_t held(const struct serving *s)
{
    return (uint64_t)serving_laws_waiting(s) + serving_laws_running(s);
}

void serving_laws_pass(struct serving *s, int64_t now_ns)
{
    struct serving_laws *l = &s->laws;
    int64_t passed_ns = now_ns - l->since_ns;
    if (passed_ns <= 0) return; /* a step that ended before, in the middle of a plan */
    if (s->gauges) serving_gauge_read(s, l->since_ns, now_ns);
    l->area_ns += held(s) * (uint64_t)passed_ns;
    l->waiting_ns += serving_laws_waiting(s) * (uint64_t)passed_ns;
    if (held(s) > 0) l->held_ns += passed_ns;
    l->since_ns = now_ns;
}

void serving_laws_enter(struct serving *s, struct serving_request *r, int64_t now_ns)
{
    serving_laws_pass(s, now_ns);
    r->arrived_ns = now_ns;
    s->laws.arrived_ns += (uint64_t)now_ns;
}

int64_t serving_laws_computed(const struct serving *s, const struct serving_request *r)
{
    if (r->state != SERVING_DECODE) return r->computed_tok;
    return s->spec != NULL ? serving_spec_computed(s, r) : s->clock - r->birth;
}

int64_t serving_laws_generated(const struct serving *s, const struct serving_request *r)
{
    int64_t now = serving_laws_computed(s, r) + 1 - r->prompt_tok;
    return now > r->generated_tok ? now : r->generated_tok; /* more where it is being recomputed */
}

void serving_laws_leave(struct serving *s, const struct serving_request *r, int64_t now_ns,
                        bool completed)
{
    struct serving_laws *l = &s->laws;
    serving_laws_pass(s, now_ns);
    l->arrived_ns -= (uint64_t)r->arrived_ns;
    l->sojourn_ns += (uint64_t)(now_ns - r->arrived_ns);
    if (!completed) {
        l->dropped_tok += (uint64_t)serving_laws_generated(s, r);
        return;
    }
    l->asked_tok += (uint64_t)r->output_tok;
    l->due_tok += (uint64_t)r->prompt_tok + (uint64_t)r->output_tok - 1;
}

/* Twice the mean step times the number of steps, halved: another way to the sum than the plan's. */
static int64_t ticks_of(const struct perf_line *line, int64_t steps)
{
    int64_t twice = 2 * line->first_ticks + (steps - 1) * line->growth_ticks;
    return steps % 2 == 0 ? steps / 2 * twice : (steps - 1) / 2 * twice + twice / 2;
}

void serving_laws_steps(struct serving *s, int64_t steps)
{
    bool drafts = s->params->speculative.tokens > 0;
    serving_laws_pass(s, serving_step_end_ns(s, steps));
    s->laws.period_ticks += drafts ? s->spec->ticks[steps - 1] : ticks_of(&s->line, steps);
    s->laws.sampled_tok += (uint64_t)s->batch.sampled;
    if (s->decodes && !drafts) s->laws.sampled_tok += (uint64_t)(steps * s->decoding);
}

void serving_laws_gain(struct serving *s, uint64_t tokens)
{
    s->laws.sampled_tok += tokens;
}

/* ---- comparing ------------------------------------------------------------------------------ */

static const char *broken(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static const char *broken(char *text, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, size, format, arguments);
    va_end(arguments);
    return text;
}

int64_t serving_laws_little_ns(const struct serving *s)
{
    const struct serving_laws *l = &s->laws;
    uint64_t ages_ns = held(s) * (uint64_t)l->since_ns - l->arrived_ns;
    return (int64_t)(l->area_ns - l->sojourn_ns - ages_ns);
}

static const char *check_time(const struct serving *s, char *text, size_t size)
{
    const struct serving_laws *l = &s->laws;
    if (serving_laws_little_ns(s) != 0) {
        return broken(text, size, "Little's law is off by %lld ns over %llu requests held",
                      (long long)serving_laws_little_ns(s), (unsigned long long)held(s));
    }
    int64_t busy_ns = s->counters.busy_ns;
    if (s->planned > 0) busy_ns += l->since_ns - s->busy_since_ns;
    if (l->held_ns != busy_ns) {
        return broken(text, size, "it held requests for %lld ns and was busy for %lld ns",
                      (long long)l->held_ns, (long long)busy_ns);
    }
    int64_t period_ticks = (s->start_ns - s->busy_since_ns) * PERF_TICKS + s->start_ticks;
    if (period_ticks != l->period_ticks) {
        return broken(text, size, "steps took %lld ticks, and %lld passed",
                      (long long)l->period_ticks, (long long)period_ticks);
    }
    return NULL;
}

static const char *check_requests(const struct serving *s, char *text, size_t size)
{
    const struct serving_counters *c = &s->counters;
    uint64_t known = c->completed + c->cancelled + c->lost + held(s) - s->cancels;
    if (c->accepted != known) {
        return broken(text, size, "%llu requests were accepted, %llu are known of",
                      (unsigned long long)c->accepted, (unsigned long long)known);
    }
    if ((s->planned > 0) != (held(s) > 0)) {
        return broken(text, size, "it holds %llu requests and is %s", (unsigned long long)held(s),
                      s->planned > 0 ? "busy" : "idle");
    }
    if (s->blocks_free < 0 || s->blocks_free > s->blocks_total) {
        return broken(text, size, "%lld of %lld KV blocks are free", (long long)s->blocks_free,
                      (long long)s->blocks_total);
    }
    return NULL;
}

struct present { /* of the requests held */
    uint64_t arrived_ns, generated, computed;
};

static const char *check_tokens(const struct serving *s, const struct present *t, char *text,
                                size_t size)
{
    const struct serving_laws *l = &s->laws;
    const struct serving_counters *c = &s->counters;
    if (t->arrived_ns != l->arrived_ns)
        return broken(text, size, "requests have changed their arrivals");
    uint64_t taken = l->asked_tok + l->dropped_tok + t->generated;
    if (l->sampled_tok != taken) {
        return broken(text, size, "%llu tokens were sampled, requests have %llu",
                      (unsigned long long)l->sampled_tok, (unsigned long long)taken);
    }
    uint64_t due = l->due_tok + c->wasted_tok + t->computed;
    uint64_t computed = c->prefill_tok + c->decode_tok + c->hit_tok + c->ready_tok;
    if (computed != due) {
        return broken(text, size, "%llu tokens were computed or found, requests account for %llu",
                      (unsigned long long)computed, (unsigned long long)due);
    }
    return NULL;
}

/* Accounts of tokens are open while requests are held, and compared when the node is idle. */
const char *serving_laws_check(const struct serving *s, char *text, size_t size)
{
    const char *law = check_time(s, text, size);
    if (law == NULL) law = check_requests(s, text, size);
    if (law != NULL || held(s) > 0) return law;
    return check_tokens(s, &(struct present){0}, text, size);
}

static const char *torn(char *text, size_t size)
{
    return broken(text, size, "a list of requests is torn");
}

static void add(const struct serving *s, const struct serving_request *r, struct present *t)
{
    if (r->state == SERVING_LEAVING) return;
    t->arrived_ns += (uint64_t)r->arrived_ns;
    t->generated += (uint64_t)serving_laws_generated(s, r);
    t->computed += (uint64_t)serving_laws_computed(s, r);
}

/* `low` to `high`: the states that belong there. */
static const char *walk(const struct serving *s, const struct serving_list *list,
                        enum serving_state low, enum serving_state high, struct present *t,
                        char *text, size_t size)
{
    int32_t before = SERVING_NONE, i = list->head;
    uint32_t seen = 0;
    for (; seen < list->count && i != SERVING_NONE; i = s->requests[i].next, seen++) {
        const struct serving_request *r = &s->requests[i];
        if (r->prev != before || r->state < low || r->state > high) return torn(text, size);
        add(s, r, t);
        before = i;
    }
    bool whole = seen == list->count && (seen == 0 || (i == SERVING_NONE && before == list->tail));
    return whole ? NULL : torn(text, size);
}

static const char *walk_waiting(const struct serving *s, struct present *t, char *text, size_t size)
{
    if (!s->rules.ranked)
        return walk(s, &s->waiting, SERVING_WAITING, SERVING_WAITING, t, text, size);
    for (uint32_t i = 0; i < s->waiting.count; i++) {
        const struct serving_request *r = &s->requests[s->ranked[i]];
        if (r->state != SERVING_WAITING || r->heap_index != i) return torn(text, size);
        add(s, r, t);
    }
    return NULL;
}

const char *serving_laws_audit(const struct serving *s, char *text, size_t size)
{
    struct present t = {0};
    const char *law = serving_laws_check(s, text, size);
    if (law == NULL) law = walk(s, &s->coming, SERVING_COMING, SERVING_COMING, &t, text, size);
    if (law == NULL) law = walk_waiting(s, &t, text, size);
    if (law == NULL) law = walk(s, &s->running, SERVING_PREFILL, SERVING_LEAVING, &t, text, size);
    return law ? law : check_tokens(s, &t, text, size);
}
