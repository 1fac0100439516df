/* SPDX-License-Identifier: Apache-2.0
 * The facilitator's state machine: buffer, flush rules, batches, workers. */
#include "models/facilitator.h"

#include <assert.h>
#include <string.h>

#define FACILITATOR_SOURCE "OpenGradient/inference-facilitator all_networks_types_helpers.ts"

static const struct param facilitator_rows[] = {
    PARAM(facilitator_params, batch, PARAM_COUNT, "20", "1", "4096", "items that close a batch",
          FACILITATOR_SOURCE),
    PARAM(facilitator_params, idle, PARAM_DURATION, "300 s", "1 ms", "1 d",
          "a batch closes when nothing came for this long", FACILITATOR_SOURCE),
    PARAM(facilitator_params, age, PARAM_DURATION, "900 s", "1 ms", "1 d",
          "a batch closes when its oldest item is this old", FACILITATOR_SOURCE),
    PARAM(facilitator_params, receipt, PARAM_DURATION, "120 s", "5 s", "1 d",
          "wait for the receipt of a settlement before it is given up",
          "OpenGradient/inference-facilitator all_networks_shared.ts"),
    PARAM(facilitator_params, workers, PARAM_COUNT, "1", "1", "64",
          "settlements in progress at one time",
          "OpenGradient/inference-facilitator (concurrency 1)"),
    PARAM(facilitator_params, region, PARAM_NAME, "N_Virginia", NULL, NULL,
          "region where the service runs", "assumption"),
};
const struct param_table facilitator_table =
    PARAM_TABLE("facilitator", facilitator_params, facilitator_rows);

void facilitator_init(struct facilitator *f, const struct facilitator_params *params,
                      const struct storage_params *storage, uint64_t seed, uint32_t replication,
                      struct arena *arena)
{
    *f = (struct facilitator){.params = params,
                              .storage = storage,
                              .seed = seed,
                              .replication = replication,
                              .arena = arena};
}

/* ---- buffer -------------------------------------------------------------------------------- */

static void facilitator_ring_reserve(struct facilitator *f, uint32_t extra)
{
    uint32_t need = f->waiting + extra, size = f->ring_size ? f->ring_size : 64;
    if (need <= f->ring_size) return;
    while (size < need)
        size *= 2;
    assert(f->ring_size > 0 || f->waiting == 0);
    uint32_t *ring = arena_alloc(f->arena, size, sizeof *ring);
    for (uint32_t i = 0; i < f->waiting; i++) {
        ring[i] = f->ring[(f->head + i) % f->ring_size];
    }
    f->ring = ring;
    f->ring_size = size;
    f->head = 0;
}

/* Items of a failed settlement go to the front, in their order. */
static void facilitator_put_back(struct facilitator *f, const struct facilitator_batch *batch)
{
    facilitator_ring_reserve(f, batch->count);
    f->head = (f->head + f->ring_size - batch->count) % f->ring_size;
    for (uint32_t i = 0; i < batch->count; i++) {
        f->ring[(f->head + i) % f->ring_size] = batch->items[i];
    }
    f->waiting += batch->count;
}

bool facilitator_post(struct facilitator *f, int64_t now_ns, uint32_t item)
{
    f->posted++;
    if (f->down) {
        f->lost++;
        return false;
    }
    facilitator_ring_reserve(f, 1);
    if (f->waiting == 0) f->oldest_ns = now_ns;
    f->ring[(f->head + f->waiting) % f->ring_size] = item;
    f->waiting++;
    f->newest_ns = now_ns;
    return true;
}

static int64_t facilitator_flush_ns(const struct facilitator *f)
{
    if (f->waiting == 0) return INT64_MAX;
    if (f->waiting >= (uint32_t)f->params->batch) return f->newest_ns;
    int64_t idle = f->newest_ns + f->params->idle, age = f->oldest_ns + f->params->age;
    return idle < age ? idle : age;
}

