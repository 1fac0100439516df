/* SPDX-License-Identifier: Apache-2.0
 * What the fleet costs: rent, energy, what outside APIs charge; and how much of it was there.
 *
 * A node is rented from joining to leaving, broken or not; it draws power while it is on (loading,
 * up, leaving): `busy` of its rating while a step runs, `idle` otherwise.  All of it is counted
 * over the measured window, like the tokens it is set against.  Leaves out validators (record.c).
 */
#include <math.h>
#include <string.h>

#include "models/scenario_own.h"
#include "models/world.h"

static const struct scenario_node *cost_class(const struct world *w, uint32_t index)
{
    return (const struct scenario_node *)w->params->nodes.items + w->nodes[index].class;
}

/* ---- of one node ----------------------------------------------------------------------------- */

double fleet_cost_rent_usd_per_h(const struct world *w, uint32_t index)
{
    const struct scenario_node *c = cost_class(w, index);
    if (c->kind == FLEET_PROXY) return c->proxy.host_rent;
    double gpu = c->rent > 0 ? c->rent : scenario_own_hardware(c->own, c->gpu)->rental_usd_per_h;
    return gpu * (double)c->gpus;
}

static double cost_member_h(const struct world *w, uint32_t index)
{
    const int64_t *spent = w->nodes[index].life.spent_ns;
    int64_t ns =
        spent[FLEET_LOADING] + spent[FLEET_UP] + spent[FLEET_BROKEN] + spent[FLEET_LEAVING];
    return (double)ns / 3600e9;
}

double fleet_cost_rent_usd(const struct world *w, uint32_t index)
{
    return fleet_cost_rent_usd_per_h(w, index) * cost_member_h(w, index);
}

double fleet_cost_api_usd(const struct world *w, uint32_t index)
{
    return money_real(w->nodes[index].life.api_nano, 9);
}

static double cost_rated_w(const struct scenario_node *c)
{
    if (c->kind == FLEET_PROXY) return c->power.rated;
    double gpu =
        c->power.rated > 0 ? c->power.rated : scenario_own_hardware(c->own, c->gpu)->power_w;
    return gpu * (double)c->gpus;
}

double fleet_cost_kwh(const struct world *w, uint32_t index)
{
    const struct scenario_node *c = cost_class(w, index);
    const int64_t *spent = w->nodes[index].life.spent_ns;
    double on_s = (double)(spent[FLEET_LOADING] + spent[FLEET_UP] + spent[FLEET_LEAVING]) / 1e9;
    double busy_s = (double)w->nodes[index].window_busy_ns / 1e9;
    return cost_rated_w(c) * (c->power.idle * on_s + (c->power.busy - c->power.idle) * busy_s) /
           3.6e6;
}

/* ---- of a class ------------------------------------------------------------------------------ */

static const struct models_metric cost_class_metrics[] = {
    {"usd", "rent of node class %s and what an API charged it, USD"},
    {"kwh", "energy of node class %s, kWh"},
    {"mtok", "million tokens in answers of node class %s"},
    {"usd_per_mtok", "cost of node class %s per million tokens, USD"},
    {"kwh_per_mtok", "energy of node class %s per million tokens, kWh"},
    {"node_h", "hours of membership of the nodes of class %s"},
    {"availability_ratio", "time that nodes of class %s could serve over those hours"},
    {"utilisation_ratio", "time that nodes of class %s were busy over those hours"},
};
enum { COST_CLASS_METRICS = sizeof cost_class_metrics / sizeof cost_class_metrics[0] };

/* "... of node class %s ..." with the name in it; formats are data here, so no printf. */
static const char *cost_meaning(const char *format, const char *class, struct arena *arena)
{
    const char *hole = strstr(format, "%s");
    return arena_print(arena, "%.*s%s%s", (int)(hole - format), format, class, hole + 2);
}

void fleet_cost_metrics(const struct param_list *nodes, struct models_metrics *metrics,
                        struct arena *arena)
{
    const struct scenario_node *classes = nodes->items;
    size_t more = (size_t)nodes->count * COST_CLASS_METRICS;
    struct models_metric *own = arena_alloc(arena, metrics->count + more, sizeof *own);
    if (metrics->count > 0) memcpy(own, metrics->own, metrics->count * sizeof *own);
    for (uint32_t i = 0; i < nodes->count; i++) {
        if (!classes[i].name) continue;
        const char *key = slo_class_key(classes[i].name, arena);
        for (size_t k = 0; k < COST_CLASS_METRICS; k++)
            own[metrics->count++] = (struct models_metric){
                .name = arena_print(arena, "cost.class.%s.%s", key, cost_class_metrics[k].name),
                .meaning = cost_meaning(cost_class_metrics[k].meaning, classes[i].name, arena)};
    }
    metrics->own = own;
}

