/* SPDX-License-Identifier: Apache-2.0
 * The table of figures, and what of it given runs can fill.
 *
 * Answers for: which lines a figure has, whether a run has them, and the words for what is missing.
 * Leaves out: how a figure looks (figures_draw.c) and who draws it (gnuplot.c). */
#include "analysis/figures.h"

#include <math.h>
#include <string.h>

#include "analysis/gnuplot.h"

static const struct figures_figure figures[] = {
    {"gap",
     "The trust gap",
     "How long an answer is in use before the chain vouches for it. Each curve gives the share of "
     "answers whose gap is at most the time below: the further left it rises, the shorter the "
     "gap. \xE2\x80\x9CSettled\xE2\x80\x9D means recorded in a final block, checked or not; "
     "\xE2\x80\x9Cverified\xE2\x80\x9D means its proof was checked there. Answers that can never "
     "be verified, or were still pending at the end, are in neither curve. A curve that starts "
     "above 0 on the left edge: that share was vouched for before it was used.",
     {{.kind = FIGURES_SHARES,
       .title = "Share of answers",
       .unit = "time since the answer was in use",
       .coincide = true,
       .lines = {{"gap.settled_s", "settled", NULL}, {"gap.s", "verified", NULL}},
       .absent = "No answer was settled or verified."}}},
    {"risk",
     "Value at risk",
     "Above: the value of answers that people have acted on and that the chain has not verified "
     "yet. What a cheater could take at that moment is at most this. Below: value that has piled "
     "up beyond repair, because the design can never verify it or because a cheat was used before "
     "it was rejected.",
     {{.kind = FIGURES_SERIES,
       .title = "Value at risk",
       .unit = "USD",
       .filled = true,
       .lines = {{"gap.value_at_risk_usd", "value at risk", NULL}},
       .absent = "The value at risk stayed 0: nothing was in use while its verification was still "
                 "to come."},
      {.kind = FIGURES_SERIES,
       .title = "Piled up",
       .unit = "USD",
       .lines = {{"gap.unverified_value_usd", "never verifiable", NULL},
                 {"cheat.exploited_usd", "exploited", NULL}},
       .absent = "No value was exploited, and none is beyond verification."}}},
    {"latency",
     "Latency for the user",
     "What the user waits for. First token: from the request to the first token on the screen. "
     "Whole answer: until it may be acted on, which for careful users includes finality. Per "
     "token: the pace of the stream.",
     {{.kind = FIGURES_SHARES,
       .title = "Share of requests",
       .unit = "time",
       .lines = {{"latency.tpot_s", "per token", NULL},
                 {"latency.ttft_s", "first token", NULL},
                 {"latency.e2e_s", "whole answer", NULL}},
       .absent = "No request was completed."}}},
    {"life",
     "Requests over time",
     "Load and state. While the two rates in the first panel lie on each other the fleet keeps "
     "up; a gap between them fills the queue in the second. Answers waiting for verification are "
     "the trust gap, counted.",
     {{.kind = FIGURES_SERIES,
       .title = "Rate",
       .unit = "requests/s",
       .lines = {{"requests.arrived_per_s", "arrived", NULL},
                 {"requests.completed_per_s", "completed", NULL}},
       .absent = "No requests arrived."},
      {.kind = FIGURES_SERIES,
       .title = "Waiting",
       .unit = "",
       .lines = {{"requests.waiting", "requests for a GPU", NULL},
                 {"gap.open", "answers for verification", NULL}},
       .absent = "Nothing ever waited."},
      {.kind = FIGURES_SERIES,
       .title = "GPU nodes",
       .unit = "%",
       .scale = 100,
       .lines = {{"node.utilisation_ratio", "busy", NULL},
                 {"serving.kv_usage_ratio", "KV cache in use", NULL}},
       .absent = "The GPU nodes were never busy."}}},
    {"chain",
     "The chain",
     "Whether verification has a chain to run on. Steady intervals and a short mempool mean that "
     "proofs find room in the next block; a growing mempool or a rising base fee means that the "
     "gap is about to grow.",
     {{.kind = FIGURES_SERIES,
       .title = "Block interval",
       .unit = "s",
       .lines = {{"chain.block_interval_s", "block interval", NULL}},
       .absent = "No block was made."},
      {.kind = FIGURES_SERIES,
       .title = "Mempool",
       .unit = "transactions",
       .lines = {{"chain.mempool_txs", "waiting", NULL}},
       .absent = "The mempool was empty whenever it was looked at."},
      {.kind = FIGURES_SERIES,
       .title = "Base fee",
       .unit = "wei",
       .decades = true,
       .lines = {{"chain.base_fee_wei", "base fee", NULL}},
       .absent = "There was no base fee."}}},
    {"burn",
     "Burn, emission and price",
     "Deflation needs the first line to climb faster than the second. The price below follows the "
     "price rule named in the header, and so does every conclusion in USD.",
     {{.kind = FIGURES_SERIES,
       .title = "Since the start",
       .unit = "OPG",
       .lines = {{"econ.supply_opg.burned", "burned", NULL}, {"econ.emitted_opg", "emitted", NULL}},
       .absent = "Nothing was burned or emitted."},
      {.kind = FIGURES_SERIES,
       .title = "Price",
       .unit = "USD/OPG",
       .steady = true,
       .lines = {{"econ.price_usd", "price", NULL}},
       .absent = "There was no price."}}},
    {"cost",
     "Cost of a million tokens",
     "What separating execution from verification is worth: the cost of the network as it is, "
     "carried by verified answers alone, and what it would be if every validator rented the GPU "
     "fleet to run the model itself. The axis is logarithmic.",
     {{.kind = FIGURES_DOTS,
       .title = "USD per million tokens",
       .unit = "$%g",
       .lines = {{"cost.usd_per_mtok", "served", NULL},
                 {"cost.usd_per_verified_mtok", "verified", NULL},
                 {"cost.usd_per_mtok", "run by every validator", "cost.replicated_ratio"}},
       .absent = "No tokens were served."}}},
};

