/* SPDX-License-Identifier: Apache-2.0
 * The keys of a scenario file that belong to no single stage, the table of the whole, and the
 * checks that need more than one key. */
#include "models/scenario.h"

#include <assert.h>
#include <string.h>

#include "models/perf_tables.h"

/* ---- tables ---------------------------------------------------------------------------------- */

static const struct param act_rows[] = {
    {.key = "at_once", .type = PARAM_FLAG, .meaning = "act when the last token is there"},
    {.key = "on_finality",
     .type = PARAM_FLAG,
     .meaning = "wait until the answer is verified (or, "
                "where the design verifies nothing, settled)"},
    PARAM(scenario_act, after, PARAM_DURATION, NULL, "0 s", "1 y", "act after this time", NULL),
};
static const struct param_table act_table = PARAM_TABLE("acts", scenario_act, act_rows);

static const struct param user_rows[] = {
    PARAM(scenario_user, class, PARAM_NAME, NULL, NULL, NULL, "name of the class", NULL),
    PARAM(scenario_user, share, PARAM_RATIO, "100%", "0%", "100%", "share of the requests",
          "assumption"),
    PARAM_SUB(scenario_user, acts, PARAM_CHOICE, act_table, "at_once",
              "when the user acts on an answer", "docs/claims.md 8"),
};
static const struct param_table user_table = PARAM_TABLE("user", scenario_user, user_rows);

static const struct param model_rows[] = {
    PARAM(scenario_model, name, PARAM_NAME, NULL, NULL, NULL, "a model of the catalog", NULL),
    PARAM(scenario_model, share, PARAM_RATIO, "100%", "0%", "100%",
          "share of the requests that ask for it", "assumption"),
};
static const struct param_table model_table = PARAM_TABLE("model", scenario_model, model_rows);

static const struct param timing_rows[] = {
    PARAM_WORD("roofline", "modelled from published peaks and efficiencies"),
    PARAM(scenario_timing, tables, PARAM_PATH, NULL, NULL, NULL,
          "folder of timing tables: op tables or the profile of a model", NULL),
};
static const struct param_table timing_table = PARAM_TABLE("timing", scenario_timing, timing_rows);

static const struct param node_rows[] = {
    PARAM(scenario_node, name, PARAM_NAME, NULL, NULL, NULL, "name of the node class", NULL),
    PARAM(scenario_node, region, PARAM_NAME, "N_Virginia", NULL, NULL, "where its nodes stand",
          "assumption"),
    PARAM(scenario_node, count, PARAM_COUNT, "1", "1", "100000", "nodes of the class",
          "assumption"),
    PARAM(scenario_node, gpu, PARAM_NAME, "a100-80g", NULL, NULL, "hardware of the catalog",
          "assumption"),
    PARAM(scenario_node, gpus, PARAM_COUNT, "1", "1", "64",
          "GPUs of a node; those of a stage share each layer (tensor parallel)", "assumption"),
    PARAM(scenario_node, pipeline, PARAM_COUNT, "1", "1", "64",
          "stages that hold the layers in turn; one batch is on its way through them at a time",
          "assumption"),
    PARAM(scenario_node, expert_groups, PARAM_COUNT, "1", "1", "64",
          "groups of a stage's GPUs that hold different experts (expert parallel)", "assumption"),
    PARAM_SUB(scenario_node, timing, PARAM_CHOICE, timing_table, "roofline",
              "where step times come from", "docs/decisions/0011-timing-tables.md"),
    PARAM(scenario_node, model, PARAM_NAME, "llama3-8b", NULL, NULL,
          "the model it serves; one of models[]", "assumption"),
    {.key = "dtype",
     .type = PARAM_ENUM,
     .offset = offsetof(struct scenario_node, dtype),
     .def = "bf16",
     .meaning = "number format of the weights",
     .source = "assumption",
     .names = perf_dtype_names},
    PARAM(scenario_node, stake, PARAM_OPG, "10000 OPG", "0 OPG", "1000000000 OPG",
          "stake of each node", "assumption: no minimum is published"),
    PARAM(scenario_node, rent, PARAM_USD_PER_H, "$0/h", "$0/h", "$10000/h",
          "rent of one GPU; 0: the catalog's", "catalog"),
};
static const struct param_table node_table = PARAM_TABLE("node", scenario_node, node_rows);

