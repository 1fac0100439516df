/* SPDX-License-Identifier: Apache-2.0
 * Kernels that do something to each token, or each weight, by itself. */
#include <cuda_fp8.h>

#include "gpu/infer_cuda.cuh"
#include "gpu/reduce_cuda.cuh"

enum { THREADS = 256 };

/* ---- drawing weights ------------------------------------------------------------------------ */

static __device__ void put_weight(const struct weights_matrix *m, char *to, int64_t at, float value)
{
    if (m->dtype == INFER_FP32)
        reinterpret_cast<float *>(to)[at] = value;
    else if (m->dtype == INFER_BF16)
        reinterpret_cast<bf16 *>(to)[at] = __float2bfloat16_rn(value);
    else /* the scale makes the amplitude 448 */
        reinterpret_cast<__nv_fp8_e4m3 *>(to)[at] = __nv_fp8_e4m3(value * (448.0f / m->amplitude));
}

/* A thread makes the eight values of one Philox block; the draws are those of weights.h. */
static __global__ void draw_weights(struct weights_matrix m, uint64_t seed, char *to)
{
    int64_t blocks = m.columns / 8, all = m.rows * blocks;
    int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < all;
         i += step) {
        int64_t row = i / blocks, block = i % blocks, at = row * m.columns + block * 8;
        struct rng_stream s = weights_stream(seed, &m, static_cast<uint32_t>(row));
        rng_seek(&s, static_cast<uint32_t>(block));
        for (int half = 0; half < 2; half++) {
            uint64_t word = rng_u64(&s);
            for (int j = 0; j < 4; j++)
                put_weight(&m, to, at + half * 4 + j, weights_value(&m, word, j));
        }
    }
}

void token_cuda_draw(cudaStream_t stream, const struct weights_matrix *m, uint64_t seed, char *to)
{
    draw_weights<<<1024, THREADS, 0, stream>>>(*m, seed, to);
}

/* ---- embedding ------------------------------------------------------------------------------ */

static __global__ void embed_rows(const struct cuda_row *rows, const bf16 *embed, int32_t hidden,
                                  float *x)
{
    const bf16 *from = embed + static_cast<int64_t>(rows[blockIdx.x].token) * hidden;
    float *to = x + static_cast<int64_t>(blockIdx.x) * hidden;
    for (int32_t i = threadIdx.x; i < hidden; i += blockDim.x)
        to[i] = __bfloat162float(from[i]);
}

void token_cuda_embed(cudaStream_t stream, const struct cuda_row *rows, int32_t count,
                      const bf16 *embed, int32_t hidden, float *x)
{
    embed_rows<<<count, THREADS, 0, stream>>>(rows, embed, hidden, x);
}

/* ---- norm ----------------------------------------------------------------------------------- */

/* The residual addition and the norm after it in one pass: x is read and written once. */
static __global__ void norm_rows(float *x, const bf16 *added, const float *weights,
                                 const struct cuda_sample *pick, int32_t hidden, float eps,
                                 bf16 *out)
{
    int64_t row = pick == nullptr ? blockIdx.x : pick[blockIdx.x].row;
    float *from = x + row * hidden, squares = 0.0f;
    for (int32_t i = threadIdx.x; i < hidden; i += blockDim.x) {
        float value = from[i];
        if (added != nullptr) {
            value += __bfloat162float(added[row * hidden + i]);
            from[i] = value;
        }
        squares = fmaf(value, value, squares);
    }
    float scale = rsqrtf(reduce_block_sum(squares) / static_cast<float>(hidden) + eps);
    bf16 *to = out + static_cast<int64_t>(blockIdx.x) * hidden;
    for (int32_t i = threadIdx.x; i < hidden; i += blockDim.x)
        to[i] = __float2bfloat16_rn(from[i] * scale * weights[i]);
}

void token_cuda_norm(cudaStream_t stream, float *x, const bf16 *added, const float *weights,
                     const struct cuda_sample *pick, int32_t count, int32_t hidden, float eps,
                     bf16 *out)
{
    norm_rows<<<count, THREADS, 0, stream>>>(x, added, weights, pick, hidden, eps, out);
}

/* ---- feed-forward --------------------------------------------------------------------------- */

/* Two elements a thread: widths are even, and a pair is one load. */
static __global__ void swiglu_rows(const bf16 *gate_up, int64_t rows, int32_t width, bf16 *act)
{
    int64_t pairs = rows * width / 2, step = static_cast<int64_t>(gridDim.x) * blockDim.x;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < pairs;
         i += step) {
        int64_t row = 2 * i / width, column = 2 * i % width;
        const bf16 *from = gate_up + row * 2 * width + column;
        float2 gate = __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162 *>(from));
        float2 up = __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162 *>(from + width));
        float a = gate.x / (1.0f + __expf(-gate.x)) * up.x;
        float b = gate.y / (1.0f + __expf(-gate.y)) * up.y;
        *reinterpret_cast<__nv_bfloat162 *>(act + row * width + column) =
            __floats2bfloat162_rn(a, b);
    }
}

static unsigned blocks_for(int64_t threads)
{
    int64_t blocks = (threads + THREADS - 1) / THREADS;
    return static_cast<unsigned>(blocks < 1 ? 1 : blocks > 65536 ? 65536 : blocks);
}

void token_cuda_swiglu(cudaStream_t stream, const bf16 *gate_up, int64_t rows, int32_t width,
                       bf16 *act)
{
    swiglu_rows<<<blocks_for(rows * width / 2), THREADS, 0, stream>>>(gate_up, rows, width, act);
}

static __global__ void narrow_all(const bf16 *x, int64_t count, __nv_fp8_e4m3 *out)
{
    int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
         i += step)
        out[i] = __nv_fp8_e4m3(__bfloat162float(x[i]) * static_cast<float>(CUDA_FP8_SCALE));
}

void token_cuda_narrow(cudaStream_t stream, const bf16 *x, int64_t count, void *out)
{
    narrow_all<<<blocks_for(count), THREADS, 0, stream>>>(x, count,
                                                          static_cast<__nv_fp8_e4m3 *>(out));
}
