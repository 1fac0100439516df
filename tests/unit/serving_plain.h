/* SPDX-License-Identifier: Apache-2.0
 * The slow twin of models/serving: a scheduler that takes every step, visits every request and
 * handles every block.
 *
 * Written from the descriptions of the schedulers (vLLM V1 and V0, Sarathi-Serve, Orca, static
 * batching) and of the calls in models/serving.h, without the shortcuts of the product: no leaps,
 * no shared decode clock, no heaps, no block phases, no runs of blocks.  What tells the policies
 * apart is written out here, not read from the product's table.  It shares the step time and the
 * draw of accepted drafts.  Test code: fixed capacities, no arena. */
#ifndef HACASIM_TESTS_SERVING_PLAIN_H
#define HACASIM_TESTS_SERVING_PLAIN_H

#include <stddef.h>

#include "models/serving.h"
#include "models/serving_spec.h"
#include "tests/unit/serving_blocks.h"

enum {
    PLAIN_MAX = 256,
    PLAIN_TABLE = 1024,
    PLAIN_IMAGES = 8,
    PLAIN_V1 = 0,
    PLAIN_V0,
    PLAIN_SARATHI,
    PLAIN_ORCA,
    PLAIN_STATIC
};

struct plain_request {
    struct serving_terms terms;
    uint64_t number; /* of the submission */
    bool cancelled;
    bool decoding; /* has sampled since it was admitted */
    bool done;     /* has its last token and waits to be freed */
    bool aside;
    int64_t prompt, output, arrived_ns;
    int64_t generated, computed, scheduled, goal, ready, first_token_ns;
    int64_t verified;         /* steps with drafts */
    bool needs[PLAIN_IMAGES]; /* image, since the request was admitted */
    int64_t encodes, finds;   /* images, in the step */
    int blocks, named;        /* how many it has; how many of them have been put into the cache */
    int64_t hashed[2];
    int table[PLAIN_TABLE]; /* its blocks */
    uint64_t hashes[2][PLAIN_TABLE];
};

struct plain_image {
    uint64_t owner;
    int place;
    int64_t tok;
};

struct plain {
    const struct serving_params *params;
    const struct perf *perf, *next_perf;
    struct plain_request *waiting[PLAIN_MAX], *running[PLAIN_MAX], *coming[PLAIN_MAX];
    int waiting_count, running_count, coming_count;
    int submitted;
    struct pool pool;
    struct plain_image images[PLAIN_TABLE]; /* what the encoder gave, the last used first */
    int image_count;
    int64_t budget, prompts;                    /* prompts: chunks scheduled in the step */
    int64_t start_ticks, end_ticks, seen_ticks; /* since time 0, exact; seen: start of the step
                                                 * before */
    bool busy, open, preempted, outside, decodes;
    int64_t busy_since_ns;
    struct serving_done done[PLAIN_MAX];
    int done_count;
    struct serving_counters counters;
    struct plain_request memory[PLAIN_MAX];
};

static int64_t plain_ns(int64_t ticks)
{
    return (ticks + PERF_TICKS - 1) / PERF_TICKS;
}

static int64_t plain_blocks(const struct plain *p, int64_t tok)
{
    return (tok + p->params->block_tokens - 1) / p->params->block_tokens;
}

static bool plain_is(const struct plain *p, int policy)
{
    return p->params->policy == policy;
}

static bool plain_ahead(const struct plain *p)
{
    return plain_is(p, PLAIN_V1) && p->params->async_scheduling;
}

static bool plain_reserves_all(const struct plain *p)
{
    return plain_is(p, PLAIN_ORCA) || plain_is(p, PLAIN_STATIC);
}

/* Tokens that a request may need room for. */
static int64_t plain_room(const struct plain *p, int64_t prompt, int64_t output)
{
    int64_t drafts = p->params->speculative.tokens;
    if (plain_reserves_all(p) && p->params->max_model_len > 0)
        return p->params->max_model_len + drafts;
    return prompt + output - 1 + drafts;
}

static void plain_reset_pool(struct plain *p)
{
    p->image_count = 0;
    pool_open(&p->pool, (int)serving_blocks(p->params, p->perf, NULL) - 1,
              plain_is(p, PLAIN_V1) && p->params->prefix_caching);
}

static void plain_init(struct plain *p, const struct serving_params *params,
                       const struct perf *perf)
{
    memset(p, 0, offsetof(struct plain, memory));
    p->params = params;
    p->perf = perf;
    plain_reset_pool(p);
}

