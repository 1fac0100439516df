/* SPDX-License-Identifier: Apache-2.0
 * Runs of free blocks and chains of findable ones. */
#include "models/serving_cache.h"

#include <assert.h>

enum { FIRST_CAPACITY = 4 };

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- the queue of free runs ------------------------------------------------------------------ */

static int32_t run_take(struct serving *s)
{
    struct serving_cache *c = &s->cache;
    int32_t index = c->run_free;
    if (index != SERVING_NONE) {
        c->run_free = c->runs[index].next;
        return index;
    }
    if (c->run_used == c->run_capacity) {
        uint32_t capacity = c->run_capacity ? 2 * c->run_capacity : FIRST_CAPACITY;
        c->runs = arena_grow(s->arena, c->runs, c->run_capacity, capacity, sizeof *c->runs);
        c->run_capacity = capacity;
    }
    return (int32_t)c->run_used++;
}

/* Out of the queue, not out of its chain. */
static void run_drop(struct serving_cache *c, int32_t index)
{
    struct serving_run *run = &c->runs[index];
    if (run->prev == SERVING_NONE)
        c->head = run->next;
    else
        c->runs[run->prev].next = run->next;
    if (run->next == SERVING_NONE)
        c->tail = run->prev;
    else
        c->runs[run->next].prev = run->prev;
    *run = (struct serving_run){.chain = SERVING_NONE, .next = c->run_free};
    c->run_free = index;
}

/* To the tail of the queue; blocks of nobody's join those before them. */
static void run_push(struct serving *s, int32_t chain, int64_t from, int64_t to)
{
    struct serving_cache *c = &s->cache;
    if (from >= to) return;
    s->blocks_free += to - from;
    struct serving_run *tail = c->tail == SERVING_NONE ? NULL : &c->runs[c->tail];
    if (chain == SERVING_NONE && tail && tail->chain == SERVING_NONE) {
        tail->to += (int32_t)(to - from);
        return;
    }
    int32_t index = run_take(s);
    c->runs[index] = (struct serving_run){.chain = chain,
                                          .from = (int32_t)from,
                                          .to = (int32_t)to,
                                          .prev = c->tail,
                                          .next = SERVING_NONE,
                                          .older = SERVING_NONE,
                                          .newer = SERVING_NONE};
    if (c->tail == SERVING_NONE)
        c->head = index;
    else
        c->runs[c->tail].next = index;
    c->tail = index;
    if (chain == SERVING_NONE) return;
    struct serving_chain *owner = &c->chains[chain];
    c->runs[index].older = owner->newest;
    if (owner->newest == SERVING_NONE)
        owner->oldest = index;
    else
        c->runs[owner->newest].newer = index;
    owner->newest = index;
}

/* ---- chains ---------------------------------------------------------------------------------- */

static uint64_t mixed(uint64_t word)
{
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9u;
    word = (word ^ (word >> 27)) * 0x94D049BB133111EBu;
    return word ^ (word >> 31);
}

static int32_t *bucket_of(const struct serving_cache *c, const struct serving_chain *chain)
{
    uint64_t word = mixed(chain->stream + 0x9E3779B97F4A7C15u);
    word = mixed(word ^ chain->prefix) + (uint64_t)chain->prefix_tok;
    return &c->buckets[mixed(word) & (c->bucket_count - 1)];
}

static void put_in_bucket(struct serving_cache *c, int32_t index)
{
    int32_t *bucket = bucket_of(c, &c->chains[index]);
    c->chains[index].bucket_next = *bucket;
    *bucket = index;
}

void serving_cache_rehash(struct serving *s)
{
    struct serving_cache *c = &s->cache;
    uint32_t count = FIRST_CAPACITY;
    while (count < 2 * c->named)
        count *= 2;
    if (count > c->bucket_count) c->buckets = arena_alloc(s->arena, count, sizeof *c->buckets);
    c->bucket_count = count;
    for (uint32_t i = 0; i < count; i++)
        c->buckets[i] = SERVING_NONE;
    for (uint32_t i = 0; i < c->chain_used; i++)
        if (c->chains[i].named) put_in_bucket(c, (int32_t)i);
}

static int32_t chain_take(struct serving *s)
{
    struct serving_cache *c = &s->cache;
    int32_t index = c->chain_free;
    if (index != SERVING_NONE) {
        c->chain_free = c->chains[index].bucket_next;
        return index;
    }
    if (c->chain_used == c->chain_capacity) {
        uint32_t capacity = c->chain_capacity ? 2 * c->chain_capacity : FIRST_CAPACITY;
        c->chains = arena_grow(s->arena, c->chains, c->chain_capacity, capacity, sizeof *c->chains);
        c->chain_capacity = capacity;
    }
    return (int32_t)c->chain_used++;
}

