/* SPDX-License-Identifier: Apache-2.0
 * Waiting transactions: a queue per sender, a heap of senders by their first transaction, and one
 * list of all by arrival for expiry. */
#include "models/mempool.h"

#include <assert.h>
#include <stddef.h>

#define MEMPOOL_NONE UINT32_MAX

enum mempool_state { MEMPOOL_FREE, MEMPOOL_WAITING, MEMPOOL_PACKED };

struct mempool_slot {
    struct mempool_tx tx;
    uint64_t order;          /* of arrival, over the whole run */
    uint32_t previous, next; /* waiting ones of the same sender; next also in the free list */
    uint32_t older, younger; /* list of all */
    enum mempool_state state;
};

struct mempool_sender {
    uint32_t first, last; /* waiting transactions */
    uint32_t place;       /* in the heap, or MEMPOOL_NONE */
};

static const char *const mempool_priorities[] = {"fifo", "tip", NULL};
static const char *const mempool_fits[] = {"skip", "stop", NULL};

static const struct param mempool_rows[] = {
    PARAM(mempool_params, size, PARAM_COUNT, "5000", "1", "10000000",
          "most transactions in the pool, those of the block in progress included",
          "cometbft config/config.go DefaultMempoolConfig"),
    {.key = "priority",
     .type = PARAM_ENUM,
     .offset = offsetof(struct mempool_params, priority),
     .def = "fifo",
     .meaning = "fifo: by arrival; tip: highest tip first, then arrival",
     .source = "cometbft mempool/clist_mempool.go (fifo)",
     .names = mempool_priorities},
    {.key = "fit",
     .type = PARAM_ENUM,
     .offset = offsetof(struct mempool_params, fit),
     .def = "skip",
     .meaning = "a transaction that does not fit is passed over (skip) or ends the block (stop)",
     .source = "cosmos-sdk baseapp/abci_utils.go SelectTxForProposal (skip)",
     .names = mempool_fits},
    PARAM(mempool_params, lifetime, PARAM_DURATION, "3 h", "1 s", "10 y",
          "a transaction that waits longer is dropped",
          "geth core/txpool/legacypool DefaultConfig.Lifetime"),
};
const struct param_table mempool_table = PARAM_TABLE("mempool", mempool_params, mempool_rows);

void mempool_init(struct mempool *pool, const struct mempool_params *params, struct arena *arena)
{
    *pool = (struct mempool){.params = params,
                             .arena = arena,
                             .slot_free = MEMPOOL_NONE,
                             .oldest = MEMPOOL_NONE,
                             .newest = MEMPOOL_NONE,
                             .least_gas = UINT64_MAX};
}

/* ---- heap of senders ------------------------------------------------------------------------ */

/* Whether sender a's first transaction goes before b's. */
static bool mempool_before(const struct mempool *pool, uint32_t a, uint32_t b)
{
    const struct mempool_slot *x = &pool->slots[pool->senders[a].first];
    const struct mempool_slot *y = &pool->slots[pool->senders[b].first];
    if (pool->params->priority == MEMPOOL_TIP && x->tx.tip != y->tx.tip)
        return x->tx.tip > y->tx.tip;
    return x->order < y->order;
}

static void mempool_put(struct mempool *pool, uint32_t place, uint32_t sender)
{
    pool->heap[place] = sender;
    pool->senders[sender].place = place;
}

/* Move the sender at `place` to where it belongs. */
static void mempool_sift(struct mempool *pool, uint32_t place)
{
    uint32_t sender = pool->heap[place];
    while (place > 0 && mempool_before(pool, sender, pool->heap[(place - 1) / 2])) {
        mempool_put(pool, place, pool->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= pool->heap_count) break;
        if (child + 1 < pool->heap_count &&
            mempool_before(pool, pool->heap[child + 1], pool->heap[child]))
            child++;
        if (!mempool_before(pool, pool->heap[child], sender)) break;
        mempool_put(pool, place, pool->heap[child]);
        place = child;
    }
    mempool_put(pool, place, sender);
}

static void mempool_heap_add(struct mempool *pool, uint32_t sender)
{
    mempool_put(pool, pool->heap_count++, sender);
    mempool_sift(pool, pool->heap_count - 1);
}

static void mempool_heap_drop(struct mempool *pool, uint32_t sender)
{
    uint32_t place = pool->senders[sender].place;
    uint32_t last = pool->heap[--pool->heap_count];
    pool->senders[sender].place = MEMPOOL_NONE;
    if (last == sender) return;
    mempool_put(pool, place, last);
    mempool_sift(pool, place);
}

