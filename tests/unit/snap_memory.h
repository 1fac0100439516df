/* SPDX-License-Identifier: Apache-2.0
 * Two worlds that should hold the same state, compared as memory: the one that ran and the one that
 * was restored.  Every byte of the structs must agree, except where both sides hold an address and
 * in the few places that say nothing (named below).  So a field that a snap function forgets is
 * found though no result of the test's worlds may hang on it, and though it may lie in what was
 * padding, where the static assertion on the size does not see it. */
#ifndef HACASIM_TESTS_SNAP_MEMORY_H
#define HACASIM_TESTS_SNAP_MEMORY_H

#include <stddef.h>
#include <string.h>

#include "models/serving_spec.h"
#include "models/world.h"

struct memory_skip { /* bytes of a struct that need not agree */
    size_t offset, size;
};
#define MEMORY_SKIP(type, field)                                                                   \
    {                                                                                              \
        offsetof(type, field), sizeof(((type *)0)->field)                                          \
    }

struct memory_find {
    const char *what; /* NULL: all agrees */
    size_t index, offset;
};

/* Heap and mappings of a Linux process, sanitizers included; never a count, a time or an amount of
 * these worlds. */
static bool memory_is_address(uint64_t word)
{
    return word >= UINT64_C(0x500000000000) && word < UINT64_C(0x800000000000);
}

/* clang assigns structs field by field and leaves padding as it was, so bytes cannot be compared
 * there; gcc copies structs whole. */
#ifdef __clang__
enum { MEMORY_PADDING_VARIES = 1 };
#else
enum { MEMORY_PADDING_VARIES = 0 };
#endif

static bool memory_is_skipped(size_t offset, const struct memory_skip *skips, size_t skip_count)
{
    for (size_t i = 0; i < skip_count; i++)
        if (offset >= skips[i].offset && offset < skips[i].offset + skips[i].size) return true;
    return false;
}

static void memory_words(struct memory_find *find, const char *what, size_t index, const void *a,
                         const void *b, size_t size, const struct memory_skip *skips,
                         size_t skip_count)
{
    const unsigned char *x = a, *y = b;
    for (size_t at = 0; at < size && !find->what; at++) {
        if (MEMORY_PADDING_VARIES || x[at] == y[at]) continue;
        if (memory_is_skipped(at, skips, skip_count)) continue;
        size_t word = at / 8 * 8;
        uint64_t left = 0, right = 0;
        if (word + 8 <= size) {
            memcpy(&left, x + word, 8);
            memcpy(&right, y + word, 8);
        }
        bool empty = left == 0; /* an array of nothing may have an address of its own */
        if ((empty || memory_is_address(left)) && memory_is_address(right))
            at = word + 7;
        else
            *find = (struct memory_find){what, index, at};
    }
}

static const struct memory_skip memory_serving[] = {
    /* arrays are read back as long as they are full, and the queue of the finished from its first
     * place on */
    MEMORY_SKIP(struct serving, request_capacity),
    MEMORY_SKIP(struct serving, finish_capacity),
    MEMORY_SKIP(struct serving, rules), /* padding; they follow from the scenario */
    MEMORY_SKIP(struct serving, ranked),
    MEMORY_SKIP(struct serving, ranked_capacity),
    MEMORY_SKIP(struct serving, cache.runs),
    MEMORY_SKIP(struct serving, cache.run_capacity),
    MEMORY_SKIP(struct serving, cache.chains),
    MEMORY_SKIP(struct serving, cache.chain_capacity),
    MEMORY_SKIP(struct serving, cache.buckets),
    MEMORY_SKIP(struct serving, cache.bucket_count),
    MEMORY_SKIP(struct serving, encoded.images),
    MEMORY_SKIP(struct serving, encoded.capacity),
    MEMORY_SKIP(struct serving, finish),
    MEMORY_SKIP(struct serving, requests),
    MEMORY_SKIP(struct serving, done),
    MEMORY_SKIP(struct serving, done_head),
    MEMORY_SKIP(struct serving, done_count),
    MEMORY_SKIP(struct serving, done_capacity),
};
enum { MEMORY_SERVING = sizeof memory_serving / sizeof memory_serving[0] };

