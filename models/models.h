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

#include "models/replay.h"
#include "models/watch.h"
#include "sim/sim.h"

/* ---- scenario ------------------------------------------------------------------------------ */

struct models_scenario;
struct models_metrics;

/* The parameter table of a whole scenario file (for `hacasim schema`). */
const struct param_table *models_table(void);

/* Load and check `path` with overrides.  All findings, cross checks included, go to `diag`; NULL
 * when there is any. */
struct models_scenario *models_load(struct arena *arena, const char *path, const char *const *sets,
                                    size_t set_count, struct diag *diag);
/* The same, but a scenario with findings comes back as well, for the reading of its `expect:`
 * lines (models_info has only those and the metrics then; a line that did not read has text NULL).
 * It must not be run.  NULL when there is no document to read. */
struct models_scenario *models_read(struct arena *arena, const char *path, const char *const *sets,
                                    size_t set_count, struct diag *diag);
/* As models_load, from the text of a stored run (models_info's canonical), called `name` in
 * findings. */
struct models_scenario *models_load_text(struct arena *arena, const char *name, const char *text,
                                         const char *const *sets, size_t set_count,
                                         struct diag *diag);
/* Does the trace that a scenario names (with or without findings) not exist at its place? */
bool models_trace_absent(const struct models_scenario *scenario);
void models_close(struct models_scenario *scenario);

/* Can a world that ran under `past` up to `now_ns` go on under `branch`?  What it cannot change any
 * more goes to `diag`. */
void models_branch(const struct models_scenario *past, const struct models_scenario *branch,
                   int64_t now_ns, struct diag *diag);

/* `reps: {until: ...}`: add replications until the mean of a metric is known. */
struct models_until {
    const char *metric;       /* NULL: a fixed number of replications */
    double half_width, level; /* half_width: over the mean */
    uint32_t min;             /* replications before the rule is asked */
};

/* Where measuring begins. */
struct models_warmup {
    bool pilot;            /* `mser5`: models_settle finds it */
    int64_t cut_ns;        /* 0 before models_settle where a pilot is asked for */
    const char *latest;    /* the series whose cut it is; NULL without a pilot */
    const char *unsettled; /* series that reached no steady state, "a, b"; NULL: all did */
};

struct models_info {
    const char *name, *doc, *path, *design; /* design: of verification */
    const char *canonical;                  /* scenario text that the hash is made of */
    const char *price_rule;                 /* printed with every economic headline */
    uint64_t seed;
    uint32_t reps; /* replications asked for (at least 1); with `until` the most */
    struct models_until until;
    struct models_warmup warmup;
    int64_t horizon_ns, drain_ns;
    const struct models_metrics *metrics; /* the scenario's own */
    const struct param_text *expects;     /* `expect:` lines with their positions */
    uint32_t expect_count;
    const struct param_effective *effective;
    size_t effective_count;
};
struct models_info models_info(const struct models_scenario *scenario);

/* `warmup: mser5`: simulate replication 0 without a warm-up, cut where MSER-5 says, and let all
 * replications begin to measure there; the effective scenario gets a row `warmup.cut`.  Once,
 * before any models_run, with the seed of the run; does nothing for other warm-ups.  Ask for
 * models_info again after it. */
struct models_options;
enum status models_settle(struct models_scenario *scenario, uint64_t seed,
                          const struct models_options *options, struct arena *arena);
/* The same without a pilot, for a branch: its past was measured from `cut_ns` on, and `unsettled`
 * (or NULL) had reached no steady state. */
void models_settle_at(struct models_scenario *scenario, int64_t cut_ns, const char *unsettled,
                      struct arena *arena);
#define MODELS_CUT "warmup.cut"             /* path of that row */
#define MODELS_UNSETTLED "warmup.unsettled" /* of another, where a series did not settle */

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
extern const char *const perf_hardware_names[],
    *const perf_model_names[], *const perf_dtype_names[], *const perf_expert_load_names[];