struct cost_sum {
    double usd, kwh, mtok, member_h, up_h, busy_h;
};

static void cost_put(struct models_value *to, double value)
{
    if (value == value) *to = (struct models_value){.kind = MODELS_REAL, .real = value};
}

static double cost_ratio(double part, double whole)
{
    return whole > 0 ? part / whole : (double)NAN;
}

/* In the order of cost_class_metrics. */
static void cost_fill_class(const struct cost_sum *sum, struct models_value *to)
{
    const double values[COST_CLASS_METRICS] = {sum->usd,
                                               sum->kwh,
                                               sum->mtok,
                                               cost_ratio(sum->usd, sum->mtok),
                                               cost_ratio(sum->kwh, sum->mtok),
                                               sum->member_h,
                                               cost_ratio(sum->up_h, sum->member_h),
                                               cost_ratio(sum->busy_h, sum->member_h)};
    for (size_t k = 0; k < COST_CLASS_METRICS; k++)
        cost_put(&to[k], values[k]);
}

static void cost_add(const struct world *w, uint32_t index, struct cost_sum *sum)
{
    const struct world_node *node = &w->nodes[index];
    const int64_t *spent = node->life.spent_ns;
    sum->usd += fleet_cost_rent_usd(w, index) + fleet_cost_api_usd(w, index);
    sum->kwh += fleet_cost_kwh(w, index);
    sum->mtok += (double)node->life.answered_tok * 1e-6;
    sum->member_h += cost_member_h(w, index);
    sum->up_h += (double)(spent[FLEET_UP] + spent[FLEET_LEAVING]) / 3600e9;
    sum->busy_h += (double)node->window_busy_ns / 3600e9;
}

/* Nodes stand in the order of their classes. */
static void cost_classes(const struct world *w, struct models_value *values)
{
    const struct scenario_node *classes = w->params->nodes.items;
    uint32_t node = 0;
    for (uint32_t c = 0; c < w->params->nodes.count; c++) {
        struct cost_sum sum = {0};
        const char *key = slo_class_key(classes[c].name, w->arena);
        long first = models_metrics_find(&w->scenario->metrics,
                                         arena_print(w->arena, "cost.class.%s.usd", key));
        for (; node < w->node_count && w->nodes[node].class == c; node++)
            cost_add(w, node, &sum);
        if (first >= 0) cost_fill_class(&sum, values + first);
    }
}

/* ---- of all ---------------------------------------------------------------------------------- */

static void cost_counts(const struct world *w, struct models_value *values)
{
    const struct world_fleet *f = &w->fleet;
    metrics_set_integer(values, METRIC_fleet_joined, (int64_t)f->joined);
    metrics_set_integer(values, METRIC_fleet_left, (int64_t)f->left);
    metrics_set_integer(values, METRIC_fleet_failures, (int64_t)f->failures);
    metrics_set_integer(values, METRIC_fleet_loads, (int64_t)f->loads);
    metrics_set_integer(values, METRIC_fleet_swapped, (int64_t)f->swapped);
    metrics_set_integer(values, METRIC_fleet_held, (int64_t)f->held);
    metrics_set_integer(values, METRIC_fleet_attested, (int64_t)f->attested);
    metrics_set_integer(values, METRIC_fleet_retried, (int64_t)f->retried);
}

/* Under a design on chain nobody asks the nodes anything. */
void fleet_cost_fill(struct world *w, struct models_value *values)
{
    double member_h = 0, up_h = 0, loading_h = 0;
    money_t api_nano = 0;
    for (uint32_t i = 0; i < w->node_count; i++) {
        const int64_t *spent = w->nodes[i].life.spent_ns;
        member_h += cost_member_h(w, i);
        up_h += (double)(spent[FLEET_UP] + spent[FLEET_LEAVING]) / 3600e9;
        loading_h += (double)spent[FLEET_LOADING] / 3600e9;
        api_nano += w->nodes[i].life.api_nano;
    }
    cost_counts(w, values);
    if (!w->design->on_chain) cost_classes(w, values);
    metrics_set_real(values, METRIC_fleet_node_h, member_h);
    metrics_set_exact(values, METRIC_api_usd, api_nano, 9);
    if (member_h <= 0) return;
    metrics_set_real(values, METRIC_fleet_availability, up_h / member_h);
    metrics_set_real(values, METRIC_fleet_loading, loading_h / member_h);
}