/* What speculation foresees is not stored but worked out anew. */
static void memory_window(struct memory_find *find, const struct serving_spec *a,
                          const struct serving_spec *b)
{
    size_t left = (size_t)(SERVING_SPEC_WINDOW - a->at);
    memory_words(find, "window", 0, &a->at, &b->at, sizeof a->at, NULL, 0);
    memory_words(find, "window gain", 0, &a->gain[a->at], &b->gain[a->at], left * sizeof *a->gain,
                 NULL, 0);
    memory_words(find, "window need", 0, &a->need[a->at], &b->need[a->at], left * sizeof *a->need,
                 NULL, 0);
    memory_words(find, "window first", 0, a->first, b->first, sizeof a->first, NULL, 0);
}

static void memory_engine(struct memory_find *find, const struct serving *a,
                          const struct serving *b)
{
    memory_words(find, "serving", 0, a, b, sizeof *a, memory_serving, MEMORY_SERVING);
    for (uint32_t i = 0; i < a->request_used; i++)
        if (a->requests[i].state != SERVING_FREE)
            memory_words(find, "serving_request", i, &a->requests[i], &b->requests[i],
                         sizeof a->requests[i], NULL, 0);
    if (a->spec != NULL) memory_window(find, a->spec, b->spec);
    if (a->params->speculative.tokens == 0)
        memory_words(find, "serving_finish", 0, a->finish, b->finish,
                     a->decoding * sizeof *a->finish, NULL, 0);
    memory_words(find, "phase", 0, a->phase, b->phase,
                 (size_t)a->params->block_tokens * sizeof *a->phase, NULL, 0);
    memory_words(find, "serving_run", 0, a->cache.runs, b->cache.runs,
                 a->cache.run_used * sizeof *a->cache.runs, NULL, 0);
    memory_words(find, "serving_image", 0, a->encoded.images, b->encoded.images,
                 a->encoded.count * sizeof *a->encoded.images, NULL, 0);
    const struct memory_skip bucket[] = {MEMORY_SKIP(struct serving_chain, bucket_next)};
    for (uint32_t i = 0; i < a->cache.chain_used; i++)
        memory_words(find, "serving_chain", i, &a->cache.chains[i], &b->cache.chains[i],
                     sizeof a->cache.chains[i], bucket, 1);
}

static const struct memory_skip memory_proxy_skips[] = {
    /* as for an engine */
    MEMORY_SKIP(struct proxy, open),       MEMORY_SKIP(struct proxy, open_capacity),
    MEMORY_SKIP(struct proxy, waiting),    MEMORY_SKIP(struct proxy, waiting_capacity),
    MEMORY_SKIP(struct proxy, done),       MEMORY_SKIP(struct proxy, done_head),
    MEMORY_SKIP(struct proxy, done_count), MEMORY_SKIP(struct proxy, done_capacity),
};
enum { MEMORY_PROXY = sizeof memory_proxy_skips / sizeof memory_proxy_skips[0] };

static void memory_proxy(struct memory_find *find, const struct proxy *a, const struct proxy *b)
{
    memory_words(find, "proxy", 0, a, b, sizeof *a, memory_proxy_skips, MEMORY_PROXY);
    /* what stands after `fails` is padding */
    const struct memory_skip open = {offsetof(struct proxy_open, fails) + 1, 3},
                             waiting = {offsetof(struct proxy_call, fails) + 1, 3};
    for (uint32_t i = 0; i < a->open_count; i++)
        memory_words(find, "proxy.open", i, &a->open[i], &b->open[i], sizeof a->open[i], &open, 1);
    for (uint32_t i = 0; i < a->waiting_count; i++)
        memory_words(find, "proxy.waiting", i, &a->waiting[i], &b->waiting[i], sizeof a->waiting[i],
                     &waiting, 1);
}

static void memory_node(struct memory_find *find, const struct world *a, const struct world *b,
                        uint32_t i)
{
    const struct world_node *x = &a->nodes[i], *y = &b->nodes[i];
    const struct memory_skip skips[] = {MEMORY_SKIP(struct world_node, serving),
                                        MEMORY_SKIP(struct world_node, life.held),
                                        MEMORY_SKIP(struct world_node, life.held_room)};
    memory_words(find, "world_node", i, x, y, sizeof *x, skips, 3);
    memory_words(find, "held", i, x->life.held, y->life.held,
                 x->life.held_count * sizeof *x->life.held, NULL, 0);
    if (x->proxy && y->proxy)
        memory_proxy(find, x->proxy, y->proxy);
    else
        memory_engine(find, &x->serving, &y->serving);
}

