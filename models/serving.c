/* SPDX-License-Identifier: Apache-2.0
 * A node as its caller sees it: parameters, and what comes from outside between steps. */
#include "models/serving.h"

#include <assert.h>

#include "models/serving_cache.h"
#include "models/serving_images.h"
#include "models/serving_queue.h"
#include "models/serving_spec.h"
#include "models/serving_step.h"

/* ---- parameters ----------------------------------------------------------------------------- */

static const struct param speculative_rows[] = {
    PARAM(serving_speculative, tokens, PARAM_COUNT, "0", "0", "32",
          "tokens drafted for each sequence and step; 0: no speculation",
          "vLLM num_speculative_tokens"),
    PARAM(serving_speculative, acceptance, PARAM_RATIO, "70%", "0%", "100%",
          "chance that a draft is accepted when those before it were",
          "assumption; Leviathan et al., ICML 2023, table 3: 0.5 to 0.9 by task and draft model"),
    PARAM(serving_speculative, draft_cost, PARAM_RATIO, "5%", "0%", "100%",
          "share of the step's time that drafting one token takes",
          "assumption; Leviathan et al., ICML 2023: c below 0.05 and often near 0"),
};
static const struct param_table speculative_table =
    PARAM_TABLE("serving_speculative", serving_speculative, speculative_rows);

static const char *const fidelity_names[] = {"leap", "step", NULL};
static const char *const order_names[] = {"fcfs", "priority", "shortest", NULL};
static const char *const switch_names[] = {"on", "off", NULL};

static const struct param rows[] = {
    PARAM_NAMES(serving_params, policy, serving_policy_names, "vllm_v1",
                "scheduler of the engine; decision 0012 has the table", "vLLM"),
    PARAM_NAMES(serving_params, order, order_names, "fcfs",
                "who waits is served by: arrival, priority (lower first; the highest is preempted "
                "first), length of the prompt",
                "vLLM scheduling_policy: fcfs, priority; shortest is not vLLM's"),
    PARAM(serving_params, max_num_seqs, PARAM_COUNT, "256", "1", "65536",
          "most requests in one step", "vLLM server default"),
    PARAM(serving_params, max_num_batched_tokens, PARAM_COUNT, "8192", "1", "1048576",
          "most tokens in one step; at least max_num_seqs",
          "vLLM server default (2,048 in the engine's own configuration)"),
    PARAM(serving_params, max_model_len, PARAM_COUNT, "0", "0", "100000000",
          "longest prompt and output together, longer ones are rejected; what orca and static "
          "reserve for each; 0: no limit, and they reserve what the request needs",
          "vLLM max_model_len; 0: assumption"),
    PARAM_NAMES(serving_params, chunked_prefill, switch_names, "on",
                "a prompt may be spread over steps, where the policy can",
                "vLLM enable_chunked_prefill"),
    PARAM(serving_params, long_prefill_token_threshold, PARAM_COUNT, "0", "0", "1048576",
          "most tokens of one prompt in a step of vllm_v1; 0: what the budget allows",
          "vLLM default"),
    PARAM_NAMES(serving_params, reserve_full_isl, switch_names, "on",
                "vllm_v1 admits a request only if its whole prompt fits, not just the first chunk",
                "vLLM 0.19 scheduler_reserve_full_isl"),
    PARAM(serving_params, prefix_caching, PARAM_BOOL, "true", NULL, NULL,
          "full blocks of tokens are found again by later requests, in vllm_v1", "vLLM V1 default"),
    PARAM(serving_params, async_scheduling, PARAM_BOOL, "false", NULL, NULL,
          "vllm_v1 schedules a step while the one before it runs: who arrives, and what a finished "
          "request gives back, is seen a step later",
          "vLLM v1/core/sched/async_scheduler.py; a 0.19 server has it on, decision 0012"),
    PARAM(serving_params, watermark, PARAM_RATIO, "0%", "0%", "50%",
          "share of KV blocks that an admission leaves free while anybody runs; 0: the policy's",
          "vLLM V1 default 0, V0 1%"),
    PARAM(serving_params, gpu_memory_utilization, PARAM_RATIO, "90%", "1%", "100%",
          "share of GPU memory that the engine takes", "vLLM default"),
    PARAM(serving_params, block_tokens, PARAM_COUNT, "16", "1", "1024", "tokens in a KV block",
          "vLLM default"),
    PARAM(serving_params, kv_blocks, PARAM_COUNT, "0", "0", "1000000000",
          "KV blocks as the engine reports them at its start; 0: from memory, weights and work "
          "space",
          "assumption"),
    PARAM(serving_params, max_waiting, PARAM_COUNT, "4096", "1", "100000000",
          "most requests that wait in the engine; the next is rejected", "assumption"),
    PARAM_NAMES(serving_params, fidelity, fidelity_names, "leap",
                "leap over runs of decode steps, or make each an event; same times", "hacasim"),
    PARAM(serving_params, api, PARAM_DURATION, "15.6 ms", "0", "10 s",
          "HTTP, tokenizer and queue before the engine sees a request",
          "BLIS inference-sim, fit of vLLM on an H100"),
    PARAM_SUB(serving_params, speculative, PARAM_GROUP, speculative_table, "{}",
              "drafts that a step verifies", "see its keys"),
};

