/* SPDX-License-Identifier: Apache-2.0
 * What no single key of a scenario can tell: names that must be known, sums, things that exclude
 * each other, what has no effect.
 *
 * Answers for: making every one of these findings in the same pass as those about single keys.  A
 * check relies only on keys that read well (param_good), so one mistake is reported once; what
 * could not be read has its default here, or zero where it has none. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "models/perf_log.h"
#include "models/perf_tables.h"
#include "models/scenario_checker.h"
#include "models/scenario_own.h"

const char *scenario_path(struct scenario_checker *c, const char *list, uint32_t index,
                          const char *key)
{
    snprintf(c->path, sizeof c->path, "%s[%u]%s%s", list, index, key[0] ? "." : "", key);
    return c->path;
}

bool scenario_good(struct scenario_checker *c, const char *list, uint32_t index, const char *key)
{
    return param_good(c->doc, scenario_path(c, list, index, key));
}

void scenario_unknown(struct scenario_checker *c, const char *path, const char *what,
                      const char *name, const char *const *known, size_t count)
{
    const char *near = diag_nearest(name, known, count);
    char list[400] = "";
    size_t used = 0;
    for (size_t i = 0; i < count && used < sizeof list - 40; i++) {
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", known[i]);
    }
    param_error(c->doc, c->diag, path, "unknown %s '%s'%s%s%s (known: %s)", what, name,
                near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "", list);
}

static void scenario_check_region(struct scenario_checker *c, const char *path, const char *name)
{
    if (!param_good(c->doc, path) || net_region_find(name) != UINT32_MAX) return;
    scenario_unknown(c, path, "region", name, net_region_names(), net_region_count());
}

static bool scenario_check_gpu(struct scenario_checker *c, const char *path, const char *name)
{
    if (!param_good(c->doc, path)) return false;
    if (scenario_own_hardware(c->s->own, name)) return true;
    if (scenario_own_refused(c->s, name)) return false;
    size_t count;
    const char *const *known = scenario_own_hardware_names(c->s->own, c->diag->arena, &count);
    scenario_unknown(c, path, "hardware", name, known, count);
    return false;
}

bool scenario_check_model(struct scenario_checker *c, const char *path, const char *name)
{
    if (!param_good(c->doc, path)) return false;
    if (scenario_own_model(c->s->own, name)) return true;
    if (scenario_own_refused(c->s, name)) return false;
    size_t count;
    const char *const *known = scenario_own_model_names(c->s->own, c->diag->arena, &count);
    scenario_unknown(c, path, "model", name, known, count);
    return false;
}

/* Shares of a list must add up to 1 (within rounding of decimal text). */
static void scenario_check_shares(struct scenario_checker *c, const char *list, double sum)
{
    if (sum > 1 - 1e-9 && sum < 1 + 1e-9) return;
    param_error(c->doc, c->diag, list, "shares add up to %.6g%%, not to 100%%", sum * 100);
}

/* Two of a list with one name could not be told apart in results and messages. */
static void scenario_check_name(struct scenario_checker *c, const char *list, const char *key,
                                const char *const *names, uint32_t i)
{
    if (!scenario_good(c, list, i, key)) return;
    for (uint32_t k = 0; k < i; k++) {
        if (!names[k] || strcmp(names[k], names[i]) != 0) continue;
        param_error(c->doc, c->diag, c->path, "'%s' is the %s of %s[%u] already", names[i], key,
                    list, k);
        return;
    }
}

/* Two class names that differ only in signs would give their metrics one name. */
static void scenario_check_class_keys(struct scenario_checker *c)
{
    const struct scenario_user *users = c->s->users.items;
    for (uint32_t i = 0; i < c->s->users.count; i++) {
        if (!scenario_good(c, "users", i, "class") || !slo_given(&users[i].slo)) continue;
        const char *key = slo_class_key(users[i].class, c->diag->arena);
        for (uint32_t k = 0; k < i; k++) {
            if (!users[k].class || !slo_given(&users[k].slo)) continue;
            bool same_name = strcmp(users[k].class, users[i].class) == 0; /* has been reported */
            if (same_name || strcmp(slo_class_key(users[k].class, c->diag->arena), key) != 0)
                continue;
            param_error(c->doc, c->diag, scenario_path(c, "users", i, "class"),
                        "the metrics of '%s' and '%s' would both be called slo.class.%s",
                        users[i].class, users[k].class, key);
        }
    }
}