struct models_timing {
    const char *hardware, *model; /* model: not needed by models_timing_kernel */
    int dtype, kv_dtype;          /* indices of perf_dtype_names */
    int64_t tp, pp, ep;
    int expert_load;                  /* index of perf_expert_load_names */
    const struct perf_tables *tables; /* NULL: the roofline */
};
/* The folder's tables, or NULL after findings. */
const struct perf_tables *models_timing_tables(const char *folder, const struct models_timing *use,
                                               struct arena *arena, struct diag *diag);
/* What is suspicious about them, for a terminal; NULL after the last. */
const char *models_timing_warning(const struct perf_tables *tables, uint32_t index);
/* NULL, or why the GPUs cannot run the model, and which of "tp", "pp", "ep" is to blame. */
const char *models_timing_unfit(const struct models_timing *timing, const char **key);
/* *ns is -1 where the time is too long to be told: 13 days for a step, and 100 s for one that takes
 * decode attention from tables; 2^63 ns for a kernel.  One step computes whole prompts of `prefill`
 * tokens, one token each for sequences that attend to `decode` tokens, the new one included, and
 * encodes images of `images` tokens. */
struct models_timing_batch {
    const int64_t *prefill, *decode, *images;
    size_t prefills, decodes, image_count;
};
enum models_timing_source models_timing_step(const struct models_timing *timing,
                                             const struct models_timing_batch *asked,
                                             struct arena *arena, int64_t *ns);
bool models_timing_sees(const struct models_timing *timing); /* its model takes images */
/* op 0: gemm of m, n, k; 1: prefill, 2: decode attention of kv_heads, heads, batch, length.  `at`
 * has 8 places. */
enum models_timing_source models_timing_kernel(const struct models_timing *timing, int op,
                                               const int64_t *at, int64_t *ns);
/* The shape of a model of the catalog, as its config.json has it. */
struct models_shape {
    int32_t layers, hidden, heads, kv_heads, head_dim, vocab;
    int32_t ffn, dense_layers; /* the first layers have a dense feed-forward */
    int32_t experts, active, shared, expert_ffn;
    bool latent; /* attention is of another kind than grouped queries */
};
bool models_shape_find(const char *name, struct models_shape *shape); /* false: unknown */

/* `rounds` times one IncrementProposerPriority(1) of CometBFT (models/consensus/proposer.h) from
 * the given priorities: who proposes in each, and the priorities after each, row by row, in arrays
 * of `rounds` and rounds x count.  False: a power is not above 0, or their sum is above 2^60 - 1.
 */
bool models_proposers(struct arena *arena, const int64_t *powers, const int64_t *priorities,
                      uint32_t count, uint32_t rounds, int64_t *proposers, int64_t *after);

/* A consensus script or a list of changes of a validator set (docs/consensus.md), read and run: a
 * result to print by the function beside it, or NULL after findings.  It lives in `arena`. */
const void *models_consensus_script(const char *path, struct arena *arena, struct diag *diag);
struct json_node *models_consensus_script_json(struct json *json, const void *result);
const void *models_validator_set(const char *path, struct arena *arena, struct diag *diag);
struct json_node *models_validator_set_json(struct json *json, const void *result);

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
/* The common metrics, which every record has in this order, whatever the scenario and design. */
size_t models_metric_count(void);
const struct models_metric *models_metric(size_t index);
/* Index of a name, or -1. */
long models_metric_find(const char *name);

/* The metrics of a scenario's own classes ("slo.class.apps.met"), behind the common ones.  NULL
 * stands for a scenario without any. */
struct models_metrics {
    const struct models_metric *own;
    size_t count;
};
/* All of them: the common ones, then the scenario's own. */
size_t models_metrics_count(const struct models_metrics *metrics);
const struct models_metric *models_metrics_at(const struct models_metrics *metrics, size_t index);
long models_metrics_find(const struct models_metrics *metrics, const char *name);
/* The name that is most like one that there is not, or NULL. */
const char *models_metrics_nearest(const struct models_metrics *metrics, const char *name,
                                   struct arena *arena);

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