/* ---- batches ------------------------------------------------------------------------------- */

static uint32_t facilitator_batch_take(struct facilitator *f)
{
    if (f->free_count == 0) {
        uint32_t old = f->batch_count, count = old ? 2 * old : 8;
        f->batches = arena_grow(f->arena, f->batches, old, count, sizeof *f->batches);
        f->free = arena_grow(f->arena, f->free, old, count, sizeof *f->free);
        for (uint32_t i = old; i < count; i++) {
            f->batches[i].items =
                arena_alloc(f->arena, (size_t)f->params->batch, sizeof *f->batches[i].items);
            f->free[f->free_count++] = i;
        }
        f->batch_count = count;
    }
    return f->free[--f->free_count];
}

static void facilitator_batch_give(struct facilitator *f, uint32_t batch)
{
    assert(f->free_count < f->batch_count);
    f->free[f->free_count++] = batch;
}

static void facilitator_close(struct facilitator *f, int64_t now_ns)
{
    uint32_t index = facilitator_batch_take(f), limit = (uint32_t)f->params->batch;
    struct facilitator_batch *batch = &f->batches[index];
    batch->count = f->waiting < limit ? f->waiting : limit;
    batch->number = f->next_number++;
    batch->gone = false;
    for (uint32_t i = 0; i < batch->count; i++) {
        batch->items[i] = f->ring[(f->head + i) % f->ring_size];
    }
    f->head = (f->head + batch->count) % f->ring_size;
    f->waiting -= batch->count;
    f->oldest_ns = now_ns; /* what is left starts a new wait, as the real timers do */
    f->closed++;
    if (f->queued == 0)
        f->queue_head = index;
    else
        f->batches[f->queue_tail].next = index;
    f->queue_tail = index;
    f->queued++;
}

const struct facilitator_batch *facilitator_batch(const struct facilitator *f, uint32_t batch)
{
    assert(batch < f->batch_count);
    return &f->batches[batch];
}

/* ---- workers ------------------------------------------------------------------------------- */

static void facilitator_upload(struct facilitator *f, struct facilitator_worker *w, int64_t now_ns)
{
    uint32_t number = f->batches[w->batch].number;
    struct storage_attempt attempt =
        storage_try(f->storage, f->seed, f->replication, number, w->attempt);
    f->uploads++;
    w->phase = WORKER_UPLOADS;
    w->stored = attempt.stored;
    w->due_ns = now_ns + attempt.duration_ns;
}

static bool facilitator_start(struct facilitator *f, int64_t now_ns)
{
    for (int64_t i = 0; i < f->params->workers && f->queued > 0; i++) {
        struct facilitator_worker *w = &f->workers[i];
        if (w->phase != WORKER_IDLE) continue;
        w->batch = f->queue_head;
        w->attempt = 0;
        f->queue_head = f->batches[w->batch].next;
        f->queued--;
        facilitator_upload(f, w, now_ns);
        return true;
    }
    return false;
}

static void facilitator_give_up(struct facilitator *f, struct facilitator_worker *w, int64_t now_ns)
{
    facilitator_put_back(f, &f->batches[w->batch]);
    facilitator_batch_give(f, w->batch);
    f->oldest_ns = now_ns;
    f->newest_ns = now_ns;
    w->phase = WORKER_IDLE;
}

static struct facilitator_action facilitator_uploaded(struct facilitator *f,
                                                      struct facilitator_worker *w, int64_t now_ns)
{
    if (w->stored) {
        w->phase = WORKER_WAITS;
        w->due_ns = now_ns + f->params->receipt;
        return (struct facilitator_action){FACILITATOR_SETTLE, w->batch};
    }
    f->upload_failures++;
    if (++w->attempt < (uint32_t)f->storage->tries) {
        w->phase = WORKER_PAUSES;
        w->due_ns = now_ns + f->storage->pause;
    } else {
        facilitator_give_up(f, w, now_ns);
    }
    return (struct facilitator_action){FACILITATOR_NOTHING, 0};
}

