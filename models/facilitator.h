/* SPDX-License-Identifier: Apache-2.0
 * The facilitator: the central service through which the real network's records reach the chain.
 *
 * Gateways post finished answers; the facilitator keeps them in memory and closes a batch when
 * `batch` items wait, when nothing came for `idle`, or when the oldest is `age` old.  Batches
 * queue for `workers` workers.  A worker uploads the batch (storage.h), sends one settlement
 * transaction, and waits for its receipt before it takes the next; no receipt in `receipt` time,
 * or an upload given up, puts the items back in front of the buffer.  A crash loses the buffer,
 * the queue and what the workers held, because the real one has all of it in memory.
 *
 * A pure state machine: time comes in, actions come out; it schedules nothing itself.  Leaves out
 * payment checks (payment.h has the money) and the Merkle tree itself (nobody reads it). */
#ifndef HACASIM_MODELS_FACILITATOR_H
#define HACASIM_MODELS_FACILITATOR_H

#include "models/storage.h"

struct facilitator_params {
    int64_t batch;              /* items */
    int64_t idle, age, receipt; /* ns */
    int64_t workers;
    const char *region;
};
extern const struct param_table facilitator_table;

enum { FACILITATOR_MAX_BATCH = 4096, FACILITATOR_MAX_WORKERS = 64 };

struct facilitator_batch {
    uint32_t *items;        /* request slots */
    uint32_t count, number; /* number: order of closing, key of its random streams */
    uint32_t next;          /* in the queue */
    bool gone;              /* its transaction was dropped; only the worker does not know yet */
};

enum facilitator_phase { WORKER_IDLE, WORKER_UPLOADS, WORKER_PAUSES, WORKER_WAITS };

struct facilitator_worker {
    enum facilitator_phase phase;
    uint32_t batch, attempt;
    int64_t due_ns;
    bool stored; /* what the running upload will have done at due_ns */
};

struct facilitator {
    const struct facilitator_params *params;
    const struct storage_params *storage;
    uint64_t seed;
    uint32_t replication;
    struct arena *arena;
    bool down;
    /* buffer: a ring of request slots */
    uint32_t *ring;
    uint32_t head, waiting, ring_size;
    int64_t oldest_ns, newest_ns;
    /* batches by index, reused; queue of those that wait for a worker */
    struct facilitator_batch *batches;
    uint32_t *free;
    uint32_t batch_count, free_count, queue_head, queue_tail, queued, next_number;
    struct facilitator_worker workers[FACILITATOR_MAX_WORKERS];
    /* counters */
    uint64_t posted, closed, uploads, upload_failures, receipts, receipt_timeouts, lost;
};

enum facilitator_kind {
    FACILITATOR_NOTHING,  /* nothing more to do at this time */
    FACILITATOR_SETTLE,   /* send the settlement transaction of `batch` */
    FACILITATOR_WITHDRAW, /* its transaction got no receipt in time and is given up */
};
struct facilitator_action {
    enum facilitator_kind kind;
    uint32_t batch;
};

void facilitator_init(struct facilitator *f, const struct facilitator_params *params,
                      const struct storage_params *storage, uint64_t seed, uint32_t replication,
                      struct arena *arena);
/* An item arrives; false: the service is down and the item is lost (posts are not retried). */
bool facilitator_post(struct facilitator *f, int64_t now_ns, uint32_t item);
/* When it next wants facilitator_step; INT64_MAX: never. */
int64_t facilitator_next_ns(const struct facilitator *f);
/* Do what is due at `now_ns`, one action a call, until FACILITATOR_NOTHING. */
struct facilitator_action facilitator_step(struct facilitator *f, int64_t now_ns);
const struct facilitator_batch *facilitator_batch(const struct facilitator *f, uint32_t batch);
/* The transaction of `batch` is final: its worker is free, the batch index may be reused. */
void facilitator_receipt(struct facilitator *f, uint32_t batch);
/* The transaction of `batch` was dropped.  True: its worker still waits, and will put the items
 * back; false: a crash took the worker, and the batch is the caller's to end. */
bool facilitator_forget(struct facilitator *f, uint32_t batch);
/* The service goes down and loses its memory: `lose` hears of each item.  Batches whose
 * transaction is already out are reported by `orphan` and can still land. */
void facilitator_crash(struct facilitator *f, void (*lose)(void *context, uint32_t item),
                       void (*orphan)(void *context, uint32_t batch), void *context);
void facilitator_recover(struct facilitator *f);

/* `slots`: requests that items can name. */
void facilitator_snap(struct facilitator *f, struct snap *snap, uint32_t slots);

#endif
