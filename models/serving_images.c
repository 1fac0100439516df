/* SPDX-License-Identifier: Apache-2.0
 * What the encoder of a vision-language model computes, and the cache of what it gave. */
#include "models/serving_images.h"

#include <assert.h>
#include <string.h>

bool serving_images_seen(const struct perf *perf, int64_t images)
{
    return images == 0 || perf->model->vision.layers > 0;
}

void serving_images_reset(struct serving *s)
{
    s->encoded.count = 0;
    s->encoded.tok = 0;
}

/* ---- the cache ------------------------------------------------------------------------------ */

/* From the least to the most recently used: a cache has tens of images, and one that is found goes
 * to the end. */
static void drop(struct serving_encoded *e, uint32_t at)
{
    e->tok -= e->images[at].tok;
    e->count--;
    memmove(e->images + at, e->images + at + 1, (e->count - at) * sizeof *e->images);
}

static void keep(struct serving *s, const struct serving_image *image)
{
    struct serving_encoded *e = &s->encoded;
    while (e->count > 0 && e->tok + image->tok > s->params->max_num_batched_tokens)
        drop(e, 0);
    if (e->count == e->capacity) {
        uint32_t capacity = e->capacity ? 2 * e->capacity : 16;
        e->images = arena_grow(s->arena, e->images, e->count, capacity, sizeof *e->images);
        e->capacity = capacity;
    }
    e->images[e->count++] = *image;
    e->tok += image->tok;
}

static bool found(struct serving_encoded *e, const struct serving_image *image)
{
    for (uint32_t i = e->count; i-- > 0;) {
        const struct serving_image *kept = &e->images[i];
        if (kept->name != image->name || kept->place != image->place || kept->tok != image->tok)
            continue;
        drop(e, i);
        return true;
    }
    return false;
}

/* ---- a chunk -------------------------------------------------------------------------------- */

/* A stream has its images in all its turns; else nobody else has them. */
static uint64_t name_of(const struct serving_request *r)
{
    return r->stream != 0 ? r->stream : ~r->arrival;
}

static void look(struct serving *s, struct serving_request *r)
{
    int64_t from = r->computed_tok, to = from + r->scheduled_tok;
    r->looked = true;
    r->encodes = r->encodes_not = 0;
    for (int32_t k = 0; k < r->images; k++) {
        int64_t start = r->image_from_tok + (int64_t)k * r->image_tok;
        bool begun = start < from && from > r->entered_tok; /* with the chunk before */
        if (start >= to) break;
        if (begun || start + r->image_tok <= from) continue;
        struct serving_image image = {.name = name_of(r), .place = k, .tok = r->image_tok};
        if (found(&s->encoded, &image))
            r->encodes_not++;
        else
            r->encodes++;
        keep(s, &image);
    }
}

void serving_images_add(struct serving *s, int32_t index)
{
    struct serving_request *r = &s->requests[index];
    if (r->images == 0) return;
    if (!r->looked) look(s, r);
    for (int32_t i = 0; i < r->encodes; i++)
        perf_batch_image(&s->batch, r->image_tok);
}

void serving_images_count(struct serving *s, struct serving_request *r)
{
    s->counters.image_tok += (uint64_t)r->encodes * (uint64_t)r->image_tok;
    s->counters.image_hit_tok += (uint64_t)r->encodes_not * (uint64_t)r->image_tok;
    r->encodes = r->encodes_not = 0;
}