static void plain_insert(struct plain_request **list, int *count, int at, struct plain_request *r)
{
    assert(*count < PLAIN_MAX);
    memmove(&list[at + 1], &list[at], (size_t)(*count - at) * sizeof *list);
    list[at] = r;
    ++*count;
}

static struct plain_request *plain_remove(struct plain_request **list, int *count, int at)
{
    struct plain_request *r = list[at];
    memmove(&list[at], &list[at + 1], (size_t)(*count - at - 1) * sizeof *list);
    --*count;
    return r;
}

static void plain_report(struct plain *p, const struct plain_request *r,
                         enum serving_outcome outcome, int64_t now_ns)
{
    p->done[p->done_count++] =
        (struct serving_done){r->terms.tag, outcome, r->first_token_ns, now_ns};
}

/* ---- hashes -----------------------------------------------------------------------------------
 */

static uint64_t plain_mix(uint64_t hash, uint64_t word)
{
    hash = (hash + word + 1) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 29;
    hash *= 0xBF58476D1CE4E5B9u;
    return hash ^ (hash >> 32);
}

/* The token at a place, as far as anything tells tokens apart.  `pure`: as if the prefix had no
 * end. */
static uint64_t plain_token(const struct plain_request *r, int64_t at, bool pure)
{
    bool shared = r->terms.prefix != 0 && (pure || at < r->terms.prefix_tok);
    if (shared) return plain_mix(plain_mix(1u << 20, r->terms.prefix), (uint64_t)at);
    if (r->terms.stream != 0) return plain_mix(plain_mix(2u << 20, r->terms.stream), (uint64_t)at);
    return plain_mix(plain_mix(3u << 20, r->number), (uint64_t)at);
}

/* Hash of a block and of all before it, each worked out once. */
static uint64_t plain_hash(const struct plain *p, struct plain_request *r, int64_t block, bool pure)
{
    int64_t size = p->params->block_tokens;
    assert(block < PLAIN_TABLE);
    for (; r->hashed[pure] <= block; r->hashed[pure]++) {
        int64_t n = r->hashed[pure];
        uint64_t hash = n == 0 ? 77 : r->hashes[pure][n - 1];
        for (int64_t at = n * size; at < (n + 1) * size; at++)
            hash = plain_mix(hash, plain_token(r, at, pure));
        r->hashes[pure][n] = hash | 1;
    }
    return r->hashes[pure][block];
}

/* ---- blocks of a request ----------------------------------------------------------------------
 */

static void plain_take(struct plain *p, struct plain_request *r, int64_t blocks)
{
    assert(blocks <= PLAIN_TABLE);
    while (r->blocks < blocks)
        r->table[r->blocks++] = pool_take(&p->pool);
}

/* Full blocks of its first `tok` tokens go into the cache. */
static void plain_name_blocks(struct plain *p, struct plain_request *r, int64_t tok)
{
    if (!p->pool.caching || r->aside) return;
    for (; (r->named + 1) * p->params->block_tokens <= tok; r->named++)
        pool_name(&p->pool, r->table[r->named], plain_hash(p, r, r->named, false));
}

static void plain_free(struct plain *p, struct plain_request *r)
{
    while (r->blocks > 0)
        pool_give_back(&p->pool, r->table[--r->blocks]);
    r->named = 0;
    r->aside = false;
}

static int64_t plain_hits(const struct plain *p, struct plain_request *r)
{
    int64_t hits = 0, tok = r->prompt + r->generated;
    while (p->pool.caching && (hits + 1) * p->params->block_tokens <= tok - 1 &&
           pool_find(&p->pool, plain_hash(p, r, hits, false)) != POOL_NONE)
        hits++;
    return hits;
}

/* Blocks of the request's tokens, or of its prefix, that are cached from `from` on: are they all
 * free? */
static bool plain_free_of(struct plain *p, struct plain_request *r, int64_t from, bool pure,
                          bool unname)
{
    for (;; from++) {
        int b = pool_find(&p->pool, plain_hash(p, r, from, pure));
        if (b == POOL_NONE) return true;
        if (p->pool.blocks[b].uses > 0) return false;
        if (unname) pool_unname(&p->pool, b);
    }
}

