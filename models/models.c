/* SPDX-License-Identifier: Apache-2.0
 * Loading a scenario: text, tables, cross checks; and what the program may know of it. */
#include "models/models.h"

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

struct models_scenario *models_load(struct arena *arena, const char *path, const char *const *sets,
                                    size_t set_count, struct diag *diag)
{
    struct models_scenario *scenario = arena_alloc(arena, 1, sizeof *scenario);
    scenario->doc = param_load(arena, path, sets, set_count, diag);
    if (!scenario->doc) return NULL;
    param_read(scenario->doc, &scenario_table, &scenario->params, diag);
    if (diag->count == 0) scenario_check(&scenario->params, scenario->doc, arena, diag);
    if (diag->count > 0) {
        models_close(scenario);
        return NULL;
    }
    models_describe(scenario, path, arena);
    return scenario;
}

void models_close(struct models_scenario *scenario)
{
    param_close(scenario->doc);
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
