/* SPDX-License-Identifier: Apache-2.0
 * Model substitution: the node sells the model that was asked for and runs a smaller one.
 *
 * Every answer after the take-over is a cheat.  The proof that goes with it is forged, because the
 * measured code or weights are not the approved ones; an honest check refuses it unless it evades.
 * Leaves out adaptive behaviour: this one does not stop when others are caught. */
#include "models/world.h"

static void model_substitution_take(struct world *w, const struct adversary_params *params,
                                    uint32_t index)
{
    struct world_node *node = &w->nodes[index];
    uint32_t classes = w->params->nodes.count;
    (void)params;
    if (node->proxy) return; /* it has no timing of its own: the API serves what it serves */
    node->perf = &w->perfs[((uint32_t)node->adversary + 1) * classes + node->class];
    serving_swap_perf(&node->serving, world_now(w), node->perf);
}

static bool model_substitution_cheats(const struct world *w, const struct adversary_params *params,
                                      uint32_t slot)
{
    (void)w;
    (void)params;
    (void)slot;
    return true;
}

static bool model_substitution_evades(const struct world *w, const struct adversary_params *params,
                                      uint32_t slot)
{
    struct rng_stream s = world_stream(w, PURPOSE_CHECK, world_request(w, slot)->id);
    return rng_unit(&s) < params->evades;
}

const struct adversary_strategy adversary_model_substitution = {
    .name = "model_substitution",
    .take = model_substitution_take,
    .cheats = model_substitution_cheats,
    .evades = model_substitution_evades,
};