static const struct param client_rows[] = {
    PARAM(scenario_client, timeout, PARAM_DURATION, "60 s", "1 ms", "30 d",
          "a client gives up a request after this", "OpenGradient-SDK llm.py"),
    PARAM(scenario_client, retries, PARAM_COUNT, "1", "0", "100",
          "new attempts when a node cannot be reached", "OpenGradient-SDK tee_connection.py"),
};
static const struct param_table client_table = PARAM_TABLE("client", scenario_client, client_rows);

static const char *const event_names[] = {"outage", "facilitator_outage", "feed_outage", "surge",
                                          NULL};
static const struct param event_rows[] = {
    PARAM(scenario_event, at, PARAM_DURATION, NULL, "0 s", "100 y", "when it begins", NULL),
    {.key = "for",
     .type = PARAM_DURATION,
     .offset = offsetof(struct scenario_event, duration),
     .min = "1 ns",
     .max = "100 y",
     .meaning = "how long it lasts"},
    {.key = "do",
     .type = PARAM_ENUM,
     .offset = offsetof(struct scenario_event, what),
     .meaning = "outage (of a region), facilitator_outage (it loses its memory), feed_outage (of "
                "the price feed), surge (of arrivals)",
     .names = event_names},
    PARAM(scenario_event, region, PARAM_NAME, "none", NULL, NULL, "region of an outage",
          "required by outage"),
    PARAM(scenario_event, factor, PARAM_REAL, "1", "0", "1000000",
          "arrivals during a surge, times this", "required by surge"),
};
static const struct param_table event_table = PARAM_TABLE("event", scenario_event, event_rows);

static const struct param collapse_rows[] = {
    PARAM(scenario_collapse, capacity_ratio, PARAM_RATIO, "20%", "0%", "100%",
          "collapsed when fewer than this share of the nodes serve", "assumption"),
    PARAM(scenario_collapse, price_ratio, PARAM_RATIO, "1%", "0%", "100%",
          "or the price is below this share of the initial one", "assumption"),
    {.key = "for",
     .type = PARAM_DURATION,
     .offset = offsetof(struct scenario_collapse, duration),
     .def = "30 d",
     .min = "0 s",
     .max = "100 y",
     .meaning = "for this long",
     .source = "assumption"},
};
static const struct param_table collapse_table =
    PARAM_TABLE("collapse", scenario_collapse, collapse_rows);

static const struct param costs_rows[] = {
    PARAM(scenario_costs, validator_rent, PARAM_USD_PER_H, "$0.10/h", "$0/h", "$10000/h",
          "rent of a validator's host", "assumption"),
    PARAM(scenario_costs, idle_power, PARAM_RATIO, "30%", "0%", "100%",
          "power of an idle GPU as a share of its rated power", "assumption"),
};
static const struct param_table costs_table = PARAM_TABLE("costs", scenario_costs, costs_rows);

static const struct param limits_rows[] = {
    PARAM(scenario_limits, events, PARAM_COUNT, "50000000", "1000", "4000000000",
          "most events pending at one time", "memory: 32 bytes each"),
    PARAM(scenario_limits, requests, PARAM_COUNT, "5000000", "1", "100000000",
          "most requests in flight; more are rejected and counted", "memory: about 200 bytes each"),
};
static const struct param_table limits_table = PARAM_TABLE("limits", scenario_limits, limits_rows);

#define SCENARIO_GROUP(field, table, what, from)                                                   \
    PARAM_SUB(scenario, field, PARAM_GROUP, table, "{}", what, from)

