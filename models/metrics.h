/* SPDX-License-Identifier: Apache-2.0
 * What a run is asked about: counters, distributions, levels, sampled series; and the record made
 * of them at the end.
 *
 * The world reports facts here as they happen; nothing in the model reads a metric back.  Requests
 * are counted by their arrival (after the warm-up), levels and blocks by the clock (from the end
 * of the warm-up to the horizon). */
#ifndef HACASIM_MODELS_METRICS_H
#define HACASIM_MODELS_METRICS_H

#include "models/metric_list.h"
#include "models/models.h"
#include "models/request.h"

#define METRICS_VALUE(id, name, meaning) METRIC_##id,
#define METRICS_SPREAD(id, name, meaning)                                                          \
    METRIC_##id, METRIC_##id##_p50, METRIC_##id##_p90, METRIC_##id##_p95, METRIC_##id##_p99,       \
        METRIC_##id##_max,
enum metrics_id { METRIC_LIST(METRICS_VALUE, METRICS_SPREAD) METRIC_COUNT };

/* Distributions of nanoseconds, but for the last six. */
enum metrics_hist {
    HIST_GAP,
    HIST_GAP_SETTLED,
    HIST_GAP_CENSORED,     /* age of the answers whose proof is pending at the end */
    HIST_SETTLED_CENSORED, /* the same for their record */
    HIST_E2E_CENSORED,     /* waiting so far, of users who will yet act on one */
    HIST_TTFT,
    HIST_IMAGE_TTFT, /* of requests with images */
    HIST_TPOT,
    HIST_E2E,
    HIST_TRANSFER,      /* KV: first token on one node until it is on the other */
    HIST_TRANSFER_WAIT, /* of it, waiting for a link */
    HIST_BLOCK_INTERVAL,
    HIST_BLOCK_COMMIT,
    HIST_RISK,    /* micro-USD, weighted by ns */
    HIST_CPU,     /* 1e-9 of a validator's cores */
    HIST_ROUNDS,  /* rounds */
    HIST_WAITING, /* requests in an engine */
    HIST_RUNNING,
    HIST_KV, /* 1e-9 of its KV blocks */
    HIST_COUNT
};

enum metrics_series {
    SERIES_RISK,
    SERIES_OPEN,
    SERIES_UNVERIFIED,
    SERIES_EXPLOITED,
    SERIES_ARRIVED,
    SERIES_COMPLETED,
    SERIES_QUEUED,
    SERIES_WAITING,
    SERIES_RUNNING,
    SERIES_KV,
    SERIES_UTILISATION,
    SERIES_BASE_FEE,
    SERIES_MEMPOOL,
    SERIES_BLOCK_INTERVAL,
    SERIES_BURNED,
    SERIES_EMITTED,
    SERIES_CIRCULATING,
    SERIES_PRICE,
    SERIES_COUNT
};

enum { METRICS_SAMPLES = 481 }; /* points of a series, both ends included */

struct metrics {
    struct arena *arena;
    int64_t start_ns, end_ns; /* the measured window */
    struct hist hist[HIST_COUNT];
    struct batch batch[HIST_COUNT]; /* what metrics_observe was given, in order of time */
    struct level risk;              /* micro-USD: a nano-USD sum could leave 63 bits */
    int64_t open;                   /* answers pending, for the series */

    /* requests that arrived in the window, by end */
    uint64_t arrived, completed, rejected, failed, timed_out;
    uint64_t reasons[REQUEST_REASONS]; /* of the rejected and the failed */
    /* answers to them, by proof */
    uint64_t answers, never, submitted, accepted, refused, expired, lost;
    uint64_t cheats, cheats_detected, cheats_undetected, false_slashes;
    money_t unverified_nano, exploited_nano; /* nano-USD */
    money_t recovered_nano, fund_paid_nano, refunds_nano;
    money_t slash_value_nano, slash_kept_nano; /* of slashed stake when slashed; not burned */
    money_t fees_atto, fees_node_atto, slashed_atto, emitted_atto;
    uint64_t prompt_tok, output_tok, verified_tok; /* served; of verified answers */
    uint64_t asked_tok, shared_tok; /* of prompts that arrived; of them seen before by anybody */
    /* chain in the window */
    uint64_t blocks, blocks_total, safety_violations;
    int64_t halted_ns, last_block_ns;
    money_t gas_charged, gas_limit;

    double *series[SERIES_COUNT];
    double *sample_time;
    uint32_t samples;
};

void metrics_init(struct metrics *m, struct arena *arena, int64_t start_ns, int64_t end_ns);
/* One observation of a distribution whose mean may be stationary, now. */
void metrics_observe(struct metrics *m, enum metrics_hist which, int64_t value_ns);
/* Value at risk changes by `delta_micro` (micro-USD) now. */
void metrics_risk(struct metrics *m, int64_t now_ns, int64_t delta_micro);
/* Close the levels at the end of the window; call once when the clock reaches it. */
void metrics_close_window(struct metrics *m);
/* One row of the series. */
void metrics_sample(struct metrics *m, int64_t now_ns, const double values[SERIES_COUNT]);

/* Fill what the metrics alone determine; the world adds what needs the ledger and the fleet with
 * metrics_set_*.  `values` has METRIC_COUNT entries, all null before. */
void metrics_fill(const struct metrics *m, struct models_value *values);
void metrics_curves(const struct metrics *m, struct models_record *record);
void metrics_steady(const struct metrics *m, struct models_record *record);
void metrics_series(const struct metrics *m, struct models_record *record);

void metrics_set_real(struct models_value *values, enum metrics_id id,
                      double value); /* NaN: null */
void metrics_set_integer(struct models_value *values, enum metrics_id id, int64_t value);
void metrics_set_exact(struct models_value *values, enum metrics_id id, money_t value,
                       int decimals);
/* Mean and quantiles of an array of plain values (sorted in place); empty: all null. */
void metrics_set_spread(struct models_value *values, enum metrics_id mean_id, double *sample,
                        uint32_t count);

/* Product-limit estimate of a quantile when some durations are censored: `done` finished, `cut`
 * were still running at the given age.  NaN when the estimate does not reach q; never beyond the
 * largest that finished.  With nothing
 * censored it equals hist_quantile. */
double metrics_censored_quantile(const struct hist *done, const struct hist *cut, double q);
/* The mean by the same estimate, within the relative error of a histogram cell.  NaN when the
 * longest durations are among the censored: nothing is known of them but that they are long.  With
 * nothing censored it equals hist_mean. */
double metrics_censored_mean(const struct hist *done, const struct hist *cut);

void metrics_snap(struct metrics *m, struct snap *snap);

#endif
