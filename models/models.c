/* SPDX-License-Identifier: Apache-2.0
 * Loading a scenario: text, tables, cross checks; and what the program may know of it. */
#include "models/models.h"

#include <string.h>

#include "models/branch.h"
#include "models/scenario.h"

const struct param_table *models_table(void)
{
    return &scenario_table;
}

static void models_describe(struct models_scenario *scenario, const char *path, struct arena *arena)
{
    const struct scenario *p = &scenario->params;
    scenario->info = (struct models_info){
        .name = p->name,
        .doc = p->doc,
        .path = path,
        .design = verification_find(p->verification.design)->name,
        .canonical = param_canonical(scenario->doc),
        .price_rule = price_describe(&p->token.price, arena),
        .seed = (uint64_t)p->seed,
        .reps = (uint32_t)p->reps,
        .horizon_ns = p->horizon,
        .drain_ns = p->drain,
        .expects = p->expect.items,
        .expect_count = p->expect.count,
    };
    scenario->info.effective = param_effective(scenario->doc, &scenario->info.effective_count);
}

static struct models_scenario *models_read(struct arena *arena, const char *path,
                                           struct param_doc *doc, struct diag *diag)
{
    if (!doc) return NULL;
    struct models_scenario *scenario = arena_alloc(arena, 1, sizeof *scenario);
    scenario->doc = doc;
    param_read(scenario->doc, &scenario_table, &scenario->params, diag);
    if (diag->count == 0) scenario_check(&scenario->params, scenario->doc, diag);
    if (diag->count > 0) {
        models_close(scenario);
        return NULL;
    }
    models_describe(scenario, path, arena);
    return scenario;
}

struct models_scenario *models_load(struct arena *arena, const char *path, const char *const *sets,
                                    size_t set_count, struct diag *diag)
{
    return models_read(arena, path, param_load(arena, path, sets, set_count, diag), diag);
}

struct models_scenario *models_load_text(struct arena *arena, const char *name, const char *text,
                                         const char *const *sets, size_t set_count,
                                         struct diag *diag)
{
    return models_read(
        arena, name, param_load_text(arena, name, text, strlen(text), sets, set_count, diag), diag);
}

void models_close(struct models_scenario *scenario)
{
    param_close(scenario->doc);
}

void models_branch(const struct models_scenario *past, const struct models_scenario *branch,
                   int64_t now_ns, struct diag *diag)
{
    branch_check(past, branch, now_ns, diag);
}

struct models_info models_info(const struct models_scenario *scenario)
{
    return scenario->info;
}

bool models_base_fee(money_t parent_base_fee, uint64_t gas_used, uint64_t gas_limit,
                     uint64_t elasticity, uint64_t denominator, money_t *base_fee)
{
    bool overflow = false;
    *base_fee =
        feemarket_next(parent_base_fee, gas_used, gas_limit, elasticity, denominator, &overflow);
    return !overflow;
}