static const struct param scenario_rows[] = {
    PARAM(scenario, hacasim, PARAM_COUNT, NULL, "1", "1", "version of the scenario format", NULL),
    PARAM(scenario, name, PARAM_NAME, NULL, NULL, NULL, "name of the scenario", NULL),
    PARAM(scenario, doc, PARAM_STRING, "none", NULL, NULL, "what it asks", "none"),
    PARAM(scenario, seed, PARAM_COUNT, "1", "0", "9223372036854775807", "seed of all randomness",
          "assumption"),
    PARAM(scenario, reps, PARAM_COUNT, "1", "1", "1000000", "replications", "assumption"),
    PARAM(scenario, horizon, PARAM_DURATION, "1 h", "1 ms", "100 y",
          "arrivals stop and measuring ends", "assumption"),
    PARAM(scenario, drain, PARAM_DURATION, "20 min", "0 s", "1 y",
          "time after the horizon in which proofs go on", "assumption"),
    PARAM(scenario, warmup, PARAM_DURATION, "0 s", "0 s", "100 y",
          "what arrives before this is simulated and not counted", "assumption"),
    SCENARIO_GROUP(workload, workload_table, "what users ask", "docs/model.md 1"),
    PARAM_SUB(scenario, users, PARAM_LIST, user_table, "[{class: apps}]", "classes of users",
              "assumption"),
    SCENARIO_GROUP(client, client_table, "the client library", "docs/model.md 2"),
    PARAM_SUB(scenario, models, PARAM_LIST, model_table, "[{name: llama3-8b}]", "models on offer",
              "assumption"),
    PARAM_SUB(scenario, nodes, PARAM_LIST, node_table, NULL, "classes of inference nodes", NULL),
    SCENARIO_GROUP(registry, registry_table, "node registry on chain", "docs/model.md 2"),
    SCENARIO_GROUP(router, router_table, "which node gets a request", "docs/model.md 2"),
    SCENARIO_GROUP(payment, payment_table, "prices, sessions, price feed", "docs/model.md 3"),
    SCENARIO_GROUP(net, net_table, "delays between regions", "docs/model.md 4"),
    SCENARIO_GROUP(serving, serving_table, "the inference engine", "docs/model.md 5"),
    SCENARIO_GROUP(verification, verification_table, "how answers are verified", "docs/model.md 6"),
    SCENARIO_GROUP(facilitator, facilitator_table, "the central relay", "docs/model.md 7"),
    SCENARIO_GROUP(storage, storage_table, "blob storage", "docs/model.md 7"),
    SCENARIO_GROUP(mempool, mempool_table, "transactions that wait", "docs/model.md 8"),
    SCENARIO_GROUP(feemarket, feemarket_table, "price of gas", "docs/model.md 8"),
    SCENARIO_GROUP(validators, validators_table, "the validator set", "docs/model.md 9"),
    SCENARIO_GROUP(consensus, consensus_table, "CometBFT", "docs/model.md 9"),
    SCENARIO_GROUP(token, token_table, "token design and price", "docs/model.md 10"),
    SCENARIO_GROUP(staking, staking_table, "stakes, slashing, insurance", "docs/model.md 10"),
    PARAM_SUB(scenario, adversaries, PARAM_LIST, adversary_table, "", "who cheats, and how",
              "assumption: nobody"),
    PARAM_SUB(scenario, events, PARAM_LIST, event_table, "", "what happens when",
              "assumption: nothing"),
    SCENARIO_GROUP(collapse, collapse_table, "what econ.collapsed means", "assumption"),
    SCENARIO_GROUP(costs, costs_table, "rents and power", "assumption"),
    SCENARIO_GROUP(limits, limits_table, "bounds on memory", "assumption"),
    {.key = "expect",
     .type = PARAM_TEXTS,
     .offset = offsetof(struct scenario, expect),
     .def = "",
     .meaning = "conditions on metrics that `hacasim check` tests",
     .source = "none"},
};
const struct param_table scenario_table = PARAM_TABLE("scenario", scenario, scenario_rows);

/* ---- derived --------------------------------------------------------------------------------- */

uint32_t scenario_node_total(const struct scenario *s)
{
    const struct scenario_node *nodes = s->nodes.items;
    int64_t sum = 0;
    for (uint32_t i = 0; i < s->nodes.count; i++) {
        sum += nodes[i].count;
    }
    return (uint32_t)sum;
}

static money_t *scenario_repeat(struct arena *arena, uint32_t count, money_t value)
{
    money_t *array = arena_alloc(arena, count, sizeof *array);
    for (uint32_t i = 0; i < count; i++) {
        array[i] = value;
    }
    return array;
}

