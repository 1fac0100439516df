/* SPDX-License-Identifier: Apache-2.0
 * The safetensors format: 8 bytes of header length, a JSON header, the tensors' bytes.
 *
 *     {"__metadata__": {"format": "pt"},
 *      "model.norm.weight": {"dtype": "BF16", "shape": [4096], "data_offsets": [0, 8192]}, ...}
 *
 * Read strictly, as the format's own text asks: little endian, no key twice, offsets within the
 * file, a tensor's bytes as many as its shape and dtype say, no overlap and no hole, nothing behind
 * the last.  Source: huggingface/safetensors README.md.
 *
 * Errors: STATUS_USER for a file that is not one, naming tensor and place in the header;
 * STATUS_OPERATING when the system cannot read it. */
#ifndef HACASIM_GPU_SAFETENSORS_H
#define HACASIM_GPU_SAFETENSORS_H

#include "sim/sim.h"

enum safetensors_dtype { /* those of the format, of which the engine reads three */
                         SAFETENSORS_F32,
                         SAFETENSORS_BF16,
                         SAFETENSORS_F16,
                         SAFETENSORS_OTHER
};

enum { SAFETENSORS_AXES = 4, SAFETENSORS_HEADER_MAX = 100000000 };

struct safetensors_entry {
    const char *name, *dtype_name;
    enum safetensors_dtype dtype;
    int32_t axes;
    int64_t shape[SAFETENSORS_AXES];
    uint64_t begin, end; /* in the data, bytes */
    bool used;           /* for the caller */
};

struct safetensors {
    const char *path;
    int fd; /* -1: only a header was parsed */
    uint64_t data_at, data_bytes;
    struct safetensors_entry *entries; /* by name */
    uint32_t count;
};

/* Names and entries lie in the arena; close the file with safetensors_close, also after an error.
 */
enum status safetensors_open(struct safetensors *file, const char *path, struct arena *arena);
void safetensors_close(struct safetensors *file);
/* The header by itself, `data_bytes` bytes being behind it. */
enum status safetensors_parse(struct safetensors *file, const char *header, size_t length,
                              uint64_t data_bytes, struct arena *arena);
struct safetensors_entry *safetensors_find(const struct safetensors *file, const char *name);
/* `bytes` bytes of a tensor from `at` on. */
enum status safetensors_read(const struct safetensors *file, const struct safetensors_entry *entry,
                             uint64_t at, void *to, size_t bytes);
/* "F32 [128, 64]" */
const char *safetensors_text(const struct safetensors_entry *entry, struct arena *arena);

#endif