static const char *check(const void *value)
{
    const struct serving_params *params = value;
    int64_t drafts = params->speculative.tokens;
    if (params->max_num_batched_tokens < params->max_num_seqs)
        return "max_num_batched_tokens is below max_num_seqs (vLLM refuses it too)";
    if (params->max_num_batched_tokens < params->max_num_seqs * (1 + drafts))
        return "max_num_batched_tokens is below max_num_seqs times 1 + speculative.tokens";
    if (drafts > 0 && params->async_scheduling)
        return "async_scheduling with speculative.tokens is not modelled";
    if (drafts > 0 && params->long_prefill_token_threshold > 0)
        return "long_prefill_token_threshold with speculative.tokens is not modelled";
    if (params->kv_blocks == 1) return "kv_blocks is 1, and vLLM sets one block aside";
    return NULL;
}

const struct param_table serving_table =
    PARAM_TABLE_CHECKED("serving", serving_params, rows, check);

int64_t serving_blocks(const struct serving_params *params, const struct perf *perf,
                       struct perf_memory *memory)
{
    struct perf_memory m =
        perf_kv_blocks(perf, params->gpu_memory_utilization, params->max_num_batched_tokens,
                       params->max_num_seqs, params->block_tokens);
    if (memory != NULL) *memory = m;
    return params->kv_blocks > 0 ? params->kv_blocks : m.blocks;
}

/* ---- a node --------------------------------------------------------------------------------- */

static const struct serving_list empty_list = {SERVING_NONE, SERVING_NONE, 0};

/* The decode clock starts high enough that no birth is negative. */
#define FIRST_CLOCK ((int64_t)1 << 40)

void serving_init(struct serving *s, const struct serving_params *params, const struct perf *perf,
                  struct arena *arena)
{
    *s = (struct serving){
        .params = params,
        .perf = perf,
        .arena = arena,
        .request_free = SERVING_NONE,
        .coming = empty_list,
        .waiting = empty_list,
        .running = empty_list,
        .clock = FIRST_CLOCK,
        .prefill_head = SERVING_NONE,
    };
    s->phase = arena_alloc(arena, (size_t)params->block_tokens, sizeof *s->phase);
    serving_spec_init(s);
    serving_step_reset_blocks(s);
}

/* Do all that was due by `now_ns`. */
static void run_until(struct serving *s, int64_t now_ns)
{
    assert(now_ns >= s->now_ns);
    s->now_ns = now_ns;
    while (s->planned > 0 && s->end_ns <= now_ns) {
        serving_step_finish(s, s->planned);
        serving_step_begin(s);
    }
}

static enum serving_reject refusal(const struct serving *s, int64_t prompt_tok, int64_t output_tok,
                                   int64_t images)
{
    int64_t size = s->params->block_tokens, longest = s->params->max_model_len;
    int64_t tok = serving_step_room_tok(s, prompt_tok, output_tok);
    if (!serving_images_seen(s->perf, images)) return SERVING_NO_ENCODER;
    if (longest > 0 && prompt_tok + output_tok > longest) return SERVING_TOO_LONG;
    if ((tok + size - 1) / size > s->blocks_total) return SERVING_TOO_LONG;
    if (s->waiting.count + s->coming.count >= (uint64_t)s->params->max_waiting)
        return SERVING_QUEUE_FULL;
    return SERVING_ACCEPTED;
}

/* Could one that comes now be admitted before something ends that ends the leap anyway? */
static bool might_join(const struct serving *s)
{
    if (s->planned == 0 || s->running.count >= (uint64_t)s->params->max_num_seqs) return false;
    if (s->rules.batch_at_once && s->decoding > 0) return false;
    return s->rules.ranked || s->waiting.count == 0;
}

