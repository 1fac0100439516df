/* SPDX-License-Identifier: Apache-2.0
 * Objectives held against what became of the requests. */
#include "models/slo.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "models/metrics.h"
#include "models/scenario.h"

static const struct param slo_rows[] = {
    PARAM(slo_params, ttft, PARAM_DURATION, "0", "0", "1 d",
          "first token at the user after at most this; 0: no target", "no target"),
    PARAM(slo_params, tpot, PARAM_DURATION, "0", "0", "1 h",
          "mean time per output token after the first at most this; 0: no target", "no target"),
    PARAM(slo_params, e2e, PARAM_DURATION, "0", "0", "30 d",
          "last token at the user after at most this; 0: no target", "no target"),
    PARAM(slo_params, attainment, PARAM_RATIO, "99%", "0%", "100%",
          "share of the requests that is to meet all targets (slo.unmet_classes)", "assumption"),
};
const struct param_table slo_table = PARAM_TABLE("slo", slo_params, slo_rows);

bool slo_given(const struct slo_params *params)
{
    return params->ttft > 0 || params->tpot > 0 || params->e2e > 0;
}

void slo_init(struct slo *slo, const struct param_list *users, int64_t window_ns,
              struct arena *arena)
{
    const struct scenario_user *items = users->items;
    *slo = (struct slo){.count = users->count, .window_ns = window_ns};
    slo->classes = arena_alloc(arena, users->count, sizeof *slo->classes);
    for (uint32_t i = 0; i < users->count; i++) {
        struct slo_class *c = &slo->classes[i];
        *c = (struct slo_class){.params = &items[i].slo, .name = items[i].class};
        if (!slo_given(c->params)) continue;
        hist_init(&c->ttft, arena);
        hist_init(&c->tpot, arena);
        hist_init(&c->e2e, arena);
    }
}

/* ---- what happened --------------------------------------------------------------------------- */

static struct slo_class *slo_of(struct slo *slo, uint32_t class)
{
    return slo_given(slo->classes[class].params) ? &slo->classes[class] : NULL;
}

void slo_answered(struct slo *slo, uint32_t class, const struct slo_answer *answer)
{
    struct slo_class *c = slo_of(slo, class);
    if (!c) return;
    const struct slo_params *p = c->params;
    int64_t steps = (int64_t)answer->output_tok - 1;
    bool ttft = p->ttft > 0 && answer->ttft_ns > p->ttft;
    bool tpot = p->tpot > 0 && answer->rest_ns > p->tpot * steps; /* the mean, without rounding */
    bool e2e = p->e2e > 0 && answer->e2e_ns > p->e2e;
    c->late_ttft += ttft;
    c->late_tpot += tpot;
    c->late_e2e += e2e;
    hist_add(&c->ttft, answer->ttft_ns, 1);
    if (steps > 0) hist_add(&c->tpot, answer->rest_ns / steps, 1);
    hist_add(&c->e2e, answer->e2e_ns, 1);
    if (ttft || tpot || e2e) {
        c->missed++;
    } else {
        c->met++;
        c->met_tok += answer->output_tok;
    }
}

void slo_unanswered(struct slo *slo, uint32_t class)
{
    struct slo_class *c = slo_of(slo, class);
    if (!c) return;
    c->missed++;
    c->unanswered++;
}

void slo_pending(struct slo *slo, uint32_t class, int64_t age_ns, int64_t ttft_ns)
{
    struct slo_class *c = slo_of(slo, class);
    if (!c) return;
    int64_t first_ns = ttft_ns < 0 ? age_ns : ttft_ns; /* at least */
    bool late = (c->params->ttft > 0 && first_ns > c->params->ttft) ||
                (c->params->e2e > 0 && age_ns > c->params->e2e);
    if (late)
        c->missed++;
    else
        c->open++;
}

/* ---- metrics --------------------------------------------------------------------------------- */

