/* SPDX-License-Identifier: Apache-2.0
 * Mixture of experts on the device: routes, products grouped by expert on the tensor cores, and
 * their sum.
 *
 * How many tokens an expert gets is known to the device only, so that nothing waits for the host:
 * a block finds its expert from the first route of each.  An expert's routes begin at a multiple of
 * 16 rows; the rows that fill up are computed and never read. */
#include <mma.h>

#include "gpu/infer_cuda.cuh"

enum { THREADS = 256, TILE = CUDA_EXPERT_ROWS, WARPS = 4 };

int32_t experts_cuda_routes(int32_t rows, int32_t active, int32_t experts)
{
    return (rows * active + TILE - 1) / TILE * TILE + experts * TILE;
}

/* ---- routes --------------------------------------------------------------------------------- */

static __global__ void route_rows(struct cuda_experts x)
{
    int32_t row = static_cast<int32_t>(blockIdx.x * blockDim.x + threadIdx.x);
    int32_t experts = x.shape.experts, active = x.shape.active;
    if (row >= x.rows) return;
    const bf16 *logits = x.router + static_cast<int64_t>(row) * experts;
    int32_t *chosen = x.route_expert + static_cast<int64_t>(row) * active;
    float *share = x.route_share + static_cast<int64_t>(row) * active, sum = 0.0f, top = 0.0f;
    for (int32_t i = 0; i < active; i++) {
        int32_t best = -1;
        float most = 0.0f;
        for (int32_t e = 0; e < experts; e++) {
            float logit = __bfloat162float(logits[e]);
            bool taken = false;
            for (int32_t j = 0; j < i; j++)
                taken = taken || chosen[j] == e;
            if (taken || (best >= 0 && logit <= most)) continue;
            best = e;
            most = logit;
        }
        if (i == 0) top = most;
        chosen[i] = best;
        share[i] = __expf(most - top);
        sum += share[i];
    }
    for (int32_t i = 0; i < active; i++)
        share[i] /= sum;
}

/* One block: counts, first routes in whole tiles, then places in the order of tokens (a thread an
 * expert, so that no two threads race). */
static __global__ void sort_routes(struct cuda_experts x)
{
    int32_t experts = x.shape.experts, routes = x.rows * x.shape.active;
    for (int32_t e = static_cast<int32_t>(threadIdx.x); e < experts; e += THREADS) {
        int32_t count = 0;
        for (int32_t r = 0; r < routes; r++)
            count += x.route_expert[r] == e;
        x.route_first[e + 1] = (count + TILE - 1) / TILE * TILE;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        x.route_first[0] = 0;
        for (int32_t e = 0; e < experts; e++)
            x.route_first[e + 1] += x.route_first[e];
    }
    __syncthreads();
    for (int32_t e = static_cast<int32_t>(threadIdx.x); e < experts; e += THREADS) {
        int32_t at = x.route_first[e];
        for (int32_t r = 0; r < routes; r++)
            if (x.route_expert[r] == e) x.route_place[r] = at++;
    }
}

static __global__ void gather_routes(struct cuda_experts x)
{
    int64_t row = blockIdx.x / x.shape.active;
    const bf16 *from = x.normed + row * x.shape.hidden;
    bf16 *to = x.routed_in + static_cast<int64_t>(x.route_place[blockIdx.x]) * x.shape.hidden;
    for (int32_t i = static_cast<int32_t>(threadIdx.x); i < x.shape.hidden; i += THREADS)
        to[i] = from[i];
}

static __global__ void scatter_routes(struct cuda_experts x)
{
    int64_t row = blockIdx.x;
    for (int32_t i = static_cast<int32_t>(threadIdx.x); i < x.shape.hidden; i += THREADS) {
        float sum = 0.0f;
        for (int64_t r = row * x.shape.active; r < (row + 1) * x.shape.active; r++)
            sum =
                fmaf(x.route_share[r],
                     __bfloat162float(
                         x.routed_out[static_cast<int64_t>(x.route_place[r]) * x.shape.hidden + i]),
                     sum);
        x.added[row * x.shape.hidden + i] = __float2bfloat16_rn(sum);
    }
}

