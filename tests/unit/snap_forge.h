/* SPDX-License-Identifier: Apache-2.0
 * Forged checkpoints: the bytes of a sound one, changed, under a checksum that fits.  The checksum
 * refuses what a disk does to a file; this is for the reader behind it, which must refuse or accept
 * whatever comes without touching memory that is not its own. */
#ifndef HACASIM_TESTS_SNAP_FORGE_H
#define HACASIM_TESTS_SNAP_FORGE_H

#include <string.h>

#include "models/checkpoint.h"

enum { FORGE_HEADER = 32 }; /* the content of an archive begins here */

/* Small worlds, one of each design. */
static const char *const forge_sets[] = {
    "horizon=100 s",
    "drain=20 s",
    "limits={events: 5000, requests: 2000}",
    "workload.arrivals={poisson: 3/s}",
    "workload.clients=20",
    "validators.count=4",
    "nodes=[{name: a, region: Tokyo, count: 3, gpu: a100-80g, gpus: 4, model: llama3-70b}]",
    "events=[{at: 30 s, do: outage, region: Tokyo, for: 20 s}]",
    "facilitator={batch: 7, idle: 20 s}",
    "adversaries=[{strategy: model_substitution, share: 30%, start: 10 s}]",
};
enum { FORGE_SETS = sizeof forge_sets / sizeof forge_sets[0], FORGE_WORLDS = 3 };

struct forge {
    struct arena arena;
    struct models_scenario *scenario[FORGE_WORLDS];
    struct snap sound[FORGE_WORLDS];
};

static bool forge_open(struct forge *forge)
{
    static const char *const designs[] = {"haca_tee", "og_batch", "replicated"};
    arena_init(&forge->arena, "forge", 0);
    for (int i = 0; i < FORGE_WORLDS; i++) {
        struct diag diag;
        const char *sets[FORGE_SETS + 1];
        memcpy(sets, forge_sets, sizeof forge_sets);
        sets[FORGE_SETS] = arena_print(&forge->arena, "verification.design=%s", designs[i]);
        diag_init(&diag, &forge->arena);
        forge->scenario[i] =
            models_load(&forge->arena, "scenarios/baseline.yaml", sets, FORGE_SETS + 1, &diag);
        struct world *w = arena_alloc(&forge->arena, 1, sizeof *w);
        if (!forge->scenario[i] ||
            world_open(w, forge->scenario[i], 1, 0, &forge->arena) != STATUS_OK ||
            world_advance(w, 40000000000, NULL) != STATUS_OK)
            return false;
        forge->sound[i] = checkpoint_save(w, &forge->arena);
        world_close(w);
    }
    return true;
}

static void forge_close(struct forge *forge)
{
    for (int i = 0; i < FORGE_WORLDS; i++)
        models_close(forge->scenario[i]);
    arena_free(&forge->arena);
}

/* Read an archive in a fresh world; what is accepted can be written again. */
static enum status forge_try(const struct models_scenario *scenario, const void *bytes,
                             size_t length)
{
    struct arena arena;
    char text[512];
    struct models_checkpoint from = {.state = bytes, .bytes = length};
    arena_init(&arena, "forged world", 0);
    struct world *w = arena_alloc(&arena, 1, sizeof *w);
    enum status status = world_open(w, scenario, 1, 0, &arena);
    if (status == STATUS_OK) status = checkpoint_restore(w, &from, w->params);
    if (status == STATUS_OK) checkpoint_save(w, &arena);
    status_take(text, sizeof text);
    world_close(w);
    arena_free(&arena);
    return status;
}

/* The archive `sound` with its content changed by four-byte edits (place: 3, value: 1), sealed. */
static enum status forge_patch(const struct forge *forge, int world, const uint8_t *edits,
                               size_t size)
{
    struct arena arena;
    struct snap forged;
    const struct snap *sound = &forge->sound[world];
    size_t content = sound->length - FORGE_HEADER;
    arena_init(&arena, "forged", 0);
    unsigned char *bytes = arena_alloc(&arena, content, 1);
    memcpy(bytes, sound->bytes + FORGE_HEADER, content);
    for (; size >= 4; edits += 4, size -= 4)
        bytes[(edits[0] | (size_t)edits[1] << 8 | (size_t)edits[2] << 16) % content] = edits[3];
    snap_write(&forged, &arena);
    snap_bytes(&forged, bytes, content);
    snap_seal(&forged);
    enum status status = forge_try(forge->scenario[world], forged.bytes, forged.length);
    arena_free(&arena);
    return status;
}

#endif
