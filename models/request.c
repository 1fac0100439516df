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
    pool->items[slot].node = pool->items[slot].prefill_node = UINT32_MAX;
    pool->items[slot].session = UINT32_MAX;
    uint64_t live = pool->capacity - pool->free_count;
    if (live > pool->live_peak) pool->live_peak = live;
    return slot;
}

void request_give(struct request_pool *pool, uint32_t slot)
{
    assert(slot < pool->capacity && pool->free_count < pool->capacity);
    pool->free[pool->free_count++] = slot;
}

static void request_snap(struct request *r, struct snap *snap, const struct request_limits *limits)
{
    SNAP_COVERS(struct request, 208);
    snap_u32(snap, &r->id);
    snap_below(snap, &r->user, limits->users);
    snap_link(snap, &r->node, limits->payees);
    snap_link(snap, &r->prefill_node, limits->payees);
    snap_u32(snap, &r->source_breaks);
    snap_u16(snap, &r->region);
    snap_u16(snap, &r->class);
    snap_u16(snap, &r->model);
    snap_u32(snap, &r->prompt_tok);
    snap_u32(snap, &r->output_tok);
    snap_link(snap, &r->session, limits->sessions);
    snap_u32(snap, &r->prefix_tok);
    session_images_snap(&r->images, snap);
    snap_u64(snap, &r->stream);
    snap_u64(snap, &r->prefix);
    snap_i64(snap, &r->value_nano);
    snap_below_u8(snap, &r->state, REQUEST_STATES);
    snap_below_u8(snap, &r->proof, PROOF_LOST + 1);
    snap_u8(snap, &r->attempt);
    snap_u8(snap, &r->resent);
    bool *const flags[] = {&r->counted, &r->cheated, &r->acted,
                           &r->at_risk, &r->refused, &r->moving};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        snap_flag(snap, flags[i]);
    int64_t *const times[] = {&r->arrived_ns, &r->sent_ns,     &r->handoff_ns, &r->first_token_ns,
                              &r->served_ns,  &r->answered_ns, &r->ended_ns};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        snap_i64(snap, times[i]);
    snap_handle(snap, &r->timeout);
    token_fee_snap(&r->fee, snap, limits->users, limits->payees);
    if (r->region >= limits->regions || r->class >= limits->classes || r->model >= limits->models)
        snap_fail(snap, "request %u names what there is not", r->id);
}

/* A record that nothing holds is free, and its content does not matter. */
void request_pool_snap(struct request_pool *pool, struct snap *snap,
                       const struct request_limits *limits)
{
    SNAP_COVERS(struct request_pool, 48);
    snap_begin(snap, "requests");
    snap_length(snap, &pool->capacity, pool->limit);
    if (snap->reading) {
        pool->items = arena_alloc(pool->arena, pool->capacity, sizeof *pool->items);
        pool->free = arena_alloc(pool->arena, pool->capacity, sizeof *pool->free);
    }
    snap_count(snap, &pool->free_count, pool->capacity);
    snap_indices(snap, pool->free, pool->free_count, pool->capacity);
    snap_u64(snap, &pool->live_peak);
    uint32_t held = 0;
    for (uint32_t slot = 0; slot < pool->capacity; slot++) {
        struct request *r = &pool->items[slot];
        snap_u8(snap, &r->holds);
        if (r->holds == 0) continue;
        held++;
        request_snap(r, snap, limits);
    }
    if (held + pool->free_count != pool->capacity)
        snap_fail(snap, "%u requests are held, %u free, of %u", held, pool->free_count,
                  pool->capacity);
    snap_end(snap);
}
