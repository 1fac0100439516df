/* SPDX-License-Identifier: Apache-2.0
 * What the fleet costs: rent, energy, what outside APIs charge; and how much of it was there.
 *
 * A node is rented from joining to leaving, broken or not; it draws power while it is on (loading,
 * up, leaving): `busy` of its rating while a step runs, `idle` otherwise.  All of it is counted over
 * the measured window, like the tokens it is set against.  Leaves out validators (record.c). */
#include <math.h>

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
    double gpu = c->rent > 0 ? c->rent : perf_hardware_find(c->gpu)->rental_usd_per_h;
    return gpu * (double)c->gpus;
}

static double cost_member_h(const struct world *w, uint32_t index)
{
    const int64_t *spent = w->nodes[index].life.spent_ns;
    int64_t ns = spent[FLEET_LOADING] + spent[FLEET_UP] + spent[FLEET_BROKEN] +
                 spent[FLEET_LEAVING];
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
    double gpu = c->power.rated > 0 ? c->power.rated : perf_hardware_find(c->gpu)->power_w;
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
    double member_h = 0, up_h = 0, loading_h = 0, api_usd = 0;
    for (uint32_t i = 0; i < w->node_count; i++) {
        const int64_t *spent = w->nodes[i].life.spent_ns;
        member_h += cost_member_h(w, i);
        up_h += (double)(spent[FLEET_UP] + spent[FLEET_LEAVING]) / 3600e9;
        loading_h += (double)spent[FLEET_LOADING] / 3600e9;
        api_usd += fleet_cost_api_usd(w, i);
    }
    cost_counts(w, values);
    metrics_set_real(values, METRIC_fleet_node_h, member_h);
    metrics_set_real(values, METRIC_api_usd, api_usd);
    if (member_h <= 0) return;
    metrics_set_real(values, METRIC_fleet_availability, up_h / member_h);
    metrics_set_real(values, METRIC_fleet_loading, loading_h / member_h);
}
