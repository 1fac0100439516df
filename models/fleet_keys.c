/* SPDX-License-Identifier: Apache-2.0
 * The keys of a node class that say how its machines live, and the profiles of the toll.
 *
 * The toll of confidential computing is a fixed time on each engine step, for what crosses between
 * host and device, and a small share of what is computed: GPUs compute at full speed inside an
 * enclave.  So it weighs on short steps (small models, small batches) and vanishes on long ones;
 * scenarios/validation/tee_toll.md holds it against published losses.  Loading a model is nothing
 * but crossing, and suffers most. */
#include "models/fleet.h"

const char *const fleet_kind_names[] = {"gpu", "proxy", NULL};

/* ---- toll ----------------------------------------------------------------------------------- */

#define TOLL_LOAD                                                                                  \
    34.0 /* arXiv 2606.23969: model load 34 times slower; no engine is known to help */

struct fleet_toll_custom fleet_toll_terms(const struct fleet_toll *toll)
{
    switch ((enum fleet_toll_kind)toll->kind) {
    case FLEET_TOLL_NONE:
        break;
    case FLEET_TOLL_NAIVE:
        return (struct fleet_toll_custom){.step = 1350000, .share = 0.002, .load = TOLL_LOAD};
    case FLEET_TOLL_CC_AWARE:
        return (struct fleet_toll_custom){.step = 200000, .share = 0.002, .load = TOLL_LOAD};
    case FLEET_TOLL_CUSTOM:
        return toll->custom;
    }
    return (struct fleet_toll_custom){.load = 1.0};
}

static const struct param custom_rows[] = {
    PARAM(fleet_toll_custom, step, PARAM_DURATION, "0.2 ms", "0 s", "100 ms",
          "on each engine step (host-device crossings)", "as cc_aware"),
    PARAM(fleet_toll_custom, share, PARAM_RATIO, "0.2%", "0%", "100%",
          "and on what the step computes", "arXiv 2606.23969: GPU matrix product at 0.998"),
    PARAM(fleet_toll_custom, load, PARAM_REAL, "34", "1", "1000", "times as long to load a model",
          "arXiv 2606.23969"),
};
static const struct param_table custom_table =
    PARAM_TABLE("fleet_toll_custom", fleet_toll_custom, custom_rows);

static const struct param toll_rows[] = {
    PARAM_WORD("none", "no enclave: no toll, no attestation"),
    {.key = "naive",
     .type = PARAM_FLAG,
     .meaning = "1.35 ms a step and 0.2 %: an engine that knows nothing of it; models load 34 "
                "times slower",
     .source = "arXiv 2606.23969: 13 to 27 % of a 5 to 8 ms step is 0.7 to 2 ms, the middle"},
    {.key = "cc_aware",
     .type = PARAM_FLAG,
     .meaning = "0.2 ms a step and 0.2 %: an engine that batches its crossings; models load 34 "
                "times slower",
     .source = "arXiv 2606.23969: a drain thread recovers 92 % of it: below 0.2 ms"},
    PARAM_SUB(fleet_toll, custom, PARAM_GROUP, custom_table, NULL, "figures of your own", NULL),
};
const struct param_table fleet_toll_table = PARAM_TABLE("fleet_toll", fleet_toll, toll_rows);

#define ATTESTATION "tinfoilsh/cvmimage PR 340 (H200, August 2026)"

static const struct param attestation_rows[] = {
    PARAM(fleet_attestation, quote, PARAM_DURATION, "11 ms", "0 s", "1 h",
          "TDX quote; 1,057 ms with the stock kernel, which polls once a second", ATTESTATION),
    PARAM(fleet_attestation, evidence, PARAM_DURATION, "35 ms", "0 s", "1 h",
          "fresh evidence of the GPUs", ATTESTATION),
    PARAM(fleet_attestation, exchange, PARAM_DURATION, "205 ms", "0 s", "1 h",
          "the rest of an attestation from end to end",
          ATTESTATION ": 216 to 286 ms warm in all, the middle"),
    PARAM(fleet_attestation, refresh, PARAM_DURATION, "0 s", "0 s", "1 y",
          "a node attests again after this; 0: only when it has loaded",
          "og-evm TEERegistry.sol: never again"),
};
const struct param_table fleet_attestation_table =
    PARAM_TABLE("fleet_attestation", fleet_attestation, attestation_rows);

/* ---- power and loading ---------------------------------------------------------------------- */