static int64_t plain_prefix_blocks(const struct plain *p, const struct plain_request *r)
{
    return r->terms.prefix == 0 ? 0 : r->terms.prefix_tok / p->params->block_tokens;
}

/* It is gone for good.  Nobody else has the tokens of a request that continues no stream, so its
 * blocks are as good as unknown, and taking them evicts nothing. */
static void plain_forget(struct plain *p, struct plain_request *r)
{
    if (p->pool.caching && r->terms.stream == 0)
        plain_free_of(p, r, plain_prefix_blocks(p, r), false, true);
}

/* Is somebody else writing the same blocks? */
static bool plain_rivals(const struct plain *p, const struct plain_request *r, int64_t hits)
{
    for (int i = 0; i < p->running_count; i++) {
        const struct plain_request *q = p->running[i];
        if (q->aside || q == r) continue;
        bool writes = q->named < plain_prefix_blocks(p, q);
        if (writes && hits < plain_prefix_blocks(p, r) && q->terms.prefix == r->terms.prefix)
            return true;
        if (q->terms.stream != 0 && q->terms.stream == r->terms.stream &&
            q->terms.prefix == r->terms.prefix && q->terms.prefix_tok == r->terms.prefix_tok)
            return true;
    }
    return false;
}

/* The rule of models/serving_cache.h that keeps one block to a hash. */
static void plain_claim(struct plain *p, struct plain_request *r, int64_t hits)
{
    int64_t prefix = plain_prefix_blocks(p, r), own = hits > prefix ? hits : prefix;
    if (!p->pool.caching) return;
    r->aside = plain_rivals(p, r, hits) ||
               (hits < prefix && !plain_free_of(p, r, hits, true, false)) ||
               !plain_free_of(p, r, own, false, false);
    if (r->aside) return;
    if (hits < prefix) plain_free_of(p, r, hits, true, true);
    plain_free_of(p, r, own, false, true);
}

/* ---- queues -----------------------------------------------------------------------------------
 */

static int64_t plain_rank(const struct plain *p, const struct plain_request *r)
{
    return p->params->order == SERVING_PRIORITY ? r->terms.priority : r->prompt;
}

static bool plain_before(const struct plain *p, const struct plain_request *a,
                         const struct plain_request *b)
{
    int64_t x = plain_rank(p, a), y = plain_rank(p, b);
    return x != y ? x < y : a->number < b->number;
}

static void plain_wait(struct plain *p, struct plain_request *r, bool again)
{
    int at = again ? 0 : p->waiting_count;
    if (p->params->order != SERVING_FCFS)
        for (at = 0; at < p->waiting_count && plain_before(p, p->waiting[at], r);)
            at++;
    plain_insert(p->waiting, &p->waiting_count, at, r);
}

/* ---- preemption -------------------------------------------------------------------------------
 */

static int plain_victim(const struct plain *p)
{
    int worst = p->running_count - 1;
    if (p->params->order == SERVING_PRIORITY)
        for (int i = 0; i < p->running_count; i++)
            if (plain_before(p, p->running[worst], p->running[i])) worst = i;
    return worst;
}

static void plain_preempt(struct plain *p, int at)
{
    struct plain_request *r = plain_remove(p->running, &p->running_count, at);
    plain_free(p, r);
    if (r->done) {
        plain_forget(p, r);
        return;
    }
    p->counters.wasted_tok += (uint64_t)r->computed;
    r->computed = r->scheduled = r->ready = r->encodes = r->finds = 0;
    r->decoding = false;
    plain_wait(p, r, true);
}

/* ---- a step -----------------------------------------------------------------------------------
 */

static int64_t plain_known(const struct plain *p, const struct plain_request *r)
{
    int64_t tok = r->computed + r->scheduled;
    if (!r->decoding) return tok;
    if (p->params->speculative.tokens > 0) tok = r->computed + (r->scheduled > 0);
    return tok - plain_ahead(p) > r->goal ? tok - plain_ahead(p) : r->goal;
}

/* Room for the tokens of a step; false: there is none. */
static bool plain_allocate(struct plain *p, struct plain_request *r, int64_t chunk)
{
    int64_t need = plain_blocks(p, r->computed + chunk) - r->blocks;
    if (need > p->pool.free) return false;
    plain_take(p, r, plain_blocks(p, r->computed + chunk));
    r->scheduled = chunk;
    p->budget -= chunk;
    if (!r->decoding) p->prompts++;
    plain_name_blocks(p, r, plain_known(p, r));
    return true;
}

