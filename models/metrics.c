/* SPDX-License-Identifier: Apache-2.0
 * From facts to the record: names of the metrics, censored quantiles, series and curves. */
#include "models/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NAME_VALUE(id, name, meaning) {name, meaning},
#define NAME_SPREAD(id, name, meaning)                                                             \
    {name ".mean", meaning ": mean"}, {name ".p50", meaning ": median"},                           \
        {name ".p90", meaning ": 90 % quantile"}, {name ".p95", meaning ": 95 % quantile"},        \
        {name ".p99", meaning ": 99 % quantile"}, {name ".max", meaning ": largest"},
static const struct models_metric metric_names[] = {METRIC_LIST(NAME_VALUE, NAME_SPREAD)};
_Static_assert(sizeof metric_names / sizeof metric_names[0] == METRIC_COUNT, "one name an id");

static const double spread_levels[] = {0.50, 0.90, 0.95, 0.99, 1.0};
enum { SPREAD_LEVELS = 5, CURVE_POINTS = 201 };

static const char *const series_names[SERIES_COUNT][2] = {
    [SERIES_RISK] = {"gap.value_at_risk_usd", "USD"},
    [SERIES_OPEN] = {"gap.open", "answers"},
    [SERIES_UNVERIFIED] = {"gap.unverified_value_usd", "USD"},
    [SERIES_EXPLOITED] = {"cheat.exploited_usd", "USD"},
    [SERIES_ARRIVED] = {"requests.arrived_per_s", "1/s"},
    [SERIES_COMPLETED] = {"requests.completed_per_s", "1/s"},
    [SERIES_QUEUED] = {"requests.waiting", "requests"},
    [SERIES_WAITING] = {"serving.waiting", "requests a node"},
    [SERIES_RUNNING] = {"serving.running", "requests a node"},
    [SERIES_KV] = {"serving.kv_usage_ratio", "ratio"},
    [SERIES_UTILISATION] = {"node.utilisation_ratio", "ratio"},
    [SERIES_BASE_FEE] = {"chain.base_fee_wei", "1e-18 coin/gas"},
    [SERIES_MEMPOOL] = {"chain.mempool_txs", "transactions"},
    [SERIES_BLOCK_INTERVAL] = {"chain.block_interval_s", "s"},
    [SERIES_BURNED] = {"econ.supply_opg.burned", "OPG"},
    [SERIES_EMITTED] = {"econ.emitted_opg", "OPG"},
    [SERIES_CIRCULATING] = {"econ.supply_opg.circulating", "OPG"},
    [SERIES_PRICE] = {"econ.price_usd", "USD"},
};

static const struct {
    enum metrics_hist hist;
    const char *name, *unit;
} curve_rows[] = {
    {HIST_GAP, "gap.s", "s"},           {HIST_GAP_SETTLED, "gap.settled_s", "s"},
    {HIST_TTFT, "latency.ttft_s", "s"}, {HIST_TPOT, "latency.tpot_s", "s"},
    {HIST_E2E, "latency.e2e_s", "s"},   {HIST_BLOCK_INTERVAL, "chain.block_interval_s", "s"},
};
enum { CURVE_ROWS = sizeof curve_rows / sizeof curve_rows[0] };

size_t models_metric_count(void)
{
    return METRIC_COUNT;
}

const struct models_metric *models_metric(size_t index)
{
    return &metric_names[index];
}

long models_metric_find(const char *name)
{
    for (long i = 0; i < METRIC_COUNT; i++) {
        if (strcmp(metric_names[i].name, name) == 0) return i;
    }
    return -1;
}

char *models_value_text(char *buffer, const struct models_value *value)
{
    switch (value->kind) {
    case MODELS_REAL:
        return json_real_text(buffer, value->real);
    case MODELS_INTEGER:
        return money_print(buffer, value->integer, 0);
    case MODELS_EXACT:
        return money_print(buffer, value->exact, value->decimals);
    case MODELS_NULL:
        break;
    }
    return memcpy(buffer, "null", sizeof "null");
}

size_t models_metrics_count(const struct models_metrics *metrics)
{
    return METRIC_COUNT + (metrics ? metrics->count : 0);
}

const struct models_metric *models_metrics_at(const struct models_metrics *metrics, size_t index)
{
    return index < METRIC_COUNT ? &metric_names[index] : &metrics->own[index - METRIC_COUNT];
}

