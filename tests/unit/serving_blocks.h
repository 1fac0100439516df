/* SPDX-License-Identifier: Apache-2.0
 * KV blocks one by one, as vLLM V1 keeps them: numbered blocks with a hash and a reference count, a
 * doubly linked queue of free ones, a map from hash to block.
 *
 * Written from the description of vllm/v1/core/block_pool.py, kv_cache_utils.py and
 * single_type_kv_cache_manager.py; knows nothing of the runs and chains of models/serving_cache.
 * One rule is not vLLM's, and is the one that models/serving_cache.h names: no hash is ever put on
 * two blocks (pool_free_of and `aside` in serving_plain.h).  Test code: fixed capacities. */
#ifndef HACASIM_TESTS_SERVING_BLOCKS_H
#define HACASIM_TESTS_SERVING_BLOCKS_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { POOL_MAX = 2048, POOL_NONE = -1, POOL_SLOTS = 8192 };

struct pool_block {
    uint64_t hash; /* 0: none */
    int uses;
    int prev, next; /* in the free queue; POOL_NONE at its ends */
};

struct pool {
    struct pool_block blocks[POOL_MAX];
    int count, free, head, tail;
    bool caching;
    int slots[POOL_SLOTS]; /* the map: open addressing, filled anew when something is removed */
    uint64_t evicted;
};

static void pool_append(struct pool *p, int b)
{
    p->blocks[b].prev = p->tail;
    p->blocks[b].next = POOL_NONE;
    if (p->tail == POOL_NONE)
        p->head = b;
    else
        p->blocks[p->tail].next = b;
    p->tail = b;
    p->free++;
}

static void pool_unlink(struct pool *p, int b)
{
    struct pool_block *block = &p->blocks[b];
    if (block->prev == POOL_NONE)
        p->head = block->next;
    else
        p->blocks[block->prev].next = block->next;
    if (block->next == POOL_NONE)
        p->tail = block->prev;
    else
        p->blocks[block->next].prev = block->prev;
    p->free--;
}

static void pool_open(struct pool *p, int count, bool caching)
{
    assert(count <= POOL_MAX);
    uint64_t evicted = p->evicted;
    memset(p, 0, sizeof *p);
    p->evicted = evicted;
    p->head = p->tail = POOL_NONE;
    p->count = count;
    p->caching = caching;
    memset(p->slots, 0xFF, sizeof p->slots);
    for (int b = 0; b < count; b++)
        pool_append(p, b);
}

static int pool_find(const struct pool *p, uint64_t hash)
{
    for (uint64_t at = hash % POOL_SLOTS; p->slots[at] != POOL_NONE; at = (at + 1) % POOL_SLOTS)
        if (p->blocks[p->slots[at]].hash == hash) return p->slots[at];
    return POOL_NONE;
}

static void pool_map(struct pool *p, int b)
{
    uint64_t at = p->blocks[b].hash % POOL_SLOTS;
    while (p->slots[at] != POOL_NONE)
        at = (at + 1) % POOL_SLOTS;
    p->slots[at] = b;
}

static void pool_name(struct pool *p, int b, uint64_t hash)
{
    assert(pool_find(p, hash) == POOL_NONE && p->blocks[b].hash == 0);
    p->blocks[b].hash = hash;
    pool_map(p, b);
}

/* Out of the map.  Those behind it in its cluster are put in again, so that they are found. */
static void pool_unname(struct pool *p, int b)
{
    uint64_t at = p->blocks[b].hash % POOL_SLOTS;
    while (p->slots[at] != b)
        at = (at + 1) % POOL_SLOTS;
    p->slots[at] = POOL_NONE;
    p->blocks[b].hash = 0;
    for (at = (at + 1) % POOL_SLOTS; p->slots[at] != POOL_NONE; at = (at + 1) % POOL_SLOTS) {
        int other = p->slots[at];
        p->slots[at] = POOL_NONE;
        pool_map(p, other);
    }
}

static int pool_take(struct pool *p)
{
    int b = p->head;
    assert(b != POOL_NONE);
    pool_unlink(p, b);
    if (p->blocks[b].hash != 0) {
        pool_unname(p, b);
        p->evicted++;
    }
    p->blocks[b].uses = 1;
    return b;
}

static void pool_touch(struct pool *p, int b)
{
    if (p->blocks[b].uses++ == 0) pool_unlink(p, b);
}

static void pool_give_back(struct pool *p, int b)
{
    assert(p->blocks[b].uses > 0);
    if (--p->blocks[b].uses == 0) pool_append(p, b);
}

#endif