static void scenario_check_users(struct scenario_checker *c)
{
    const struct scenario_user *users = c->s->users.items;
    uint32_t count = c->s->users.count;
    const char **names = arena_alloc(c->diag->arena, count, sizeof *names);
    bool shares = true;
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        names[i] = users[i].class;
        scenario_check_name(c, "users", "class", names, i);
        shares = scenario_good(c, "users", i, "share") && shares;
        sum += users[i].share;
    }
    scenario_check_class_keys(c);
    if (count > 0 && shares) scenario_check_shares(c, "users", sum);
}

/* Behind a proxy may be a model that no catalog has. */
static bool scenario_proxied(const struct scenario_checker *c, const char *model)
{
    const struct scenario_node *nodes = c->s->nodes.items;
    for (uint32_t i = 0; i < c->s->nodes.count; i++) {
        bool proxy = nodes[i].kind == FLEET_PROXY && nodes[i].model;
        if (proxy && strcmp(nodes[i].model, model) == 0) return true;
    }
    return false;
}

static void scenario_check_models(struct scenario_checker *c)
{
    const struct scenario_model *models = c->s->models.items;
    uint32_t count = c->s->models.count;
    const char **names = arena_alloc(c->diag->arena, count, sizeof *names);
    bool shares = true;
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        names[i] = models[i].name;
        scenario_check_name(c, "models", "name", names, i);
        if (!models[i].name || !scenario_proxied(c, models[i].name))
            scenario_check_model(c, scenario_path(c, "models", i, "name"), models[i].name);
        shares = scenario_good(c, "models", i, "share") && shares;
        sum += models[i].share;
    }
    if (count > 0 && shares) scenario_check_shares(c, "models", sum);
}

/* Where an entry of the list is misspelt or did not read, any model may be meant by it. */
static bool scenario_offered(const struct scenario_checker *c, const char *model)
{
    const struct scenario_model *models = c->s->models.items;
    for (uint32_t i = 0; i < c->s->models.count; i++) {
        if (!models[i].name || strcmp(models[i].name, model) == 0) return true;
        if (!scenario_own_model(c->s->own, models[i].name) && !scenario_proxied(c, models[i].name))
            return true;
    }
    return !param_good(c->doc, "models");
}

struct perf_terms scenario_terms(const struct scenario_node *class, const char *model)
{
    bool own = strcmp(model, class->model) == 0;
    assert(class->pipeline > 0); /* the table's range */
    return (struct perf_terms){
        .hardware = scenario_own_hardware(class->own, class->gpu),
        .model = scenario_own_model(class->own, model),
        .dtype = (enum perf_dtype) class->dtype,
        .kv_dtype = (enum perf_dtype) class->kv_dtype,
        .expert_skew = perf_expert_skew(class->expert_load),
        .tp = (int32_t)(class->gpus / class->pipeline),
        .pp = (int32_t) class->pipeline,
        .ep = (int32_t)(own ? class->expert_groups : 1),
        /* A profile holds one model; op tables serve any. */
        .tables = class->tables && (own || !class->tables->profile) ? class->tables : NULL};
}

static const char *scenario_unfit(const struct scenario_node *node, const struct perf_terms *t)
{
    if (node->gpus % node->pipeline != 0)
        return "the stages of the pipeline do not divide the GPUs";
    const char *why = perf_unfit(t->hardware, t->model, t->tp);
    return why ? why : perf_unfit_stages(t->hardware, t->model, t->tp, t->pp, t->ep);
}