long models_metrics_find(const struct models_metrics *metrics, const char *name)
{
    size_t count = models_metrics_count(metrics);
    for (size_t i = 0; i < count; i++)
        if (strcmp(models_metrics_at(metrics, i)->name, name) == 0) return (long)i;
    return -1;
}

const char *models_metrics_nearest(const struct models_metrics *metrics, const char *name,
                                   struct arena *arena)
{
    size_t count = models_metrics_count(metrics);
    const char **names = arena_alloc(arena, count, sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = models_metrics_at(metrics, i)->name;
    return diag_nearest(name, names, count);
}

void metrics_init(struct metrics *m, struct arena *arena, int64_t start_ns, int64_t end_ns)
{
    *m = (struct metrics){.arena = arena, .start_ns = start_ns, .end_ns = end_ns};
    for (int i = 0; i < HIST_COUNT; i++) {
        hist_init(&m->hist[i], arena);
    }
    for (int i = 0; i < SERIES_COUNT; i++) {
        m->series[i] = arena_alloc(arena, METRICS_SAMPLES, sizeof *m->series[i]);
    }
    m->sample_time = arena_alloc(arena, METRICS_SAMPLES, sizeof *m->sample_time);
    level_init(&m->risk, start_ns, 0);
}

void metrics_observe(struct metrics *m, enum metrics_hist which, int64_t value_ns)
{
    hist_add(&m->hist[which], value_ns, 1);
    batch_add(&m->batch[which], (double)value_ns);
}

/* The part of [since, now) that lies in the window goes to the time-weighted distribution. */
static void metrics_risk_weigh(struct metrics *m, int64_t now_ns)
{
    int64_t until = now_ns < m->end_ns ? now_ns : m->end_ns;
    if (until > m->risk.since_ns) {
        hist_add(&m->hist[HIST_RISK], m->risk.value, (uint64_t)(until - m->risk.since_ns));
    }
}

void metrics_risk(struct metrics *m, int64_t now_ns, int64_t delta_micro)
{
    int64_t at = now_ns < m->start_ns ? m->start_ns : now_ns;
    if (at > m->end_ns) at = m->end_ns;
    metrics_risk_weigh(m, at);
    int64_t peak = m->risk.peak;
    level_set(&m->risk, at, m->risk.value + delta_micro);
    if (now_ns < m->start_ns) m->risk.peak = m->risk.value; /* the warm-up has no peak */
    if (now_ns > m->end_ns) m->risk.peak = peak;            /* nor has the drain */
}

void metrics_close_window(struct metrics *m)
{
    metrics_risk(m, m->end_ns, 0);
}

void metrics_sample(struct metrics *m, int64_t now_ns, const double values[SERIES_COUNT])
{
    if (m->samples == METRICS_SAMPLES) return;
    m->sample_time[m->samples] = (double)now_ns / 1e9;
    for (int i = 0; i < SERIES_COUNT; i++) {
        m->series[i][m->samples] = values[i];
    }
    m->samples++;
}

void metrics_set_real(struct models_value *values, enum metrics_id id, double value)
{
    if (value != value) return;
    values[id] = (struct models_value){.kind = MODELS_REAL, .real = value};
}

void metrics_set_integer(struct models_value *values, enum metrics_id id, int64_t value)
{
    values[id] =
        (struct models_value){.kind = MODELS_INTEGER, .integer = value, .real = (double)value};
}

void metrics_set_exact(struct models_value *values, enum metrics_id id, money_t value, int decimals)
{
    values[id] = (struct models_value){.kind = MODELS_EXACT,
                                       .exact = value,
                                       .decimals = decimals,
                                       .real = money_real(value, decimals)};
}

static int metrics_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void metrics_set_spread(struct models_value *values, enum metrics_id mean_id, double *sample,
                        uint32_t count)
{
    if (count == 0) return;
    qsort(sample, count, sizeof *sample, metrics_order);
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += sample[i];
    }
    metrics_set_real(values, mean_id, sum / count);
    for (int k = 0; k < SPREAD_LEVELS; k++) {
        double rank = spread_levels[k] * count;
        uint32_t index = (uint32_t)rank;
        if (index < rank) index++;
        metrics_set_real(values, mean_id + 1 + (unsigned)k, sample[index ? index - 1 : 0]);
    }
}

