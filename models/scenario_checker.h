/* SPDX-License-Identifier: Apache-2.0
 * What the files of cross checks share (internal to models/scenario_check.c, fleet_check.c). */
#ifndef HACASIM_MODELS_SCENARIO_CHECKER_H
#define HACASIM_MODELS_SCENARIO_CHECKER_H

#include "models/scenario.h"

struct scenario_checker {
    const struct scenario *s;
    struct param_doc *doc;
    struct arena *arena;
    struct diag *diag;
    char path[128];
};

/* "nodes[2].gpu", in c->path until the next call. */
const char *scenario_path(struct scenario_checker *c, const char *list, uint32_t index,
                          const char *key);
/* Did that key read well? */
bool scenario_good(struct scenario_checker *c, const char *list, uint32_t index, const char *key);
/* "unknown WHAT 'name'; did you mean ...". */
void scenario_unknown(struct scenario_checker *c, const char *path, const char *what,
                      const char *name, const char *const *known, size_t count);
/* Is it a model of the catalog?  False after a finding. */
bool scenario_check_model(struct scenario_checker *c, const char *path, const char *name);
/* Does `model` run on the GPUs of `node` with these settings, with room for at least some KV?
 * False after a finding at `path`. */
bool scenario_check_fit(struct scenario_checker *c, const char *path,
                        const struct scenario_node *node, const char *model,
                        const struct serving_params *serving);
/* Read the timing tables that `node` names, for the key at `path`. */
void scenario_read_tables(struct scenario_checker *c, struct scenario_node *node, const char *path);

/* fleet_check.c: what the keys of node class `index`, and of a swap, say wrong together. */
void fleet_check_class(struct scenario_checker *c, uint32_t index);
void fleet_check_swap(struct scenario_checker *c, uint32_t event);

#endif
