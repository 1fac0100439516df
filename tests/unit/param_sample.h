/* SPDX-License-Identifier: Apache-2.0
 * A table with every type of parameter, for tests/unit/test_param_*.c and the fuzz target. */
#ifndef HACASIM_TESTS_PARAM_SAMPLE_H
#define HACASIM_TESTS_PARAM_SAMPLE_H

#include "sim/dist.h"
#include "sim/param.h"

struct sample_point {
    double low, high;
};
static const struct param sample_point_rows[] = {
    PARAM(sample_point, low, PARAM_REAL, "1", "-10", "10", "least", "assumption"),
    PARAM(sample_point, high, PARAM_REAL, NULL, NULL, NULL, "largest", NULL),
};
static const char *sample_point_check(const void *value)
{
    const struct sample_point *point = value;
    return point->low > point->high ? "low is above high" : NULL;
}
static const struct param_table sample_point_table =
    PARAM_TABLE_CHECKED("point", sample_point, sample_point_rows, sample_point_check);

/* A choice of words, a bare ratio, a group and a list. */
struct sample_start {
    int kind;
    double share;
    struct sample_point window;
    struct param_list marks;
};
enum { SAMPLE_AT_ONCE, SAMPLE_ON_FINALITY, SAMPLE_SHARE, SAMPLE_WINDOW, SAMPLE_MARKS };
static const struct param sample_start_rows[] = {
    PARAM_WORD("at_once", "without waiting"),
    PARAM_WORD("on_finality", "when the block is final"),
    {.key = "share",
     .type = PARAM_RATIO,
     .offset = offsetof(struct sample_start, share),
     .min = "0%",
     .max = "100%",
     .meaning = "at a share of the run",
     .flags = PARAM_BARE},
    PARAM_SUB(sample_start, window, PARAM_GROUP, sample_point_table, NULL, "in a window", NULL),
    PARAM_NUMBERS(sample_start, marks, PARAM_SECONDS, NULL, "0 s", NULL, "at given times", NULL),
};
static const struct param_table sample_start_table =
    PARAM_TABLE("start", sample_start, sample_start_rows);

struct sample_node {
    const char *name, *region;
    int64_t count;
    double gpu_price;
    struct sample_point point;
};
static const struct param sample_node_rows[] = {
    PARAM(sample_node, name, PARAM_NAME, NULL, NULL, NULL, "name of the class", NULL),
    PARAM(sample_node, region, PARAM_NAME, "Frankfurt", NULL, NULL, "where it stands",
          "assumption"),
    PARAM(sample_node, count, PARAM_COUNT, "1", "1", "1000000", "nodes of the class", "assumption"),
    PARAM(sample_node, gpu_price, PARAM_USD_PER_H, "$2.50/h", "$0/h", "$100/h", "rent", "market"),
    PARAM_SUB(sample_node, point, PARAM_GROUP, sample_point_table, "{high: 5}", "a point",
              "assumption"),
};
static const struct param_table sample_node_table =
    PARAM_TABLE("node", sample_node, sample_node_rows);

/* Keys that go with one value of another. */
struct sample_step {
    int what;
    int64_t wait;
    const char *label;
};
static const char *const sample_steps[] = {"rest", "speak", NULL};
static const struct param sample_step_rows[] = {
    {.key = "do",
     .type = PARAM_ENUM,
     .offset = offsetof(struct sample_step, what),
     .meaning = "kind",
     .names = sample_steps},
    {.key = "wait",
     .type = PARAM_DURATION,
     .offset = offsetof(struct sample_step, wait),
     .min = "1 ms",
     .max = "1 d",
     .meaning = "how long",
     .when = "do",
     .is = "rest"},
    {.key = "label",
     .type = PARAM_NAME,
     .offset = offsetof(struct sample_step, label),
     .def = "hello",
     .meaning = "what",
     .source = "assumption",
     .when = "do",
     .is = "speak"},
};
static const struct param_table sample_step_table =
    PARAM_TABLE("step", sample_step, sample_step_rows);

static const char *const sample_rules[] = {"legacy", "current", "future", NULL};

