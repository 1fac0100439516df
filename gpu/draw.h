/* SPDX-License-Identifier: Apache-2.0
 * One stream's draws: the source that both backends compile (internal to gpu/). */
#ifndef HACASIM_GPU_DRAW_H
#define HACASIM_GPU_DRAW_H

#include "gpu/gpu.h"
#include "sim/variate.h"

RNG_FN double draw_one(const struct gpu_draws *draws, struct rng_stream *s)
{
    switch (draws->variate) {
    case GPU_BITS:
        return dmath_from_bits(rng_u64(s));
    case GPU_UNIFORM:
        return rng_unit(s);
    case GPU_EXPONENTIAL:
        return variate_exponential(s, 1.0);
    case GPU_NORMAL:
        return variate_normal(s);
    case GPU_LOGNORMAL:
        return variate_lognormal(s, 1.0, draws->sigma);
    case GPU_EXPONENTIAL_INVERSE:
        return variate_exponential_inverse(s, 1.0);
    case GPU_NORMAL_INVERSE:
        return variate_normal_inverse(s);
    case GPU_LOGNORMAL_INVERSE:
        return variate_lognormal_inverse(s, 1.0, draws->sigma);
    }
    return 0.0; /* not reached */
}

RNG_FN void draw_stream(const struct gpu_draws *draws, uint32_t entity, double *out)
{
    struct rng_stream s =
        rng_open(draws->seed, draws->replication, draws->purpose, draws->first_entity + entity);
    for (uint32_t i = 0; i < draws->per_entity; i++)
        out[i] = draw_one(draws, &s);
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
