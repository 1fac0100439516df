/* SPDX-License-Identifier: Apache-2.0
 * The image encoder of a vision-language model: a roofline of its own.
 *
 * An image of t tokens has merge x t patches.  Each goes through attention projections and a gated
 * feed-forward in every layer, and the merger turns patches into tokens.  A few layers attend to
 * the whole image, the others within windows.  The GPUs of a stage share the encoder as they share
 * a layer; its weights stay bf16. */
#include "models/perf.h"

void perf_vision_set(struct perf *perf)
{
    const struct perf_vision *v = &perf->model->vision;
    const struct perf_hardware *h = perf->hardware;
    struct perf_roofline *r = &perf->roofline;
    if (v->layers == 0) return;
    double params = perf_shape_of(perf->model).vision;
    double gemm_ns = 1e9 / (h->bf16_flops * h->compute_ratio * perf->tp);
    double pair_ns = 4.0 * v->hidden * 1e9 / (h->bf16_flops * h->attention_ratio * perf->tp);
    double merge = v->merge, windowed = v->layers - v->full_layers;
    r->vision_memory_ns =
        2.0 * params * 1e9 / (h->bandwidth_bytes_per_s * h->weights_ratio * perf->tp);
    r->vision_token_ns = 2.0 * (merge * (params - v->merger_params) + v->merger_params) * gemm_ns +
                         windowed * merge * v->window * pair_ns;
    r->vision_pair_ns = v->full_layers * merge * merge * pair_ns;
}

double perf_vision_ns(const struct perf *perf, const struct perf_batch *b)
{
    const struct perf_roofline *r = &perf->roofline;
    if (b->image_tok == 0) return 0.0;
    double computed_ns = (double)b->image_tok * r->vision_token_ns +
                         (double)b->image_tok_squares * r->vision_pair_ns;
    double launch_ns = perf->hardware->layer_ns * perf->model->vision.layers;
    double ns = computed_ns > r->vision_memory_ns ? computed_ns : r->vision_memory_ns;
    return (ns + launch_ns) * (1.0 + r->tee_share);
}
