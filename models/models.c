/* SPDX-License-Identifier: Apache-2.0
 * Loading a scenario: text, tables, cross checks; and what the program may know of it. */
#include "models/models.h"

#include <string.h>
#include <unistd.h>

#include "models/branch.h"
#include "models/caveat.h"
#include "models/consensus/proposer.h"
#include "models/consensus/script.h"
#include "models/pilot.h"
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
        .reps = (uint32_t)p->reps.fixed,
        .warmup = {.pilot = p->warmup_rule.kind == PLAN_WARMUP_MSER5, .cut_ns = p->warmup},
        .horizon_ns = p->horizon,
        .drain_ns = p->drain,
        .metrics = &scenario->metrics,
        .expects = p->expect.items,
        .expect_count = p->expect.count,
    };
    if (p->reps.kind == PLAN_REPS_UNTIL) {
        const struct plan_until *until = &p->reps.until;
        scenario->info.reps = (uint32_t)until->max;
        scenario->info.until = (struct models_until){.metric = until->metric,
                                                     .half_width = until->half_width,
                                                     .level = until->level,
                                                     .min = (uint32_t)until->min};
    }
    scenario->info.effective = param_effective(scenario->doc, &scenario->info.effective_count);
    scenario->unused = arena_alloc(arena, CAVEAT_UNUSED_MOST, sizeof *scenario->unused);
    scenario->unused_count = caveat_unused(p, scenario->doc, arena, scenario->unused);
}

/* A scenario with findings comes back as well; NULL when there is no document. */
static struct models_scenario *models_from(struct arena *arena, const char *path,
                                           struct param_doc *doc, struct diag *diag)
{
    if (!doc) return NULL;
    struct models_scenario *scenario = arena_alloc(arena, 1, sizeof *scenario);
    scenario->doc = doc;
    param_read(scenario->doc, &scenario_table, &scenario->params, diag);
    scenario->params.warmup = scenario->params.warmup_rule.fixed; /* 0 until a pilot has run */
    scenario_check(&scenario->params, scenario->doc, arena, diag);
    scenario->metrics = slo_metrics(&scenario->params.users, arena);
    if (diag->count == 0) {
        models_describe(scenario, path, arena);
    } else {
        scenario->info.metrics = &scenario->metrics;
        scenario->info.expects = scenario->params.expect.items;
        scenario->info.expect_count = scenario->params.expect.count;
    }
    return scenario;
}

static struct models_scenario *models_sound(struct models_scenario *scenario,
                                            const struct diag *diag)
{
    if (!scenario || diag->count == 0) return scenario;
    models_close(scenario);
    return NULL;
}

struct models_scenario *models_read(struct arena *arena, const char *path, const char *const *sets,
                                    size_t set_count, struct diag *diag)
{
    return models_from(arena, path, param_load(arena, path, sets, set_count, diag), diag);
}

struct models_scenario *models_load(struct arena *arena, const char *path, const char *const *sets,
                                    size_t set_count, struct diag *diag)
{
    return models_sound(models_read(arena, path, sets, set_count, diag), diag);
}

struct models_scenario *models_load_text(struct arena *arena, const char *name, const char *text,
                                         const char *const *sets, size_t set_count,
                                         struct diag *diag)
{
    struct param_doc *doc = param_load_text(arena, name, text, strlen(text), sets, set_count, diag);
    return models_sound(models_from(arena, name, doc, diag), diag);
}

bool models_trace_absent(const struct models_scenario *scenario)
{
    const struct workload_arrivals *arrivals = &scenario->params.workload.arrivals;
    bool replayed = arrivals->kind == WORKLOAD_TRACE && arrivals->trace.file;
    return replayed && access(arrivals->trace.file, F_OK) != 0;
}

void models_close(struct models_scenario *scenario)
{
    param_close(scenario->doc);
}

/* Measuring begins at `cut_ns`; rows after `warmup` in the effective scenario say so. */
static void models_cut(struct models_scenario *scenario, int64_t cut_ns, const char *origin,
                       struct arena *arena)
{
    struct models_info *info = &scenario->info;
    size_t count = info->effective_count, at = 0;
    const size_t more = info->warmup.unsettled ? 2 : 1;
    struct param_effective *rows = arena_alloc(arena, count + more, sizeof *rows);
    scenario->params.warmup = info->warmup.cut_ns = cut_ns;
    while (at < count && strcmp(info->effective[at].path, "warmup") != 0)
        at++;
    for (size_t i = 0; i < count; i++)
        rows[i > at ? i + more : i] = info->effective[i];
    rows[at + 1] = (struct param_effective){
        .path = MODELS_CUT, .value = param_print(arena, PARAM_DURATION, &cut_ns), .origin = origin};
    if (more == 2)
        rows[at + 2] = (struct param_effective){
            .path = MODELS_UNSETTLED, .value = info->warmup.unsettled, .origin = origin};
    info->effective = rows;
    info->effective_count = count + more;
}

static const char *models_unsettled(const struct pilot *pilot, struct arena *arena)
{
    const char *names = NULL;
    for (int s = 0; s < PILOT_SERIES; s++) {
        if (pilot->settled[s]) continue;
        names = arena_print(arena, "%s%s%s", names ? names : "", names ? ", " : "", pilot_names[s]);
    }
    return names;
}

enum status models_settle(struct models_scenario *scenario, uint64_t seed,
                          const struct models_options *options, struct arena *arena)
{
    struct arena scratch;
    struct pilot pilot;
    struct models_warmup *warmup = &scenario->info.warmup;
    if (!warmup->pilot) return STATUS_OK;
    arena_init(&scratch, "pilot", 0);
    enum status status = pilot_run(scenario, seed, options, &scratch, &pilot);
    arena_free(&scratch);
    if (status != STATUS_OK) return status_context(status, "in the pilot of the warm-up");
    warmup->latest = pilot_names[pilot.latest];
    warmup->unsettled = models_unsettled(&pilot, arena);
    models_cut(scenario, pilot.cut_ns, arena_print(arena, "MSER-5: %s", warmup->latest), arena);
    return STATUS_OK;
}

void models_settle_at(struct models_scenario *scenario, int64_t cut_ns, const char *unsettled,
                      struct arena *arena)
{
    if (!scenario->info.warmup.pilot) return;
    scenario->info.warmup.unsettled = unsettled;
    scenario->info.warmup.latest = "the run it branches from";
    models_cut(scenario, cut_ns, "MSER-5: the run it branches from", arena);
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

bool models_proposers(struct arena *arena, const int64_t *powers, const int64_t *priorities,
                      uint32_t count, uint32_t rounds, int64_t *proposers, int64_t *after)
{
    struct proposer_set set;
    if (!proposer_powers_valid(powers, count)) return false;
    proposer_load(&set, arena, powers, priorities, count);
    for (uint32_t i = 0; i < rounds; i++) {
        proposer_increment(&set, 1);
        proposers[i] = set.proposer;
        memcpy(after + (size_t)i * count, set.priority, count * sizeof *after);
    }
    return true;
}

const void *models_consensus_script(const char *path, struct arena *arena, struct diag *diag)
{
    return script_run(path, arena, diag);
}

struct json_node *models_consensus_script_json(struct json *json, const void *result)
{
    return script_json(json, result);
}

const void *models_validator_set(const char *path, struct arena *arena, struct diag *diag)
{
    return set_script_run(path, arena, diag);
}

struct json_node *models_validator_set_json(struct json *json, const void *result)
{
    return set_script_json(json, result);
}
