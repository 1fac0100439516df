/* SPDX-License-Identifier: Apache-2.0
 * Ladder of the residual addition and RMSNorm.
 *   1  a thread a row
 *   2  a block a row, the sum in shared memory
 *   3  the engine's: addition and norm in one pass, the sum by shuffles */
#include "gpu/lab/lab.cuh"

enum { ROWS = 512, HIDDEN = 4096 };
#define EPS 1e-5f

static __global__ void one_thread(float *x, const bf16 *added, const float *weights, bf16 *out)
{
    int row = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    float squares = 0.0f;
    if (row >= ROWS) return;
    for (int i = 0; i < HIDDEN; i++) {
        x[row * HIDDEN + i] += __bfloat162float(added[row * HIDDEN + i]);
        squares += x[row * HIDDEN + i] * x[row * HIDDEN + i];
    }
    float scale = rsqrtf(squares / HIDDEN + EPS);
    for (int i = 0; i < HIDDEN; i++)
        out[row * HIDDEN + i] = __float2bfloat16_rn(x[row * HIDDEN + i] * scale * weights[i]);
}

static __global__ void one_block(float *x, const bf16 *added, const float *weights, bf16 *out)
{
    __shared__ float sums[256];
    int64_t at = static_cast<int64_t>(blockIdx.x) * HIDDEN;
    float squares = 0.0f;
    for (int i = static_cast<int>(threadIdx.x); i < HIDDEN; i += 256) {
        x[at + i] += __bfloat162float(added[at + i]);
        squares += x[at + i] * x[at + i];
    }
    sums[threadIdx.x] = squares;
    for (unsigned apart = 128; apart > 0; apart /= 2) {
        __syncthreads();
        if (threadIdx.x < apart) sums[threadIdx.x] += sums[threadIdx.x + apart];
    }
    __syncthreads();
    float scale = rsqrtf(sums[0] / HIDDEN + EPS);
    for (int i = static_cast<int>(threadIdx.x); i < HIDDEN; i += 256)
        out[at + i] = __float2bfloat16_rn(x[at + i] * scale * weights[i]);
}

static void run(int version, float *x, const bf16 *added, const float *weights, bf16 *out)
{
    if (version == 1) one_thread<<<ROWS / 32, 32>>>(x, added, weights, out);
    if (version == 2) one_block<<<ROWS, 256>>>(x, added, weights, out);
    if (version == 3) token_cuda_norm(nullptr, x, added, weights, nullptr, ROWS, HIDDEN, EPS, out);
}

int main()
{
    static const char *const names[] = {"", "1 a thread a row", "2 a block a row", "3 engine"};
    lab_open();
    std::vector<float> x = lab_random(ROWS * HIDDEN, 3.0f, 1);
    std::vector<float> weights = lab_random(HIDDEN, 1.5f, 2);
    std::vector<bf16> added = lab_bf16(lab_random(ROWS * HIDDEN, 1.0f, 3));
    std::vector<double> want(ROWS * HIDDEN);
    for (int r = 0; r < ROWS; r++) {
        double squares = 0.0;
        for (int i = 0; i < HIDDEN; i++)
            squares += std::pow(x[r * HIDDEN + i] + lab_value(added[r * HIDDEN + i]), 2);
        for (int i = 0; i < HIDDEN; i++)
            want[r * HIDDEN + i] = (x[r * HIDDEN + i] + lab_value(added[r * HIDDEN + i])) /
                                   std::sqrt(squares / HIDDEN + EPS) * weights[i];
    }
    const bf16 *device_added = lab_upload(added);
    const float *device_weights = lab_upload(weights);
    bf16 *out = lab_upload(added);
    for (int v = 1; v <= 3; v++) {
        float *device_x = lab_upload(x);
        run(v, device_x, device_added, device_weights, out);
        /* half a unit of bf16, and sums of 4,096 terms in fp32 */
        lab_check(names[v], lab_download(out, want.size()), want, 0x1p-9 + 4096 * 0x1p-24, 1e-7);
        lab_time(names[v], ROWS * HIDDEN * (4.0 + 4.0 + 2.0 + 2.0),
                 [&] { run(v, device_x, device_added, device_weights, out); });
        cudaFree(device_x);
    }
    return 0;
}