static void join(struct serving *s, int32_t index, int64_t now_ns)
{
    bool cuts = might_join(s);
    if (cuts) serving_step_cut(s, now_ns);
    bool extends = cuts && s->open && serving_step_start_ns(s) == now_ns &&
                   s->running.count < (uint64_t)s->params->max_num_seqs;
    serving_laws_enter(s, &s->requests[index], now_ns);
    if (s->rules.ahead) {
        s->requests[index].state = SERVING_COMING;
        serving_queue_append(s, &s->coming, index);
    } else {
        serving_queue_wait(s, index, false);
    }
    if (s->planned == 0) {
        s->laws.period_ticks = 0;
        s->start_ns = s->busy_since_ns = s->seen_ns = now_ns;
        s->start_ticks = 0;
        serving_step_begin(s);
    } else if (extends) {
        serving_step_extend(s);
    }
}

static int32_t token(int64_t tok)
{
    return tok < INT32_MAX ? (int32_t)tok : INT32_MAX;
}

static void note_terms(struct serving *s, int32_t index, const struct serving_terms *terms)
{
    struct serving_request *r = &s->requests[index];
    int64_t prefix_tok = terms->prefix == 0 ? 0 : terms->prefix_tok;
    if (prefix_tok > terms->prompt_tok) prefix_tok = terms->prompt_tok;
    r->tag = terms->tag;
    r->state = SERVING_WAITING;
    r->prompt_tok = token(terms->prompt_tok);
    r->output_tok = terms->handoff ? 1 : token(terms->output_tok);
    r->ready_tok = token(terms->ready_tok);
    r->first_token_ns = -1;
    r->arrived_ns = s->now_ns;
    r->arrival = s->arrivals++;
    r->rank = s->params->order == SERVING_PRIORITY ? terms->priority : terms->prompt_tok;
    r->draws = terms->draws == 0 ? terms->tag : terms->draws;
    r->stream = terms->stream;
    r->prefix = prefix_tok > 0 ? terms->prefix : 0;
    r->prefix_tok = token(prefix_tok);
    r->prefix_blocks = (int32_t)(prefix_tok / s->params->block_tokens);
    r->images = token(terms->images);
    r->image_tok = token(terms->image_tok);
    r->image_from_tok = token(terms->image_from_tok);
}

bool serving_submit(struct serving *s, int64_t now_ns, const struct serving_terms *terms,
                    enum serving_reject *why)
{
    assert(terms->prompt_tok >= 1 && terms->output_tok >= 1);
    assert(terms->prefix_tok >= 0 && terms->ready_tok >= 0);
    assert(terms->images >= 0 && terms->image_tok >= (terms->images > 0));
    assert(terms->image_from_tok >= 0 &&
           terms->image_from_tok + terms->images * terms->image_tok <= terms->prompt_tok);
    run_until(s, now_ns);
    int64_t output_tok = terms->handoff ? 1 : terms->output_tok;
    enum serving_reject verdict = refusal(s, terms->prompt_tok, output_tok, terms->images);
    if (why != NULL) *why = verdict;
    if (verdict == SERVING_NO_ENCODER) s->counters.rejected_images++;
    if (verdict == SERVING_TOO_LONG) s->counters.rejected_long++;
    if (verdict == SERVING_QUEUE_FULL) s->counters.rejected_full++;
    if (verdict != SERVING_ACCEPTED) return false;
    int32_t index = serving_queue_take(s);
    note_terms(s, index, terms);
    s->counters.accepted++;
    join(s, index, now_ns);
    return true;
}

static int32_t find(const struct serving *s, uint32_t tag)
{
    for (uint32_t i = 0; i < s->request_used; i++) {
        const struct serving_request *r = &s->requests[i];
        bool held = r->state != SERVING_FREE && r->state != SERVING_LEAVING && !r->cancelled;
        if (r->tag == tag && held) return (int32_t)i;
    }
    return SERVING_NONE;
}

bool serving_cancel(struct serving *s, int64_t now_ns, uint32_t tag)
{
    run_until(s, now_ns);
    int32_t index = find(s, tag);
    if (index == SERVING_NONE) return false;
    s->counters.cancelled++;
    uint8_t state = s->requests[index].state;
    if (state != SERVING_WAITING && state != SERVING_COMING) {
        serving_step_cut(s, now_ns);
        s->requests[index].cancelled = true;
        s->cancels++;
        return true;
    }
    /* It may have been what blocked the queue. */
    if (serving_queue_first(s) == index) serving_step_cut(s, now_ns);
    serving_step_settle(s, now_ns); /* until now its blocks could be found, and evicted */
    serving_laws_leave(s, &s->requests[index], now_ns, false);
    serving_cache_forget(s, index);
    if (s->requests[index].state == SERVING_COMING)
        serving_queue_remove(s, &s->coming, index);
    else
        serving_queue_leave(s, index);
    serving_queue_release(s, index);
    return true;
}

