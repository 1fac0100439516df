/* SPDX-License-Identifier: Apache-2.0
 * The CUDA backend of gpu_draw: one thread a stream, results copied back whole. */
#include <cstdio>

#include <cuda_runtime.h>

extern "C" {
#include "sim/status.h"
}
#include "gpu/draw.h"

static __global__ void draw_kernel(struct gpu_draws draws, double *out)
{
    uint32_t entity = blockIdx.x * blockDim.x + threadIdx.x;
    if (entity < draws.entities) {
        draw_stream(&draws, entity, out + (size_t)entity * draws.per_entity);
    }
}

static enum status draw_status(cudaError_t error, const char *what)
{
    if (error == cudaSuccess) return STATUS_OK;
    return status_fail(STATUS_OPERATING, "CUDA: %s: %s", what, cudaGetErrorString(error));
}

static enum status draw_launch(const struct gpu_draws *draws, double *device_out, double *out,
                               size_t bytes)
{
    const uint32_t block = 256, grid = (draws->entities + block - 1) / block;
    draw_kernel<<<grid, block>>>(*draws, device_out);
    TRY(draw_status(cudaGetLastError(), "launch"), "random draws");
    TRY(draw_status(cudaMemcpy(out, device_out, bytes, cudaMemcpyDeviceToHost), "copy"),
        "random draws");
    return STATUS_OK;
}

extern "C" enum status draw_cuda(const struct gpu_draws *draws, double *out)
{
    size_t bytes = (size_t)draws->entities * draws->per_entity * sizeof *out;
    if (bytes == 0) return STATUS_OK;
    double *device_out = nullptr;
    TRY(draw_status(cudaMalloc(reinterpret_cast<void **>(&device_out), bytes), "memory"),
        "random draws");
    enum status status = draw_launch(draws, device_out, out, bytes);
    cudaFree(device_out);
    return status;
}

extern "C" void draw_cuda_probe(struct gpu_device *device)
{
    int count = 0;
    cudaError_t error = cudaGetDeviceCount(&count);
    if (error != cudaSuccess || count == 0) {
        snprintf(device->reason, sizeof device->reason, "no CUDA device: %s",
                 error != cudaSuccess ? cudaGetErrorString(error) : "none visible");
        return;
    }
    cudaDeviceProp properties;
    if (cudaGetDeviceProperties(&properties, 0) != cudaSuccess) {
        snprintf(device->reason, sizeof device->reason, "the CUDA device does not answer");
        return;
    }
    cudaDriverGetVersion(&device->driver);
    cudaRuntimeGetVersion(&device->runtime);
    snprintf(device->name, sizeof device->name, "%s", properties.name);
    device->memory_bytes = properties.totalGlobalMem;
    device->present = true;
}