/* The names of a request's two chains. */
static struct serving_chain prefix_name(const struct serving_request *r)
{
    return (struct serving_chain){.prefix = r->prefix};
}

static struct serving_chain own_name(const struct serving_request *r)
{
    return (struct serving_chain){.stream = r->stream,
                                  .prefix = r->prefix,
                                  .prefix_tok = r->prefix_tok,
                                  .base = r->prefix_blocks};
}

static int32_t chain_find(const struct serving_cache *c, struct serving_chain name)
{
    if (c->bucket_count == 0) return SERVING_NONE;
    int32_t index = *bucket_of(c, &name);
    for (; index != SERVING_NONE; index = c->chains[index].bucket_next) {
        const struct serving_chain *chain = &c->chains[index];
        if (chain->stream == name.stream && chain->prefix == name.prefix &&
            chain->prefix_tok == name.prefix_tok)
            break;
    }
    return index;
}

static int32_t chain_make(struct serving *s, struct serving_chain name, bool named)
{
    struct serving_cache *c = &s->cache;
    int32_t index = chain_take(s);
    name.cached = name.held = name.base;
    name.writer = name.oldest = name.newest = name.bucket_next = SERVING_NONE;
    name.named = named;
    c->chains[index] = name;
    if (!named) return index;
    c->named++;
    if (2 * c->named > c->bucket_count)
        serving_cache_rehash(s);
    else
        put_in_bucket(c, index);
    return index;
}

static void chain_drop(struct serving_cache *c, int32_t index)
{
    struct serving_chain *chain = &c->chains[index];
    if (chain->named) {
        int32_t *link = bucket_of(c, chain);
        while (*link != index)
            link = &c->chains[*link].bucket_next;
        *link = chain->bucket_next;
        c->named--;
    }
    *chain = (struct serving_chain){.bucket_next = c->chain_free, .writer = SERVING_NONE};
    c->chain_free = index;
}

static void chain_drop_if_empty(struct serving_cache *c, int32_t index)
{
    struct serving_chain *chain = &c->chains[index];
    bool empty = chain->holders == 0 && chain->cached == chain->base;
    if (empty && chain->named) chain_drop(c, index);
}

/* The blocks of the request's own chain that are in the cache. */
static int64_t own_end(const struct serving *s, const struct serving_request *r)
{
    if (r->aside) return r->own_held;
    int64_t full = serving_cache_known_tok(s, r) / s->params->block_tokens;
    return greater(full, r->prefix_blocks);
}

/* A chain that nobody writes knows its end; one that is being written grows with its writer. */
static int64_t chain_end(const struct serving *s, const struct serving_chain *chain)
{
    bool grows = chain->writer != SERVING_NONE && (chain->stream != 0 || !chain->named);
    return grows ? own_end(s, &s->requests[chain->writer]) : chain->cached;
}

/* ---- taking ---------------------------------------------------------------------------------- */

static void unlink_oldest(struct serving_cache *c, struct serving_chain *chain)
{
    chain->oldest = c->runs[chain->oldest].newer;
    if (chain->oldest == SERVING_NONE)
        chain->newest = SERVING_NONE;
    else
        c->runs[chain->oldest].older = SERVING_NONE;
}

static void unlink_newest(struct serving_cache *c, struct serving_chain *chain)
{
    chain->newest = c->runs[chain->newest].older;
    if (chain->newest == SERVING_NONE)
        chain->oldest = SERVING_NONE;
    else
        c->runs[chain->newest].newer = SERVING_NONE;
}

void serving_cache_take(struct serving *s, int64_t n)
{
    struct serving_cache *c = &s->cache;
    assert(n <= s->blocks_free);
    s->blocks_free -= n;
    if (!s->rules.caches) return;
    while (n > 0) {
        struct serving_run *run = &c->runs[c->head];
        int32_t got = (int32_t)lesser(n, run->to - run->from), chain = run->chain;
        run->to -= got;
        n -= got;
        if (chain != SERVING_NONE) {
            s->counters.evicted_blocks += (uint64_t)got;
            assert(c->chains[chain].oldest == c->head && c->chains[chain].cached == run->to + got);
            c->chains[chain].cached = run->to;
        }
        if (run->from < run->to) return;
        if (chain != SERVING_NONE) unlink_oldest(c, &c->chains[chain]);
        run_drop(c, c->head);
        if (chain != SERVING_NONE) chain_drop_if_empty(c, chain);
    }
}

/* Take the free blocks below `end` out of the queue, for one more holder. */
static void chain_hold(struct serving *s, int32_t index, int64_t end)
{
    struct serving_cache *c = &s->cache;
    struct serving_chain *chain = &c->chains[index];
    chain->holders++;
    if (chain->writer != SERVING_NONE) return; /* who uses all that is in use */
    if (end == chain->held) chain->at_end++;
    if (end <= chain->held) return;
    s->blocks_free -= end - chain->held;
    chain->held = (int32_t)end;
    chain->at_end = 1;
    while (chain->newest != SERVING_NONE && c->runs[chain->newest].from < end) {
        int32_t run = chain->newest;
        if (c->runs[run].to > end) {
            c->runs[run].from = (int32_t)end;
            return;
        }
        unlink_newest(c, chain);
        run_drop(c, run);
    }
}

