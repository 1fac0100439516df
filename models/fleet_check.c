/* SPDX-License-Identifier: Apache-2.0
 * What no single key of a node class or of a swap can tell.
 *
 * A swap is checked as the node class that it makes: it is written out once, from the class before
 * and from what the event changes, and whatever runs it reads that. */
#include <string.h>

#include "models/scenario_checker.h"
#include "models/scenario_own.h"

/* ---- node classes ---------------------------------------------------------------------------- */

static void check_leave(struct scenario_checker *c, uint32_t i, const struct scenario_node *node)
{
    bool times = node->join.kind == FLEET_JOIN_AT && node->leave.kind == FLEET_LEAVE_AT;
    if (!times || node->leave.at > node->join.at) return;
    if (!scenario_good(c, "nodes", i, "join") || !scenario_good(c, "nodes", i, "leave")) return;
    param_error(c->doc, c->diag, c->path, "%s is not after nodes[%u].join, %s: nobody was there",
                param_print(c->diag->arena, PARAM_DURATION, &node->leave.at), i,
                param_print(c->diag->arena, PARAM_DURATION, &node->join.at));
}

static void check_power(struct scenario_checker *c, uint32_t i, const struct scenario_node *node)
{
    if (!scenario_good(c, "nodes", i, "power") || node->power.idle <= node->power.busy) return;
    param_error(c->doc, c->diag, scenario_path(c, "nodes", i, "power.idle"),
                "%g%% is above what it draws when busy, %g%%", 100 * node->power.idle,
                100 * node->power.busy);
}

/* A key of an enclave where there is none would be passed over in silence. */
static void check_enclave(struct scenario_checker *c, uint32_t i, const struct scenario_node *node)
{
    int64_t refresh = node->attestation.refresh;
    if (refresh > 0 && refresh < 1000000000) /* each is a transaction of every node */
        param_error(c->doc, c->diag, scenario_path(c, "nodes", i, "attestation.refresh"),
                    "must be 0 s, which is never, or at least 1 s");
    const char *path = scenario_path(c, "nodes", i, "attestation");
    if (node->tee.kind != FLEET_TOLL_NONE || !param_given(c->doc, path)) return;
    param_error(c->doc, c->diag, path, "has no effect: nodes[%u].tee is none, and nothing attests",
                i);
}

/* Two names that differ only in signs would give their metrics one name. */
static void check_key(struct scenario_checker *c, uint32_t i)
{
    const struct scenario_node *nodes = c->s->nodes.items;
    if (!scenario_good(c, "nodes", i, "name")) return;
    const char *key = slo_class_key(nodes[i].name, c->diag->arena);
    for (uint32_t k = 0; k < i; k++) {
        if (!nodes[k].name || strcmp(nodes[k].name, nodes[i].name) == 0) continue;
        if (strcmp(slo_class_key(nodes[k].name, c->diag->arena), key) != 0) continue;
        param_error(c->doc, c->diag, scenario_path(c, "nodes", i, "name"),
                    "the metrics of '%s' and '%s' would both be called cost.class.%s",
                    nodes[i].name, nodes[k].name, key);
    }
}

void fleet_check_class(struct scenario_checker *c, uint32_t i)
{
    const struct scenario_node *node = (const struct scenario_node *)c->s->nodes.items + i;
    check_key(c, i);
    if (!scenario_good(c, "nodes", i, "kind")) return;
    check_leave(c, i, node);
    check_power(c, i, node);
    check_enclave(c, i, node);
    if (node->kind != FLEET_PROXY) return;
    proxy_check(&node->proxy, c->doc,
                arena_print(c->diag->arena, "%s", scenario_path(c, "nodes", i, "proxy")), c->diag);
}

/* ---- swaps ----------------------------------------------------------------------------------- */

/* The index of a node class, or UINT32_MAX after a finding. */
static uint32_t swap_class(struct scenario_checker *c, uint32_t event, const char *name)
{
    const struct scenario_node *nodes = c->s->nodes.items;
    const char **names = arena_alloc(c->diag->arena, c->s->nodes.count, sizeof *names);
    for (uint32_t i = 0; i < c->s->nodes.count; i++) {
        if (!nodes[i].name) return UINT32_MAX; /* has been reported, and may be meant */
        if (strcmp(nodes[i].name, name) == 0) return i;
        names[i] = nodes[i].name;
    }
    scenario_unknown(c, scenario_path(c, "events", event, "nodes"), "node class", name, names,
                     c->s->nodes.count);
    return UINT32_MAX;
}

static bool swap_dtype(struct scenario_checker *c, uint32_t event, struct scenario_swap *swap)
{
    size_t count = 0;
    for (; perf_dtype_names[count]; count++) {
        if (strcmp(perf_dtype_names[count], swap->dtype) != 0) continue;
        swap->terms.dtype = (int)count;
        return true;
    }
    if (strcmp(swap->dtype, "same") == 0) return true;
    scenario_unknown(c, scenario_path(c, "events", event, "dtype"), "number format", swap->dtype,
                     perf_dtype_names, count);
    return false;
}

