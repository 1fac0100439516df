/* SPDX-License-Identifier: Apache-2.0
 * A node as its caller sees it: parameters, and what comes from outside between steps. */
#include "models/serving.h"

#include <assert.h>

#include "models/serving_queue.h"
#include "models/serving_step.h"

/* ---- parameters ----------------------------------------------------------------------------- */

static const char *const fidelity_names[] = {"leap", "step", NULL};

static const struct param rows[] = {
    PARAM(serving_params, max_num_seqs, PARAM_COUNT, "256", "1", "65536",
          "most requests in one step", "vLLM server default"),
    PARAM(serving_params, max_num_batched_tokens, PARAM_COUNT, "8192", "1", "1048576",
          "most tokens in one step; at least max_num_seqs",
          "vLLM server default (2,048 in the engine's own configuration)"),
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
};

static const char *check(const void *value)
{
    const struct serving_params *params = value;
    if (params->max_num_batched_tokens < params->max_num_seqs)
        return "max_num_batched_tokens is below max_num_seqs (vLLM refuses it too)";
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
        .waiting = empty_list,
        .running = empty_list,
        .clock = FIRST_CLOCK,
        .prefill_head = SERVING_NONE,
    };
    s->phase = arena_alloc(arena, (size_t)params->block_tokens, sizeof *s->phase);
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

static enum serving_reject refusal(struct serving *s, int64_t tok)
{
    int64_t size = s->params->block_tokens;
    if ((tok + size - 1) / size > s->blocks_total) return SERVING_TOO_LONG;
    if (s->waiting.count >= (uint64_t)s->params->max_waiting) return SERVING_QUEUE_FULL;
    return SERVING_ACCEPTED;
}

static void join(struct serving *s, int32_t index, int64_t now_ns)
{
    /* When others wait already, or all places are taken, it cannot be admitted before something
     * ends that ends the leap anyway. */
    bool may_join =
        s->planned > 0 && s->open && s->running.count < (uint64_t)s->params->max_num_seqs;
    if (may_join) serving_step_cut(s, now_ns);
    serving_queue_append(s, &s->waiting, index);
    if (s->planned == 0) {
        s->start_ns = s->busy_since_ns = now_ns;
        s->start_ticks = 0;
        serving_step_begin(s);
    } else if (may_join && serving_step_start_ns(s) == now_ns) {
        serving_step_extend(s);
    }
}

bool serving_submit(struct serving *s, int64_t now_ns, const struct serving_terms *terms,
                    enum serving_reject *why)
{
    assert(terms->prompt_tok >= 1 && terms->output_tok >= 1);
    run_until(s, now_ns);
    enum serving_reject verdict = refusal(s, terms->prompt_tok + terms->output_tok - 1);
    if (why != NULL) *why = verdict;
    if (verdict == SERVING_TOO_LONG) s->counters.rejected_long++;
    if (verdict == SERVING_QUEUE_FULL) s->counters.rejected_full++;
    if (verdict != SERVING_ACCEPTED) return false;
    int32_t index = serving_queue_take(s);
    struct serving_request *r = &s->requests[index];
    r->tag = terms->tag;
    r->state = SERVING_WAITING;
    r->prompt_tok = (int32_t)terms->prompt_tok;
    r->output_tok = (int32_t)terms->output_tok;
    r->first_token_ns = -1;
    s->counters.accepted++;
    join(s, index, now_ns);
    return true;
}

static int32_t find(const struct serving *s, uint32_t tag)
{
    for (uint32_t i = 0; i < s->request_used; i++) {
        const struct serving_request *r = &s->requests[i];
        if (r->tag == tag && r->state != SERVING_FREE && !r->cancelled) return (int32_t)i;
    }
    return SERVING_NONE;
}

bool serving_cancel(struct serving *s, int64_t now_ns, uint32_t tag)
{
    run_until(s, now_ns);
    int32_t index = find(s, tag);
    if (index == SERVING_NONE) return false;
    s->counters.cancelled++;
    if (s->requests[index].state != SERVING_WAITING) {
        serving_step_cut(s, now_ns);
        s->requests[index].cancelled = true;
        s->cancels++;
        return true;
    }
    /* It may have been what blocked the queue. */
    if (s->waiting.head == index) serving_step_cut(s, now_ns);
    serving_queue_remove(s, &s->waiting, index);
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

static void lose_all(struct serving *s, struct serving_list *list, int64_t now_ns)
{
    for (int32_t next, i = list->head; i != SERVING_NONE; i = next) {
        struct serving_request *r = &s->requests[i];
        next = r->next;
        int64_t computed = r->state == SERVING_DECODE ? s->clock - r->birth : r->computed_tok;
        s->counters.wasted_tok += (uint64_t)computed;
        if (!r->cancelled) {
            serving_queue_report(s, r, SERVING_LOST, now_ns);
            s->counters.lost++;
        }
        serving_queue_release(s, i);
    }
    *list = empty_list;
}

void serving_fail(struct serving *s, int64_t now_ns)
{
    run_until(s, now_ns);
    if (s->planned == 0) return;
    serving_step_settle(s, now_ns);
    s->counters.busy_ns += now_ns - s->busy_since_ns;
    lose_all(s, &s->running, now_ns);
    lose_all(s, &s->waiting, now_ns);
    s->planned = 0;
    s->open = false;
    s->cancels = 0;
    s->decoding = 0;
    s->computed_tok = 0;
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
    return s->waiting.count + s->running.count - s->cancels;
}

struct serving_counters serving_count(struct serving *s, int64_t now_ns)
{
    run_until(s, now_ns);
    serving_step_settle(s, now_ns);
    struct serving_counters c = s->counters;
    if (s->planned > 0) c.busy_ns += now_ns - s->busy_since_ns;
    return c;
}
