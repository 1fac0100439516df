/* SPDX-License-Identifier: Apache-2.0
 * The door of gpu/: bulk arithmetic on the CPU and, where there is one, on a CUDA device.
 *
 * The inference engine is in gpu/infer.h, which this file includes.  Of draws both backends
 * compute the same bits: the generator and the elementary functions are one source
 * for host and device (sim/rng.h, sim/dmath.h,
 * sim/variate.h), and no result depends on block or thread counts.
 * Plain C; device memory never leaves the folder.  A build without nvcc has the CPU backend only
 * and says so. */
#ifndef HACASIM_GPU_GPU_H
#define HACASIM_GPU_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpu/infer.h"
#include "sim/status.h"

struct gpu_device {
    bool present;
    char name[256];
    char reason[192];    /* why there is none to use, in words */
    int driver, runtime; /* CUDA versions x 1000, as the driver reports them */
    uint64_t memory_bytes;
};

/* What CUDA device 0 is; never fails (CUDA_VISIBLE_DEVICES="" equals no device). */
struct gpu_device gpu_probe(void);

enum gpu_backend { GPU_CPU, GPU_CUDA };
enum gpu_variate {
    GPU_BITS, /* the draws as they are: 64 bits each, in the place of a double */
    GPU_UNIFORM,
    GPU_EXPONENTIAL,
    GPU_NORMAL,
    GPU_LOGNORMAL,
    GPU_EXPONENTIAL_INVERSE,
    GPU_NORMAL_INVERSE,
    GPU_LOGNORMAL_INVERSE
};

struct gpu_draws {
    uint64_t seed;
    uint32_t replication, purpose;
    uint32_t first_entity, entities; /* one stream each */
    uint32_t per_entity;             /* draws of each stream */
    enum gpu_variate variate;
    double sigma; /* of the lognormals, whose median is 1 */
};

/* Fill out[entity - first_entity][draw] with the draws of the named streams: the same values as
 * rng_u64, rng_unit and variate_* (mean 1, deviation 1, median 1) give one at a time. */
enum status gpu_draw(enum gpu_backend backend, const struct gpu_draws *draws, double *out);

#endif