/* Quantiles of one of the three times of a class. */
#define SLO_SPREAD(hist, unit, what)                                                               \
    {#hist "_" unit ".p50", "of class %s: " what ", s: median"},                                   \
        {#hist "_" unit ".p90", "of class %s: " what ", s: 90 % quantile"},                        \
    {                                                                                              \
#hist "_" unit ".p99", "of class %s: " what ", s: 99 % quantile"                           \
    }

static const struct models_metric slo_class_metrics[] = {
    {"attainment_ratio", "share of the requests of class %s that met all targets"},
    {"met", "requests of class %s that met all targets"},
    {"missed", "requests of class %s that missed one, or were not answered"},
    {"open", "requests of class %s under way at the end that might yet meet theirs"},
    {"goodput_per_s", "requests of class %s a second that met all targets"},
    {"goodput_tok_per_s", "output tokens of class %s a second in answers that met all targets"},
    {"ttft_attainment_ratio", "share of the answers of class %s with the first token in time"},
    {"tpot_attainment_ratio", "share of the answers of class %s with further tokens in time"},
    {"e2e_attainment_ratio", "share of the answers of class %s with the last token in time"},
    SLO_SPREAD(ttft, "s", "time to first token"),
    SLO_SPREAD(tpot, "s", "time per output token after the first"),
    SLO_SPREAD(e2e, "s", "time to the last token"),
};
enum { SLO_CLASS_METRICS = sizeof slo_class_metrics / sizeof slo_class_metrics[0] };

const char *slo_class_key(const char *class, struct arena *arena)
{
    char *key = arena_print(arena, "%s", class);
    for (char *c = key; *c; c++)
        if (!isalnum((unsigned char)*c)) *c = '_';
    return key;
}

/* "... of class %s ..." with the name in it; formats are data here, so no printf. */
static const char *slo_meaning(const char *format, const char *class, struct arena *arena)
{
    const char *hole = strstr(format, "%s");
    return arena_print(arena, "%.*s%s%s", (int)(hole - format), format, class, hole + 2);
}

struct models_metrics slo_metrics(const struct param_list *users, struct arena *arena)
{
    const struct scenario_user *items = users->items;
    struct models_metric *own =
        arena_alloc(arena, (size_t)users->count * SLO_CLASS_METRICS, sizeof *own);
    struct models_metrics metrics = {.own = own};
    for (uint32_t i = 0; i < users->count; i++) {
        if (!items[i].class || !slo_given(&items[i].slo)) continue;
        const char *key = slo_class_key(items[i].class, arena);
        for (size_t k = 0; k < SLO_CLASS_METRICS; k++) {
            own[metrics.count++] = (struct models_metric){
                .name = arena_print(arena, "slo.class.%s.%s", key, slo_class_metrics[k].name),
                .meaning = slo_meaning(slo_class_metrics[k].meaning, items[i].class, arena)};
        }
    }
    return metrics;
}

static double slo_ratio(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : (double)NAN;
}

static void slo_put(struct models_value *to, double value)
{
    if (value == value) *to = (struct models_value){.kind = MODELS_REAL, .real = value};
}

static void slo_put_count(struct models_value *to, uint64_t value)
{
    *to = (struct models_value){
        .kind = MODELS_INTEGER, .integer = (int64_t)value, .real = (double)value};
}

static struct models_value *slo_put_spread(struct models_value *to, const struct hist *h)
{
    static const double levels[] = {0.50, 0.90, 0.99};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        slo_put(to++, hist_quantile(h, levels[i]) / 1e9);
    return to;
}

/* In the order of slo_class_metrics. */
static struct models_value *slo_fill_class(const struct slo_class *c, double window_s,
                                           struct models_value *to)
{
    uint64_t answers = c->ttft.n;
    slo_put(to++, slo_ratio(c->met, c->met + c->missed));
    slo_put_count(to++, c->met);
    slo_put_count(to++, c->missed);
    slo_put_count(to++, c->open);
    slo_put(to++, (double)c->met / window_s);
    slo_put(to++, (double)c->met_tok / window_s);
    slo_put(to++, slo_ratio(answers - c->late_ttft, c->params->ttft > 0 ? answers : 0));
    slo_put(to++, slo_ratio(answers - c->late_tpot, c->params->tpot > 0 ? answers : 0));
    slo_put(to++, slo_ratio(answers - c->late_e2e, c->params->e2e > 0 ? answers : 0));
    to = slo_put_spread(to, &c->ttft);
    to = slo_put_spread(to, &c->tpot);
    return slo_put_spread(to, &c->e2e);
}

void slo_fill(const struct slo *slo, struct models_value *values)
{
    struct models_value *to = values + METRIC_COUNT;
    struct slo_class sum = {0};
    double window_s = (double)slo->window_ns / 1e9;
    uint32_t classes = 0, unmet = 0;
    for (uint32_t i = 0; i < slo->count; i++) {
        const struct slo_class *c = &slo->classes[i];
        if (!slo_given(c->params)) continue;
        classes++;
        unmet += !(slo_ratio(c->met, c->met + c->missed) >= c->params->attainment);
        sum.met += c->met;
        sum.missed += c->missed;
        sum.open += c->open;
        sum.met_tok += c->met_tok;
        to = slo_fill_class(c, window_s, to);
    }
    if (classes == 0) return;
    metrics_set_real(values, METRIC_slo_attainment, slo_ratio(sum.met, sum.met + sum.missed));
    metrics_set_integer(values, METRIC_slo_unmet, unmet);
    metrics_set_integer(values, METRIC_slo_met, (int64_t)sum.met);
    metrics_set_integer(values, METRIC_slo_missed, (int64_t)sum.missed);
    metrics_set_integer(values, METRIC_slo_open, (int64_t)sum.open);
    metrics_set_real(values, METRIC_slo_goodput, (double)sum.met / window_s);
    metrics_set_real(values, METRIC_slo_goodput_tok, (double)sum.met_tok / window_s);
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

void slo_snap(struct slo *slo, struct snap *snap)
{
    SNAP_COVERS(struct slo, 24);
    SNAP_COVERS(struct slo_class, 272);
    snap_begin(snap, "slo");
    for (uint32_t i = 0; i < slo->count; i++) {
        struct slo_class *c = &slo->classes[i];
        if (!slo_given(c->params)) continue;
        uint64_t *const counts[] = {&c->met,        &c->missed,    &c->open,      &c->met_tok,
                                    &c->unanswered, &c->late_ttft, &c->late_tpot, &c->late_e2e};
        for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++)
            snap_u64(snap, counts[k]);
        snap_hist(snap, &c->ttft);
        snap_hist(snap, &c->tpot);
        snap_hist(snap, &c->e2e);
    }
    snap_end(snap);
}