struct sample {
    int64_t hacasim, count, horizon;
    bool pictures;
    double real, share, wait_s, rate, bandwidth, flops, watts, fee, rent;
    uint64_t memory;
    money_t stake, price;
    const char *name, *doc, *trace;
    int lock_rule;
    struct sample_point point;
    struct sample_start start;
    struct dist delay, value, factor;
    struct param_list nodes, quantiles, steps, expect;
};
static const struct param sample_rows[] = {
    PARAM(sample, hacasim, PARAM_COUNT, "1", "1", "1", "version of the format", "this program"),
    PARAM(sample, name, PARAM_NAME, NULL, NULL, NULL, "name of the scenario", NULL),
    PARAM(sample, doc, PARAM_STRING, "", NULL, NULL, "what it asks", "none"),
    PARAM(sample, trace, PARAM_PATH, "none", NULL, NULL, "trace file", "none"),
    PARAM(sample, count, PARAM_COUNT, "8", "1", "1000000", "how many", "assumption"),
    PARAM(sample, horizon, PARAM_DURATION, "1 h", "1 ns", "100 y", "simulated time", "assumption"),
    PARAM(sample, pictures, PARAM_BOOL, "true", NULL, NULL, "draw them", "assumption"),
    PARAM(sample, real, PARAM_REAL, "0.5", "-1e3", "1e3", "a number", "assumption"),
    PARAM(sample, share, PARAM_RATIO, "30%", "0%", "100%", "a share", "assumption"),
    PARAM(sample, wait_s, PARAM_SECONDS, "50 ms", "0 s", "1 h", "a wait", "assumption"),
    PARAM(sample, rate, PARAM_RATE, "5.5/s", "0/s", NULL, "arrivals", "assumption"),
    PARAM(sample, bandwidth, PARAM_BANDWIDTH, "1 Gbit/s", "0 B/s", NULL, "a link", "assumption"),
    PARAM(sample, flops, PARAM_FLOPS, "989 TFLOP/s", "0 FLOP/s", NULL, "a chip", "data sheet"),
    PARAM(sample, watts, PARAM_WATTS, "700 W", "0 W", "1 MW", "a chip", "data sheet"),
    PARAM(sample, fee, PARAM_DOLLARS, "$0.001", "$0", "$1", "a fee", "assumption"),
    PARAM(sample, rent, PARAM_USD_PER_H, "$2.50/h", NULL, "$10/h", "a rent", "market"),
    PARAM(sample, memory, PARAM_BYTES, "80 GiB", "1 B", "1 TiB", "a memory", "data sheet"),
    PARAM(sample, stake, PARAM_OPG, "10000 OPG", "0 OPG", NULL, "a stake", "assumption"),
    PARAM(sample, price, PARAM_USD, "$0.50", "$0", "$1000000", "a price", "assumption"),
    PARAM_NAMES(sample, lock_rule, sample_rules, "legacy", "a rule", "assumption"),
    PARAM_SUB(sample, point, PARAM_GROUP, sample_point_table, "{high: 2}", "a point", "assumption"),
    PARAM_SUB(sample, start, PARAM_CHOICE, sample_start_table, "at_once", "when to begin",
              "assumption"),
    PARAM_SUB(sample, delay, PARAM_CHOICE, param_dist_seconds, "2 s", "a delay", "assumption"),
    PARAM_SUB(sample, value, PARAM_CHOICE, param_dist_dollars,
              "{lognormal: {median: $0.5, sigma: 2}}", "a value", "assumption"),
    PARAM_SUB(sample, factor, PARAM_CHOICE, param_dist_real, "1", "a factor", "assumption"),
    PARAM_ITEMS(sample, nodes, sample_node_table, "[]", NULL, "3", "classes of nodes", "none"),
    PARAM_NUMBERS(sample, quantiles, PARAM_RATIO, "[10%, 0.5]", "0%", "100%", "quantiles",
                  "assumption"),
    PARAM_ITEMS(sample, steps, sample_step_table, "", NULL, "9", "what happens", "none"),
    {.key = "expect",
     .type = PARAM_TEXTS,
     .offset = offsetof(struct sample, expect),
     .def = "",
     .max = "2",
     .meaning = "what must hold",
     .source = "none"},
};
static const struct param_table sample_table = PARAM_TABLE("sample", sample, sample_rows);

#endif
