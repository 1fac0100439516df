/* SPDX-License-Identifier: Apache-2.0
 * Choice of backend, the CPU backend, and the answer of a build without CUDA. */
#include "gpu/gpu.h"

#include <stdio.h>

#include "gpu/draw.h"

struct gpu_device gpu_probe(void)
{
    struct gpu_device device = {0};
#ifdef HACASIM_CUDA
    draw_cuda_probe(&device);
#else
    snprintf(device.reason, sizeof device.reason, "built without CUDA");
#endif
    return device;
}

static enum status gpu_draw_cpu(const struct gpu_draws *draws, double *out)
{
#pragma omp parallel for schedule(static)
    for (uint32_t entity = 0; entity < draws->entities; entity++) {
        draw_stream(draws, entity, out + (size_t)entity * draws->per_entity);
    }
    return STATUS_OK;
}

enum status gpu_draw(enum gpu_backend backend, const struct gpu_draws *draws, double *out)
{
    if (backend == GPU_CPU) return gpu_draw_cpu(draws, out);
#ifdef HACASIM_CUDA
    return draw_cuda(draws, out);
#else
    return status_fail(STATUS_OPERATING, "no CUDA backend: %s", gpu_probe().reason);
#endif
}