enum { FIGURES = sizeof figures / sizeof figures[0] };

size_t figures_count(void)
{
    return FIGURES;
}

const struct figures_figure *figures_at(size_t index)
{
    return &figures[index];
}

const struct figures_figure *figures_find(const char *name)
{
    for (size_t i = 0; i < FIGURES; i++)
        if (strcmp(figures[i].name, name) == 0) return &figures[i];
    return NULL;
}

const char *figures_nearest(const char *name)
{
    const char *names[FIGURES];
    for (size_t i = 0; i < FIGURES; i++)
        names[i] = figures[i].name;
    return diag_nearest(name, names, FIGURES);
}

/* ---- what a run has ------------------------------------------------------------------------ */

/* A curve needs samples; a series that is 0 throughout shows nothing that words do not. */
static bool speaks(const struct store_line *line, enum figures_kind kind)
{
    if (!line) return false;
    for (size_t i = 0; i < line->count; i++)
        if (isfinite(line->x[i]) && isfinite(line->y[i]) &&
            (kind == FIGURES_SHARES || line->y[i] != 0))
            return true;
    return false;
}

static bool collect_dot(const struct figures_line *line, struct figures_trace *trace)
{
    const struct summary_row *row = summary_find(trace->result->summary, line->name);
    double factor = line->factor ? result_metric(trace->result, line->factor) : 1;
    if (!row || row->n == 0) return false;
    trace->value = row->mean * factor;
    trace->half_width = row->half_width * factor;
    return trace->value > 0 && isfinite(trace->value);
}

static bool collect_line(const struct figures_panel *panel, const struct figures_line *line,
                         struct figures_trace *trace)
{
    if (panel->kind == FIGURES_DOTS) return collect_dot(line, trace);
    trace->data = panel->kind == FIGURES_SHARES ? result_curve(trace->result, line->name)
                                                : result_series(trace->result, line->name);
    return speaks(trace->data, panel->kind);
}

struct figures_traces figures_collect(const struct figures_job *job,
                                      const struct figures_panel *panel)
{
    struct figures_traces traces = {.count = 0};
    for (int i = 0; i < FIGURES_LINES && panel->lines[i].name; i++) {
        for (int run = 0; run < FIGURES_RUNS && job->runs[run]; run++) {
            struct figures_trace *trace = &traces.items[traces.count];
            *trace = (struct figures_trace){
                .line = &panel->lines[i], .result = job->runs[run], .colour = i, .run = run};
            if (collect_line(panel, &panel->lines[i], trace)) traces.count++;
        }
    }
    return traces;
}

bool figures_empty(const struct figures_job *job)
{
    for (int p = 0; p < FIGURES_PANELS && job->figure->panels[p].title; p++)
        if (figures_collect(job, &job->figure->panels[p]).count > 0) return false;
    return true;
}

/* The lines of a drawn panel that one of the runs does not have. */
static const char *missing(const struct figures_job *job, const struct figures_panel *panel,
                           const struct figures_traces *traces, struct arena *arena,
                           const char *text)
{
    for (int run = 0; run < FIGURES_RUNS && job->runs[run]; run++) {
        for (int i = 0; i < FIGURES_LINES && panel->lines[i].name; i++) {
            bool drawn = false;
            for (size_t t = 0; t < traces->count; t++)
                drawn |= traces->items[t].run == run && traces->items[t].colour == i;
            if (drawn) continue;
            bool zero = panel->kind == FIGURES_SERIES &&
                        result_series(job->runs[run], panel->lines[i].name);
            text = arena_print(arena, "%s%s\xE2\x80\x9C%s\xE2\x80\x9D %s", text, *text ? " " : "",
                               panel->lines[i].label, zero ? "stayed 0" : "has no values");
            if (job->runs[1]) text = arena_print(arena, "%s in %s", text, job->runs[run]->label);
            text = arena_print(arena, "%s.", text);
        }
    }
    return text;
}

const char *figures_notes(const struct figures_job *job, struct arena *arena)
{
    const char *text = "";
    for (int p = 0; p < FIGURES_PANELS && job->figure->panels[p].title; p++) {
        const struct figures_panel *panel = &job->figure->panels[p];
        struct figures_traces traces = figures_collect(job, panel);
        if (traces.count == 0)
            text = arena_print(arena, "%s%s%s", text, *text ? " " : "", panel->absent);
        else
            text = missing(job, panel, &traces, arena, text);
    }
    return text;
}