/* ---- queues --------------------------------------------------------------------------------- */

/* Put a transaction into its sender's queue by order of arrival.  New ones go to the end; requeued
 * ones are older than all that wait, except those requeued before them. */
static void mempool_enqueue(struct mempool *pool, uint32_t handle)
{
    struct mempool_slot *slot = &pool->slots[handle];
    struct mempool_sender *sender = &pool->senders[slot->tx.sender];
    uint32_t before = sender->last, after = MEMPOOL_NONE;
    if (before != MEMPOOL_NONE && pool->slots[before].order > slot->order) {
        before = MEMPOOL_NONE;
        after = sender->first;
        while (pool->slots[after].order < slot->order) {
            before = after;
            after = pool->slots[after].next;
        }
    }
    slot->previous = before;
    slot->next = after;
    *(before == MEMPOOL_NONE ? &sender->first : &pool->slots[before].next) = handle;
    *(after == MEMPOOL_NONE ? &sender->last : &pool->slots[after].previous) = handle;
    slot->state = MEMPOOL_WAITING;
    pool->waiting++;
    if (sender->place == MEMPOOL_NONE)
        mempool_heap_add(pool, slot->tx.sender);
    else if (sender->first == handle)
        mempool_sift(pool, sender->place);
}

static void mempool_dequeue(struct mempool *pool, uint32_t handle)
{
    struct mempool_slot *slot = &pool->slots[handle];
    struct mempool_sender *sender = &pool->senders[slot->tx.sender];
    uint32_t before = slot->previous, after = slot->next;
    pool->waiting--;
    if (before == MEMPOOL_NONE && after == MEMPOOL_NONE) mempool_heap_drop(pool, slot->tx.sender);
    *(before == MEMPOOL_NONE ? &sender->first : &pool->slots[before].next) = after;
    *(after == MEMPOOL_NONE ? &sender->last : &pool->slots[after].previous) = before;
    if (before == MEMPOOL_NONE && after != MEMPOOL_NONE) mempool_sift(pool, sender->place);
}

static uint32_t mempool_grown(uint32_t now, uint64_t need)
{
    uint64_t size = now > 0 ? now : 64;
    while (size < need)
        size *= 2;
    assert(size <= UINT32_MAX);
    return (uint32_t)size;
}

static void mempool_reserve_sender(struct mempool *pool, uint32_t sender)
{
    if (sender < pool->sender_count) return;
    uint32_t old = pool->sender_count, count = mempool_grown(old, (uint64_t)sender + 1);
    pool->senders = arena_grow(pool->arena, pool->senders, old, count, sizeof *pool->senders);
    pool->heap = arena_grow(pool->arena, pool->heap, old, count, sizeof *pool->heap);
    pool->parked = arena_grow(pool->arena, pool->parked, old, count, sizeof *pool->parked);
    for (uint32_t i = old; i < count; i++)
        pool->senders[i] = (struct mempool_sender){MEMPOOL_NONE, MEMPOOL_NONE, MEMPOOL_NONE};
    pool->sender_count = count;
}

static uint32_t mempool_new_slot(struct mempool *pool)
{
    if (pool->slot_free == MEMPOOL_NONE) {
        uint32_t old = pool->slot_count, count = mempool_grown(old, (uint64_t)old + 1);
        pool->slots = arena_grow(pool->arena, pool->slots, old, count, sizeof *pool->slots);
        for (uint32_t i = count; i-- > old;) {
            pool->slots[i].next = pool->slot_free;
            pool->slot_free = i;
        }
        pool->slot_count = count;
    }
    uint32_t handle = pool->slot_free;
    pool->slot_free = pool->slots[handle].next;
    return handle;
}

/* ---- the door ------------------------------------------------------------------------------- */

bool mempool_add(struct mempool *pool, const struct mempool_tx *tx, uint32_t *handle)
{
    if (pool->count >= pool->params->size) {
        pool->full++;
        return false;
    }
    mempool_reserve_sender(pool, tx->sender);
    uint32_t at = mempool_new_slot(pool);
    pool->slots[at] = (struct mempool_slot){.tx = *tx,
                                            .order = pool->next_order++,
                                            .next = MEMPOOL_NONE,
                                            .older = pool->newest,
                                            .younger = MEMPOOL_NONE};
    if (pool->newest != MEMPOOL_NONE) {
        assert(pool->slots[pool->newest].tx.arrived_ns <= tx->arrived_ns);
        pool->slots[pool->newest].younger = at;
    } else {
        pool->oldest = at;
    }
    pool->newest = at;
    if (tx->gas_limit < pool->least_gas) pool->least_gas = tx->gas_limit;
    pool->added++;
    pool->count++;
    if (pool->count > pool->peak) pool->peak = pool->count;
    mempool_enqueue(pool, at);
    *handle = at;
    return true;
}