struct token_setup scenario_setup(const struct scenario *s, struct arena *arena)
{
    const struct scenario_node *classes = s->nodes.items;
    uint32_t nodes = scenario_node_total(s), validators = (uint32_t)s->validators.count;
    bool on_chain = verification_find(s->verification.design)->on_chain;
    uint32_t operators = nodes + (on_chain ? validators : 0), index = 0;
    money_t *node_stake = arena_alloc(arena, operators, sizeof *node_stake);
    for (uint32_t k = 0; k < s->nodes.count; k++) {
        for (int64_t i = 0; i < classes[k].count; i++) {
            node_stake[index++] = classes[k].stake;
        }
    }
    return (struct token_setup){.users = (uint32_t)s->workload.clients,
                                .nodes = operators,
                                .validators = validators,
                                .node_stake = node_stake,
                                .validator_stake =
                                    scenario_repeat(arena, validators, s->validators.stake),
                                .wallet = s->payment.wallet,
                                .insurance = s->staking.insurance.fund};
}

money_t scenario_validator_stake(const struct scenario *s, const struct consensus *consensus,
                                 uint32_t index)
{
    money_t total = s->validators.stake * (money_t)consensus->count;
    return money_muldiv(total, consensus->validators[index].power, consensus->power, MONEY_FLOOR,
                        NULL);
}

/* ---- cross checks ---------------------------------------------------------------------------- */

struct scenario_checker {
    const struct scenario *s;
    struct param_doc *doc;
    struct arena *arena;
    struct diag *diag;
    char path[128];
};

static const char *scenario_path(struct scenario_checker *c, const char *list, uint32_t index,
                                 const char *key)
{
    snprintf(c->path, sizeof c->path, "%s[%u]%s%s", list, index, key[0] ? "." : "", key);
    return c->path;
}

static void scenario_unknown(struct scenario_checker *c, const char *path, const char *what,
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
    if (net_region_find(name) != UINT32_MAX) return;
    scenario_unknown(c, path, "region", name, net_region_names(), net_region_count());
}

static bool scenario_check_gpu(struct scenario_checker *c, const char *path, const char *name)
{
    if (perf_hardware_find(name)) return true;
    scenario_unknown(c, path, "hardware", name, perf_hardware_names, PERF_HARDWARE);
    return false;
}

static bool scenario_check_model(struct scenario_checker *c, const char *path, const char *name)
{
    if (perf_model_find(name)) return true;
    scenario_unknown(c, path, "model", name, perf_model_names, PERF_MODELS);
    return false;
}

/* Shares of a list must add up to 1 (within rounding of decimal text). */
static void scenario_check_shares(struct scenario_checker *c, const char *list, double sum)
{
    if (sum > 1 - 1e-9 && sum < 1 + 1e-9) return;
    param_error(c->doc, c->diag, list, "shares add up to %.6g%%, not to 100%%", sum * 100);
}

static void scenario_check_users(struct scenario_checker *c)
{
    const struct scenario_user *users = c->s->users.items;
    double sum = 0;
    for (uint32_t i = 0; i < c->s->users.count; i++) {
        sum += users[i].share;
    }
    if (c->s->users.count == 0) {
        param_error(c->doc, c->diag, "users", "at least one class of users is needed");
    } else {
        scenario_check_shares(c, "users", sum);
    }
}

static void scenario_check_models(struct scenario_checker *c)
{
    const struct scenario_model *models = c->s->models.items;
    double sum = 0;
    for (uint32_t i = 0; i < c->s->models.count; i++) {
        scenario_check_model(c, scenario_path(c, "models", i, "name"), models[i].name);
        sum += models[i].share;
    }
    if (c->s->models.count == 0) {
        param_error(c->doc, c->diag, "models", "at least one model is needed");
    } else {
        scenario_check_shares(c, "models", sum);
    }
}

static bool scenario_offered(const struct scenario *s, const char *model)
{
    const struct scenario_model *models = s->models.items;
    for (uint32_t i = 0; i < s->models.count; i++) {
        if (strcmp(models[i].name, model) == 0) return true;
    }
    return false;
}