/* Share of the durations that are longer than each cell, multiplied cell by cell (Kaplan and Meier
 * 1958); in a cell, what finished leaves before what was cut. */
double metrics_censored_quantile(const struct hist *done, const struct hist *cut, double q)
{
    if (cut->n == 0) return hist_quantile(done, q);
    double at_risk = (double)(done->weight + cut->weight), survive = 1;
    for (uint32_t cell = 0; cell < HIST_CELLS && done->n != 0; cell++) {
        if (done->cells[cell] != 0) {
            survive *= 1 - (double)done->cells[cell] / at_risk;
            if (1 - survive >= q - 1e-12) {
                double x = hist_cell_middle(cell);
                return x > (double)done->max || q == 1 ? (double)done->max : x;
            }
        }
        at_risk -= (double)(done->cells[cell] + cut->cells[cell]);
    }
    return (double)NAN;
}

double metrics_censored_mean(const struct hist *done, const struct hist *cut)
{
    if (cut->n == 0) return hist_mean(done);
    double at_risk = (double)(done->weight + cut->weight), survive = 1, mean = 0;
    for (uint32_t cell = 0; cell < HIST_CELLS; cell++) {
        if (done->cells[cell] != 0) {
            double left = survive * (1 - (double)done->cells[cell] / at_risk);
            mean += (survive - left) * hist_cell_middle(cell);
            survive = left;
        }
        at_risk -= (double)(done->cells[cell] + cut->cells[cell]);
    }
    return survive < 1e-12 ? mean : (double)NAN;
}

/* `unit`: of the metric, in those of the histogram (1e9: seconds of nanoseconds). */
static void metrics_fill_hist(const struct metrics *m, struct models_value *values,
                              enum metrics_id mean_id, enum metrics_hist which, double unit)
{
    const struct hist *h = &m->hist[which];
    const struct hist none = {0};
    const struct hist *cut = &none;
    if (which == HIST_GAP) cut = &m->hist[HIST_GAP_CENSORED];
    if (which == HIST_GAP_SETTLED) cut = &m->hist[HIST_SETTLED_CENSORED];
    if (which == HIST_E2E) cut = &m->hist[HIST_E2E_CENSORED];
    metrics_set_real(values, mean_id, metrics_censored_mean(h, cut) / unit);
    for (int k = 0; k < SPREAD_LEVELS; k++) {
        double x = metrics_censored_quantile(h, cut, spread_levels[k]);
        metrics_set_real(values, mean_id + 1 + (unsigned)k, x / unit);
    }
}

static double metrics_ratio(double part, double whole)
{
    return whole > 0 ? part / whole : (double)NAN;
}

static void metrics_fill_gap(const struct metrics *m, struct models_value *values)
{
    const struct hist *risk = &m->hist[HIST_RISK];
    uint64_t open = m->hist[HIST_GAP_CENSORED].n;
    metrics_fill_hist(m, values, METRIC_gap, HIST_GAP, 1e9);
    metrics_fill_hist(m, values, METRIC_gap_settled, HIST_GAP_SETTLED, 1e9);
    metrics_set_real(values, METRIC_gap_never, metrics_ratio((double)m->never, (double)m->answers));
    metrics_set_real(values, METRIC_gap_open, metrics_ratio((double)open, (double)m->answers));
    metrics_set_real(values, METRIC_risk_mean, level_mean(&m->risk, m->end_ns) / 1e6);
    metrics_set_exact(values, METRIC_risk_peak, m->risk.peak, 6);
    metrics_set_real(values, METRIC_risk_p95, hist_quantile(risk, 0.95) / 1e6);
    metrics_set_real(values, METRIC_risk_p99, hist_quantile(risk, 0.99) / 1e6);
    metrics_set_exact(values, METRIC_unverified_value, m->unverified_nano, 9);
    metrics_set_exact(values, METRIC_exploited, m->exploited_nano, 9);
    metrics_set_exact(values, METRIC_recovered, m->recovered_nano, 9);
    metrics_set_exact(values, METRIC_refunds, m->refunds_nano, 9);
    metrics_set_exact(values, METRIC_insurance, m->fund_paid_nano, 9);
}