/* A profile holds one model in one format on one number of GPUs. */
static void swap_tables(struct scenario_checker *c, uint32_t event, struct scenario_swap *swap)
{
    struct scenario_node *terms = &swap->terms;
    const char *path = arena_print(c->arena, "events[%u].timing", event);
    terms->recording = NULL;
    if (swap->timing.kind == SCENARIO_SWAP_ROOFLINE) {
        terms->timing = (struct scenario_timing){.kind = SCENARIO_ROOFLINE};
        terms->tables = NULL;
    } else if (swap->timing.kind == SCENARIO_SWAP_TABLES) {
        terms->timing =
            (struct scenario_timing){.kind = SCENARIO_TABLES, .tables = swap->timing.tables};
        scenario_read_tables(c, terms, path);
    } else if (terms->timing.kind == SCENARIO_TABLES) {
        scenario_read_tables(c, terms, path); /* the same folder, asked again */
    } else if (terms->timing.kind != SCENARIO_ROOFLINE) {
        param_error(c->doc, c->diag, scenario_path(c, "events", event, "nodes"),
                    "steps of '%s' are recorded or live, and of another engine nothing is: say its "
                    "timing",
                    terms->name);
    }
}

static bool swap_changes(const struct scenario_swap *swap)
{
    return strcmp(swap->model, "same") != 0 || strcmp(swap->dtype, "same") != 0 ||
           swap->pipeline > 0 || swap->expert_groups > 0 ||
           swap->timing.kind != SCENARIO_SWAP_SAME || swap->engine.kind != SCENARIO_ENGINE_SAME;
}

static bool swap_good(struct scenario_checker *c, uint32_t event)
{
    static const char *const keys[] = {"nodes",         "model",  "dtype", "pipeline",
                                       "expert_groups", "timing", "engine"};
    bool good = param_good(c->doc, "nodes");
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        good = scenario_good(c, "events", event, keys[k]) && good;
    return good;
}

/* Write the class out as the swap makes it; false after a finding. */
static bool swap_terms(struct scenario_checker *c, uint32_t event, struct scenario_swap *swap)
{
    const struct scenario_node *class =
        (const struct scenario_node *)c->s->nodes.items + swap->class;
    struct scenario_node *terms = &swap->terms;
    *terms = *class;
    if (class->kind == FLEET_PROXY) {
        param_error(c->doc, c->diag, scenario_path(c, "events", event, "nodes"),
                    "'%s' are proxies: they have no engine to swap", class->name);
        return false;
    }
    if (strcmp(swap->model, "same") != 0) {
        char path[sizeof c->path];
        memcpy(path, scenario_path(c, "events", event, "model"), sizeof path);
        if (!scenario_check_model(c, path, swap->model)) return false;
        terms->model = swap->model;
        if (scenario_own_model(c->s->own, swap->model)->experts == 0) terms->expert_groups = 1;
    }
    if (swap->pipeline > 0) terms->pipeline = swap->pipeline;
    if (swap->expert_groups > 0) terms->expert_groups = swap->expert_groups;
    return swap_dtype(c, event, swap);
}

/* Does some swap give the class the same model for the same time? */
static bool swap_alike(const struct scenario_checker *c, const struct scenario_event *e,
                       const char *class)
{
    const struct scenario_event *events = c->s->events.items;
    for (uint32_t k = 0; k < c->s->events.count; k++) {
        const struct scenario_event *other = &events[k];
        if (other->what == EVENT_SWAP && other->at == e->at && other->duration == e->duration &&
            other->swap.nodes && strcmp(other->swap.nodes, class) == 0 && other->swap.model &&
            strcmp(other->swap.model, e->swap.model) == 0)
            return true;
    }
    return false;
}

/* KV of one model is nothing to another, so both sides of a disaggregated model move together. */
static void swap_sides(struct scenario_checker *c, uint32_t event, const struct scenario_event *e)
{
    const struct scenario_node *nodes = c->s->nodes.items, *class = &nodes[e->swap.class];
    if (class->role == REGISTRY_BOTH || strcmp(e->swap.terms.model, class->model) == 0) return;
    for (uint32_t i = 0; i < c->s->nodes.count; i++) {
        if (nodes[i].role == class->role || !nodes[i].model || !nodes[i].name) continue;
        if (strcmp(nodes[i].model, class->model) != 0 || swap_alike(c, e, nodes[i].name)) continue;
        param_error(c->doc, c->diag, scenario_path(c, "events", event, "model"),
                    "'%s' hand KV over to or take it from '%s', which stay on %s: swap them to the "
                    "same model at the same time and for as long",
                    class->name, nodes[i].name, class->model);
        return;
    }
}

void fleet_check_swap(struct scenario_checker *c, uint32_t event)
{
    struct scenario_event *e = (struct scenario_event *)c->s->events.items + event;
    struct scenario_swap *swap = &e->swap;
    bool other = swap->engine.kind == SCENARIO_ENGINE_OTHER;
    if (!swap_good(c, event)) return;
    swap->class = swap_class(c, event, swap->nodes);
    if (swap->class == UINT32_MAX || !swap_terms(c, event, swap)) return;
    if (!swap_changes(swap)) {
        param_error(
            c->doc, c->diag, scenario_path(c, "events", event, ""),
            "a swap must change something: model, dtype, pipeline, expert_groups, timing or "
            "engine");
        return;
    }
    swap_sides(c, event, e);
    if (!other && !param_good(c->doc, "serving")) return;
    const char *key = strcmp(swap->model, "same") != 0 ? "model" : "nodes";
    const char *path = arena_print(c->arena, "events[%u].%s", event, key);
    const struct serving_params *serving = other ? &swap->engine.serving : &c->s->serving;
    if (scenario_check_fit(c, path, &swap->terms, swap->terms.model, serving))
        swap_tables(c, event, swap);
}
