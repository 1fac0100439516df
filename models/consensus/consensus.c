/* SPDX-License-Identifier: Apache-2.0
 * Parameters of validators and consensus, the validator set they make, and the choice of a
 * fidelity. */
#include "models/consensus/consensus.h"

#include <assert.h>
#include <stdlib.h>

#include "models/consensus/quorum.h"
#include "models/consensus/spread.h"

#define CONSENSUS_COMETBFT "cometbft config/config.go"
#define CONSENSUS_POWER_UNIT 1000000 /* of the first validator under zipf */

/* ---- parameters of validators --------------------------------------------------------------- */

static const struct param consensus_power_rows[] = {
    [CONSENSUS_EQUAL] = PARAM_WORD("equal", "each validator has one unit"),
    [CONSENSUS_ZIPF] =
        PARAM(consensus_power, zipf, PARAM_REAL, NULL, "0", "10",
              "power of validator v is proportional to (v + 1) to the minus this", NULL),
    [CONSENSUS_POWERS] = {.key = "list",
                          .type = PARAM_REALS,
                          .offset = offsetof(struct consensus_power, list),
                          .min = "1",
                          .max = "1000000000",
                          .meaning = "power of each validator, whole numbers",
                          .element = PARAM_REAL,
                          .flags = PARAM_BARE},
};
static const struct param_table consensus_power_table =
    PARAM_TABLE("consensus_power", consensus_power, consensus_power_rows);

static const struct param consensus_place_rows[] = {
    [CONSENSUS_AWS_13] = {.key = "aws-13",
                          .type = PARAM_FLAG,
                          .meaning = "validator v sits in region (25 + v) mod 13 of the table",
                          .source = "cometbft qa-infra (the public testbed)"},
    [CONSENSUS_ONE_REGION] = {.key = "one",
                              .type = PARAM_NAME,
                              .offset = offsetof(struct consensus_place, one),
                              .meaning = "all of them in this region",
                              .flags = PARAM_BARE},
    [CONSENSUS_REGIONS] = PARAM(consensus_place, list, PARAM_TEXTS, NULL, "1", "10000",
                                "regions that the validators take in turn", NULL),
};
static const struct param_table consensus_place_table =
    PARAM_TABLE("consensus_place", consensus_place, consensus_place_rows);

/* Only the desktop is measured; its cores are those of the reference timings. */
static const struct consensus_machine consensus_machines[] = {
    [CONSENSUS_DESKTOP_8CORE] = {8, 1.0},
    [CONSENSUS_CLOUD_2VCPU] = {2, 1.5},
    [CONSENSUS_DUAL_EPYC] = {128, 1.2},
};

static const struct param consensus_machine_rows[] = {
    PARAM(consensus_machine, cores, PARAM_COUNT, NULL, "1", "1024", "cores that check proofs",
          NULL),
    PARAM(consensus_machine, cpu_factor, PARAM_REAL, "1", "0.01", "100",
          "times the time of a core of the reference desktop", "assumption"),
};
static const struct param_table consensus_machine_table =
    PARAM_TABLE("consensus_machine", consensus_machine, consensus_machine_rows);

static const struct param consensus_hardware_rows[] = {
    [CONSENSUS_DESKTOP_8CORE] = {.key = "desktop-8core",
                                 .type = PARAM_FLAG,
                                 .meaning = "8 cores, factor 1: the reference desktop",
                                 .source = "assumption: an ordinary PC"},
    [CONSENSUS_CLOUD_2VCPU] = {.key = "cloud-2vcpu",
                               .type = PARAM_FLAG,
                               .meaning = "2 cores, factor 1.5: a small cloud instance",
                               .source = "assumption: two hardware threads share one core"},
    [CONSENSUS_DUAL_EPYC] = {.key = "dual-epyc",
                             .type = PARAM_FLAG,
                             .meaning = "128 cores, factor 1.2: a two-socket server",
                             .source = "assumption: 2 x 64 cores at a lower clock"},
    [CONSENSUS_CUSTOM] = PARAM_SUB(consensus_hardware, custom, PARAM_GROUP, consensus_machine_table,
                                   NULL, "a machine of your own", NULL),
};
static const struct param_table consensus_hardware_table =
    PARAM_TABLE("consensus_hardware", consensus_hardware, consensus_hardware_rows);