const struct mempool_tx *mempool_get(const struct mempool *pool, uint32_t handle)
{
    assert(handle < pool->slot_count && pool->slots[handle].state != MEMPOOL_FREE);
    return &pool->slots[handle].tx;
}

uint32_t mempool_pack(struct mempool *pool, const struct mempool_block *block, uint32_t *handles,
                      uint32_t capacity)
{
    uint64_t gas = block->max_gas, bytes = block->max_bytes;
    uint32_t taken = 0, parked = 0;
    while (pool->heap_count > 0 && taken < capacity && gas >= pool->least_gas) {
        uint32_t sender = pool->heap[0], handle = pool->senders[sender].first;
        const struct mempool_tx *tx = &pool->slots[handle].tx;
        bool payable = tx->fee_cap >= block->base_fee && tx->ready_ns <= block->now_ns;
        bool fits = tx->gas_limit <= gas && tx->bytes <= bytes;
        if (payable && !fits && pool->params->fit == MEMPOOL_STOP) break;
        if (!payable || !fits) {
            mempool_heap_drop(pool, sender);
            pool->parked[parked++] = sender;
            continue;
        }
        gas -= tx->gas_limit;
        bytes -= tx->bytes;
        mempool_dequeue(pool, handle);
        pool->slots[handle].state = MEMPOOL_PACKED;
        handles[taken++] = handle;
    }
    while (parked > 0)
        mempool_heap_add(pool, pool->parked[--parked]);
    pool->packed += taken;
    return taken;
}

void mempool_requeue(struct mempool *pool, uint32_t handle)
{
    assert(handle < pool->slot_count && pool->slots[handle].state == MEMPOOL_PACKED);
    pool->requeued++;
    mempool_enqueue(pool, handle);
}

void mempool_remove(struct mempool *pool, uint32_t handle)
{
    assert(handle < pool->slot_count);
    struct mempool_slot *slot = &pool->slots[handle];
    assert(slot->state != MEMPOOL_FREE);
    if (slot->state == MEMPOOL_WAITING) mempool_dequeue(pool, handle);
    if (slot->older != MEMPOOL_NONE)
        pool->slots[slot->older].younger = slot->younger;
    else
        pool->oldest = slot->younger;
    if (slot->younger != MEMPOOL_NONE)
        pool->slots[slot->younger].older = slot->older;
    else
        pool->newest = slot->older;
    slot->state = MEMPOOL_FREE;
    slot->next = pool->slot_free;
    pool->slot_free = handle;
    pool->removed++;
    if (--pool->count == 0) pool->least_gas = UINT64_MAX;
}

bool mempool_find(const struct mempool *pool, uint32_t kind, uint32_t reference, uint32_t *handle)
{
    for (uint32_t at = pool->oldest; at != MEMPOOL_NONE; at = pool->slots[at].younger) {
        const struct mempool_slot *slot = &pool->slots[at];
        if (slot->state != MEMPOOL_WAITING) continue;
        if (slot->tx.kind != kind || slot->tx.reference != reference) continue;
        *handle = at;
        return true;
    }
    return false;
}

bool mempool_expire(struct mempool *pool, int64_t now_ns, struct mempool_tx *tx)
{
    uint32_t at = pool->oldest;
    while (at != MEMPOOL_NONE && pool->slots[at].state == MEMPOOL_PACKED)
        at = pool->slots[at].younger;
    if (at == MEMPOOL_NONE) return false;
    if (now_ns - pool->slots[at].tx.arrived_ns <= pool->params->lifetime) return false;
    *tx = pool->slots[at].tx;
    mempool_remove(pool, at);
    pool->expired++;
    return true;
}

/* ---- checkpoints ---------------------------------------------------------------------------- */

