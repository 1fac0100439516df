/* SPDX-License-Identifier: Apache-2.0
 * Fuzzing of the checkpoint reader.  The first byte chooses a design and whether the rest is a list
 * of edits on a sound checkpoint, sealed again, or the bytes of one.  Whatever comes is refused
 * with a text, or accepted and can be written again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "tests/unit/snap_forge.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct forge forge;
    static bool open;
    if (!open) {
        if (!forge_open(&forge)) abort();
        open = true;
    }
    if (size == 0) return 0;
    int world = bytes[0] % FORGE_WORLDS;
    if (bytes[0] < 0xC0)
        forge_patch(&forge, world, bytes + 1, size - 1);
    else
        forge_try(forge.scenario[world], bytes + 1, size - 1);
    return 0;
}
