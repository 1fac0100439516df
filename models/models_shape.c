/* SPDX-License-Identifier: Apache-2.0
 * Shapes of models by name, for those who only know the door of models/. */
#include "models/models.h"
#include "models/perf.h"

bool models_shape_find(const char *name, struct models_shape *shape)
{
    const struct perf_model *m = perf_model_find(name);
    if (m == NULL) return false;
    *shape = (struct models_shape){.layers = m->layers,
                                   .hidden = m->hidden,
                                   .heads = m->heads,
                                   .kv_heads = m->kv_heads,
                                   .head_dim = m->head_dim,
                                   .vocab = m->vocab,
                                   .ffn = m->ffn,
                                   .dense_layers = m->dense_layers,
                                   .experts = m->experts,
                                   .active = m->active,
                                   .shared = m->shared,
                                   .expert_ffn = m->expert_ffn,
                                   .latent = m->kv_rank > 0};
    return true;
}