/* ---- grouped products ----------------------------------------------------------------------- */

/* out[route][n] = in[route][k] times the expert's W[n][k] transposed; a warp has 16 x 16 of it, and
 * its sum runs over k from first to last. */
static __global__ void multiply_groups(const bf16 *in, const bf16 *weights, const int32_t *first,
                                       int32_t experts, int32_t n, int32_t k, bf16 *out)
{
    using namespace nvcuda;
    __shared__ float staged[WARPS][TILE * TILE];
    int32_t warp = static_cast<int32_t>(threadIdx.x) / 32, lane = threadIdx.x % 32, expert = 0;
    int32_t row = static_cast<int32_t>(blockIdx.y) * TILE;
    int32_t column = (static_cast<int32_t>(blockIdx.x) * WARPS + warp) * TILE;
    if (row >= first[experts] || column >= n) return;
    while (row >= first[expert + 1])
        expert++;
    const bf16 *w = weights + (static_cast<int64_t>(expert) * n + column) * k;
    const bf16 *x = in + static_cast<int64_t>(row) * k;
    wmma::fragment<wmma::accumulator, TILE, TILE, TILE, float> sum;
    wmma::fill_fragment(sum, 0.0f);
    for (int32_t i = 0; i < k; i += TILE) {
        wmma::fragment<wmma::matrix_a, TILE, TILE, TILE, bf16, wmma::row_major> a;
        wmma::fragment<wmma::matrix_b, TILE, TILE, TILE, bf16, wmma::col_major> b;
        wmma::load_matrix_sync(a, x + i, static_cast<unsigned>(k));
        wmma::load_matrix_sync(b, w + i, static_cast<unsigned>(k));
        wmma::mma_sync(sum, a, b, sum);
    }
    wmma::store_matrix_sync(staged[warp], sum, TILE, wmma::mem_row_major);
    __syncwarp();
    for (int32_t i = lane; i < TILE * TILE; i += 32)
        out[static_cast<int64_t>(row + i / TILE) * n + column + i % TILE] =
            __float2bfloat16_rn(staged[warp][i]);
}

static void multiply(cudaStream_t stream, const struct cuda_experts *x, const bf16 *in,
                     const bf16 *weights, int32_t n, int32_t k, bf16 *out)
{
    int32_t rows = experts_cuda_routes(x->rows, x->shape.active, x->shape.experts);
    dim3 grid(static_cast<unsigned>((n / TILE + WARPS - 1) / WARPS),
              static_cast<unsigned>(rows / TILE));
    multiply_groups<<<grid, 32 * WARPS, 0, stream>>>(in, weights, x->route_first, x->shape.experts,
                                                     n, k, out);
}

void experts_cuda_run(cudaStream_t stream, const struct cuda_experts *x)
{
    unsigned rows = static_cast<unsigned>(x->rows), hidden = static_cast<unsigned>(x->shape.hidden);
    unsigned routes = rows * static_cast<unsigned>(x->shape.active);
    int32_t padded = experts_cuda_routes(x->rows, x->shape.active, x->shape.experts);
    route_rows<<<(rows + 31) / 32, 32, 0, stream>>>(*x);
    sort_routes<<<1, THREADS, 0, stream>>>(*x);
    gather_routes<<<routes, THREADS, 0, stream>>>(*x);
    multiply(stream, x, x->routed_in, x->gate_up_weights, 2 * x->width,
             static_cast<int32_t>(hidden), x->gate_up);
    token_cuda_swiglu(stream, x->gate_up, padded, x->width, x->act);
    multiply(stream, x, x->act, x->down_weights, static_cast<int32_t>(hidden), x->width,
             x->routed_out);
    scatter_routes<<<rows, THREADS, 0, stream>>>(*x);
}
