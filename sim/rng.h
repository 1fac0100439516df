/* SPDX-License-Identifier: Apache-2.0
 * Keyed random streams: Philox4x32-10 from Random123 (leaf header, host and device).
 *
 * A draw is a function of (seed, replication, purpose, entity, counter) and of nothing else.
 * seed is the Philox key; the counter words are [counter, entity, replication, purpose], so
 * distinct keys can never collide and adding an entity changes no other stream.  One Philox block
 * gives two 64-bit draws. */
#ifndef HACASIM_SIM_RNG_H
#define HACASIM_SIM_RNG_H

#include <stdint.h>

#include <Random123/philox.h>

#ifdef __CUDACC__
#define RNG_FN static inline __host__ __device__
#else
#define RNG_FN static inline
#endif

struct rng_stream {
    philox4x32_key_t key;
    philox4x32_ctr_t counter; /* v[0] counts blocks */
    uint64_t spare;           /* second half of the last block */
    uint32_t has_spare;
};

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
    s.spare = 0;
    s.has_spare = 0;
    return s;
}

RNG_FN uint64_t rng_u64(struct rng_stream *s)
{
    if (s->has_spare) {
        s->has_spare = 0;
        return s->spare;
    }
    philox4x32_ctr_t block = philox4x32(s->counter, s->key);
    s->counter.v[0]++;
    s->spare = ((uint64_t)block.v[3] << 32) | block.v[2];
    s->has_spare = 1;
    return ((uint64_t)block.v[1] << 32) | block.v[0];
}

/* Uniform on the open interval (0,1): midpoints of 2^52 equal cells, so never 0 and never 1. */
RNG_FN double rng_unit(struct rng_stream *s)
{
    return ((double)(rng_u64(s) >> 12) + 0.5) * 0x1p-52;
}

/* Uniform integer in [0, n), n > 0, by 64 x 64 high product (bias below n / 2^64). */
RNG_FN uint64_t rng_below(struct rng_stream *s, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)rng_u64(s) * n) >> 64);
}

#endif
