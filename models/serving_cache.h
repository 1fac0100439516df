/* SPDX-License-Identifier: Apache-2.0
 * The KV blocks of a node: a queue of free ones, and what can be found again in them.
 *
 * As in vLLM V1 a full block is known by the hash of its tokens and of all before it; blocks that
 * a request gives back go to the tail of one queue, its last first, and stay findable until they
 * are taken from the head for something else; who finds blocks takes them out of the queue or, if
 * they are in use, shares them.
 *
 * Here no block is touched one by one.  What the tokens of a request are follows from its `prefix`
 * and its `stream`, so a block is (chain, number), where a chain is a prefix, or a stream behind a
 * given prefix.  Who uses block n of a chain uses all before it and gives them back after it.  So
 * a chain's blocks are evicted from its high end, and what can be found of it is always [base,
 * cached); of which [base, held) are in use and the rest is free, as runs in the queue whose older
 * ones have higher numbers.  Taking n blocks touches as many runs as n covers, each once.
 *
 * One thing differs from vLLM.  There two requests that compute the same block at once, or one that
 * computes again a block that is cached (vLLM always computes the last token of a prompt), leave
 * two blocks with one hash.  Here a chain has one writer and one copy: a request that has to
 * compute blocks which can be found beyond its hits makes those free ones unfindable and writes the
 * chain itself; if they are in use, or somebody else writes the chain, what it computes stays
 * unfindable
 * (`aside`).  This needs two requests of one stream at once, or a prompt that ends where a
 * block does and comes again.
 *
 * Without a prefix cache only the number of free blocks is kept.  Internal to models/serving*.c. */
#ifndef HACASIM_MODELS_SERVING_CACHE_H
#define HACASIM_MODELS_SERVING_CACHE_H

#include "models/serving.h"

/* All blocks of the pool are free and nothing is known of them. */
void serving_cache_reset(struct serving *s);

struct serving_hits {
    int64_t prefix, own; /* numbers of blocks in its two chains at which the hits end */
    int64_t blocks;      /* in all */
    int64_t free;        /* of them nobody uses: an admission needs them from the queue */
};

/* What a request that lacks all its KV would find; at most all whole blocks before its last token.
 */
struct serving_hits serving_cache_find(struct serving *s, const struct serving_request *r);

/* Use them, and get ready to add what the request computes. */
void serving_cache_hold(struct serving *s, int32_t index, const struct serving_hits *hits);

/* A chunk of the request's prompt has been scheduled. */
void serving_cache_note_chunk(struct serving *s, int32_t index);

/* n free blocks from the head of the queue; there are as many. */
void serving_cache_take(struct serving *s, int64_t n);

/* The request gives back its `blocks` blocks.  `known_tok`: its tokens whose blocks had been put
 * into the cache; `again`: it will look for them. */
void serving_cache_release(struct serving *s, int32_t index, int64_t blocks, int64_t known_tok,
                           bool again);

/* The request, which waits, is gone for good. */
void serving_cache_forget(struct serving *s, int32_t index);

/* Is some running request adding blocks that this one, which waits, would find? */
bool serving_cache_awaits(const struct serving *s, const struct serving_request *r);

/* Tokens of a running request whose blocks are in the cache now. */
int64_t serving_cache_known_tok(const struct serving *s, const struct serving_request *r);

/* Words of the table of named chains, for a checkpoint that has been read: filled anew. */
void serving_cache_rehash(struct serving *s);

#endif