static const struct param validators_rows[] = {
    PARAM(validators_params, count, PARAM_COUNT, "100", "1", "10000",
          "validators; the index of each is its rank by address",
          "cosmos-sdk x/staking/types/params.go DefaultMaxValidators"),
    PARAM_SUB(validators_params, power, PARAM_CHOICE, consensus_power_table, "equal",
              "voting power", "og-evm multi_node_startup.sh (equal)"),
    PARAM_SUB(validators_params, regions, PARAM_CHOICE, consensus_place_table, "aws-13",
              "where they are", "cometbft qa-infra (the public testbed)"),
    PARAM_SUB(validators_params, hardware, PARAM_CHOICE, consensus_hardware_table, "desktop-8core",
              "machine of each validator", "assumption: ordinary PCs"),
    PARAM(validators_params, silent, PARAM_RATIO, "0%", "0%", "100%",
          "share of the power that is offline from the start, at most; drawn", "assumption"),
    PARAM(validators_params, stake, PARAM_OPG, "10000 OPG", "0 OPG", "1000000000 OPG",
          "bonded by a validator of average power; others in proportion to power",
          "og-evm multi_node_startup.sh (1e22 at genesis)"),
};
const struct param_table validators_table =
    PARAM_TABLE("validators", validators_params, validators_rows);

/* ---- parameters of consensus ---------------------------------------------------------------- */

static const char *const consensus_fidelities[] = {"quorum", NULL};
static const char *const consensus_lock_rules[] = {"legacy", "arxiv", NULL};
static const char *const consensus_topologies[] = {"gossip", "mesh", NULL};

static const struct param consensus_rows[] = {
    PARAM_NAMES(consensus_params, fidelity, consensus_fidelities, "quorum",
                "quorum: order statistics of message delays", "hacasim"),
    PARAM_NAMES(consensus_params, lock_rule, consensus_lock_rules, "legacy",
                "what a locked validator prevotes when no proposal comes: its block (legacy) or "
                "nil (arxiv)",
                "cometbft v0.39 consensus/state.go (legacy); v1 (arxiv)"),
    PARAM(consensus_params, timeout_propose, PARAM_DURATION, "3 s", "1 ms", "10 min",
          "wait for the whole proposal before prevoting nil", CONSENSUS_COMETBFT),
    PARAM(consensus_params, timeout_propose_delta, PARAM_DURATION, "500 ms", "0", "1 min",
          "growth per round", CONSENSUS_COMETBFT),
    PARAM(consensus_params, timeout_prevote, PARAM_DURATION, "1 s", "1 ms", "10 min",
          "wait for a quorum for one block after +2/3 of any prevotes", CONSENSUS_COMETBFT),
    PARAM(consensus_params, timeout_prevote_delta, PARAM_DURATION, "500 ms", "0", "1 min",
          "growth per round", CONSENSUS_COMETBFT),
    PARAM(consensus_params, timeout_precommit, PARAM_DURATION, "1 s", "1 ms", "10 min",
          "wait for a decision after +2/3 of any precommits", CONSENSUS_COMETBFT),
    PARAM(consensus_params, timeout_precommit_delta, PARAM_DURATION, "500 ms", "0", "1 min",
          "growth per round", CONSENSUS_COMETBFT),
    PARAM(consensus_params, timeout_commit, PARAM_DURATION, "1 s", "0", "10 min",
          "pause between a commit and the next height; execution runs inside it",
          "cometbft config/config.go; og-evm local_node.sh"),
    PARAM_NAMES(consensus_params, topology, consensus_topologies, "gossip",
                "gossip: a random graph of peers; mesh: everyone is connected to everyone",
                "cometbft p2p"),
    PARAM(consensus_params, peers, PARAM_COUNT, "50", "2", "1000", "mean number of peers of a node",
          "cometbft config/config.go (40 in, 10 out); 50 in QA"),
    PARAM(consensus_params, full_nodes, PARAM_COUNT, "0", "0", "10000",
          "nodes besides the validators that pass messages on", "assumption"),
    PARAM(consensus_params, flush_throttle, PARAM_DURATION, "10 ms", "0", "10 s",
          "time from the first write on an idle connection to its flush",
          "cometbft config/config.go v0.39 (og-evm's); 100 ms up to v0.38"),
    PARAM(consensus_params, gossip_sleep, PARAM_DURATION, "100 ms", "0", "10 s",
          "pause of a per-peer gossip loop that found nothing to send", CONSENSUS_COMETBFT),
    PARAM(consensus_params, send_rate, PARAM_BANDWIDTH, "5.12 MB/s", "1 kB/s", "100 GB/s",
          "limit of sending to one peer", CONSENSUS_COMETBFT),
    PARAM(consensus_params, block_part, PARAM_BYTES, "64 KiB", "1 KiB", "64 MiB",
          "a block travels in parts of this size", "cometbft types/params.go BlockPartSizeBytes"),
    PARAM(consensus_params, max_bytes, PARAM_BYTES, "22020096 B", "1 KiB", "100 MiB",
          "most bytes of transactions in a block", "cometbft types/params.go DefaultBlockParams"),
    PARAM(consensus_params, max_gas, PARAM_COUNT, "10000000", "21000", "1000000000000",
          "sum of the gas limits in a block", "og-evm local_node.sh"),
    PARAM(consensus_params, vote_verify, PARAM_DURATION, "46.6 us", "0", "1 s",
          "check of one vote's signature, one by one", "ed25519 in Go's standard library"),
    PARAM(consensus_params, commit_verify, PARAM_DURATION, "10 us", "0", "1 s",
          "check of one signature of the last commit, in a batch",
          "ed25519consensus, 128 in 3.06 ms, less 59% with curve25519-voi"),
};
const struct param_table consensus_table =
    PARAM_TABLE("consensus", consensus_params, consensus_rows);