/* By the roofline; what a table says is measured. */
static bool scenario_in_time(struct scenario_checker *c, const char *path, const struct perf *perf,
                             const struct serving_params *serving)
{
    struct perf_batch batch = {0};
    int64_t tok = serving->max_num_batched_tokens, longest = serving->max_model_len;
    perf_batch_prefill(&batch, 0, longest > 0 && longest < tok ? longest : tok, 1);
    if (perf_step_line(perf, &batch).first_ticks < (int64_t)(PERF_STEP_MOST_NS * PERF_TICKS))
        return true;
    param_error(c->doc, c->diag, path,
                "a step of %lld prompt tokens of %s on %d x %s takes longer than %.0f s; give "
                "faster hardware, a smaller model, or a lower max_num_batched_tokens",
                (long long)batch.prefill_tok, perf->model->name, (int)(perf->tp * perf->pp),
                perf->hardware->name, PERF_STEP_MOST_NS / 1e9);
    return false;
}

bool scenario_check_fit(struct scenario_checker *c, const char *path,
                        const struct scenario_node *node, const char *model,
                        const struct serving_params *serving)
{
    struct perf_terms terms = scenario_terms(node, model);
    const char *why = scenario_unfit(node, &terms);
    if (why) {
        param_error(c->doc, c->diag, path, "%s", why);
        return false;
    }
    if (!param_good(c->doc, "serving")) return true;
    terms.tables = NULL; /* memory does not hang on them */
    struct perf perf = perf_make(&terms, NULL);
    struct perf_memory memory;
    char text[256];
    if (serving_blocks(serving, &perf, &memory) >= 2)
        return scenario_in_time(c, path, &perf, serving);
    param_error(c->doc, c->diag, path, "%s", perf_memory_text(text, sizeof text, &perf, &memory));
    return false;
}

static bool scenario_good_engine(struct scenario_checker *c, uint32_t i)
{
    static const char *const keys[] = {"gpus", "dtype", "pipeline", "expert_groups"};
    bool good = true;
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        good = good && scenario_good(c, "nodes", i, keys[k]);
    }
    return good;
}

void scenario_read_tables(struct scenario_checker *c, struct scenario_node *node, const char *path)
{
    if (node->timing.kind != SCENARIO_TABLES || !param_good(c->doc, path)) return;
    struct perf_tables_ask ask = {.folder = node->timing.tables,
                                  .hardware = scenario_own_hardware(c->s->own, node->gpu),
                                  .model = scenario_own_model(c->s->own, node->model),
                                  .dtype = (enum perf_dtype)node->dtype,
                                  .tp = (int32_t)(node->gpus / node->pipeline),
                                  .where = param_where(c->doc, path),
                                  .key = arena_print(c->arena, "%s", path)};
    node->tables = perf_tables_load(&ask, c->arena, c->diag);
}

/* A file that several classes name is read once. */
static const struct perf_recording *scenario_recording(struct scenario_checker *c, const char *file,
                                                       const char *path)
{
    const struct scenario_node *nodes = c->s->nodes.items;
    for (uint32_t i = 0; i < c->s->nodes.count; i++)
        if (nodes[i].recording && strcmp(nodes[i].recording->path, file) == 0)
            return nodes[i].recording;
    FILE *stream = fopen(file, "rb");
    if (stream != NULL) return perf_log_read(stream, file, c->arena, c->diag);
    param_error(c->doc, c->diag, path, "%s cannot be read (%s)", file, strerror(errno));
    return NULL;
}

/* Times that come one by one: a pilot for the warm-up would take those of the run. */
static void scenario_read_steps(struct scenario_checker *c, struct scenario_node *node,
                                const char *path)
{
    int kind = node->timing.kind;
    if ((kind != SCENARIO_RECORDED && kind != SCENARIO_LIVE) || !param_good(c->doc, path)) return;
    if (c->s->warmup_rule.kind == PLAN_WARMUP_MSER5)
        param_error(c->doc, c->diag, path, "steps that are %s need a fixed warmup, not mser5",
                    kind == SCENARIO_LIVE ? "live" : "recorded");
    if (kind == SCENARIO_RECORDED)
        node->recording = scenario_recording(c, node->timing.recorded, path);
}

