/* SPDX-License-Identifier: Apache-2.0
 * One stream's draws: the source that both backends compile (internal to gpu/). */
#ifndef HACASIM_GPU_DRAW_H
#define HACASIM_GPU_DRAW_H

#include "gpu/gpu.h"
#include "sim/dmath.h"
#include "sim/rng.h"

RNG_FN void draw_stream(const struct gpu_draws *draws, uint32_t entity, double *out)
{
    struct rng_stream s =
        rng_open(draws->seed, draws->replication, draws->purpose, draws->first_entity + entity);
    for (uint32_t i = 0; i < draws->per_entity; i++) {
        double u = rng_unit(&s);
        switch (draws->variate) {
        case GPU_UNIFORM:
            out[i] = u;
            break;
        case GPU_EXPONENTIAL:
            out[i] = -dmath_log(u);
            break;
        case GPU_NORMAL:
            out[i] = dmath_normal_quantile(u);
            break;
        }
    }
}

/* The CUDA half of gpu_draw and gpu_probe; defined in draw_cuda.cu. */
#ifdef __cplusplus
extern "C" {
#endif
enum status draw_cuda(const struct gpu_draws *draws, double *out);
void draw_cuda_probe(struct gpu_device *device);
#ifdef __cplusplus
}
#endif

#endif