void mempool_tx_snap(struct mempool_tx *tx, struct snap *snap, const struct mempool_limits *limits)
{
    SNAP_COVERS(struct mempool_tx, 112);
    snap_below(snap, &tx->kind, limits->kinds);
    snap_below(snap, &tx->sender, limits->senders);
    snap_below(snap, &tx->reference, limits->references[tx->kind]);
    snap_u64(snap, &tx->gas_limit);
    snap_u64(snap, &tx->gas_used);
    snap_u64(snap, &tx->bytes);
    snap_money(snap, &tx->fee_cap);
    snap_money(snap, &tx->tip);
    snap_i64(snap, &tx->arrived_ns);
    snap_i64(snap, &tx->ready_ns);
    snap_i64(snap, &tx->signed_ns);
}

static void mempool_snap_slot(struct mempool *pool, struct mempool_slot *slot, struct snap *snap,
                              const struct mempool_limits *limits)
{
    SNAP_COVERS(struct mempool_slot, 144);
    uint8_t state = (uint8_t)slot->state;
    snap_below_u8(snap, &state, MEMPOOL_PACKED + 1);
    slot->state = (enum mempool_state)state;
    snap_link(snap, &slot->next, pool->slot_count);
    if (state == MEMPOOL_FREE) return;
    mempool_tx_snap(&slot->tx, snap, limits);
    snap_u64(snap, &slot->order);
    snap_link(snap, &slot->previous, pool->slot_count);
    snap_link(snap, &slot->older, pool->slot_count);
    snap_link(snap, &slot->younger, pool->slot_count);
    if (slot->tx.sender >= pool->sender_count) snap_fail(snap, "a sender without a queue");
}

static void mempool_snap_slots(struct mempool *pool, struct snap *snap,
                               const struct mempool_limits *limits)
{
    snap_length(snap, &pool->slot_count, UINT32_MAX / 4);
    if (snap->reading)
        pool->slots = arena_alloc(pool->arena, pool->slot_count, sizeof *pool->slots);
    for (uint32_t i = 0; i < pool->slot_count; i++)
        mempool_snap_slot(pool, &pool->slots[i], snap, limits);
    snap_link(snap, &pool->slot_free, pool->slot_count);
    snap_link(snap, &pool->oldest, pool->slot_count);
    snap_link(snap, &pool->newest, pool->slot_count);
}

static void mempool_snap_senders(struct mempool *pool, struct snap *snap)
{
    SNAP_COVERS(struct mempool_sender, 12);
    snap_length(snap, &pool->sender_count, UINT32_MAX / 4);
    if (snap->reading) {
        pool->senders = arena_alloc(pool->arena, pool->sender_count, sizeof *pool->senders);
        pool->heap = arena_alloc(pool->arena, pool->sender_count, sizeof *pool->heap);
        pool->parked = arena_alloc(pool->arena, pool->sender_count, sizeof *pool->parked);
    }
    snap_count(snap, &pool->heap_count, pool->sender_count);
    snap_indices(snap, pool->heap, pool->heap_count, pool->sender_count);
    for (uint32_t i = 0; i < pool->sender_count; i++) {
        struct mempool_sender *sender = &pool->senders[i];
        snap_link(snap, &sender->place, pool->heap_count);
        if (sender->place == MEMPOOL_NONE) {
            if (snap->reading) sender->first = sender->last = MEMPOOL_NONE;
            continue;
        }
        snap_link(snap, &sender->first, UINT32_MAX);
        snap_link(snap, &sender->last, UINT32_MAX);
    }
}

/* Senders come before slots, so what a queue names is looked at when both are there. */
static void mempool_check_senders(const struct mempool *pool, struct snap *snap)
{
    for (uint32_t i = 0; i < pool->sender_count; i++) {
        const struct mempool_sender *sender = &pool->senders[i];
        if (sender->place == MEMPOOL_NONE) continue;
        if (sender->first >= pool->slot_count || sender->last >= pool->slot_count)
            snap_fail(snap, "the queue of sender %u has no first or last", i);
    }
}

void mempool_snap(struct mempool *pool, struct snap *snap, const struct mempool_limits *limits)
{
    SNAP_COVERS(struct mempool, 160);
    snap_begin(snap, "mempool");
    mempool_snap_senders(pool, snap);
    mempool_snap_slots(pool, snap, limits);
    mempool_check_senders(pool, snap);
    snap_u64(snap, &pool->least_gas);
    snap_u64(snap, &pool->next_order);
    snap_count(snap, &pool->count, pool->slot_count);
    snap_count(snap, &pool->waiting, pool->count);
    snap_u32(snap, &pool->peak);
    uint64_t *const counts[] = {&pool->added,    &pool->full,    &pool->packed,
                                &pool->requeued, &pool->removed, &pool->expired};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        snap_u64(snap, counts[i]);
    snap_end(snap);
}