static void scenario_check_node(struct scenario_checker *c, uint32_t i)
{
    struct scenario_node *node = (struct scenario_node *)c->s->nodes.items + i;
    node->own = c->s->own;
    bool proxy = node->kind == FLEET_PROXY;
    bool gpu = !proxy && scenario_check_gpu(c, scenario_path(c, "nodes", i, "gpu"), node->gpu);
    bool model = proxy
                     ? scenario_good(c, "nodes", i, "model")
                     : scenario_check_model(c, scenario_path(c, "nodes", i, "model"), node->model);
    scenario_check_region(c, scenario_path(c, "nodes", i, "region"), node->region);
    fleet_check_class(c, i);
    if (model && !scenario_offered(c, node->model)) {
        param_error(c->doc, c->diag, scenario_path(c, "nodes", i, "model"),
                    "'%s' is not among models:", node->model);
    }
    if (gpu && model && scenario_good_engine(c, i) &&
        scenario_check_fit(c, scenario_path(c, "nodes", i, "gpus"), node, node->model,
                           &c->s->serving)) {
        scenario_read_tables(c, node, scenario_path(c, "nodes", i, "timing"));
        scenario_read_steps(c, node, scenario_path(c, "nodes", i, "timing"));
    }
}

/* Has a class of nodes of this model another role than `absent`? */
static bool scenario_has_other(const struct scenario_checker *c, const char *model, int absent)
{
    const struct scenario_node *nodes = c->s->nodes.items;
    for (uint32_t i = 0; i < c->s->nodes.count; i++) {
        bool same = !nodes[i].model || strcmp(nodes[i].model, model) == 0;
        if (same && nodes[i].role != absent) return true;
    }
    return false;
}

/* A prefill node needs somebody to go on with what it has begun, a decode node somebody to begin.
 */
static void scenario_check_role(struct scenario_checker *c, uint32_t i)
{
    const struct scenario_node *node = (const struct scenario_node *)c->s->nodes.items + i;
    if (node->role == REGISTRY_BOTH || !node->model || !scenario_good(c, "nodes", i, "role"))
        return;
    if (scenario_has_other(c, node->model, node->role)) return;
    param_error(c->doc, c->diag, scenario_path(c, "nodes", i, "role"),
                node->role == REGISTRY_PREFILL
                    ? "no node decodes %s: another class needs role decode or both"
                    : "no node computes prompts of %s: another class needs role prefill or both",
                node->model);
}

static void scenario_check_nodes(struct scenario_checker *c)
{
    const struct scenario_node *nodes = c->s->nodes.items;
    uint32_t count = c->s->nodes.count;
    const char **names = arena_alloc(c->diag->arena, count, sizeof *names);
    for (uint32_t i = 0; i < count; i++) {
        names[i] = nodes[i].name;
        scenario_check_name(c, "nodes", "name", names, i);
        scenario_check_node(c, i);
        scenario_check_role(c, i);
    }
    if (count > 0 && scenario_node_total(c->s) > SCENARIO_NODES_MAX) {
        param_error(c->doc, c->diag, "nodes", "more than %d nodes in all", SCENARIO_NODES_MAX);
    }
}

/* Tokens that a node of this class can hold; 0: not known, or an API's own affair. */
static int64_t scenario_room(struct scenario_checker *c, uint32_t i)
{
    const struct scenario_node *node = (const struct scenario_node *)c->s->nodes.items + i;
    if (node->kind == FLEET_PROXY) return 0;
    bool good = scenario_good(c, "nodes", i, "gpu") && scenario_good(c, "nodes", i, "model") &&
                scenario_good_engine(c, i) && param_good(c->doc, "serving");
    if (!good || !scenario_own_hardware(c->s->own, node->gpu) ||
        !scenario_own_model(c->s->own, node->model))
        return 0;
    struct perf_terms terms = scenario_terms(node, node->model);
    if (scenario_unfit(node, &terms)) return 0;
    terms.tables = NULL; /* memory does not hang on them */
    struct perf perf = perf_make(&terms, NULL);
    int64_t blocks = serving_blocks(&c->s->serving, &perf, NULL) - 1; /* one is set aside */
    return blocks > 0 ? blocks * c->s->serving.block_tokens : 0;
}

/* Does anything that may serve a request take images?  What is behind an API, or misspelt, might.
 */
static bool scenario_model_sees(const struct scenario_checker *c, const char *name)
{
    const struct perf_model *model = name ? scenario_own_model(c->s->own, name) : NULL;
    return !model || model->vision.layers > 0;
}

