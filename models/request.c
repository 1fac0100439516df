/* SPDX-License-Identifier: Apache-2.0
 * The pool of request records: an array that grows in the arena and a stack of free slots. */
#include "models/request.h"

#include <assert.h>
#include <string.h>

void request_pool_init(struct request_pool *pool, struct arena *arena, uint32_t limit)
{
    *pool = (struct request_pool){.arena = arena, .limit = limit};
}

static void request_pool_grow(struct request_pool *pool)
{
    uint32_t old = pool->capacity;
    uint32_t capacity = old ? 2 * old : 256;
    if (capacity > pool->limit) capacity = pool->limit;
    pool->items = arena_grow(pool->arena, pool->items, old, capacity, sizeof *pool->items);
    pool->free = arena_grow(pool->arena, pool->free, old, capacity, sizeof *pool->free);
    for (uint32_t slot = capacity; slot > old; slot--) {
        pool->free[pool->free_count++] = slot - 1;
    }
    pool->capacity = capacity;
}

uint32_t request_take(struct request_pool *pool)
{
    if (pool->free_count == 0 && pool->capacity < pool->limit) request_pool_grow(pool);
    if (pool->free_count == 0) return UINT32_MAX;
    uint32_t slot = pool->free[--pool->free_count];
    memset(&pool->items[slot], 0, sizeof pool->items[slot]);
    pool->items[slot].node = UINT32_MAX;
    uint64_t live = pool->capacity - pool->free_count;
    if (live > pool->live_peak) pool->live_peak = live;
    return slot;
}

void request_give(struct request_pool *pool, uint32_t slot)
{
    assert(slot < pool->capacity && pool->free_count < pool->capacity);
    pool->free[pool->free_count++] = slot;
}