static void plain_schedule_running(struct plain *p)
{
    int64_t threshold = plain_is(p, PLAIN_V1) ? p->params->long_prefill_token_threshold : 0;
    for (int i = 0; i < p->running_count && p->budget > 0; i++) {
        struct plain_request *r = p->running[i];
        if (r->done) continue;
        int64_t chunk = r->decoding ? 1 + p->params->speculative.tokens : r->goal - r->computed;
        if (!r->decoding && threshold > 0 && chunk > threshold) chunk = threshold;
        if (chunk > p->budget) chunk = p->budget;
        while (!plain_allocate(p, r, chunk)) {
            int at = plain_victim(p);
            struct plain_request *out = p->running[at];
            p->preempted = true;
            p->counters.preemptions++;
            p->budget += out->scheduled;
            if (!out->decoding && out->scheduled > 0) p->prompts--;
            plain_preempt(p, at);
            if (out == r) return;
            if (at < i) i--;
        }
    }
}

/* True: it is running now. */
static bool plain_try_admit(struct plain *p)
{
    struct plain_request *r = p->waiting[0];
    int64_t target = r->prompt + r->generated, size = p->params->block_tokens;
    int64_t hits = plain_hits(p, r), computed = hits * size, evictable = 0;
    if (r->ready > computed) computed = r->ready < target ? r->ready : target - 1;
    int64_t chunk = target - computed, threshold = p->params->long_prefill_token_threshold;
    if (plain_is(p, PLAIN_V1) && threshold > 0 && chunk > threshold) chunk = threshold;
    bool cuts = (plain_is(p, PLAIN_V1) || plain_is(p, PLAIN_SARATHI)) &&
                p->params->chunked_prefill == SERVING_ON;
    int64_t limit = plain_reserves_all(p) ? INT64_MAX : p->params->max_num_batched_tokens;
    if (chunk > p->budget && cuts) chunk = p->budget;
    if (chunk > p->budget && p->budget < limit) return false; /* alone it may be longer */
    for (int64_t i = 0; i < hits; i++)
        evictable += p->pool.blocks[pool_find(&p->pool, plain_hash(p, r, i, false))].uses == 0;
    int64_t now = plain_blocks(p, computed + chunk), whole = plain_blocks(p, target);
    if (plain_is(p, PLAIN_V1) && p->params->reserve_full_isl == SERVING_OFF) whole = now;
    if (plain_is(p, PLAIN_V0) || plain_is(p, PLAIN_SARATHI)) now = whole;
    if (plain_reserves_all(p)) now = whole = plain_blocks(p, plain_room(p, r->prompt, r->output));
    double watermark = p->params->watermark;
    if (watermark <= 0.0 && (plain_is(p, PLAIN_V0) || plain_is(p, PLAIN_SARATHI))) watermark = 0.01;
    int64_t kept = p->running_count > 0 ? (int64_t)(watermark * (p->pool.count + 1)) : 0;
    if ((whole > now ? whole : now) - hits + evictable + kept > p->pool.free) return false;
    plain_claim(p, r, hits);
    for (int64_t i = 0; i < hits; i++) {
        r->table[i] = pool_find(&p->pool, plain_hash(p, r, i, false));
        pool_touch(&p->pool, r->table[i]);
    }
    r->blocks = r->named = (int)hits;
    plain_take(p, r, now);
    plain_remove(p->waiting, &p->waiting_count, 0);
    plain_insert(p->running, &p->running_count, p->running_count, r);
    r->goal = target;
    r->computed = computed;
    r->scheduled = chunk;
    for (int k = 0; k < r->terms.images; k++)
        r->needs[k] = r->terms.image_from_tok + (k + 1) * r->terms.image_tok > computed;
    p->budget = chunk < p->budget ? p->budget - chunk : 0;
    p->prompts++;
    plain_name_blocks(p, r, plain_known(p, r));
    if (p->pool.caching) p->counters.queried_tok += (uint64_t)target;
    p->counters.hit_tok += (uint64_t)(hits * size);
    p->counters.ready_tok += (uint64_t)(computed - hits * size);
    return true;
}

static bool plain_batch_runs(const struct plain *p)
{
    for (int i = 0; i < p->running_count; i++)
        if (p->running[i]->decoding) return true;
    return false;
}