/* What lies free in the chain can be found no longer. */
static void chain_trim(struct serving_cache *c, struct serving_chain *chain)
{
    while (chain->oldest != SERVING_NONE) {
        struct serving_run *run = &c->runs[chain->oldest];
        unlink_oldest(c, chain);
        run->chain = run->older = run->newer = SERVING_NONE;
    }
    chain->cached = chain->held;
}

/* ---- finding --------------------------------------------------------------------------------- */

static int64_t found_in(const struct serving *s, int32_t index, int64_t base, int64_t limit,
                        int64_t *free)
{
    if (index == SERVING_NONE || limit <= base) return base;
    const struct serving_chain *chain = &s->cache.chains[index];
    int64_t end = lesser(chain_end(s, chain), limit);
    bool grows = chain->writer != SERVING_NONE;
    if (!grows && end > chain->held) *free += end - greater(chain->held, base);
    return end;
}

static int32_t own_chain(const struct serving *s, const struct serving_request *r)
{
    if (r->own_chain != SERVING_NONE || r->stream == 0) return r->own_chain;
    return chain_find(&s->cache, own_name(r));
}

static int32_t prefix_chain(const struct serving *s, const struct serving_request *r)
{
    return r->prefix_blocks > 0 ? chain_find(&s->cache, prefix_name(r)) : SERVING_NONE;
}

struct serving_hits serving_cache_find(struct serving *s, const struct serving_request *r)
{
    struct serving_hits hits = {.own = r->prefix_blocks};
    if (!s->rules.caches) return (struct serving_hits){0};
    int64_t limit = ((int64_t)r->prompt_tok + r->generated_tok - 1) / s->params->block_tokens;
    if (r->prefix_blocks > 0)
        hits.prefix =
            found_in(s, prefix_chain(s, r), 0, lesser(limit, r->prefix_blocks), &hits.free);
    if (hits.prefix == r->prefix_blocks)
        hits.own = found_in(s, own_chain(s, r), r->prefix_blocks, limit, &hits.free);
    hits.blocks = hits.own > r->prefix_blocks ? hits.own : hits.prefix;
    return hits;
}

bool serving_cache_awaits(const struct serving *s, const struct serving_request *r)
{
    if (!s->rules.caches) return false;
    int32_t own = own_chain(s, r);
    return own != SERVING_NONE && s->cache.chains[own].writer != SERVING_NONE;
}

/* May the request write the chain from `end` on? */
static bool can_write(const struct serving_cache *c, int32_t index, int64_t end)
{
    if (index == SERVING_NONE) return true;
    const struct serving_chain *chain = &c->chains[index];
    return chain->writer == SERVING_NONE && chain->held <= end;
}

static void start_writing(struct serving_cache *c, int32_t chain, int32_t index)
{
    if (chain == SERVING_NONE) return;
    chain_trim(c, &c->chains[chain]);
    c->chains[chain].writer = index;
}

void serving_cache_hold(struct serving *s, int32_t index, const struct serving_hits *hits)
{
    struct serving_cache *c = &s->cache;
    struct serving_request *r = &s->requests[index];
    if (!s->rules.caches) return;
    int32_t prefix = prefix_chain(s, r), own = own_chain(s, r);
    bool writes_prefix = hits->prefix < r->prefix_blocks;
    r->aside =
        (writes_prefix && !can_write(c, prefix, hits->prefix)) || !can_write(c, own, hits->own);
    if (prefix == SERVING_NONE && r->prefix_blocks > 0)
        prefix = chain_make(s, prefix_name(r), true);
    if (own == SERVING_NONE && r->stream != 0) own = chain_make(s, own_name(r), true);
    r->prefix_chain = prefix;
    r->own_chain = own;
    r->prefix_held = (int32_t)hits->prefix;
    r->own_held = (int32_t)hits->own;
    if (prefix != SERVING_NONE) chain_hold(s, prefix, hits->prefix);
    if (own != SERVING_NONE) chain_hold(s, own, hits->own);
    if (r->aside) return;
    if (writes_prefix) start_writing(c, prefix, index);
    start_writing(c, own, index);
}