static bool scenario_sees(const struct scenario_checker *c)
{
    const struct scenario_node *nodes = c->s->nodes.items;
    const struct scenario_event *events = c->s->events.items;
    const struct verification_design *design = verification_find(c->s->verification.design);
    if (design->on_chain) return scenario_model_sees(c, c->s->verification.replicated.model);
    for (uint32_t i = 0; i < c->s->nodes.count; i++)
        if (nodes[i].kind == FLEET_PROXY || scenario_model_sees(c, nodes[i].model)) return true;
    for (uint32_t i = 0; i < c->s->events.count; i++)
        if (events[i].what == EVENT_SWAP && strcmp(events[i].swap.model, "same") != 0 &&
            scenario_model_sees(c, events[i].swap.model))
            return true;
    return c->s->nodes.count == 0;
}

/* The longest request that some node can hold, if all of them are understood. */
static void scenario_check_workload(struct scenario_checker *c)
{
    const struct scenario_node *nodes = c->s->nodes.items;
    const struct verification_design *design = verification_find(c->s->verification.design);
    int64_t most = 0;
    const char *where = "";
    bool known = param_good(c->doc, "verification.design") && !design->on_chain;
    for (uint32_t i = 0; i < c->s->nodes.count; i++) {
        int64_t room = scenario_room(c, i);
        known = known && room > 0;
        if (room <= most) continue;
        most = room;
        where = arena_print(c->diag->arena, "the largest node, of %s,",
                            nodes[i].name ? nodes[i].name : "no name");
    }
    workload_check(&c->s->workload, c->doc, "workload", known ? most : 0, where, scenario_sees(c),
                   c->diag);
}

static void scenario_check_adversary(struct scenario_checker *c, uint32_t i)
{
    const struct adversary_params *a = (const struct adversary_params *)c->s->adversaries.items + i;
    const struct scenario_node *nodes = c->s->nodes.items;
    char path[sizeof c->path];
    memcpy(path, scenario_path(c, "adversaries", i, "substitute"), sizeof path);
    if (!scenario_check_model(c, path, a->substitute)) return;
    for (uint32_t n = 0; n < c->s->nodes.count; n++) {
        bool good = scenario_good_engine(c, n) && scenario_good(c, "nodes", n, "gpu");
        if (nodes[n].kind == FLEET_PROXY) continue;
        if (good && scenario_own_hardware(c->s->own, nodes[n].gpu)) {
            scenario_check_fit(c, path, &nodes[n], a->substitute, &c->s->serving);
        }
    }
}

/* Nobody takes a node that another has taken, so the last ones would get less than their share. */
static void scenario_check_adversaries(struct scenario_checker *c)
{
    const struct adversary_params *a = c->s->adversaries.items;
    bool shares = true;
    double sum = 0;
    for (uint32_t i = 0; i < c->s->adversaries.count; i++) {
        scenario_check_adversary(c, i);
        shares = scenario_good(c, "adversaries", i, "share") && shares;
        sum += a[i].share;
    }
    if (shares && sum > 1 + 1e-9) {
        param_error(c->doc, c->diag, "adversaries",
                    "shares add up to %.6g%%, and there are 100%% of the nodes to take", sum * 100);
    }
}

static void scenario_check_event(struct scenario_checker *c, uint32_t i)
{
    const struct scenario_event *e = (const struct scenario_event *)c->s->events.items + i;
    if (!scenario_good(c, "events", i, "do")) return;
    if (e->what != EVENT_SWAP && e->duration == 0 && scenario_good(c, "events", i, "for")) {
        bool given = param_given(c->doc, c->path);
        param_error(c->doc, c->diag, c->path,
                    given ? "must be above 0: only a swap can be for good"
                          : "required key is missing (how long it lasts)");
    }
    if (e->what == EVENT_SWAP) fleet_check_swap(c, i);
    if (e->what == EVENT_OUTAGE) {
        scenario_check_region(c, scenario_path(c, "events", i, "region"), e->region);
    } else if (e->what == EVENT_SURGE && e->factor == 1 &&
               scenario_good(c, "events", i, "factor")) {
        param_error(c->doc, c->diag, c->path, "a surge needs a factor other than 1");
    }
}

