/* SPDX-License-Identifier: Apache-2.0
 * Making several Philox blocks at once.
 *
 * A block is ten rounds that wait for each other, about 50 cycles in which a processor could do
 * four times the work.  SSE2, which every x86-64 has, multiplies two pairs of 32-bit words in one
 * instruction: two blocks lie side by side in the lanes of four registers, and two such pairs,
 * interleaved, fill the waiting time and the sixteen registers.  Elsewhere blocks are made singly.
 */
#include "sim/rng.h"

#include <stdbool.h>

#ifdef __SSE2__
#include <emmintrin.h>

/* Two blocks: word k of each in the low half of the 64-bit lanes of v<k>.  The multiplication
 * ignores the high halves, so what the rounds leave there need not be cleared. */
struct rng_pair {
    __m128i v0, v1, v2, v3;
};

static inline struct rng_pair rng_pair_load(const struct rng_stream *s, uint32_t ahead)
{
    uint32_t first = s->counter.v[0] + ahead;
    return (struct rng_pair){_mm_set_epi64x((int64_t)first + 1, first),
                             _mm_set1_epi64x(s->counter.v[1]), _mm_set1_epi64x(s->counter.v[2]),
                             _mm_set1_epi64x(s->counter.v[3])};
}

static inline struct rng_pair rng_pair_round(struct rng_pair x, __m128i key0, __m128i key1)
{
    __m128i p0 = _mm_mul_epu32(x.v0, _mm_set1_epi64x(PHILOX_M4x32_0));
    __m128i p1 = _mm_mul_epu32(x.v2, _mm_set1_epi64x(PHILOX_M4x32_1));
    return (struct rng_pair){_mm_xor_si128(_mm_srli_epi64(p1, 32), _mm_xor_si128(x.v1, key0)), p1,
                             _mm_xor_si128(_mm_srli_epi64(p0, 32), _mm_xor_si128(x.v3, key1)), p0};
}

/* Low halves together again: four draws, in counter order. */
static inline void rng_pair_store(struct rng_pair x, uint64_t *word)
{
    __m128i first =
        _mm_unpacklo_epi64(_mm_unpacklo_epi32(x.v0, x.v1), _mm_unpacklo_epi32(x.v2, x.v3));
    __m128i second =
        _mm_unpacklo_epi64(_mm_unpackhi_epi32(x.v0, x.v1), _mm_unpackhi_epi32(x.v2, x.v3));
    _mm_storeu_si128((__m128i *)(void *)word, first);
    _mm_storeu_si128((__m128i *)(void *)(word + 2), second);
}

static void rng_refill_two(struct rng_stream *s)
{
    struct rng_pair x = rng_pair_load(s, 0);
    __m128i key0 = _mm_set1_epi64x(s->key.v[0]), key1 = _mm_set1_epi64x(s->key.v[1]);
    for (int round = 0; round < philox4x32_rounds; round++) {
        x = rng_pair_round(x, key0, key1);
        key0 = _mm_add_epi32(key0, _mm_set1_epi64x(PHILOX_W32_0));
        key1 = _mm_add_epi32(key1, _mm_set1_epi64x(PHILOX_W32_1));
    }
    rng_pair_store(x, s->word + RNG_WORDS - 4);
    s->counter.v[0] += 2;
    s->next = RNG_WORDS - 4;
}

static void rng_refill_four(struct rng_stream *s)
{
    struct rng_pair x = rng_pair_load(s, 0), y = rng_pair_load(s, 2);
    __m128i key0 = _mm_set1_epi64x(s->key.v[0]), key1 = _mm_set1_epi64x(s->key.v[1]);
    for (int round = 0; round < philox4x32_rounds; round++) {
        x = rng_pair_round(x, key0, key1);
        y = rng_pair_round(y, key0, key1);
        key0 = _mm_add_epi32(key0, _mm_set1_epi64x(PHILOX_W32_0));
        key1 = _mm_add_epi32(key1, _mm_set1_epi64x(PHILOX_W32_1));
    }
    rng_pair_store(x, s->word);
    rng_pair_store(y, s->word + 4);
    s->counter.v[0] += 4;
    s->next = 0;
}

/* The last blocks of a stream are made singly, so that only the plain path meets its end. */
void rng_refill(struct rng_stream *s)
{
    assert(s->stage != RNG_SPENT);
    bool last = s->counter.v[0] > UINT32_MAX - 4;
    if (s->stage == 0 || last) {
        s->stage += s->stage == 0;
        rng_refill_one(s);
    } else if (s->stage == 1) {
        s->stage = 2;
        rng_refill_two(s);
    } else {
        rng_refill_four(s);
    }
}

#else

void rng_refill(struct rng_stream *s)
{
    rng_refill_one(s);
}

#endif
