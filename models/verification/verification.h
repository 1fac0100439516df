/* SPDX-License-Identifier: Apache-2.0
 * The socket of verification designs: what happens to an answer after it was given.
 *
 * A design is one file with one table.  It hears that a node has finished an answer, that a
 * transaction of its own was executed in a final block or was dropped before that, and it tells
 * the world how each proof ended (world_proof).  It never calls into serving, and serving never
 * knows the design: the proof is the only contract between the two layers. */
#ifndef HACASIM_MODELS_VERIFICATION_VERIFICATION_H
#define HACASIM_MODELS_VERIFICATION_VERIFICATION_H

#include "models/mempool.h"
#include "sim/sim.h"

struct world;

enum verification_kind { VERIFICATION_HACA_TEE, VERIFICATION_OG_BATCH, VERIFICATION_REPLICATED };

struct verification_haca_tee {
    int64_t sign;  /* ns */
    int64_t check; /* ns of one reference core, per proof */
    int64_t gas_used, gas_limit, fee_cap, tip;
    uint64_t bytes;
    bool upload;      /* proofs go to storage before the chain */
    int64_t validity; /* ns */
};

struct verification_og_batch {
    int64_t sign; /* ns */
    int64_t gas_used, gas_limit, fee_cap, tip;
    uint64_t bytes;
};

struct verification_replicated {
    const char *gpu; /* hardware of each validator */
    int64_t gpus;
    const char *model;
    int64_t gas_per_token, fee_cap, tip;
    double divergence_per_token;
};

struct verification_params {
    int design; /* enum verification_kind */
    struct verification_haca_tee haca_tee;
    struct verification_og_batch og_batch;
    struct verification_replicated replicated;
};
extern const struct param_table verification_table;

struct verification_design {
    const char *name;
    bool on_chain; /* validators run the model: requests go to the chain and not to nodes */
    bool verifies; /* an answer can become verified */
    const char *(*refuse)(const struct verification_params *params); /* why not, or NULL */
    void (*open)(struct world *world);                               /* may be NULL */
    /* Wall time that executing the block takes on each validator, inside consensus: the proposer
     * spends it before it proposes and everyone else before voting.  May be NULL: none. */
    int64_t (*execution_ns)(struct world *world);
    /* Time to sign an answer, which leaves only then.  May be NULL: none. */
    int64_t (*sign_ns)(const struct verification_params *params);
    /* A node has finished the answer of request `slot`; its proof is now pending. */
    void (*answered)(struct world *world, uint32_t slot);
    /* Transaction `tx` is in a final block. */
    void (*executed)(struct world *world, const struct mempool_tx *tx);
    /* It will never be: refused by a full mempool. */
    void (*dropped)(struct world *world, const struct mempool_tx *tx);
    /* Work of a validator on the transaction before it votes, ns of one reference core. */
    int64_t (*check_ns)(const struct world *world, const struct mempool_tx *tx);
    /* State of its own, written or read.  May be NULL: none. */
    void (*snap)(struct world *world, struct snap *snap);
};

extern const struct verification_design verification_haca_tee_design, verification_og_batch_design,
    verification_replicated_design;

const struct verification_design *verification_find(int kind);

#endif
