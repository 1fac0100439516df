/* SPDX-License-Identifier: Apache-2.0
 * Ladder of the mixture of experts, router's logits to weighted sum.
 *   1  a block a token: its experts one after the other, each weight read by each token
 *   2  the engine's: routes sorted by expert, 16 x 16 tiles on the tensor cores */
#include "gpu/lab/lab.cuh"

enum { ROWS = 64, HIDDEN = 1024, WIDTH = 512, EXPERTS = 16, ACTIVE = 2 };

/* `chosen` and `share` [ROWS][ACTIVE] are given; the products are what is compared. */
static __global__ void by_token(struct cuda_experts x)
{
    __shared__ float act[WIDTH];
    int row = static_cast<int>(blockIdx.x);
    for (int i = static_cast<int>(threadIdx.x); i < HIDDEN; i += 256)
        x.added[row * HIDDEN + i] = __float2bfloat16_rn(0.0f);
    for (int a = 0; a < ACTIVE; a++) {
        int64_t expert = x.route_expert[row * ACTIVE + a];
        __syncthreads();
        for (int u = static_cast<int>(threadIdx.x); u < WIDTH; u += 256) {
            const bf16 *gate = x.gate_up_weights + (expert * 2 * WIDTH + u) * HIDDEN;
            float g = 0.0f, up = 0.0f;
            for (int i = 0; i < HIDDEN; i++) {
                float v = __bfloat162float(x.normed[row * HIDDEN + i]);
                g = fmaf(v, __bfloat162float(gate[i]), g);
                up = fmaf(v, __bfloat162float(gate[static_cast<int64_t>(WIDTH) * HIDDEN + i]), up);
            }
            act[u] = g / (1.0f + __expf(-g)) * up;
        }
        __syncthreads();
        for (int i = static_cast<int>(threadIdx.x); i < HIDDEN; i += 256) {
            const bf16 *down = x.down_weights + (expert * HIDDEN + i) * WIDTH;
            float sum = 0.0f;
            for (int u = 0; u < WIDTH; u++)
                sum = fmaf(act[u], __bfloat162float(down[u]), sum);
            float before = __bfloat162float(x.added[row * HIDDEN + i]);
            x.added[row * HIDDEN + i] =
                __float2bfloat16_rn(fmaf(x.route_share[row * ACTIVE + a], sum, before));
        }
    }
}

static void reference_row(const bf16 *x, const bf16 *router, const bf16 *gate_up, const bf16 *down,
                          double *out)
{
    bool taken[EXPERTS] = {};
    double weights[ACTIVE], sum = 0.0;
    int chosen[ACTIVE];
    for (int a = 0; a < ACTIVE; a++) {
        chosen[a] = -1;
        for (int e = 0; e < EXPERTS; e++)
            if (!taken[e] && (chosen[a] < 0 || lab_value(router[e]) > lab_value(router[chosen[a]])))
                chosen[a] = e;
        taken[chosen[a]] = true;
        sum += weights[a] = std::exp(lab_value(router[chosen[a]]));
    }
    for (int a = 0; a < ACTIVE; a++) {
        std::vector<double> act(WIDTH);
        const bf16 *w = gate_up + static_cast<int64_t>(chosen[a]) * 2 * WIDTH * HIDDEN;
        for (int u = 0; u < WIDTH; u++) {
            double g = 0.0, up = 0.0;
            for (int i = 0; i < HIDDEN; i++) {
                g += lab_value(x[i]) * lab_value(w[u * HIDDEN + i]);
                up += lab_value(x[i]) * lab_value(w[(WIDTH + u) * HIDDEN + i]);
            }
            act[u] = g / (1.0 + std::exp(-g)) * up;
        }
        for (int i = 0; i < HIDDEN; i++)
            for (int u = 0; u < WIDTH; u++)
                out[i] +=
                    weights[a] / sum * act[u] *
                    lab_value(down[(static_cast<int64_t>(chosen[a]) * HIDDEN + i) * WIDTH + u]);
    }
}

int main()
{
    static const char *const names[] = {"", "1 a block a token", "2 engine"};
    lab_open();
    size_t weights = static_cast<size_t>(EXPERTS) * WIDTH * HIDDEN;
    int32_t routes = experts_cuda_routes(ROWS, ACTIVE, EXPERTS);
    std::vector<bf16> normed = lab_bf16(lab_random(ROWS * HIDDEN, 1.7f, 1));
    std::vector<bf16> router = lab_bf16(lab_random(ROWS * EXPERTS, 2.0f, 2));
    std::vector<bf16> gate_up = lab_bf16(lab_random(2 * weights, 0.05f, 3));
    std::vector<bf16> down = lab_bf16(lab_random(weights, 0.07f, 4));
    std::vector<double> want(ROWS * HIDDEN);
    for (int r = 0; r < ROWS; r++)
        reference_row(&normed[r * HIDDEN], &router[r * EXPERTS], gate_up.data(), down.data(),
                      &want[r * HIDDEN]);
    struct cuda_experts x = {};
    x.shape.hidden = HIDDEN;
    x.shape.experts = EXPERTS;
    x.shape.active = ACTIVE;
    x.rows = ROWS;
    x.width = WIDTH;
    x.normed = lab_upload(normed);
    x.router = lab_upload(router);
    x.gate_up_weights = lab_upload(gate_up);
    x.down_weights = lab_upload(down);
    x.routed_in = lab_upload(std::vector<bf16>(static_cast<size_t>(routes) * HIDDEN));
    x.routed_out = lab_upload(std::vector<bf16>(static_cast<size_t>(routes) * HIDDEN));
    x.gate_up = lab_upload(std::vector<bf16>(static_cast<size_t>(routes) * 2 * WIDTH));
    x.act = lab_upload(std::vector<bf16>(static_cast<size_t>(routes) * WIDTH));
    x.added = lab_upload(std::vector<bf16>(ROWS * HIDDEN));
    x.route_expert = lab_upload(std::vector<int32_t>(ROWS * ACTIVE));
    x.route_place = lab_upload(std::vector<int32_t>(ROWS * ACTIVE));
    x.route_first = lab_upload(std::vector<int32_t>(EXPERTS + 1));
    x.route_share = lab_upload(std::vector<float>(ROWS * ACTIVE));
    auto run = [&](int version) {
        if (version == 1) by_token<<<ROWS, 256>>>(x);
        if (version == 2) experts_cuda_run(nullptr, &x);
    };
    double squares = 0.0;
    for (double w : want)
        squares += w * w;
    /* Four roundings to bf16 on the way, each 2^-9 of a number about as large as the results are:
     * sqrt(4) x 2^-9 of their size, and the largest of 65,536 errors lies some 5 deviations out. */
    double floor = 5 * 2 * 0x1p-9 * std::sqrt(squares / static_cast<double>(want.size()));
    for (int v = 2; v >= 1; v--) { /* the engine's makes the routes that version 1 uses */
        run(v);
        lab_check(names[v], lab_download(x.added, want.size()), want, 0x1p-8, floor);
        lab_time(names[v], 3.0 * static_cast<double>(weights) * 2, [&] { run(v); });
    }
    return 0;
}