static struct facilitator_action facilitator_due(struct facilitator *f,
                                                 struct facilitator_worker *w, int64_t now_ns)
{
    if (w->phase == WORKER_UPLOADS) return facilitator_uploaded(f, w, now_ns);
    if (w->phase == WORKER_PAUSES) {
        facilitator_upload(f, w, now_ns);
        return (struct facilitator_action){FACILITATOR_NOTHING, 0};
    }
    uint32_t batch = w->batch;
    f->receipt_timeouts++;
    facilitator_give_up(f, w, now_ns);
    return (struct facilitator_action){FACILITATOR_WITHDRAW, batch};
}

static struct facilitator_worker *facilitator_next_worker(struct facilitator *f, int64_t now_ns)
{
    for (int64_t i = 0; i < f->params->workers; i++) {
        struct facilitator_worker *w = &f->workers[i];
        if (w->phase != WORKER_IDLE && w->due_ns <= now_ns) return w;
    }
    return NULL;
}

int64_t facilitator_next_ns(const struct facilitator *f)
{
    int64_t next = f->down ? INT64_MAX : facilitator_flush_ns(f);
    for (int64_t i = 0; i < f->params->workers; i++) {
        const struct facilitator_worker *w = &f->workers[i];
        if (w->phase != WORKER_IDLE && w->due_ns < next) next = w->due_ns;
    }
    return next;
}

struct facilitator_action facilitator_step(struct facilitator *f, int64_t now_ns)
{
    while (!f->down) {
        struct facilitator_worker *w = facilitator_next_worker(f, now_ns);
        if (w) {
            struct facilitator_action action = facilitator_due(f, w, now_ns);
            if (action.kind != FACILITATOR_NOTHING) return action;
        } else if (facilitator_flush_ns(f) <= now_ns) {
            facilitator_close(f, now_ns);
        } else if (!facilitator_start(f, now_ns)) {
            break;
        }
    }
    return (struct facilitator_action){FACILITATOR_NOTHING, 0};
}

bool facilitator_forget(struct facilitator *f, uint32_t batch)
{
    f->batches[batch].gone = true;
    for (int64_t i = 0; i < f->params->workers; i++) {
        if (f->workers[i].phase == WORKER_WAITS && f->workers[i].batch == batch) return true;
    }
    return false;
}

void facilitator_receipt(struct facilitator *f, uint32_t batch)
{
    f->receipts++;
    facilitator_batch_give(f, batch);
    for (int64_t i = 0; i < f->params->workers; i++) {
        struct facilitator_worker *w = &f->workers[i];
        if (w->phase == WORKER_WAITS && w->batch == batch) w->phase = WORKER_IDLE;
    }
}

/* ---- crash --------------------------------------------------------------------------------- */

static void facilitator_lose_batch(struct facilitator *f, uint32_t batch,
                                   void (*lose)(void *context, uint32_t item), void *context)
{
    for (uint32_t i = 0; i < f->batches[batch].count; i++) {
        lose(context, f->batches[batch].items[i]);
    }
    f->lost += f->batches[batch].count;
    facilitator_batch_give(f, batch);
}

void facilitator_crash(struct facilitator *f, void (*lose)(void *context, uint32_t item),
                       void (*orphan)(void *context, uint32_t batch), void *context)
{
    f->down = true;
    for (uint32_t i = 0; i < f->waiting; i++) {
        lose(context, f->ring[(f->head + i) % f->ring_size]);
    }
    f->lost += f->waiting;
    f->waiting = 0;
    for (; f->queued > 0; f->queued--) {
        uint32_t batch = f->queue_head;
        f->queue_head = f->batches[batch].next;
        facilitator_lose_batch(f, batch, lose, context);
    }
    for (int64_t i = 0; i < f->params->workers; i++) {
        struct facilitator_worker *w = &f->workers[i];
        if (w->phase == WORKER_WAITS && !f->batches[w->batch].gone)
            orphan(context, w->batch);
        else if (w->phase != WORKER_IDLE)
            facilitator_lose_batch(f, w->batch, lose, context);
        w->phase = WORKER_IDLE;
    }
}