struct models_steady {   /* mean of a stationary series by batch means (sim/batch.h) */
    const char *metric;  /* "latency.ttft_s.mean" */
    double mean;         /* NaN: no observation */
    double half_width;   /* of the 95 % interval; NaN: the run is too short for one */
    double lag1;         /* correlation of neighbouring batches when they were tested */
    uint32_t batches;    /* 0: too short */
    uint64_t batch_size; /* observations */
};

struct models_record {
    uint32_t replication;
    uint64_t seed, trace_hash;
    const struct models_metrics *metrics; /* the scenario's own; NULL: none */
    struct models_value *values;          /* models_metrics_count(metrics) of them */
    const struct models_series *series;
    uint32_t series_count;
    const struct models_curve *curves;
    uint32_t curve_count;
    const struct models_steady *steady;
    uint32_t steady_count;
    const char *const *caveats; /* what a reader must know before using the numbers */
    uint32_t caveat_count;
    const struct models_steps *steps; /* where options ask for them (record_steps); else NULL */
};

/* Engine steps and their times, as lines of a file that `timing: {recorded: FILE}` replays. */
struct models_steps;
void models_steps_header(FILE *out);
void models_steps_write(const struct models_steps *steps, FILE *out);

/* A step that a live source is to time: of which node class, what it computes (models/perf.h). */
struct models_step {
    uint32_t replication;
    const char *class, *model;
    int64_t decode_seqs, decode_context_tok, decode_min_tok, decode_max_tok;
    int64_t prefill_seqs, prefill_tok, prefill_context_tok, prefill_pairs;
    int64_t sampled, image_tok;
};

/* Who times the steps of node classes under `timing: live`: something that runs them, such as a
 * GPU, which models never see.  `measure` gives the time in ns (above 0), or false when it cannot;
 * then the replication fails.  It is called by the threads of all replications, and for a step that
 * grows at its very start once more.  Results depend on what is measured, so the steps are to be
 * recorded (record_steps); replaying them ends in the same trace hash. */
struct models_live {
    void *context;
    bool (*measure)(void *context, const struct models_step *step, int64_t *ns);
};

/* The state of a replication between two events: what models_run can go on from. */
struct models_checkpoint {
    uint32_t replication;
    int64_t now_ns;
    bool timed; /* at a multiple of checkpoint_every_ns; else at a time that wall time chose */
    const void *state;
    size_t bytes;
};

struct models_options {
    const volatile sig_atomic_t *stop; /* set by a signal handler: end with STATUS_INTERRUPTED */
    void (*progress)(void *context, int64_t now_ns, int64_t end_ns); /* may be NULL; about 1/s */
    void *context;
    const struct watch_options *watch; /* what is traced, logged, profiled (watch.h); may be NULL */
    /* Checkpoints, none of which changes a result.  `checkpoint` is given each one; one at every
     * multiple of checkpoint_every_ns (0: none), one when checkpoint_due (asked every few thousand
     * events; may be NULL) says so, one when `stop` ends the run. */
    enum status (*checkpoint)(void *context, const struct models_checkpoint *checkpoint);
    int64_t checkpoint_every_ns; /* simulated time */
    bool (*checkpoint_due)(void *context);
    const struct models_checkpoint *from; /* go on from here; NULL: from the start */
    const struct models_scenario *past; /* of `from`, in a branch (models_branch); NULL: the same */
    const struct models_live *live;     /* for `timing: live`; may be NULL */
    bool record_steps;                  /* give the steps of all engines in the record */
};

/* Run one replication.  The record lies in `arena`.  STATUS_BREACH when an invariant broke: the
 * status chain names block, reason and seed. */
enum status models_run(const struct models_scenario *scenario, uint64_t seed, uint32_t replication,
                       const struct models_options *options, struct arena *arena,
                       struct models_record *record);

#endif