int64_t serving_next_ns(const struct serving *s)
{
    if (s->done_head < s->done_count) return s->done[s->done_head].done_ns;
    return s->planned > 0 ? s->end_ns : INT64_MAX;
}

uint32_t serving_advance(struct serving *s, int64_t now_ns, struct serving_done *out, uint32_t max)
{
    run_until(s, now_ns);
    uint32_t count = s->done_count - s->done_head;
    if (count > max) count = max;
    for (uint32_t i = 0; i < count; i++)
        out[i] = s->done[s->done_head++];
    return count;
}

static void lose(struct serving *s, int32_t index, int64_t now_ns)
{
    struct serving_request *r = &s->requests[index];
    bool done = r->state == SERVING_LEAVING;
    if (!done) {
        s->counters.wasted_tok += (uint64_t)serving_laws_computed(s, r);
        serving_laws_leave(s, r, now_ns, false);
    }
    if (!done && !r->cancelled) {
        serving_queue_report(s, r, SERVING_LOST, now_ns);
        s->counters.lost++;
    }
    serving_queue_release(s, index);
}

/* The running first, then the waiting in their order. */
static void lose_all(struct serving *s, int64_t now_ns)
{
    serving_laws_pass(s, now_ns);
    for (int32_t i; (i = s->running.head) != SERVING_NONE;) {
        serving_queue_remove(s, &s->running, i);
        lose(s, i, now_ns);
    }
    for (int32_t i; (i = serving_queue_first(s)) != SERVING_NONE;) {
        serving_queue_leave(s, i);
        lose(s, i, now_ns);
    }
    for (int32_t i; (i = s->coming.head) != SERVING_NONE;) {
        serving_queue_remove(s, &s->coming, i);
        lose(s, i, now_ns);
    }
}

void serving_fail(struct serving *s, int64_t now_ns)
{
    run_until(s, now_ns);
    if (s->planned == 0) {
        serving_step_reset_blocks(s); /* what was cached is gone too */
        return;
    }
    serving_step_settle(s, now_ns);
    s->counters.busy_ns += now_ns - s->busy_since_ns;
    lose_all(s, now_ns);
    s->planned = 0;
    s->open = s->left = false;
    s->cancels = s->leaving = s->stalled = 0;
    s->decoding = 0;
    s->computed_tok = 0;
    serving_spec_reset(s);
    s->prefill_head = SERVING_NONE;
    for (int64_t i = 0; i < s->params->block_tokens; i++)
        s->phase[i] = 0;
    if (s->next_perf != NULL) s->perf = s->next_perf;
    s->next_perf = NULL;
    serving_step_reset_blocks(s);
}

void serving_swap_perf(struct serving *s, int64_t now_ns, const struct perf *perf)
{
    run_until(s, now_ns);
    if (s->planned == 0) {
        s->perf = perf;
        serving_step_reset_blocks(s);
        return;
    }
    serving_step_cut(s, now_ns);
    s->next_perf = perf;
}

bool serving_waits(struct serving *s, int64_t now_ns, uint32_t tag)
{
    run_until(s, now_ns);
    int32_t index = find(s, tag);
    return index != SERVING_NONE && s->requests[index].state == SERVING_WAITING;
}

void serving_first_tokens(struct serving *s, int64_t now_ns, int64_t *first_ns)
{
    run_until(s, now_ns);
    for (uint32_t i = 0; i < s->request_used; i++) {
        const struct serving_request *r = &s->requests[i];
        if (r->state != SERVING_FREE && !r->cancelled) first_ns[r->tag] = r->first_token_ns;
    }
}

uint32_t serving_load(struct serving *s, int64_t now_ns)
{
    run_until(s, now_ns);
    return s->coming.count + s->waiting.count + s->running.count - s->cancels - s->leaving;
}

struct serving_counters serving_count(struct serving *s, int64_t now_ns)
{
    run_until(s, now_ns);
    serving_step_settle(s, now_ns);
    struct serving_counters c = s->counters;
    if (s->planned > 0) c.busy_ns += now_ns - s->busy_since_ns;
    return c;
}