static void plain_admit(struct plain *p)
{
    bool closed = (p->preempted && !plain_is(p, PLAIN_SARATHI)) ||
                  (plain_is(p, PLAIN_STATIC) && plain_batch_runs(p));
    while (!closed && p->waiting_count > 0 && p->budget > 0 &&
           p->running_count < p->params->max_num_seqs)
        if (!plain_try_admit(p)) break;
    p->open = !closed && !plain_ahead(p) && p->waiting_count == 0 &&
              (!plain_is(p, PLAIN_V0) || !p->decodes);
}

/* True: it was there.  It is the last used from now on, and those used longest ago make room. */
static bool plain_use_image(struct plain *p, const struct plain_image *image)
{
    int64_t sum = image->tok;
    int at = 0, count = 0;
    while (at < p->image_count &&
           (p->images[at].owner != image->owner || p->images[at].place != image->place ||
            p->images[at].tok != image->tok))
        at++;
    bool found = at < p->image_count;
    if (!found) p->image_count++;
    memmove(&p->images[1], &p->images[0], (size_t)at * sizeof *p->images);
    p->images[0] = *image;
    for (count = 1; count < p->image_count; count++) {
        sum += p->images[count].tok;
        if (sum > p->params->max_num_batched_tokens) break;
    }
    p->image_count = count;
    return found;
}

/* Each image is encoded in the step of its first chunk. */
static void plain_encode(struct plain *p, struct plain_request *r)
{
    const struct serving_terms *t = &r->terms;
    for (int k = 0; k < t->images; k++) {
        if (!r->needs[k] || t->image_from_tok + k * t->image_tok >= r->computed + r->scheduled)
            continue;
        uint64_t owner = t->stream ? t->stream : UINT64_MAX - r->number;
        bool found = plain_use_image(p, &(struct plain_image){owner, k, t->image_tok});
        r->needs[k] = false;
        r->encodes += !found;
        r->finds += found;
    }
}

static void plain_time_step(struct plain *p)
{
    struct perf_batch batch = {0};
    int64_t drafts = p->params->speculative.tokens;
    bool drafted = false;
    p->busy = false;
    for (int i = 0; i < p->running_count; i++) {
        struct plain_request *r = p->running[i];
        if (r->scheduled == 0) continue;
        p->busy = true;
        if (!r->decoding) plain_encode(p, r);
        for (int64_t k = 0; k < r->encodes; k++)
            perf_batch_image(&batch, r->terms.image_tok);
        if (r->decoding && drafts > 0) {
            perf_batch_prefill(&batch, r->computed, drafts + 1, (int)drafts + 1);
            drafted = true;
        } else if (r->decoding)
            perf_batch_decode(&batch, r->computed + 1);
        else
            perf_batch_prefill(&batch, r->computed, r->scheduled,
                               r->computed + r->scheduled == r->goal);
    }
    if (!p->busy) return;
    struct perf_line line = perf_step_line(p->perf, &batch);
    if (drafted) line.first_ticks = serving_spec_ticks(p->params, line.first_ticks);
    p->end_ticks = p->start_ticks + line.first_ticks;
    p->outside = line.outside;
}

static void plain_note_peak(struct plain *p)
{
    int64_t used = p->pool.count - p->pool.free;
    if (used > p->counters.blocks_peak) p->counters.blocks_peak = used;
}

static void plain_schedule(struct plain *p)
{
    while (p->coming_count > 0 && p->coming[0]->arrived_ns <= plain_ns(p->seen_ticks))
        plain_wait(p, plain_remove(p->coming, &p->coming_count, 0), false);
    p->budget = plain_reserves_all(p) ? INT64_MAX : p->params->max_num_batched_tokens;
    p->prompts = 0;
    p->preempted = false;
    p->decodes = !plain_is(p, PLAIN_V0);
    for (int i = 0; i < p->running_count; i++)
        p->running[i]->scheduled = p->running[i]->encodes = p->running[i]->finds = 0;
    if (p->decodes) plain_schedule_running(p);
    plain_admit(p);
    if (!p->decodes && p->prompts == 0) {
        p->decodes = true;
        p->open = false;
        plain_schedule_running(p);
    }
    plain_note_peak(p);
    for (int i = 0; i < p->running_count;) {
        struct plain_request *r = p->running[i];
        if (!r->done) {
            i++;
            continue;
        }
        plain_name_blocks(p, r, r->computed); /* its last output has come */
        plain_free(p, plain_remove(p->running, &p->running_count, i));
        plain_forget(p, r);
    }
    plain_time_step(p);
}

