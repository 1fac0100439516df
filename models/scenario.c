/* SPDX-License-Identifier: Apache-2.0
 * The keys of a scenario file that belong to no single stage, and the table of the whole. */
#include "models/scenario.h"

#include "models/scenario_own.h"

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
    PARAM(scenario_user, priority, PARAM_COUNT, "0", "0", "1000000",
          "lower is served first, where serving.order is priority",
          "vLLM: 0, and lower is earlier"),
    PARAM_SUB(scenario_user, slo, PARAM_GROUP, slo_table, "{}",
              "what the class was promised, and how often it must be kept", "see its keys"),
};
static const struct param_table user_table = PARAM_TABLE("user", scenario_user, user_rows);

static const struct param timing_rows[] = {
    PARAM_WORD("roofline", "modelled from published peaks and efficiencies"),
    PARAM(scenario_timing, tables, PARAM_PATH, NULL, NULL, NULL,
          "timing tables: a file or folder of op tables, or the profile of a model", NULL),
    PARAM(scenario_timing, recorded, PARAM_PATH, NULL, NULL, NULL,
          "engine steps that `run --record FILE` wrote, to be replayed", NULL),
    PARAM_WORD("live", "measured step by step while the world runs; needs a device"),
};
static const struct param_table timing_table = PARAM_TABLE("timing", scenario_timing, timing_rows);

static const char *const role_names[REGISTRY_ROLES + 1] = {"both", "prefill", "decode", NULL};
static const struct param node_rows[] = {
    PARAM(scenario_node, name, PARAM_NAME, NULL, NULL, NULL, "name of the node class", NULL),
    PARAM(scenario_node, region, PARAM_NAME, "N_Virginia", NULL, NULL, "where its nodes stand",
          "assumption"),
    PARAM(scenario_node, count, PARAM_COUNT, "1", "1", "100000", "nodes of the class",
          "assumption"),
    PARAM(scenario_node, gpu, PARAM_NAME, "a100-80g", NULL, NULL,
          "hardware of the catalog, or of your own (hardware)", "assumption"),
    PARAM(scenario_node, gpus, PARAM_COUNT, "1", "1", "64",
          "GPUs of a node; those of a stage share each layer (tensor parallel)", "assumption"),
    PARAM(scenario_node, pipeline, PARAM_COUNT, "1", "1", "64",
          "stages that hold the layers in turn, each with a batch of its own in flight",
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
    PARAM_NAMES(
        scenario_node, role, role_names, "both",
        "both: whole requests; prefill: prompts, whose KV then goes to a node that decodes; "
        "decode: what follows",
        "docs/decisions/0015-demand.md"),
    PARAM_NAMES(scenario_node, kv_dtype, perf_dtype_names, "bf16", "number format of the KV cache",
                "vLLM: kv_cache_dtype auto"),
    PARAM_NAMES(scenario_node, expert_load, perf_expert_load_names, "as_measured",
                "how unevenly experts are loaded; as_measured: the most uneven load in the "
                "tables, balanced without any",
                "docs/decisions/0016-moe-and-pipelines.md"),
    PARAM(scenario_node, stake, PARAM_OPG, "10000 OPG", "0 OPG", "1000000000 OPG",
          "stake of each node", "assumption: no minimum is published"),
    PARAM(scenario_node, rent, PARAM_USD_PER_H, "$0/h", "$0/h", "$10000/h",
          "rent of one GPU; 0: the catalog's", "catalog"),
};
static const struct param_table node_table = PARAM_TABLE("node", scenario_node, node_rows);

static const struct param client_rows[] = {
    PARAM(scenario_client, timeout, PARAM_DURATION, "60 s", "1 ms", "30 d",
          "a client gives up a request after this", "OpenGradient-SDK llm.py"),
    PARAM(scenario_client, connect, PARAM_DURATION, "5 s", "0 s", "1 h",
          "after which a client takes a node that does not answer for unreachable",
          "default of Python httpx, connect time-out; assumption: the SDK leaves it"),
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
    {.key = "region",
     .type = PARAM_NAME,
     .offset = offsetof(struct scenario_event, region),
     .meaning = "region of an outage",
     .when = "do",
     .is = "outage"},
    {.key = "factor",
     .type = PARAM_REAL,
     .offset = offsetof(struct scenario_event, factor),
     .min = "0",
     .max = "1000000",
     .meaning = "arrivals during a surge, times this",
     .when = "do",
     .is = "surge"},
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
    PARAM_SUB(scenario, reps, PARAM_CHOICE, plan_reps_table, "1", "replications", "assumption"),
    PARAM(scenario, horizon, PARAM_DURATION, "1 h", "1 ms", "100 y",
          "arrivals stop and measuring ends", "assumption"),
    PARAM(scenario, drain, PARAM_DURATION, "20 min", "0 s", "1 y",
          "time after the horizon in which proofs go on", "assumption"),
    {.key = "warmup",
     .type = PARAM_CHOICE,
     .offset = offsetof(struct scenario, warmup_rule),
     .def = "0 s",
     .meaning = "what arrives before this is simulated and not counted",
     .source = "assumption",
     .sub = &plan_warmup_table},
    SCENARIO_GROUP(workload, workload_table, "what users ask", "docs/model.md 1"),
    PARAM_ITEMS(scenario, users, user_table, "[{class: apps}]", "1", "1000", "classes of users",
                "assumption"),
    SCENARIO_GROUP(client, client_table, "the client library", "docs/model.md 2"),
    PARAM_ITEMS(scenario, models, scenario_model_table, "[{name: llama3-8b}]", "1", "1000",
                "models on offer", "assumption"),
    PARAM_SUB(scenario, hardware, PARAM_LIST, scenario_hardware_table, "",
              "hardware of your own, beside that of the catalog", "none"),
    PARAM_ITEMS(scenario, nodes, node_table, NULL, "1", "10000", "classes of inference nodes",
                NULL),
    SCENARIO_GROUP(registry, registry_table, "node registry on chain", "docs/model.md 2"),
    SCENARIO_GROUP(router, router_table, "which node gets a request", "docs/model.md 2"),
    SCENARIO_GROUP(payment, payment_table, "prices, sessions, price feed", "docs/model.md 3"),
    SCENARIO_GROUP(net, net_table, "delays between regions", "docs/model.md 4"),
    SCENARIO_GROUP(serving, serving_table, "the inference engine", "docs/model.md 5"),
    SCENARIO_GROUP(transfer, transfer_table, "KV between prefill and decode nodes",
                   "docs/model.md 5"),
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