/* ---- cross checks --------------------------------------------------------------------------- */

static void consensus_check_powers(const struct validators_params *v, struct param_doc *doc,
                                   struct diag *diag)
{
    const double *powers = v->power.list.items;
    if (v->power.kind != CONSENSUS_POWERS || !param_good(doc, "validators.power")) return;
    if (v->power.list.count != v->count && param_good(doc, "validators.count"))
        param_error(doc, diag, "validators.power.list",
                    "has %u powers, but validators.count is %lld", v->power.list.count,
                    (long long)v->count);
    for (uint32_t i = 0; i < v->power.list.count; i++)
        if (powers[i] != (double)(int64_t)powers[i])
            param_error(doc, diag, "validators.power.list", "power %u is %.17g, not a whole number",
                        i, powers[i]);
}

static void consensus_check_region(const char *name, const char *path, struct param_doc *doc,
                                   struct diag *diag)
{
    if (!param_good(doc, path) || net_region_find(name) != UINT32_MAX) return;
    const char *near = diag_nearest(name, net_region_names(), net_region_count());
    const char *known = "";
    for (uint32_t i = 0; i < net_region_count(); i++)
        known = arena_print(diag->arena, "%s%s%s", known, i ? ", " : "", net_region_names()[i]);
    param_error(doc, diag, path,
                "%s is neither a set of regions (aws-13) nor a region%s%s%s (known: %s)", name,
                near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "", known);
}

void consensus_check(const struct validators_params *validators,
                     const struct consensus_params *params, struct param_doc *doc,
                     struct diag *diag)
{
    consensus_check_powers(validators, doc, diag);
    const struct consensus_place *place = &validators->regions;
    if (place->kind == CONSENSUS_ONE_REGION)
        consensus_check_region(place->one, "validators.regions", doc, diag);
    const struct param_text *names = place->list.items;
    for (uint32_t i = 0; place->kind == CONSENSUS_REGIONS && i < place->list.count; i++)
        consensus_check_region(names[i].text, "validators.regions.list", doc, diag);
    long long nodes = validators->count + params->full_nodes;
    bool good = param_good(doc, "validators.count") && param_good(doc, "consensus.full_nodes") &&
                param_good(doc, "consensus.topology");
    if (good && params->topology == CONSENSUS_MESH && nodes > SPREAD_MESH_MAX)
        param_error(doc, diag, "consensus.topology",
                    "a mesh of %lld nodes is too large (allowed: %d); use gossip", nodes,
                    SPREAD_MESH_MAX);
}

/* ---- the validator set ---------------------------------------------------------------------- */

static int64_t consensus_power_of(const struct consensus_power *power, uint32_t rank)
{
    if (power->kind == CONSENSUS_EQUAL) return 1;
    if (power->kind == CONSENSUS_POWERS) return (int64_t)((const double *)power->list.items)[rank];
    double share = dmath_pow((double)rank + 1.0, -power->zipf);
    int64_t units = (int64_t)(share * CONSENSUS_POWER_UNIT + 0.5);
    return units > 0 ? units : 1;
}

static uint16_t consensus_region_of(const struct consensus_place *place, uint32_t rank)
{
    uint32_t region = (25 + rank) % net_region_count();
    if (place->kind == CONSENSUS_ONE_REGION) region = net_region_find(place->one);
    if (place->kind == CONSENSUS_REGIONS) {
        const struct param_text *names = place->list.items;
        region = net_region_find(names[rank % place->list.count].text);
    }
    assert(region < net_region_count());
    return (uint16_t)region;
}

struct consensus_lot {
    uint64_t draw;
    uint32_t validator;
};

