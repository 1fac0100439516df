/* SPDX-License-Identifier: Apache-2.0
 * Models and hardware that a scenario adds to the catalog of models/perf.h.
 *
 *     models:
 *       - {name: mine, layers: 36, hidden: 4096, heads: 32, kv_heads: 8, vocab: 151936, ffn: 12288}
 *       - {name: wider, like: llama3-8b, ffn: 28672}
 *     hardware:
 *       - {name: a100-pcie, like: a100-80g, bandwidth: 1935 GB/s, power: 300 W, link: 32 GB/s}
 *
 * A model takes what is not given from `like`; without it a dense or grouped-query shape needs
 * layers, hidden, heads, vocab and ffn (or experts, active and expert_ffn).  Hardware always names
 * what it is like: efficiencies and engine overhead that are not given are those of it, an
 * assumption that the summary repeats. */
#ifndef HACASIM_MODELS_SCENARIO_OWN_H
#define HACASIM_MODELS_SCENARIO_OWN_H

#include "models/scenario.h"

struct scenario_own {
    const struct perf_model *models;
    const struct perf_hardware *hardware;
    uint32_t model_count, hardware_count;
};

extern const struct param_table scenario_model_table, scenario_hardware_table;

/* Check both lists and set s->own; what has findings is left out. */
void scenario_own_check(struct scenario *s, struct param_doc *doc, struct arena *arena,
                        struct diag *diag);

/* Of the catalog or of `own` (may be NULL); NULL: there is none of this name. */
const struct perf_model *scenario_own_model(const struct scenario_own *own, const char *name);
const struct perf_hardware *scenario_own_hardware(const struct scenario_own *own, const char *name);

/* Is `name` given by the scenario, but so that it was refused?  Then whoever uses it is not to
 * blame. */
bool scenario_own_refused(const struct scenario *s, const char *name);

/* All names, for messages. */
const char *const *scenario_own_model_names(const struct scenario_own *own, struct arena *arena,
                                            size_t *count);
const char *const *scenario_own_hardware_names(const struct scenario_own *own, struct arena *arena,
                                               size_t *count);

#endif
