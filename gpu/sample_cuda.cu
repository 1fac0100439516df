/* SPDX-License-Identifier: Apache-2.0
 * Choosing tokens on the device: a block a row of logits, the largest score, the first of equals.
 * A maximum does not hang on the order in which it is taken. */
#include "gpu/infer_cuda.cuh"
#include "gpu/sample.h"

enum { THREADS = 512 };

struct best {
    double score;
    int32_t token;
};

static __device__ struct best better(struct best a, struct best b)
{
    if (a.score != b.score) return a.score > b.score ? a : b;
    return a.token < b.token ? a : b;
}

static __device__ struct best best_of_thread(const float *row, int32_t vocab,
                                             const struct cuda_sample *c)
{
    struct best best = {-INFINITY, 0};
    for (int32_t i = 2 * static_cast<int32_t>(threadIdx.x); i < vocab; i += 2 * THREADS) {
        struct rng_stream s = sample_stream(c->seed, c->stream, c->position);
        rng_seek(&s, static_cast<uint32_t>(i / 2)); /* a Philox block is two draws */
        for (int32_t j = i; j < i + 2 && j < vocab; j++) {
            double score = row[j];
            if (c->temperature > 0.0f) score = sample_score(&s, row[j], c->temperature);
            best = better(best, {score, j});
        }
    }
    return best;
}

static __global__ void choose_tokens(const float *logits, int32_t vocab,
                                     const struct cuda_sample *samples, struct cuda_chosen *chosen)
{
    __shared__ struct best shared[THREADS];
    const float *row = logits + static_cast<int64_t>(blockIdx.x) * vocab;
    shared[threadIdx.x] = best_of_thread(row, vocab, &samples[blockIdx.x]);
    for (unsigned apart = THREADS / 2; apart > 0; apart /= 2) {
        __syncthreads();
        if (threadIdx.x < apart)
            shared[threadIdx.x] = better(shared[threadIdx.x], shared[threadIdx.x + apart]);
    }
    if (threadIdx.x == 0) chosen[blockIdx.x] = {shared[0].token, row[shared[0].token]};
}

void sample_cuda_choose(cudaStream_t stream, const float *logits, int32_t vocab,
                        const struct cuda_sample *samples, int32_t count,
                        struct cuda_chosen *chosen)
{
    choose_tokens<<<count, THREADS, 0, stream>>>(logits, vocab, samples, chosen);
}