static void metrics_fill_requests(const struct metrics *m, struct models_value *values)
{
    uint64_t ended = m->completed + m->rejected + m->failed + m->timed_out;
    metrics_set_integer(values, METRIC_requests_arrived, (int64_t)m->arrived);
    metrics_set_integer(values, METRIC_requests_completed, (int64_t)m->completed);
    metrics_set_integer(values, METRIC_requests_rejected, (int64_t)m->rejected);
    metrics_set_integer(values, METRIC_requests_failed, (int64_t)m->failed);
    for (int i = REASON_NO_NODE; i < REQUEST_REASONS; i++)
        metrics_set_integer(values, METRIC_rejected_no_node + (enum metrics_id)(i - REASON_NO_NODE),
                            (int64_t)m->reasons[i]);
    metrics_set_integer(values, METRIC_requests_timed_out, (int64_t)m->timed_out);
    metrics_set_integer(values, METRIC_requests_in_flight, (int64_t)(m->arrived - ended));
    metrics_fill_hist(m, values, METRIC_ttft, HIST_TTFT, 1e9);
    metrics_fill_hist(m, values, METRIC_image_ttft, HIST_IMAGE_TTFT, 1e9);
    metrics_fill_hist(m, values, METRIC_tpot, HIST_TPOT, 1e9);
    metrics_fill_hist(m, values, METRIC_e2e, HIST_E2E, 1e9);
    metrics_set_real(values, METRIC_prefix_shared,
                     metrics_ratio((double)m->shared_tok, (double)m->asked_tok));
    metrics_fill_hist(m, values, METRIC_transfer, HIST_TRANSFER, 1e9);
    metrics_fill_hist(m, values, METRIC_transfer_wait, HIST_TRANSFER_WAIT, 1e9);
    metrics_set_integer(values, METRIC_verify_submitted, (int64_t)m->submitted);
    metrics_set_integer(values, METRIC_verify_accepted, (int64_t)m->accepted);
    metrics_set_integer(values, METRIC_verify_rejected, (int64_t)m->refused);
    metrics_set_integer(values, METRIC_verify_expired, (int64_t)m->expired);
    metrics_set_integer(values, METRIC_verify_lost, (int64_t)m->lost);
    metrics_set_integer(values, METRIC_cheat_attempted, (int64_t)m->cheats);
    metrics_set_integer(values, METRIC_cheat_detected, (int64_t)m->cheats_detected);
    metrics_set_integer(values, METRIC_cheat_undetected, (int64_t)m->cheats_undetected);
    metrics_set_integer(values, METRIC_false_slashes, (int64_t)m->false_slashes);
    metrics_set_exact(values, METRIC_slashed, m->slashed_atto, 18);
}

static void metrics_fill_chain(const struct metrics *m, struct models_value *values)
{
    metrics_fill_hist(m, values, METRIC_block_interval, HIST_BLOCK_INTERVAL, 1e9);
    metrics_fill_hist(m, values, METRIC_block_commit, HIST_BLOCK_COMMIT, 1e9);
    metrics_fill_hist(m, values, METRIC_serving_waiting, HIST_WAITING, 1);
    metrics_fill_hist(m, values, METRIC_serving_running, HIST_RUNNING, 1);
    metrics_fill_hist(m, values, METRIC_serving_kv, HIST_KV, 1e9);
    metrics_fill_hist(m, values, METRIC_rounds, HIST_ROUNDS, 1);
    metrics_fill_hist(m, values, METRIC_validator_cpu, HIST_CPU, 1e9);
    metrics_set_integer(values, METRIC_blocks, (int64_t)m->blocks);
    metrics_set_real(values, METRIC_halted, (double)m->halted_ns / 1e9);
    metrics_set_integer(values, METRIC_safety_violations, (int64_t)m->safety_violations);
    metrics_set_real(values, METRIC_gas_used,
                     metrics_ratio((double)m->gas_charged, (double)m->gas_limit));
}

void metrics_fill(const struct metrics *m, struct models_value *values)
{
    metrics_fill_gap(m, values);
    metrics_fill_requests(m, values);
    metrics_fill_chain(m, values);
}