static void memory_arrays(struct memory_find *find, const struct world *a, const struct world *b)
{
    const struct token_setup *s = &a->token.setup;
    uint32_t payees = s->nodes + s->validators;
#define MEMORY_ARRAY(path, count)                                                                  \
    memory_words(find, #path, 0, a->path, b->path, (count) * sizeof *a->path, NULL, 0)
    MEMORY_ARRAY(registry.nodes, a->registry.count);
    MEMORY_ARRAY(staking.stakers, a->staking.count);
    MEMORY_ARRAY(token.to_sell, payees);
    MEMORY_ARRAY(token.node_income, payees);
    MEMORY_ARRAY(net.down, a->net.region_count);
    MEMORY_ARRAY(travelling, a->travelling_capacity);
    MEMORY_ARRAY(travelling_free, a->travelling_free_count);
    MEMORY_ARRAY(requests.free, a->requests.free_count);
    MEMORY_ARRAY(block.txs, a->block.count);
    MEMORY_ARRAY(consensus.current.priority, a->consensus.count);
    MEMORY_ARRAY(consensus.next.priority, a->consensus.count);
    MEMORY_ARRAY(metrics.sample_time, a->metrics.samples);
    MEMORY_ARRAY(payment.sessions, a->payment.capacity);
    MEMORY_ARRAY(payment.buckets, a->payment.capacity);
#undef MEMORY_ARRAY
    for (int k = 0; k < LEDGER_ASSETS; k++)
        memory_words(find, "balance", (size_t)k, a->ledger.balance[k], b->ledger.balance[k],
                     a->ledger.count * sizeof(money_t), NULL, 0);
    for (int h = 0; h < HIST_COUNT; h++)
        memory_words(find, "hist", (size_t)h, a->metrics.hist[h].cells, b->metrics.hist[h].cells,
                     HIST_CELLS * sizeof(uint64_t), NULL, 0);
    for (int i = 0; i < SERIES_COUNT; i++)
        memory_words(find, "series", (size_t)i, a->metrics.series[i], b->metrics.series[i],
                     a->metrics.samples * sizeof(double), NULL, 0);
}

/* The list is arranged in another way; what it holds must be equal. */
static void memory_events(struct memory_find *find, const struct world *a, const struct world *b)
{
    struct event_list_image x, y;
    event_list_export(&a->events, a->arena, &x);
    event_list_export(&b->events, b->arena, &y);
    memory_words(find, "event_list_image", 0, &x, &y, sizeof x, NULL, 0);
    if (x.count == y.count)
        memory_words(find, "events", 0, x.events, y.events, x.count * sizeof *x.events, NULL, 0);
}

static struct memory_find memory_compare(const struct world *a, const struct world *b)
{
    static const struct memory_skip skips[] = {
        MEMORY_SKIP(struct world, events),           /* another arrangement of the same events */
        MEMORY_SKIP(struct world, facilitator.head), /* rings are read back */
        MEMORY_SKIP(struct world, facilitator.ring_size), /* from their first place on */
        MEMORY_SKIP(struct world, facilitator.ring),      /* an empty one is not read back */
        MEMORY_SKIP(struct world, staking.head),
        MEMORY_SKIP(struct world, workload.trace),
        MEMORY_SKIP(struct world, token.setup), /* from the parameters; holds padding */
        MEMORY_SKIP(struct world, last_count),  /* the past of a restored world */
        MEMORY_SKIP(struct world, last),        /* is not shown in a crash */
    };
    struct memory_find find = {0};
    memory_words(&find, "world", 0, a, b, sizeof *a, skips, sizeof skips / sizeof skips[0]);
    for (uint32_t i = 0; i < a->node_count; i++)
        memory_node(&find, a, b, i);
    for (uint32_t i = 0; i < a->requests.capacity; i++)
        if (a->requests.items[i].holds > 0)
            memory_words(&find, "request", i, &a->requests.items[i], &b->requests.items[i],
                         sizeof(struct request), NULL, 0);
    memory_arrays(&find, a, b);
    memory_events(&find, a, b);
    return find;
}

#endif