static void plain_begin(struct plain *p)
{
    plain_schedule(p);
    while (!p->busy && p->running_count + p->waiting_count + p->coming_count > 0) {
        p->seen_ticks = p->start_ticks;
        plain_schedule(p);
    }
    if (p->busy) return;
    p->counters.busy_ns += plain_ns(p->start_ticks) - p->busy_since_ns;
    p->open = false;
}

static void plain_lose_unfit(struct plain *p, struct plain_request **list, int *count)
{
    for (int i = 0; i < *count;) {
        struct plain_request *r = list[i];
        bool sees = r->terms.images == 0 || p->perf->model->vision.layers > 0;
        if (sees && plain_blocks(p, plain_room(p, r->prompt, r->output)) <= p->pool.count) {
            i++;
            continue;
        }
        plain_report(p, r, SERVING_LOST, plain_ns(p->start_ticks));
        p->counters.lost++;
        plain_remove(list, count, i);
    }
}

static void plain_swap_now(struct plain *p)
{
    while (p->running_count > 0)
        plain_preempt(p, p->running_count - 1);
    p->perf = p->next_perf;
    p->next_perf = NULL;
    plain_reset_pool(p);
    plain_lose_unfit(p, p->waiting, &p->waiting_count);
    plain_lose_unfit(p, p->coming, &p->coming_count);
}

/* Tokens that a decoding request gets out of a step. */
static int64_t plain_gain(struct plain *p, struct plain_request *r)
{
    int64_t left = r->output - r->generated, drafts = p->params->speculative.tokens;
    if (drafts == 0) return 1;
    uint64_t draws = r->terms.draws ? r->terms.draws : r->terms.tag;
    int64_t got = serving_spec_gain(p->params, draws, r->verified++);
    if (got > left) got = left;
    p->counters.drafted_tok += (uint64_t)drafts;
    p->counters.accepted_tok += (uint64_t)(got - 1);
    return got;
}

/* One running request at the end of a step: true if it has all its tokens. */
static bool plain_step_done(struct plain *p, struct plain_request *r)
{
    if (r->scheduled == 0) return false;
    if (r->decoding) {
        int64_t got = plain_gain(p, r);
        p->counters.decode_tok += (uint64_t)got;
        r->computed += got;
        r->generated += got;
    } else {
        p->counters.prefill_tok += (uint64_t)r->scheduled;
        p->counters.image_tok += (uint64_t)(r->encodes * r->terms.image_tok);
        p->counters.image_hit_tok += (uint64_t)(r->finds * r->terms.image_tok);
        r->computed += r->scheduled;
        if (r->computed == r->goal) {
            r->generated++;
            r->decoding = true;
            if (r->first_token_ns < 0) r->first_token_ns = plain_ns(p->start_ticks);
        }
    }
    r->scheduled = 0;
    return r->generated == r->output;
}

static void plain_drop(struct plain *p, int at)
{
    struct plain_request *r = plain_remove(p->running, &p->running_count, at);
    p->counters.wasted_tok += (uint64_t)r->computed;
    plain_free(p, r);
    plain_forget(p, r);
}

/* True: it stays in the running list. */
static bool plain_complete(struct plain *p, int at)
{
    struct plain_request *r = p->running[at];
    if (r->cancelled) {
        plain_drop(p, at);
        return false;
    }
    p->counters.completed++;
    plain_report(p, r, SERVING_DONE, plain_ns(p->start_ticks));
    r->done = plain_ahead(p);
    if (r->done) return true;
    plain_free(p, plain_remove(p->running, &p->running_count, at));
    plain_forget(p, r);
    return false;
}