/* "verification.og_batch.tip": the keys of a transaction stand in a group or share a prefix. */
static const char *scenario_tx_key(struct scenario_checker *c, const char *prefix, const char *key)
{
    snprintf(c->path, sizeof c->path, "%s%s", prefix, key);
    return c->path;
}

/* What the chain is told of one kind of transaction; `prefix` is all of its keys before the last
 * word ("registry.heartbeat_"). */
struct scenario_tx {
    const char *prefix;
    int64_t gas_limit, fee_cap, tip;
    uint64_t bytes;
};

/* A transaction that no block can hold would wait for ever; one whose tip is above its cap is
 * refused by every node (geth: ErrTipAboveFeeCap). */
static void scenario_check_tx(struct scenario_checker *c, const struct scenario_tx *tx)
{
    const struct consensus_params *p = &c->s->consensus;
    bool gas = param_good(c->doc, scenario_tx_key(c, tx->prefix, "gas_limit"));
    if (gas && param_good(c->doc, "consensus.max_gas") && tx->gas_limit > p->max_gas) {
        param_error(c->doc, c->diag, c->path,
                    "%lld is above consensus.max_gas %lld: no block could hold it",
                    (long long)tx->gas_limit, (long long)p->max_gas);
    }
    bool bytes = param_good(c->doc, scenario_tx_key(c, tx->prefix, "bytes"));
    if (bytes && param_good(c->doc, "consensus.max_bytes") && tx->bytes > p->max_bytes) {
        param_error(c->doc, c->diag, c->path,
                    "%llu B is above consensus.max_bytes %llu B: no block could hold it",
                    (unsigned long long)tx->bytes, (unsigned long long)p->max_bytes);
    }
    bool cap = param_good(c->doc, scenario_tx_key(c, tx->prefix, "fee_cap"));
    bool tip = param_good(c->doc, scenario_tx_key(c, tx->prefix, "tip"));
    if (cap && tip && tx->tip > tx->fee_cap) {
        param_error(c->doc, c->diag, c->path,
                    "%s is above the fee cap, %s: no node would take the transaction",
                    param_print(c->diag->arena, PARAM_GAS_PRICE, &tx->tip),
                    param_print(c->diag->arena, PARAM_GAS_PRICE, &tx->fee_cap));
    }
}

static void scenario_check_replicated(struct scenario_checker *c)
{
    const struct verification_replicated *p = &c->s->verification.replicated;
    const struct scenario_node validator = {.gpu = p->gpu,
                                            .gpus = p->gpus,
                                            .pipeline = 1,
                                            .expert_groups = 1,
                                            .model = p->model,
                                            .own = c->s->own,
                                            .dtype = PERF_BF16};
    bool gpu = scenario_check_gpu(c, "verification.replicated.gpu", p->gpu);
    bool model = scenario_check_model(c, "verification.replicated.model", p->model);
    if (gpu && model && param_good(c->doc, "verification.replicated.gpus")) {
        scenario_check_fit(c, "verification.replicated.gpus", &validator, p->model, &c->s->serving);
    }
    scenario_check_tx(c, &(struct scenario_tx){.prefix = "verification.replicated.",
                                               .fee_cap = p->fee_cap,
                                               .tip = p->tip});
}

static void scenario_check_design(struct scenario_checker *c)
{
    const struct verification_params *v = &c->s->verification;
    const struct verification_design *design = verification_find(v->design);
    char group[64];
    snprintf(group, sizeof group, "verification.%s", design->name);
    const char *why = param_good(c->doc, group) ? design->refuse(v) : NULL;
    if (why) param_error(c->doc, c->diag, "verification.design", "%s: %s", design->name, why);
    if (v->design == VERIFICATION_HACA_TEE) {
        scenario_check_tx(c, &(struct scenario_tx){"verification.haca_tee.", v->haca_tee.gas_limit,
                                                   v->haca_tee.fee_cap, v->haca_tee.tip,
                                                   v->haca_tee.bytes});
    } else if (v->design == VERIFICATION_OG_BATCH) {
        scenario_check_tx(c, &(struct scenario_tx){"verification.og_batch.", v->og_batch.gas_limit,
                                                   v->og_batch.fee_cap, v->og_batch.tip,
                                                   v->og_batch.bytes});
    } else {
        scenario_check_replicated(c);
    }
}

