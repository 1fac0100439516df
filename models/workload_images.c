/* SPDX-License-Identifier: Apache-2.0
 * Images in prompts. */
#include "models/workload_images.h"

static const struct param rows[] = {
    PARAM(workload_images, share, PARAM_RATIO, "0%", "0%", "100%",
          "share of the requests (of sessions: their first turn brings them) that have images; not "
          "of a trace that says which have",
          "assumption: none"),
    PARAM_SUB(workload_images, count, PARAM_CHOICE, param_dist_real, "{fixed: 1}",
              "images of such a request, rounded, at least 1", "assumption"),
    PARAM_SUB(workload_images, tokens, PARAM_CHOICE, param_dist_real,
              "{uniform: {low: 256, high: 1280}}",
              "tokens of each image of a request, rounded, at least 1; recorded ones too",
              "Qwen2.5-VL-7B model card: 256 to 1,280 tokens recommended; uniform: assumption"),
    PARAM(workload_images, size, PARAM_BYTES, "300 KiB", "0", "1 GiB",
          "bytes of an image on its way to the node", "assumption"),
    PARAM(workload_images, added, PARAM_BOOL, "true", NULL, NULL,
          "images make the prompt that was drawn or recorded longer; else they are a part of its "
          "tokens, as those that a trace records always are",
          "assumption"),
    PARAM(workload_images, recorded, PARAM_BOOL, "true", NULL, NULL,
          "the images of a trace that counts them (Azure LMM) are images; else all its tokens are "
          "text",
          "as recorded"),
};
const struct param_table workload_images_table = PARAM_TABLE("images", workload_images, rows);

enum { MOST_IMAGES = 10000 };

static uint32_t whole(const struct dist *dist, struct rng_stream *stream, uint32_t most)
{
    double drawn = dist_draw(dist, stream) + 0.5;
    if (!(drawn >= 1.0)) return 1;
    return drawn < most ? (uint32_t)drawn : most;
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Each quantity has a block of the stream to itself. */
static uint32_t images_of(const struct workload_images *params, struct rng_stream *stream,
                          uint32_t recorded)
{
    if (recorded != UINT32_MAX) return params->recorded ? lesser(recorded, MOST_IMAGES) : 0;
    if (params->share <= 0 || rng_unit(stream) >= params->share) return 0;
    rng_seek(stream, 1);
    return whole(&params->count, stream, MOST_IMAGES);
}

void workload_images_put(const struct workload_images *params, struct rng_stream *stream,
                         uint32_t recorded, struct session_text *text)
{
    bool within = recorded != UINT32_MAX || !params->added;
    uint32_t count = images_of(params, stream, recorded);
    if (count == 0) return;
    rng_seek(stream, 2);
    uint32_t tok = whole(&params->tokens, stream, SESSION_TOKENS_MAX);
    uint32_t text_tok = text->prompt_tok - text->prefix_tok;
    uint32_t room = SESSION_TOKENS_MAX - lesser(text->prompt_tok, SESSION_TOKENS_MAX);
    if (within) room = text_tok > 0 ? text_tok - 1 : 0;
    count = lesser(count, room);
    if (count == 0) return;
    tok = lesser(tok, room / count);
    text->images = (struct session_images){count, tok, text->prefix_tok};
    if (!within) text->prompt_tok += count * tok;
}