static void plain_finish(struct plain *p)
{
    p->seen_ticks = p->start_ticks;
    p->start_ticks = p->end_ticks;
    p->counters.steps++;
    p->counters.outside_steps += p->outside;
    for (int i = 0; i < p->running_count;)
        if (!plain_step_done(p, p->running[i]) || plain_complete(p, i)) i++;
    for (int i = 0; i < p->running_count;) {
        if (p->running[i]->cancelled)
            plain_drop(p, i);
        else
            i++;
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

/* ---- calls ------------------------------------------------------------------------------------
 */

static enum serving_reject plain_submit(struct plain *p, int64_t now_ns,
                                        const struct serving_terms *terms)
{
    plain_run(p, now_ns);
    int64_t prompt = terms->prompt_tok, output = terms->handoff ? 1 : terms->output_tok;
    int64_t longest = p->params->max_model_len;
    if (terms->images > 0 && p->perf->model->vision.layers == 0) {
        p->counters.rejected_images++;
        return SERVING_NO_ENCODER;
    }
    bool too_long = longest > 0 && prompt + output > longest;
    if (too_long || plain_blocks(p, plain_room(p, prompt, output)) > p->pool.count) {
        p->counters.rejected_long++;
        return SERVING_TOO_LONG;
    }
    if (p->waiting_count + p->coming_count >= p->params->max_waiting) {
        p->counters.rejected_full++;
        return SERVING_QUEUE_FULL;
    }
    struct plain_request *r = &p->memory[p->submitted];
    memset(r, 0, offsetof(struct plain_request, table));
    r->terms = *terms;
    r->number = (uint64_t)p->submitted++;
    r->prompt = prompt;
    r->output = output;
    r->ready = terms->ready_tok;
    r->arrived_ns = now_ns;
    r->first_token_ns = -1;
    if (r->terms.prefix_tok > prompt) r->terms.prefix_tok = prompt;
    if (r->terms.prefix == 0) r->terms.prefix_tok = 0;
    if (r->terms.prefix_tok == 0) r->terms.prefix = 0;
    p->counters.accepted++;
    if (plain_ahead(p))
        plain_insert(p->coming, &p->coming_count, p->coming_count, r);
    else
        plain_wait(p, r, false);
    if (!p->busy) {
        p->start_ticks = p->seen_ticks = now_ns * PERF_TICKS;
        p->busy_since_ns = now_ns;
        plain_begin(p);
    } else if (p->open && plain_ns(p->start_ticks) == now_ns) {
        plain_admit(p);
        plain_note_peak(p);
        plain_time_step(p);
    }
    return SERVING_ACCEPTED;
}

static bool plain_cancel_waiting(struct plain *p, struct plain_request **list, int *count,
                                 uint32_t tag)
{
    for (int i = 0; i < *count; i++) {
        if (list[i]->terms.tag != tag) continue;
        plain_forget(p, plain_remove(list, count, i));
        return true;
    }
    return false;
}

static bool plain_cancel(struct plain *p, int64_t now_ns, uint32_t tag)
{
    plain_run(p, now_ns);
    if (plain_cancel_waiting(p, p->waiting, &p->waiting_count, tag) ||
        plain_cancel_waiting(p, p->coming, &p->coming_count, tag)) {
        p->counters.cancelled++;
        return true;
    }
    for (int i = 0; i < p->running_count; i++) {
        struct plain_request *r = p->running[i];
        if (r->terms.tag != tag || r->cancelled || r->done) continue;
        r->cancelled = true;
        p->counters.cancelled++;
        return true;
    }
    return false;
}

static void plain_lose(struct plain *p, struct plain_request **list, int *count, int64_t now_ns)
{
    for (int i = 0; i < *count; i++) {
        if (list[i]->done) continue;
        p->counters.wasted_tok += (uint64_t)list[i]->computed;
        if (list[i]->cancelled) continue;
        plain_report(p, list[i], SERVING_LOST, now_ns);
        p->counters.lost++;
    }
    *count = 0;
}

static void plain_fail(struct plain *p, int64_t now_ns)
{
    plain_run(p, now_ns);
    if (p->busy) p->counters.busy_ns += now_ns - p->busy_since_ns;
    plain_lose(p, p->running, &p->running_count, now_ns);
    plain_lose(p, p->waiting, &p->waiting_count, now_ns);
    plain_lose(p, p->coming, &p->coming_count, now_ns);
    p->busy = p->open = false;
    if (p->next_perf != NULL)
        plain_swap_now(p);
    else
        plain_reset_pool(p);
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
    uint32_t load = (uint32_t)(p->waiting_count + p->coming_count);
    for (int i = 0; i < p->running_count; i++)
        load += !p->running[i]->cancelled && !p->running[i]->done;
    return load;
}

static struct serving_counters plain_count(struct plain *p, int64_t now_ns)
{
    plain_run(p, now_ns);
    struct serving_counters c = p->counters;
    c.evicted_blocks = p->pool.evicted;
    if (p->busy) c.busy_ns += now_ns - p->busy_since_ns;
    return c;
}

#endif