static void scenario_check_heartbeat(struct scenario_checker *c)
{
    const struct registry_params *p = &c->s->registry;
    scenario_check_tx(c, &(struct scenario_tx){"registry.heartbeat_", p->heartbeat_gas_limit,
                                               p->heartbeat_fee_cap, p->heartbeat_tip,
                                               p->heartbeat_bytes});
    scenario_check_tx(c, &(struct scenario_tx){"registry.attestation_", p->attestation_gas_limit,
                                               p->attestation_fee_cap, p->attestation_tip,
                                               p->attestation_bytes});
}

static bool scenario_check_token(struct scenario_checker *c)
{
    struct token_problem problem;
    if (!param_good(c->doc, "token") || !token_params_bad(&c->s->token, &problem)) return true;
    snprintf(c->path, sizeof c->path, "token%s%s", problem.key[0] ? "." : "", problem.key);
    param_error(c->doc, c->diag, c->path, "%s", problem.text);
    return false;
}

static void scenario_check_staking(struct scenario_checker *c)
{
    const char *why = staking_params_error(&c->s->staking);
    bool good =
        param_good(c->doc, "staking.slash_burn") && param_good(c->doc, "staking.slash_victims");
    if (good && why) param_error(c->doc, c->diag, "staking.slash_victims", "%s", why);
}

/* Everything that is bonded, pooled or in a wallet at the start comes out of the free float. */
static void scenario_check_float(struct scenario_checker *c)
{
    static const char *const inputs[] = {"token",
                                         "nodes",
                                         "verification.design",
                                         "validators.count",
                                         "validators.stake",
                                         "workload.clients",
                                         "payment.wallet",
                                         "staking.insurance"};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        if (!param_good(c->doc, inputs[i])) return;
    }
    if (scenario_node_total(c->s) > SCENARIO_NODES_MAX) return;
    struct token_setup setup = scenario_setup(c->s, c->diag->arena);
    struct token_problem problem;
    if (token_setup_bad(&c->s->token, &setup, &problem)) {
        param_error(c->doc, c->diag, "token", "%s", problem.text);
    }
}

static void scenario_check_times(struct scenario_checker *c)
{
    const struct scenario *s = c->s;
    if (!param_good(c->doc, "horizon")) return;
    if (s->warmup >= s->horizon && param_good(c->doc, "warmup")) {
        param_error(c->doc, c->diag, "warmup", "must be shorter than the horizon");
    }
    if (s->horizon + s->drain > (int64_t)9e18 && param_good(c->doc, "drain")) {
        param_error(c->doc, c->diag, "horizon", "horizon and drain together exceed 285 years");
    }
}

void scenario_check(struct scenario *s, struct param_doc *doc, struct arena *arena,
                    struct diag *diag)
{
    struct scenario_checker c = {.s = s, .doc = doc, .arena = arena, .diag = diag};
    scenario_own_check(s, doc, arena, diag);
    scenario_check_times(&c);
    struct models_metrics metrics = slo_metrics(&s->users, diag->arena);
    fleet_cost_metrics(&s->nodes, &metrics, diag->arena);
    plan_check(&s->reps, &metrics, doc, "reps", diag);
    scenario_check_users(&c);
    scenario_check_models(&c);
    scenario_check_nodes(&c);
    scenario_check_workload(&c);
    scenario_check_adversaries(&c);
    for (uint32_t i = 0; i < s->events.count; i++) {
        scenario_check_event(&c, i);
    }
    scenario_check_region(&c, "facilitator.region", s->facilitator.region);
    consensus_check(&s->validators, &s->consensus, doc, diag);
    if (param_good(doc, "verification.design")) scenario_check_design(&c);
    scenario_check_heartbeat(&c);
    scenario_check_staking(&c);
    if (scenario_check_token(&c)) scenario_check_float(&c);
}
