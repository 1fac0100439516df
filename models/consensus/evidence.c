/* SPDX-License-Identifier: Apache-2.0
 * The pool of double votes. */
#include "models/consensus/evidence.h"

void evidence_init(struct evidence *pool, struct arena *arena, const struct evidence_params *params)
{
    *pool = (struct evidence){.params = params, .arena = arena};
}

static bool evidence_same(const struct evidence_item *a, const struct evidence_item *b)
{
    return a->voter == b->voter && a->type == b->type && a->height == b->height &&
           a->round == b->round && a->value[0] == b->value[0] && a->value[1] == b->value[1];
}

static struct evidence_item *evidence_find(const struct evidence *pool,
                                           const struct evidence_item *item)
{
    for (uint32_t i = 0; i < pool->count; i++)
        if (evidence_same(&pool->items[i], item)) return &pool->items[i];
    return NULL;
}

static struct evidence_item *evidence_add(struct evidence *pool, const struct evidence_item *item)
{
    if (pool->count == pool->capacity) {
        uint32_t capacity = pool->capacity ? 2 * pool->capacity : 16;
        pool->items =
            arena_grow(pool->arena, pool->items, pool->capacity, capacity, sizeof *pool->items);
        pool->capacity = capacity;
    }
    pool->items[pool->count] = *item;
    return &pool->items[pool->count++];
}

void evidence_report(struct evidence *pool, const struct machine_output *output)
{
    bool ordered = output->value < output->other;
    struct evidence_item item = {.voter = output->voter,
                                 .type = output->vote_type,
                                 .round = output->round,
                                 .height = output->height,
                                 .value = {ordered ? output->value : output->other,
                                           ordered ? output->other : output->value}};
    if (!evidence_find(pool, &item)) evidence_add(pool, &item);
}

bool evidence_expired(const struct evidence_params *params, const struct evidence_item *item,
                      uint64_t height, int64_t time_ns)
{
    return height > item->height && height - item->height > params->max_age_blocks &&
           time_ns - item->time_ns > params->max_age_ns;
}

void evidence_decided(struct evidence *pool, uint64_t height, int64_t time_ns,
                      const struct valset *members)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < pool->count; i++) {
        struct evidence_item item = pool->items[i];
        if (item.state == EVIDENCE_BUFFERED && item.height == height) {
            item.state = EVIDENCE_PENDING;
            item.time_ns = time_ns;
            item.power = valset_power(members, item.voter);
            item.total = members->turn.total;
        }
        bool buffered = item.state == EVIDENCE_BUFFERED && item.height > height;
        bool young = item.state != EVIDENCE_BUFFERED &&
                     !evidence_expired(pool->params, &item, height, time_ns);
        if (buffered || young) pool->items[kept++] = item;
    }
    pool->count = kept;
}

uint32_t evidence_take(const struct evidence *pool, struct evidence_item *items, uint32_t most)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < pool->count && count < most; i++)
        if (pool->items[i].state == EVIDENCE_PENDING) items[count++] = pool->items[i];
    return count;
}

void evidence_commit(struct evidence *pool, const struct evidence_item *item)
{
    struct evidence_item *known = evidence_find(pool, item);
    if (!known) known = evidence_add(pool, item);
    known->state = EVIDENCE_COMMITTED;
}
