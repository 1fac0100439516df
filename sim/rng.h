/* SPDX-License-Identifier: Apache-2.0
 * Keyed random streams: Philox4x32-10 from Random123 (leaf header, host and device).
 *
 * A draw is a function of (seed, replication, purpose, entity, counter) and of nothing else.
 * seed is the Philox key; the counter words are [counter, entity, replication, purpose], so
 * distinct keys can never collide and adding an entity changes no other stream.  One Philox block
 * gives two 64-bit draws, in counter order, and a stream has 2^33 draws: an assertion fails when
 * one more is asked for, because it would be the first again.
 *
 * Most streams are opened for a draw or two, a few live long.  So a stream works ahead only once
 * it is seen to live: the first block is made alone, then two, then four at a time, which a
 * processor makes side by side (sim/rng.c).  How far a stream has worked ahead changes no draw.  On
 * a device, where threads run side by side and memory is what lacks, blocks are made singly. */
#ifndef HACASIM_SIM_RNG_H
#define HACASIM_SIM_RNG_H

#include <assert.h>
#include <stdint.h>

#include <Random123/philox.h>

#ifdef __CUDACC__
#define RNG_FN static inline __host__ __device__
#define RNG_WORDS 2U
#else
#define RNG_FN static inline
#define RNG_WORDS 8U /* four blocks: more were not faster (docs/decisions/0007-variates.md) */
#endif

struct rng_stream {
    uint32_t next;  /* word to hand out; RNG_WORDS: none is left */
    uint32_t stage; /* of working ahead: 0 for a stream just opened; RNG_SPENT */
    philox4x32_key_t key;
    philox4x32_ctr_t counter; /* v[0]: the block to make next */
    uint64_t word[RNG_WORDS]; /* draws made ahead, from `next` on; not set before the first */
};

#define RNG_SPENT UINT32_MAX

RNG_FN struct rng_stream rng_open(uint64_t seed, uint32_t replication, uint32_t purpose,
                                  uint32_t entity)
{
    struct rng_stream s;
    s.key.v[0] = (uint32_t)seed;
    s.key.v[1] = (uint32_t)(seed >> 32);
    s.counter.v[0] = 0;
    s.counter.v[1] = entity;
    s.counter.v[2] = replication;
    s.counter.v[3] = purpose;
    s.next = RNG_WORDS;
    s.stage = 0;
    return s;
}

/* Go to draw 2 x block of the stream. */
RNG_FN void rng_seek(struct rng_stream *s, uint32_t block)
{
    s->counter.v[0] = block;
    s->next = RNG_WORDS;
    s->stage = 0;
}

/* For a caller that is about to take many draws: work ahead from the first on. */
RNG_FN void rng_hurry(struct rng_stream *s)
{
    s->stage = 2;
}

/* The plain path: one block, put where the last two words go. */
RNG_FN void rng_refill_one(struct rng_stream *s)
{
    assert(s->stage != RNG_SPENT);
    philox4x32_ctr_t block = philox4x32(s->counter, s->key);
    s->word[RNG_WORDS - 2] = ((uint64_t)block.v[1] << 32) | block.v[0];
    s->word[RNG_WORDS - 1] = ((uint64_t)block.v[3] << 32) | block.v[2];
    s->next = RNG_WORDS - 2;
    if (++s->counter.v[0] == 0) s->stage = RNG_SPENT;
}

#ifdef __CUDACC__
#define rng_refill rng_refill_one
#else
/* Make the words that come next, as many as the stage says. */
void rng_refill(struct rng_stream *s);
#endif

RNG_FN uint64_t rng_u64(struct rng_stream *s)
{
    if (__builtin_expect(s->next == RNG_WORDS, 0)) rng_refill(s);
    return s->word[s->next++];
}

/* Uniform on the open interval (0,1): midpoints of 2^52 equal cells, so never 0 and never 1. */
RNG_FN double rng_unit(struct rng_stream *s)
{
    return ((double)(int64_t)(rng_u64(s) >> 12) + 0.5) * 0x1p-52;
}

/* Uniform integer in [0, n), n > 0, by 64 x 64 high product (bias below n / 2^64). */
RNG_FN uint64_t rng_below(struct rng_stream *s, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)rng_u64(s) * n) >> 64);
}

#endif
