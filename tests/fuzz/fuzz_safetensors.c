/* SPDX-License-Identifier: Apache-2.0
 * Fuzzing of the safetensors header: any bytes are refused with a text, or give tensors that lie
 * one behind the other and fill the data.  The first two bytes are the size of the data. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool holds)
{
    if (!holds) abort();
}

static void check(const struct safetensors *file, uint64_t data_bytes)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < file->count; i++) {
        const struct safetensors_entry *e = &file->entries[i];
        must(e->begin <= e->end && e->end <= data_bytes);
        must(safetensors_find(file, e->name) == e);
        sum += e->end - e->begin;
    }
    must(sum == data_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena arena;
    struct safetensors file = {.path = "fuzz", .fd = -1};
    if (size < 2) return 0;
    uint64_t data_bytes = bytes[0] | (uint64_t)bytes[1] << 8;
    char text[1024];
    arena_init(&arena, "fuzz", 0);
    if (safetensors_parse(&file, (const char *)bytes + 2, size - 2, data_bytes, &arena) ==
        STATUS_OK) {
        check(&file, data_bytes);
    } else {
        status_take(text, sizeof text);
        must(strlen(text) > 0);
    }
    arena_free(&arena);
    return 0;
}
