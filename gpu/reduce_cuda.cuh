/* SPDX-License-Identifier: Apache-2.0
 * Sums and maxima over the threads of a block, in a fixed order (internal to gpu/, device). */
#ifndef HACASIM_GPU_REDUCE_CUDA_H
#define HACASIM_GPU_REDUCE_CUDA_H

#define REDUCE_ALL 0xffffffffU

/* Lanes by halves, then warps by halves; every thread gets the sum.  Blocks of whole warps. */
static __device__ inline float reduce_block_sum(float value)
{
    __shared__ float warps[32];
    for (int apart = 16; apart > 0; apart /= 2)
        value += __shfl_down_sync(REDUCE_ALL, value, apart);
    if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = value;
    __syncthreads();
    if (threadIdx.x < 32) {
        value = threadIdx.x < blockDim.x / 32 ? warps[threadIdx.x] : 0.0f;
        for (int apart = 16; apart > 0; apart /= 2)
            value += __shfl_down_sync(REDUCE_ALL, value, apart);
        if (threadIdx.x == 0) warps[0] = value;
    }
    __syncthreads();
    return warps[0];
}

/* Among `width` neighbouring lanes (a power of two); all of them get the result. */
static __device__ inline float reduce_lanes_sum(float value, int width)
{
    for (int apart = width / 2; apart > 0; apart /= 2)
        value += __shfl_xor_sync(REDUCE_ALL, value, apart, width);
    return value;
}

static __device__ inline float reduce_lanes_max(float value, int width)
{
    for (int apart = width / 2; apart > 0; apart /= 2)
        value = fmaxf(value, __shfl_xor_sync(REDUCE_ALL, value, apart, width));
    return value;
}

#endif