static const struct param power_rows[] = {
    PARAM(fleet_power, rated, PARAM_WATTS, "0 W", "0 W", "1000000 W",
          "of one GPU (of the host, for a proxy); 0: the catalog's, and none for a proxy",
          "catalog"),
    PARAM(fleet_power, idle, PARAM_RATIO, "30%", "0%", "100%", "drawn without work, share of rated",
          "assumption"),
    PARAM(
        fleet_power, busy, PARAM_RATIO, "100%", "0%", "100%", "drawn with work, share of rated",
        "aiconfigurator, vLLM 0.22 on an H200: 691 of 700 W in a large product; less in decoding"),
};
const struct param_table fleet_power_table = PARAM_TABLE("fleet_power", fleet_power, power_rows);

static const char *const meanwhile_names[] = {"hold", "refuse", "delist", NULL};

static const struct param load_rows[] = {
    PARAM(fleet_load, bandwidth, PARAM_BANDWIDTH, "5 GB/s", "1 MB/s", "100 TB/s",
          "at which a node reads the weights of its model",
          "assumption: an NVMe drive of a server"),
    PARAM(fleet_load, time, PARAM_DURATION, "0 s", "0 s", "30 d",
          "how long loading takes, the toll included; 0: weights over bandwidth, times the toll's "
          "`load`",
          "assumption"),
    PARAM(fleet_load, cold_start, PARAM_DURATION, "60 s", "0 s", "30 d",
          "start of the machine and of the engine (profiling, graphs) besides", "assumption"),
    PARAM_NAMES(
        fleet_load, meanwhile, meanwhile_names, "hold",
        "requests that come meanwhile wait at the node (hold), find nobody (refuse), or are "
        "sent elsewhere by the registry, which the operator tells before and after (delist); "
        "but for hold, a swap lets the node finish first what it has",
        "assumption"),
};
const struct param_table fleet_load_table = PARAM_TABLE("fleet_load", fleet_load, load_rows);

/* ---- failures, coming and going ------------------------------------------------------------- */

static const struct param mtbf_rows[] = {
    PARAM(fleet_mtbf, mtbf, PARAM_DURATION, NULL, "1 s", "100 y",
          "mean time from a repair to the next failure", NULL),
    PARAM(fleet_mtbf, mttr, PARAM_DURATION, NULL, "0 s", "10 y",
          "mean time from a failure to the end of its repair; loading comes after it", NULL),
};
static const struct param_table mtbf_table = PARAM_TABLE("fleet_mtbf", fleet_mtbf, mtbf_rows);

static const struct param failures_rows[] = {
    PARAM_WORD("none", "nodes do not fail by themselves"),
    PARAM_SUB(fleet_failures, exponential, PARAM_GROUP, mtbf_table, NULL,
              "each node for itself, both times exponential", NULL),
};
const struct param_table fleet_failures_table =
    PARAM_TABLE("fleet_failures", fleet_failures, failures_rows);

static const struct param join_rows[] = {
    PARAM_WORD("at_start", "all nodes are there, loaded and registered"),
    PARAM(fleet_join, at, PARAM_DURATION, NULL, "1 ns", "100 y", "all join at this time", NULL),
    PARAM(fleet_join, rate, PARAM_RATE, NULL, "0.000000001/s", "1000000/s",
          "they join one by one, at the points of a Poisson process", NULL),
};
const struct param_table fleet_join_table = PARAM_TABLE("fleet_join", fleet_join, join_rows);

static const struct param leave_rows[] = {
    PARAM_WORD("never", "nodes stay"),
    PARAM(fleet_leave, at, PARAM_DURATION, NULL, "1 ns", "100 y", "all leave at this time", NULL),
    PARAM(fleet_leave, rate, PARAM_RATE, NULL, "0.000000001/s", "1000000/s",
          "they leave one by one, at the points of a Poisson process (before its time to join: "
          "when it joins)",
          NULL),
    PARAM(fleet_leave, after, PARAM_DURATION, NULL, "1 s", "100 y",
          "each stays for an exponential time with this mean", NULL),
};
const struct param_table fleet_leave_table = PARAM_TABLE("fleet_leave", fleet_leave, leave_rows);

static const struct param queue_rows[] = {
    PARAM(fleet_queue, limit, PARAM_COUNT, "0", "0", "100000000",
          "most requests that wait at a node; the next is rejected; 0: serving.max_waiting",
          "serving.max_waiting"),
    PARAM(fleet_queue, timeout, PARAM_DURATION, "0 s", "0 s", "30 d",
          "a request that still waits after this is rejected; 0: it waits for its turn",
          "assumption: as vLLM, which has none"),
};
const struct param_table fleet_queue_table = PARAM_TABLE("fleet_queue", fleet_queue, queue_rows);