void facilitator_recover(struct facilitator *f)
{
    f->down = false;
}

/* ---- checkpoints --------------------------------------------------------------------------- */

/* The ring is read back from its first place on: where it began does not matter. */
static void facilitator_snap_buffer(struct facilitator *f, struct snap *snap, uint32_t slots)
{
    uint32_t waiting = f->waiting;
    snap_length(snap, &waiting, UINT32_MAX / 4);
    if (snap->reading) {
        f->waiting = f->head = 0;
        facilitator_ring_reserve(f, waiting);
        f->waiting = waiting;
    }
    for (uint32_t i = 0; i < waiting; i++)
        snap_below(snap, &f->ring[(f->head + i) % f->ring_size], slots);
    snap_i64(snap, &f->oldest_ns);
    snap_i64(snap, &f->newest_ns);
}

static void facilitator_snap_batch(struct facilitator *f, struct facilitator_batch *b,
                                   struct snap *snap, uint32_t slots)
{
    SNAP_COVERS(struct facilitator_batch, 24);
    if (snap->reading) b->items = arena_alloc(f->arena, (size_t)f->params->batch, sizeof *b->items);
    snap_count(snap, &b->count, (uint64_t)f->params->batch);
    snap_indices(snap, b->items, b->count, slots);
    snap_u32(snap, &b->number);
    snap_below(snap, &b->next, f->batch_count);
    snap_flag(snap, &b->gone);
}

static void facilitator_snap_batches(struct facilitator *f, struct snap *snap, uint32_t slots)
{
    snap_length(snap, &f->batch_count, UINT32_MAX / 4);
    if (snap->reading) {
        f->batches = arena_alloc(f->arena, f->batch_count, sizeof *f->batches);
        f->free = arena_alloc(f->arena, f->batch_count, sizeof *f->free);
    }
    for (uint32_t i = 0; i < f->batch_count; i++)
        facilitator_snap_batch(f, &f->batches[i], snap, slots);
    snap_count(snap, &f->free_count, f->batch_count);
    snap_indices(snap, f->free, f->free_count, f->batch_count);
    snap_count(snap, &f->queued, f->batch_count);
    snap_count(snap, &f->queue_head, f->batch_count);
    snap_count(snap, &f->queue_tail, f->batch_count);
    snap_u32(snap, &f->next_number);
}

static void facilitator_snap_worker(struct facilitator *f, struct facilitator_worker *w,
                                    struct snap *snap)
{
    SNAP_COVERS(struct facilitator_worker, 32);
    uint32_t phase = w->phase;
    snap_below(snap, &phase, WORKER_WAITS + 1);
    w->phase = (enum facilitator_phase)phase;
    snap_count(snap, &w->batch, f->batch_count);
    snap_u32(snap, &w->attempt);
    snap_i64(snap, &w->due_ns);
    snap_flag(snap, &w->stored);
}

void facilitator_snap(struct facilitator *f, struct snap *snap, uint32_t slots)
{
    SNAP_COVERS(struct facilitator, 2232);
    snap_begin(snap, "facilitator");
    snap_flag(snap, &f->down);
    facilitator_snap_buffer(f, snap, slots);
    facilitator_snap_batches(f, snap, slots);
    for (int64_t i = 0; i < f->params->workers; i++)
        facilitator_snap_worker(f, &f->workers[i], snap);
    uint64_t *const counts[] = {
        &f->posted,   &f->closed,           &f->uploads, &f->upload_failures,
        &f->receipts, &f->receipt_timeouts, &f->lost};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        snap_u64(snap, counts[i]);
    snap_end(snap);
}