void serving_cache_note_chunk(struct serving *s, int32_t index)
{
    struct serving_request *r = &s->requests[index];
    if (!s->rules.caches || r->aside || r->prefix_held == r->prefix_blocks) return;
    struct serving_chain *chain = &s->cache.chains[r->prefix_chain];
    int64_t full = serving_cache_known_tok(s, r) / s->params->block_tokens;
    int64_t end = lesser(full, r->prefix_blocks);
    if (end > r->prefix_held) {
        r->prefix_held = chain->cached = chain->held = (int32_t)end;
        chain->at_end = 1;
    }
    if (end == r->prefix_blocks) chain->writer = SERVING_NONE;
}

/* ---- giving back ----------------------------------------------------------------------------- */

/* Where the blocks that running requests use of the chain end. */
static void find_held(struct serving *s, int32_t index)
{
    struct serving_chain *chain = &s->cache.chains[index];
    chain->held = chain->base;
    chain->at_end = chain->holders;
    if (chain->holders == 0) return;
    chain->at_end = 0;
    for (int32_t i = s->running.head; i != SERVING_NONE; i = s->requests[i].next) {
        const struct serving_request *r = &s->requests[i];
        if (r->prefix_chain != index && r->own_chain != index) continue;
        int32_t end = r->prefix_chain == index ? r->prefix_held : r->own_held;
        if (end > chain->held) {
            chain->held = end;
            chain->at_end = 0;
        }
        if (end == chain->held) chain->at_end++;
    }
}

/* One holder less, which used [base, end) and has been taken off the running list. */
static void chain_release(struct serving *s, int32_t index, int32_t writer, int64_t end)
{
    struct serving_chain *chain = &s->cache.chains[index];
    chain->holders--;
    if (chain->writer == writer) {
        chain->writer = SERVING_NONE;
        chain->cached = (int32_t)end;
        chain->held = (int32_t)end;
        chain->at_end = 1;
    } else if (chain->writer != SERVING_NONE) {
        return;
    }
    if (end == chain->held && --chain->at_end == 0) {
        find_held(s, index);
        run_push(s, index, chain->held, end);
    }
    chain_drop_if_empty(&s->cache, index);
}

static void release_own(struct serving *s, int32_t index, int64_t end, bool again)
{
    struct serving_request *r = &s->requests[index];
    int64_t count = end - r->prefix_blocks;
    if (r->own_chain == SERVING_NONE && again && count > 0) {
        r->own_chain = chain_make(s, own_name(r), false);
        s->cache.chains[r->own_chain].holders = 1;
        s->cache.chains[r->own_chain].writer = index;
    }
    if (r->stream == 0 && !again) {
        /* Nobody will ask for these again. */
        serving_cache_forget(s, index);
        run_push(s, SERVING_NONE, 0, count);
        return;
    }
    if (r->own_chain == SERVING_NONE) return;
    chain_release(s, r->own_chain, index, end);
    if (r->stream != 0) r->own_chain = SERVING_NONE;
}

void serving_cache_release(struct serving *s, int32_t index, int64_t blocks, int64_t known_tok,
                           bool again)
{
    struct serving_request *r = &s->requests[index];
    if (!s->rules.caches) {
        s->blocks_free += blocks;
        return;
    }
    int64_t full = known_tok / s->params->block_tokens;
    int64_t prefix = r->aside ? r->prefix_held : lesser(full, r->prefix_blocks);
    int64_t own = r->aside ? r->own_held : greater(full, r->prefix_blocks);
    int64_t known = own > r->prefix_blocks ? own : prefix;
    run_push(s, SERVING_NONE, 0, blocks - known);
    release_own(s, index, own, again);
    if (r->prefix_chain != SERVING_NONE) chain_release(s, r->prefix_chain, index, prefix);
    r->prefix_chain = SERVING_NONE;
    r->aside = false;
}

void serving_cache_forget(struct serving *s, int32_t index)
{
    struct serving_request *r = &s->requests[index];
    if (r->own_chain == SERVING_NONE) return;
    struct serving_cache *c = &s->cache;
    chain_trim(c, &c->chains[r->own_chain]);
    chain_drop(c, r->own_chain);
    r->own_chain = SERVING_NONE;
}

/* ---- the whole pool -------------------------------------------------------------------------- */

void serving_cache_reset(struct serving *s)
{
    struct serving_cache *c = &s->cache;
    c->run_used = c->chain_used = c->named = 0;
    c->run_free = c->chain_free = c->head = c->tail = SERVING_NONE;
    for (uint32_t i = 0; i < c->bucket_count; i++)
        c->buckets[i] = SERVING_NONE;
    for (int32_t i = s->waiting.head; i != SERVING_NONE; i = s->requests[i].next)
        s->requests[i].own_chain = SERVING_NONE;
    for (uint32_t i = 0; s->rules.ranked && i < s->waiting.count; i++)
        s->requests[s->ranked[i]].own_chain = SERVING_NONE;
    s->blocks_free = 0;
    if (s->rules.caches)
        run_push(s, SERVING_NONE, 0, s->blocks_total);
    else
        s->blocks_free = s->blocks_total;
}
