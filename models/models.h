/* SPDX-License-Identifier: Apache-2.0
 * The door of models/: what moves requests and money.
 *
 * A scenario is loaded and checked once (models_load), then run any number of times, from any
 * number of threads at once (models_run only reads it).  One run is one replication: it gives one
 * record with every metric, the sampled series, the distributions and the trace hash, all a
 * function of (scenario text, seed, replication, version) and of nothing else. */
#ifndef HACASIM_MODELS_MODELS_H
#define HACASIM_MODELS_MODELS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/sim.h"

/* ---- scenario ------------------------------------------------------------------------------ */

struct models_scenario;

/* The parameter table of a whole scenario file (for `hacasim schema`). */
const struct param_table *models_table(void);

/* Load and check `path` with overrides.  All findings, cross checks included, go to `diag`; NULL
 * when there is any. */
struct models_scenario *models_load(struct arena *arena, const char *path, const char *const *sets,
                                    size_t set_count, struct diag *diag);
void models_close(struct models_scenario *scenario);

struct models_info {
    const char *name, *doc, *path, *design; /* design: of verification */
    const char *canonical;                  /* scenario text that the hash is made of */
    const char *price_rule;                 /* printed with every economic headline */
    uint64_t seed;
    uint32_t reps; /* replications asked for (at least 1) */
    int64_t horizon_ns, drain_ns;
    const struct param_text *expects; /* `expect:` lines with their positions */
    uint32_t expect_count;
    const struct param_effective *effective;
    size_t effective_count;
};
struct models_info models_info(const struct models_scenario *scenario);

/* ---- single functions, for `eval`: the code that a run uses --------------------------------- */

/* Base fee after a block (models/feemarket.h); false when it does not fit 127 bits. */
bool models_base_fee(money_t parent_base_fee, uint64_t gas_used, uint64_t gas_limit,
                     uint64_t elasticity, uint64_t denominator, money_t *base_fee);

/* Step and kernel times (models/perf.h), by names of the catalog. */
struct perf_tables;
enum models_timing_source {
    MODELS_TIMING_MEASURED,
    MODELS_TIMING_MODELLED, /* from a table that says that it was not measured */
    MODELS_TIMING_ROOFLINE,
    MODELS_TIMING_EXTRAPOLATED, /* outside the table, by the roofline's ratio */
};
extern const char *const models_timing_source_names[];
extern const char *const perf_hardware_names[], *const perf_model_names[],
                                                    *const perf_dtype_names[];

struct models_timing {
    const char *hardware, *model; /* model: not needed by models_timing_kernel */
    int dtype;                    /* index of perf_dtype_names */
    int64_t tp, pp, ep;
    const struct perf_tables *tables; /* NULL: the roofline */
};
/* The folder's tables, or NULL after findings. */
const struct perf_tables *models_timing_tables(const char *folder, const struct models_timing *use,
                                               struct arena *arena, struct diag *diag);
/* What is suspicious about them, for a terminal; NULL after the last. */
const char *models_timing_warning(const struct perf_tables *tables, uint32_t index);
/* NULL, or why the GPUs cannot run the model, and which of "tp", "pp", "ep" is to blame. */
const char *models_timing_unfit(const struct models_timing *timing, const char **key);
/* One step that computes whole prompts of `prefill` tokens and one token each for sequences that
 * attend to `decode` tokens, the new one included. */
enum models_timing_source models_timing_step(const struct models_timing *timing,
                                             const int64_t *prefill, size_t prefills,
                                             const int64_t *decode, size_t decodes,
                                             struct arena *arena, int64_t *ns);
/* op 0: gemm of m, n, k; 1: prefill, 2: decode attention of kv_heads, heads, batch, length.  `at`
 * has 8 places. */
enum models_timing_source models_timing_kernel(const struct models_timing *timing, int op,
                                               const int64_t *at, int64_t *ns);

/* ---- results ------------------------------------------------------------------------------- */

enum models_kind {
    MODELS_NULL, /* an empty statistic */
    MODELS_REAL,
    MODELS_INTEGER,
    MODELS_EXACT, /* exact decimal: amount x 10^-decimals */
};

struct models_value {
    enum models_kind kind;
    double real; /* numeric value of every kind but NULL, for statistics */
    int64_t integer;
    money_t exact;
    int decimals;
};
/* Text of a value: "null", shortest double, integer, exact decimal. buffer of MONEY_TEXT bytes. */
char *models_value_text(char *buffer, const struct models_value *value);

struct models_metric {
    const char *name;    /* "gap.s.p99" */
    const char *meaning; /* one line */
};
/* The metrics of a record, in this order; the same for every scenario and design. */
size_t models_metric_count(void);
const struct models_metric *models_metric(size_t index);
/* Index of a name, or -1. */
long models_metric_find(const char *name);

struct models_series { /* sampled over simulated time */
    const char *name, *unit;
    const double *time_s, *value; /* NaN: no value at that time */
    uint32_t count;
};

struct models_curve { /* a cumulative distribution: share of samples <= x */
    const char *name, *unit;
    const double *x, *share;
    uint32_t count;
};

struct models_record {
    uint32_t replication;
    uint64_t seed, trace_hash;
    struct models_value *values; /* models_metric_count() of them */
    const struct models_series *series;
    uint32_t series_count;
    const struct models_curve *curves;
    uint32_t curve_count;
    const char *const *caveats; /* what a reader must know before using the numbers */
    uint32_t caveat_count;
};

struct models_options {
    const volatile sig_atomic_t *stop; /* set by a signal handler: end with STATUS_INTERRUPTED */
    void (*progress)(void *context, int64_t now_ns, int64_t end_ns); /* may be NULL; about 1/s */
    void *context;
};

/* Run one replication.  The record lies in `arena`.  STATUS_BREACH when an invariant broke: the
 * status chain names block, reason and seed. */
enum status models_run(const struct models_scenario *scenario, uint64_t seed, uint32_t replication,
                       const struct models_options *options, struct arena *arena,
                       struct models_record *record);

#endif