void metrics_steady(const struct metrics *m, struct models_record *record)
{
    static const struct {
        enum metrics_hist hist;
        enum metrics_id mean_id;
    } rows[] = {
        {HIST_GAP, METRIC_gap},   {HIST_GAP_SETTLED, METRIC_gap_settled},
        {HIST_TTFT, METRIC_ttft}, {HIST_TPOT, METRIC_tpot},
        {HIST_E2E, METRIC_e2e},
    };
    enum { ROWS = sizeof rows / sizeof rows[0] };
    struct models_steady *steady = arena_alloc(m->arena, ROWS, sizeof *steady);
    for (int i = 0; i < ROWS; i++) {
        struct batch_interval found = batch_interval(&m->batch[rows[i].hist], 0.95);
        steady[i] = (struct models_steady){.metric = metric_names[rows[i].mean_id].name,
                                           .mean = found.mean / 1e9,
                                           .half_width = found.half_width / 1e9,
                                           .lag1 = found.lag1,
                                           .batches = found.batches,
                                           .batch_size = found.size};
    }
    record->steady = steady;
    record->steady_count = ROWS;
}

void metrics_series(const struct metrics *m, struct models_record *record)
{
    struct models_series *series = arena_alloc(m->arena, SERIES_COUNT, sizeof *series);
    for (int i = 0; i < SERIES_COUNT; i++) {
        series[i] = (struct models_series){.name = series_names[i][0],
                                           .unit = series_names[i][1],
                                           .time_s = m->sample_time,
                                           .value = m->series[i],
                                           .count = m->samples};
    }
    record->series = series;
    record->series_count = SERIES_COUNT;
}

void metrics_curves(const struct metrics *m, struct models_record *record)
{
    struct models_curve *curves = arena_alloc(m->arena, CURVE_ROWS, sizeof *curves);
    for (int i = 0; i < (int)CURVE_ROWS; i++) {
        const struct hist *h = &m->hist[curve_rows[i].hist];
        uint32_t count = h->n ? CURVE_POINTS : 0;
        double *x = arena_alloc(m->arena, CURVE_POINTS, sizeof *x);
        double *share = arena_alloc(m->arena, CURVE_POINTS, sizeof *share);
        for (uint32_t k = 0; k < count; k++) {
            share[k] = (double)k / (CURVE_POINTS - 1);
            x[k] = hist_quantile(h, share[k]) / 1e9;
        }
        curves[i] = (struct models_curve){.name = curve_rows[i].name,
                                          .unit = curve_rows[i].unit,
                                          .x = x,
                                          .share = share,
                                          .count = count};
    }
    record->curves = curves;
    record->curve_count = CURVE_ROWS;
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

static void metrics_snap_counters(struct metrics *m, struct snap *snap)
{
    uint64_t *const counts[] = {&m->arrived,       &m->completed,       &m->rejected,
                                &m->failed,        &m->timed_out,       &m->answers,
                                &m->never,         &m->submitted,       &m->accepted,
                                &m->refused,       &m->expired,         &m->lost,
                                &m->cheats,        &m->cheats_detected, &m->cheats_undetected,
                                &m->false_slashes, &m->prompt_tok,      &m->output_tok,
                                &m->verified_tok,  &m->asked_tok,       &m->shared_tok,
                                &m->blocks,        &m->blocks_total,    &m->safety_violations};
    money_t *const sums[] = {&m->unverified_nano, &m->exploited_nano, &m->recovered_nano,
                             &m->fund_paid_nano,  &m->refunds_nano,   &m->slash_value_nano,
                             &m->slash_kept_nano, &m->fees_atto,      &m->fees_node_atto,
                             &m->slashed_atto,    &m->emitted_atto,   &m->gas_charged,
                             &m->gas_limit};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        snap_u64(snap, counts[i]);
    for (int i = 0; i < REQUEST_REASONS; i++)
        snap_u64(snap, &m->reasons[i]);
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++)
        snap_money(snap, sums[i]);
    snap_i64(snap, &m->open);
    snap_i64(snap, &m->halted_ns);
    snap_i64(snap, &m->last_block_ns);
}

void metrics_snap(struct metrics *m, struct snap *snap)
{
    SNAP_COVERS(struct metrics, 41824);
    snap_begin(snap, "metrics");
    metrics_snap_counters(m, snap);
    snap_level(snap, &m->risk);
    for (int i = 0; i < HIST_COUNT; i++)
        snap_hist(snap, &m->hist[i]);
    for (int i = 0; i < HIST_COUNT; i++)
        snap_batch(snap, &m->batch[i]);
    snap_count(snap, &m->samples, METRICS_SAMPLES);
    snap_reals(snap, m->sample_time, m->samples);
    for (int i = 0; i < SERIES_COUNT; i++)
        snap_reals(snap, m->series[i], m->samples);
    snap_end(snap);
}
