/* SPDX-License-Identifier: Apache-2.0
 * A scenario as the model sees it: the struct that the whole file fills, and its cross checks.
 *
 * Each stage declares its own keys beside its own struct; this file only puts the tables together
 * and adds what belongs to no single stage (users, nodes, adversaries, events). */
#ifndef HACASIM_MODELS_SCENARIO_H
#define HACASIM_MODELS_SCENARIO_H

#include "models/adversary/adversary.h"
#include "models/consensus/consensus.h"
#include "models/facilitator.h"
#include "models/feemarket.h"
#include "models/mempool.h"
#include "models/models.h"
#include "models/payment.h"
#include "models/perf.h"
#include "models/plan.h"
#include "models/registry.h"
#include "models/router.h"
#include "models/serving.h"
#include "models/slo.h"
#include "models/staking.h"
#include "models/token/token.h"
#include "models/transfer.h"
#include "models/verification/verification.h"
#include "models/workload.h"
#include "net/net.h"

enum scenario_acts { SCENARIO_AT_ONCE, SCENARIO_ON_FINALITY, SCENARIO_AFTER };
struct scenario_act {
    int kind;      /* enum scenario_acts */
    int64_t after; /* ns */
};

struct scenario_user {
    const char *class;
    double share;
    struct scenario_act acts;
    int64_t priority; /* in the engine; lower is served first */
    struct slo_params slo;
};

/* A model of the catalog, or one of the scenario's own (scenario_own.h). */
struct scenario_model {
    const char *name;
    double share;
    const char *like;
    struct scenario_shape {
        int64_t layers, hidden, heads, kv_heads, head_dim, vocab, ffn, dense_layers;
        int64_t experts, active, shared, expert_ffn;
        int64_t q_rank, kv_rank, rope_dim, nope_dim, value_dim;
    } shape;
};

struct scenario_hardware { /* of the scenario's own; 0: as that of `like` */
    const char *name, *like;
    uint64_t memory;
    double bandwidth, bf16, fp8, power, link, rent;
    double weights_ratio, kv_ratio, compute_ratio, attention_ratio;
};

enum scenario_timings { SCENARIO_ROOFLINE, SCENARIO_TABLES, SCENARIO_RECORDED, SCENARIO_LIVE };
struct scenario_timing {
    int kind; /* enum scenario_timings */
    const char *tables, *recorded;
};

struct scenario_node {
    const char *name, *region, *gpu, *model;
    int64_t count, gpus;
    int64_t pipeline, expert_groups;
    int role;            /* enum registry_role */
    int dtype, kv_dtype; /* enum perf_dtype */
    int expert_load;     /* enum perf_expert_load */
    struct scenario_timing timing;
    const struct perf_tables *tables;       /* read by scenario_check; NULL: roofline */
    const struct perf_recording *recording; /* read by scenario_check; NULL: none */
    const struct scenario_own *own;         /* set by scenario_check; NULL: the catalog alone */
    money_t stake;                          /* atto OPG, each */
    double rent;                            /* USD/h of one GPU; 0: the catalog's */
};

struct scenario_client {
    int64_t timeout, connect; /* ns */
    int64_t retries;
};

enum scenario_event_kind { EVENT_OUTAGE, EVENT_FACILITATOR_OUTAGE, EVENT_FEED_OUTAGE, EVENT_SURGE };
struct scenario_event {
    int64_t at, duration; /* ns */
    int what;             /* enum scenario_event_kind */
    const char *region;
    double factor;
};

struct scenario_collapse {
    double capacity_ratio, price_ratio;
    int64_t duration; /* ns */
};

struct scenario_costs {
    double validator_rent; /* USD/h */
    double idle_power;     /* ratio of rated power */
};

struct scenario_limits {
    int64_t events, requests;
};

struct scenario {
    int64_t hacasim;
    const char *name, *doc;
    int64_t seed;
    struct plan_reps reps;
    int64_t horizon, drain; /* ns */
    struct plan_warmup warmup_rule;
    int64_t warmup; /* ns: what the rule comes to; no key of its own */
    struct workload_params workload;
    struct param_list users, models, nodes, adversaries, events; /* of the structs above */
    struct param_list hardware;
    const struct scenario_own *own; /* what models and hardware add to the catalog */
    struct scenario_client client;
    struct net_params net;
    struct registry_params registry;
    struct router_params router;
    struct serving_params serving;
    struct transfer_params transfer;
    struct payment_params payment;
    struct facilitator_params facilitator;
    struct storage_params storage;
    struct validators_params validators;
    struct consensus_params consensus;
    struct mempool_params mempool;
    struct feemarket_params feemarket;
    struct verification_params verification;
    struct staking_params staking;
    struct token_params token;
    struct scenario_collapse collapse;
    struct scenario_costs costs;
    struct scenario_limits limits;
    struct param_list expect; /* of struct param_text */
};
extern const struct param_table scenario_table;

enum { SCENARIO_NODES_MAX = 1000000 }; /* of all classes */

/* Everything that one key alone cannot tell (scenario_check.c).  Keys that did not read well have
 * been reported and are not looked at again.  Reads the timing tables into `arena`. */
void scenario_check(struct scenario *s, struct param_doc *doc, struct arena *arena,
                    struct diag *diag);

/* How `class` runs `model`, for perf_make, without a toll.  Tables are of the class's own model. */
struct perf_terms scenario_terms(const struct scenario_node *class, const char *model);

uint32_t scenario_node_total(const struct scenario *s);
const struct scenario_node *scenario_node_class(const struct scenario *s, uint32_t index);

/* Who holds what at the start, with equal stakes of validators.  Under a design on chain the
 * validators are operators too (after the nodes): they earn the fees. */
struct token_setup scenario_setup(const struct scenario *s, struct arena *arena);

/* Bonded by validator `index`: validators.stake at average power, in proportion to power. */
money_t scenario_validator_stake(const struct scenario *s, const struct consensus *consensus,
                                 uint32_t index);

struct models_scenario {
    struct scenario params;
    struct param_doc *doc;
    struct models_info info;
    struct models_metrics metrics; /* of its classes */
    const char **unused;           /* caveats about keys without effect */
    uint32_t unused_count;
};

#endif