static int consensus_compare_lots(const void *a, const void *b)
{
    const struct consensus_lot *x = a, *y = b;
    if (x->draw != y->draw) return x->draw < y->draw ? -1 : 1;
    return (x->validator > y->validator) - (x->validator < y->validator);
}

/* Silence validators in the order of their lots, as long as the share is not exceeded. */
static void consensus_silence(struct consensus *c, struct consensus_validator *validators,
                              double share, struct arena *arena)
{
    if (share <= 0.0) return;
    struct consensus_lot *lots = arena_alloc(arena, c->count, sizeof *lots);
    for (uint32_t v = 0; v < c->count; v++) {
        struct rng_stream s = rng_open(c->seed, c->replication, CONSENSUS_SILENT, v);
        lots[v] = (struct consensus_lot){rng_u64(&s), v};
    }
    qsort(lots, c->count, sizeof *lots, consensus_compare_lots);
    /* A share such as 33.3% of 1000 is a whole number that binary fractions just miss. */
    double limit = share * (double)c->power * (1.0 + 1e-12);
    int64_t silent = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        struct consensus_validator *v = &validators[lots[i].validator];
        v->silent = (double)(silent + v->power) <= limit;
        if (v->silent) silent += v->power;
    }
}

void consensus_init(struct consensus *consensus, const struct consensus_params *params,
                    const struct validators_params *validators, const struct net *net,
                    uint64_t seed, uint32_t replication, struct arena *arena)
{
    uint32_t count = (uint32_t)validators->count;
    assert(count >= 1 && count <= CONSENSUS_VALIDATORS_MAX);
    struct consensus_validator *set = arena_alloc(arena, count, sizeof *set);
    int64_t *powers = arena_alloc(arena, count, sizeof *powers);
    const struct consensus_hardware *hardware = &validators->hardware;
    *consensus = (struct consensus){
        .params = params,
        .net = net,
        .seed = seed,
        .replication = replication,
        .machine = hardware->kind == CONSENSUS_CUSTOM ? hardware->custom
                                                      : consensus_machines[hardware->kind],
        .count = count,
        .validators = set,
        .height = 1,
    };
    for (uint32_t v = 0; v < count; v++) {
        powers[v] = consensus_power_of(&validators->power, v);
        set[v].power = powers[v];
        set[v].region = consensus_region_of(&validators->regions, v);
        consensus->power += powers[v];
    }
    consensus->quorum = (int64_t)((money_t)consensus->power * 2 / 3) + 1;
    consensus_silence(consensus, set, validators->silent, arena);
    proposer_create(&consensus->current, arena, powers, count);
    proposer_load(&consensus->next, arena, powers, consensus->current.priority, count);
    proposer_increment(&consensus->next, 1);
    consensus->level = quorum_create(consensus, arena);
}

/* ---- heights -------------------------------------------------------------------------------- */

void consensus_decide(struct consensus *consensus, const struct consensus_input *input,
                      struct consensus_outcome *outcome)
{
    quorum_decide(consensus, input, outcome);
    if (!outcome->decided) return;
    consensus->height++;
    proposer_copy(&consensus->current, &consensus->next);
    proposer_increment(&consensus->next, 1);
}

bool consensus_times(const struct consensus *consensus, uint32_t validator,
                     struct consensus_times *times)
{
    assert(validator < consensus->count);
    return quorum_times(consensus, validator, times);
}

int64_t consensus_next_start_ns(const struct consensus *consensus, int64_t commit_ns,
                                int64_t execute_ns)
{
    int64_t pause_ns = consensus->params->timeout_commit;
    return commit_ns + (execute_ns > pause_ns ? execute_ns : pause_ns);
}

bool consensus_is_live(const struct consensus *consensus, uint32_t validator)
{
    assert(validator < consensus->count);
    const struct consensus_validator *v = &consensus->validators[validator];
    return !v->silent && !net_region_is_down(consensus->net, v->region);
}

/* ---- checkpoints ---------------------------------------------------------------------------- */

static void consensus_snap_turns(struct proposer_set *set, struct snap *snap)
{
    SNAP_COVERS(struct proposer_set, 32);
    snap_below(snap, &set->proposer, set->count);
    for (uint32_t v = 0; v < set->count; v++)
        snap_i64(snap, &set->priority[v]);
}

void consensus_snap(struct consensus *consensus, struct snap *snap)
{
    SNAP_COVERS(struct consensus, 160);
    snap_begin(snap, "consensus");
    snap_same(snap, consensus->count, "validators");
    snap_u64(snap, &consensus->height);
    consensus_snap_turns(&consensus->current, snap);
    consensus_snap_turns(&consensus->next, snap);
    snap_end(snap);
}
