/* SPDX-License-Identifier: Apache-2.0
 * Transactions that wait for a block.
 *
 * A block is packed by gas LIMIT, not by gas used, because what a transaction will use is not known
 * before it runs: a relayer that asks for 9 M of a 10 M block has the block to itself.  Order is
 * by arrival (`fifo`) or by highest tip and then arrival (`tip`); a sender's own transactions keep
 * their order of arrival always (nonces), so a sender whose first one cannot go in has none in
 * that block.  Skipped are fee caps below the base fee and transactions that have not reached the
 * proposer yet.  One that does not fit is passed over (`skip`) or ends the block (`stop`).
 *
 * A packed transaction has left the queue but still takes room: mempool_remove when its block was
 * decided, mempool_requeue when it was not.  Insertion, packing and removal cost O(log senders)
 * per transaction; a packing visits each sender at most once beyond what it takes. */
#ifndef HACASIM_MODELS_MEMPOOL_H
#define HACASIM_MODELS_MEMPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/sim.h"

enum mempool_priority { MEMPOOL_FIFO, MEMPOOL_TIP };
enum mempool_fit { MEMPOOL_SKIP, MEMPOOL_STOP };

struct mempool_params {
    int64_t size;     /* transactions */
    int priority;     /* enum mempool_priority */
    int fit;          /* enum mempool_fit */
    int64_t lifetime; /* ns */
};
extern const struct param_table mempool_table;

struct mempool_tx {
    uint32_t kind;      /* of the model */
    uint32_t sender;    /* a small integer: the pool keeps an array by it */
    uint32_t reference; /* what it carries, of the model */
    uint64_t gas_limit, gas_used, bytes;
    money_t fee_cap, tip; /* atto per gas */
    int64_t arrived_ns;   /* never earlier than that of the one added before */
    int64_t ready_ns;     /* from here on a proposer knows of it */
    int64_t signed_ns;    /* what it says of itself, of the model: the time of a heartbeat */
};

struct mempool_slot;
struct mempool_sender;

struct mempool {
    const struct mempool_params *params;
    struct arena *arena;
    struct mempool_slot *slots;
    uint32_t slot_count, slot_free;
    struct mempool_sender *senders;
    uint32_t sender_count;
    uint32_t *heap; /* senders with a waiting transaction, best first one at the root */
    uint32_t heap_count;
    uint32_t *parked;        /* scratch of a packing */
    uint32_t oldest, newest; /* all transactions by arrival */
    uint64_t least_gas;      /* lower bound of the gas limits in the pool */
    uint64_t next_order;
    /* counters */
    uint32_t count, waiting; /* count: waiting and packed */
    uint32_t peak;
    uint64_t added, full, packed, requeued, removed, expired; /* full: refused for want of room */
};

void mempool_init(struct mempool *pool, const struct mempool_params *params, struct arena *arena);

/* False, and counted, when the pool is full.  *handle names the transaction until it is removed. */
bool mempool_add(struct mempool *pool, const struct mempool_tx *tx, uint32_t *handle);
const struct mempool_tx *mempool_get(const struct mempool *pool, uint32_t handle);

struct mempool_block { /* what a block has room for */
    money_t base_fee;
    uint64_t max_gas, max_bytes;
    int64_t now_ns;
};
/* Take the transactions of the next block out of the queue, in their order; at most `capacity`. */
uint32_t mempool_pack(struct mempool *pool, const struct mempool_block *block, uint32_t *handles,
                      uint32_t capacity);

/* Gone for good: executed, replaced, or withdrawn by its sender. */
void mempool_remove(struct mempool *pool, uint32_t handle);
/* Back to its old place: its block was not decided. */
void mempool_requeue(struct mempool *pool, uint32_t handle);

/* The oldest waiting transaction of this kind with this reference; linear in what waits. */
bool mempool_find(const struct mempool *pool, uint32_t kind, uint32_t reference, uint32_t *handle);

/* Remove one waiting transaction that is older than the lifetime and copy it to *tx; false when
 * there is none left. */
bool mempool_expire(struct mempool *pool, int64_t now_ns, struct mempool_tx *tx);

/* What kinds, senders and references of transactions are below. */
struct mempool_limits {
    uint32_t kinds, senders;
    const uint32_t *references; /* by kind */
};
void mempool_tx_snap(struct mempool_tx *tx, struct snap *snap, const struct mempool_limits *limits);
void mempool_snap(struct mempool *pool, struct snap *snap, const struct mempool_limits *limits);

#endif
