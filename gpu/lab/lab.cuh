/* SPDX-License-Identifier: Apache-2.0
 * What the kernel ladders share: random input, the check against a CPU reference in double, the
 * clock.  A ladder is one kernel: the reference, its versions from the plainest on, each with the
 * one idea that it adds, the check of all of them, then their times.  The last version is the
 * engine's own, called as the engine calls it.
 *
 *     make lab/lab_norm        (exits 77, with the reason, where there is no device)
 */
#ifndef HACASIM_GPU_LAB_LAB_CUH
#define HACASIM_GPU_LAB_LAB_CUH

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "gpu/infer_cuda.cuh"

inline void lab_must(cudaError_t error, const char *what)
{
    if (error == cudaSuccess) return;
    fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(error));
    exit(3);
}

inline void lab_open()
{
    int count = 0;
    cudaError_t error = cudaGetDeviceCount(&count);
    cudaDeviceProp properties;
    if (error == cudaSuccess && count > 0 &&
        cudaGetDeviceProperties(&properties, 0) == cudaSuccess) {
        printf("device: %s\n", properties.name);
        return;
    }
    printf("skipped: no CUDA device: %s\n",
           error != cudaSuccess ? cudaGetErrorString(error) : "none visible");
    exit(77);
}

/* Even values from -size to size, keyed by `entity`. */
inline std::vector<float> lab_random(size_t count, float size, uint32_t entity)
{
    struct rng_stream s = rng_open(2385, 0, 0x4c414221, entity);
    std::vector<float> values(count);
    for (float &v : values)
        v = static_cast<float>((2.0 * rng_unit(&s) - 1.0) * size);
    return values;
}

inline std::vector<bf16> lab_bf16(const std::vector<float> &values)
{
    std::vector<bf16> halves(values.size());
    std::transform(values.begin(), values.end(), halves.begin(), __float2bfloat16_rn);
    return halves;
}

template <typename T> T *lab_upload(const std::vector<T> &values)
{
    void *at = nullptr;
    lab_must(cudaMalloc(&at, values.size() * sizeof(T)), "memory");
    lab_must(cudaMemcpy(at, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice),
             "upload");
    return static_cast<T *>(at);
}

template <typename T> std::vector<T> lab_download(const T *from, size_t count)
{
    std::vector<T> values(count);
    lab_must(cudaMemcpy(values.data(), from, count * sizeof(T), cudaMemcpyDeviceToHost), "result");
    return values;
}

inline double lab_value(float v)
{
    return v;
}
inline double lab_value(bf16 v)
{
    return __bfloat162float(v);
}

/* Every |got - want| <= share |want| + floor. */
template <typename T>
void lab_check(const char *name, const std::vector<T> &got, const std::vector<double> &want,
               double share, double floor)
{
    double worst = 0.0;
    for (size_t i = 0; i < want.size(); i++) {
        double off = std::fabs(lab_value(got[i]) - want[i]) / (share * std::fabs(want[i]) + floor);
        if (!(off <= worst)) worst = off; /* a NaN counts */
    }
    printf("%-28s error %.3f of what is allowed\n", name, worst);
    if (worst <= 1.0) return;
    fprintf(stderr, "%s is wrong\n", name);
    exit(1);
}

/* Median of 50 runs after 5; `bytes` is what must be moved. */
template <typename F> void lab_time(const char *name, double bytes, F run)
{
    cudaEvent_t from, to;
    std::vector<float> times(50);
    lab_must(cudaEventCreate(&from), "clock");
    lab_must(cudaEventCreate(&to), "clock");
    for (int i = 0; i < 5; i++)
        run();
    for (float &ms : times) {
        cudaEventRecord(from);
        run();
        cudaEventRecord(to);
        lab_must(cudaEventSynchronize(to), name);
        cudaEventElapsedTime(&ms, from, to);
    }
    std::sort(times.begin(), times.end());
    printf("%-28s %9.2f us %9.1f GB/s\n", name, 1e3 * times[25], bytes / times[25] / 1e6);
    cudaEventDestroy(from);
    cudaEventDestroy(to);
}

#endif