struct perf_terms scenario_terms(const struct scenario_node *class, const char *model)
{
    bool own = strcmp(model, class->model) == 0;
    assert(class->pipeline > 0); /* the table's range */
    return (struct perf_terms){
        .hardware = perf_hardware_find(class->gpu),
        .model = perf_model_find(model),
        .dtype = (enum perf_dtype) class->dtype,
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

/* Does `model` run on the GPUs of this node class, with room for at least some KV? */
static bool scenario_check_fit(struct scenario_checker *c, const char *path,
                               const struct scenario_node *node, const char *model)
{
    struct perf_terms terms = scenario_terms(node, model);
    const char *why = scenario_unfit(node, &terms);
    if (why) {
        param_error(c->doc, c->diag, path, "%s", why);
        return false;
    }
    terms.tables = NULL; /* memory does not hang on them */
    struct perf perf = perf_make(&terms, NULL);
    struct perf_memory memory;
    char text[256];
    if (serving_blocks(&c->s->serving, &perf, &memory) >= 2) return true;
    param_error(c->doc, c->diag, path, "%s", perf_memory_text(text, sizeof text, &perf, &memory));
    return false;
}

static void scenario_read_tables(struct scenario_checker *c, struct scenario_node *node,
                                 const char *path)
{
    struct perf_tables_ask ask = {.folder = node->timing.tables,
                                  .hardware = perf_hardware_find(node->gpu),
                                  .model = perf_model_find(node->model),
                                  .dtype = (enum perf_dtype)node->dtype,
                                  .tp = (int32_t)(node->gpus / node->pipeline),
                                  .where = param_where(c->doc, path),
                                  .key = arena_print(c->arena, "%s", path)};
    if (node->timing.kind == SCENARIO_TABLES)
        node->tables = perf_tables_load(&ask, c->arena, c->diag);
}

static void scenario_check_node(struct scenario_checker *c, uint32_t i)
{
    struct scenario_node *node = (struct scenario_node *)c->s->nodes.items + i;
    bool gpu = scenario_check_gpu(c, scenario_path(c, "nodes", i, "gpu"), node->gpu);
    bool model = scenario_check_model(c, scenario_path(c, "nodes", i, "model"), node->model);
    scenario_check_region(c, scenario_path(c, "nodes", i, "region"), node->region);
    if (model && !scenario_offered(c->s, node->model)) {
        param_error(c->doc, c->diag, scenario_path(c, "nodes", i, "model"),
                    "'%s' is not among models:", node->model);
    }
    if (gpu && model &&
        scenario_check_fit(c, scenario_path(c, "nodes", i, "gpus"), node, node->model)) {
        scenario_read_tables(c, node, scenario_path(c, "nodes", i, "timing"));
    }
}

static void scenario_check_nodes(struct scenario_checker *c)
{
    if (c->s->nodes.count == 0) {
        param_error(c->doc, c->diag, "nodes", "at least one class of nodes is needed");
    }
    for (uint32_t i = 0; i < c->s->nodes.count; i++) {
        scenario_check_node(c, i);
    }
    if (c->s->nodes.count > 0 && scenario_node_total(c->s) > 1000000) {
        param_error(c->doc, c->diag, "nodes", "more than 1000000 nodes in all");
    }
}

static void scenario_check_adversaries(struct scenario_checker *c)
{
    const struct adversary_params *a = c->s->adversaries.items;
    const struct scenario_node *nodes = c->s->nodes.items;
    for (uint32_t i = 0; i < c->s->adversaries.count; i++) {
        const char *path = scenario_path(c, "adversaries", i, "substitute");
        if (!scenario_check_model(c, path, a[i].substitute)) continue;
        for (uint32_t n = 0; n < c->s->nodes.count; n++) {
            if (perf_hardware_find(nodes[n].gpu)) {
                scenario_check_fit(c, path, &nodes[n], a[i].substitute);
            }
        }
    }
}

static void scenario_check_events(struct scenario_checker *c)
{
    const struct scenario_event *events = c->s->events.items;
    for (uint32_t i = 0; i < c->s->events.count; i++) {
        const struct scenario_event *e = &events[i];
        if (e->what == EVENT_OUTAGE) {
            scenario_check_region(c, scenario_path(c, "events", i, "region"), e->region);
        }
        if (e->what == EVENT_SURGE && e->factor == 1) {
            param_error(c->doc, c->diag, scenario_path(c, "events", i, "factor"),
                        "a surge needs a factor other than 1");
        }
    }
}

/* A transaction that no block can hold would wait for ever. */
static void scenario_check_room(struct scenario_checker *c, const char *path, int64_t gas_limit,
                                uint64_t bytes)
{
    const struct consensus_params *p = &c->s->consensus;
    const char *mark = strchr(path, '.') && strstr(path, "heartbeat") ? "_" : ".";
    if (gas_limit > p->max_gas) {
        snprintf(c->path, sizeof c->path, "%s%sgas_limit", path, mark);
        param_error(c->doc, c->diag, c->path,
                    "%lld is above consensus.max_gas %lld: no block could hold it",
                    (long long)gas_limit, (long long)p->max_gas);
    }
    if (bytes > p->max_bytes) {
        snprintf(c->path, sizeof c->path, "%s%sbytes", path, mark);
        param_error(c->doc, c->diag, c->path,
                    "%llu B is above consensus.max_bytes %llu B: no block could hold it",
                    (unsigned long long)bytes, (unsigned long long)p->max_bytes);
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
                                            .dtype = PERF_BF16};
    bool gpu = scenario_check_gpu(c, "verification.replicated.gpu", p->gpu);
    bool model = scenario_check_model(c, "verification.replicated.model", p->model);
    if (gpu && model) {
        scenario_check_fit(c, "verification.replicated.gpus", &validator, p->model);
    }
}

static void scenario_check_verification(struct scenario_checker *c)
{
    const struct verification_params *v = &c->s->verification;
    const struct verification_design *design = verification_find(v->design);
    const char *why = design->refuse(v);
    if (why) param_error(c->doc, c->diag, "verification.design", "%s: %s", design->name, why);
    if (v->design == VERIFICATION_HACA_TEE) {
        scenario_check_room(c, "verification.haca_tee", v->haca_tee.gas_limit, v->haca_tee.bytes);
    } else if (v->design == VERIFICATION_OG_BATCH) {
        scenario_check_room(c, "verification.og_batch", v->og_batch.gas_limit, v->og_batch.bytes);
    } else {
        scenario_check_replicated(c);
    }
    scenario_check_room(c, "registry.heartbeat", c->s->registry.heartbeat_gas_limit,
                        c->s->registry.heartbeat_bytes);
}

static void scenario_check_token(struct scenario_checker *c)
{
    struct token_problem problem;
    const char *key;
    if (token_params_bad(&c->s->token, &problem)) {
        snprintf(c->path, sizeof c->path, "token%s%s", problem.key[0] ? "." : "", problem.key);
        param_error(c->doc, c->diag, c->path, "%s", problem.text);
    }
    if ((key = staking_params_error(&c->s->staking)) != NULL) {
        param_error(c->doc, c->diag, "staking.slash_victims", "%s", key);
    }
}

/* Everything that is bonded, pooled or in a wallet at the start comes out of the free float. */
static void scenario_check_float(struct scenario_checker *c)
{
    struct token_setup setup = scenario_setup(c->s, c->diag->arena);
    struct token_problem problem;
    if (token_setup_bad(&c->s->token, &setup, &problem)) {
        param_error(c->doc, c->diag, "token", "%s", problem.text);
    }
}

static void scenario_check_times(struct scenario_checker *c)
{
    const struct scenario *s = c->s;
    if (s->warmup >= s->horizon) {
        param_error(c->doc, c->diag, "warmup", "must be shorter than the horizon");
    }
    if (s->horizon + s->drain > (int64_t)9e18) {
        param_error(c->doc, c->diag, "horizon", "horizon and drain together exceed 285 years");
    }
}

void scenario_check(struct scenario *s, struct param_doc *doc, struct arena *arena,
                    struct diag *diag)
{
    struct scenario_checker c = {.s = s, .doc = doc, .arena = arena, .diag = diag};
    scenario_check_times(&c);
    workload_check(&s->workload, doc, "workload", diag);
    scenario_check_users(&c);
    scenario_check_models(&c);
    scenario_check_nodes(&c);
    scenario_check_adversaries(&c);
    scenario_check_events(&c);
    scenario_check_region(&c, "facilitator.region", s->facilitator.region);
    consensus_check(&s->validators, &s->consensus, doc, diag);
    scenario_check_verification(&c);
    scenario_check_token(&c);
    if (diag->count == 0) scenario_check_float(&c);
}
