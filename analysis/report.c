/* SPDX-License-Identifier: Apache-2.0
 * What stands in a report, from top to bottom.
 *
 * Answers for: the order of the page, which figures lead, and that nothing a reader must know is
 * further away than the number it concerns: caveats above the cards, the price rule in the head,
 * what a picture leaves out under it.  Leaves out: drawing (figures_draw.c), style
 * (report_style.c), statistics (summary.c).
 *
 * All text of users goes through html_print. */
#include "analysis/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/figures.h"
#include "analysis/html.h"
#include "analysis/options.h"
#include "analysis/svg.h"

enum { COLUMNS = 2 }; /* runs side by side */

struct page {
    const struct report *report;
    const struct result *runs[COLUMNS];
    int run_count;
    struct arena *arena;
    FILE *out;
};

/* ---- values -------------------------------------------------------------------------------- */

static double largest_of(const struct page *page, const char *metric)
{
    double largest = 0;
    for (int r = 0; r < page->run_count; r++)
        largest = fmax(largest, fabs(result_metric(page->runs[r], metric)));
    return largest;
}

/* "4.21 s" or "4.21 s ± 0.1 s", in the unit that suits `largest`; NULL, which prints as a dash,
 * for a null. */
static const char *value_text(const struct page *page, const struct result *run, const char *metric,
                              double largest, bool interval)
{
    char value[SUMMARY_TEXT], half[SUMMARY_TEXT];
    const struct summary_row *row = summary_find(run->summary, metric);
    if (!row || row->n == 0) return NULL;
    enum summary_unit unit = summary_unit(metric);
    if (unit == SUMMARY_PLAIN && row->text) return row->text;
    summary_format(value, unit, row->mean, largest);
    if (!interval || !isfinite(row->half_width)) return arena_print(page->arena, "%s", value);
    return arena_print(page->arena, "%s \xC2\xB1 %s", value,
                       summary_format(half, unit, row->half_width, largest));
}

/* ---- head ---------------------------------------------------------------------------------- */

static const char *count_words(const struct store_run *run, struct arena *arena)
{
    if (run->done == run->reps) return arena_print(arena, "%u", run->done);
    return arena_print(arena, "%u of %u (%s)", run->done, run->reps, run->state);
}

static void fact(const struct page *page, const char *name, const char *value)
{
    html_print(page->out, "<div><dt>%s</dt><dd>%s</dd></div>\n", name, value);
}

static void write_facts(const struct page *page, const struct result *result)
{
    const struct store_run *run = &result->run;
    fputs("<dl class=\"facts\">\n", page->out);
    if (page->run_count > 1) fact(page, "Run", result->label);
    fact(page, "Verification", run->design);
    fact(page, "Seed", arena_print(page->arena, "%" PRIu64, run->seed));
    fact(page, "Replications", count_words(run, page->arena));
    if (result->steady.stopped)
        fact(page, "Stop rule", stop_sentence(page->arena, &result->steady.stop));
    if (result->steady.mser5)
        fact(page, "Warm-up",
             arena_print(page->arena, "%.6g s, chosen by MSER-5", result->steady.cut_s));
    fact(page, "Run hash", arena_print(page->arena, "%.12s", run->hash));
    fact(page, "Trace hash", run->trace_hash ? run->trace_hash : "incomplete run");
    fact(page, "Price rule", run->price_rule);
    fputs("</dl>\n", page->out);
}

static void write_head(const struct page *page)
{
    const struct store_run *run = &page->runs[0]->run;
    html_print(page->out,
               "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
               "<title>%s: hacasim report</title>\n<style>\n",
               run->name);
    fputs(report_style, page->out);
    html_print(page->out,
               "</style>\n</head>\n<body>\n<main>\n<header>\n<p class=\"over\">hacasim "
               "%s</p>\n<h1>%s",
               run->version, page->runs[0]->label);
    if (page->run_count > 1) html_print(page->out, " against %s", page->runs[1]->label);
    html_print(page->out, "</h1>\n<p class=\"doc\">%s</p>\n", run->doc ? run->doc : "");
    for (int r = 0; r < page->run_count; r++)
        write_facts(page, page->runs[r]);
    fputs("</header>\n", page->out);
}

static bool has_caveat(const struct result *run, const char *caveat)
{
    for (size_t i = 0; i < run->caveat_count; i++)
        if (strcmp(run->caveats[i], caveat) == 0) return true;
    return false;
}

/* What holds for both runs is said once and without a name. */
static void write_run_caveats(const struct page *page, int r)
{
    const struct result *run = page->runs[r];
    for (size_t i = 0; i < run->caveat_count; i++) {
        bool shared = page->run_count > 1 && has_caveat(page->runs[1 - r], run->caveats[i]);
        if (shared && r > 0) continue;
        fputs("<li>", page->out);
        if (page->run_count > 1 && !shared) html_print(page->out, "%s: ", run->label);
        html_print(page->out, "%s</li>\n", run->caveats[i]);
    }
}

static void write_caveats(const struct page *page)
{
    size_t count = 0;
    for (int r = 0; r < page->run_count; r++)
        count += page->runs[r]->caveat_count;
    if (count == 0) return;
    fputs("<section class=\"caveats\">\n<h2>Before using these numbers</h2>\n<ul>\n", page->out);
    for (int r = 0; r < page->run_count; r++)
        write_run_caveats(page, r);
    fputs("</ul>\n</section>\n", page->out);
}

/* ---- cards --------------------------------------------------------------------------------- */

struct card {
    const char *title, *metric, *what;
    struct {
        const char *label, *metric;
    } more[4];
};

static const struct card cards[] = {
    {"Trust gap",
     "gap.s.p50",
     "median, answered to verified",
     {{"p99", "gap.s.p99"},
      {"never verifiable", "gap.never_ratio"},
      {"pending at the end", "gap.open_ratio"}}},
    {"Value at risk",
     "gap.value_at_risk_usd.mean",
     "time average, used and not yet verified",
     {{"p99", "gap.value_at_risk_usd.p99"},
      {"peak", "gap.value_at_risk_usd.peak"},
      {"never verifiable", "gap.unverified_value_usd"}}},
    {"Exploited",
     "gap.exploited_usd",
     "cheated answers used before rejection",
     {{"recovered", "gap.recovered_usd"},
      {"covered", "econ.gap_cover_ratio"},
      {"cheats attempted", "cheat.attempted"},
      {"detected", "cheat.detected"}}},
    {"Latency",
     "latency.ttft_s.p50",
     "median, to the first token",
     {{"p99", "latency.ttft_s.p99"},
      {"answer p50", "latency.e2e_s.p50"},
      {"answer p99", "latency.e2e_s.p99"}}},
    {"Engines",
     "serving.running.mean",
     "requests running in a node, mean",
     {{"waiting p99", "serving.waiting.p99"},
      {"KV cache p99", "serving.kv_usage_ratio.p99"},
      {"preemptions", "serving.preemptions"},
      {"tokens a step", "serving.step_tokens"}}},
    {"Objectives",
     "slo.attainment_ratio",
     "of the requests met all targets of their class",
     {{"classes below", "slo.unmet_classes"},
      {"goodput, requests/s", "slo.goodput_per_s"},
      {"goodput, tokens/s", "slo.goodput_tok_per_s"}}},
    {"Shared prompts",
     "serving.prefix_hit_ratio",
     "of the prompt tokens found in a prefix cache",
     {{"could be found", "serving.prefix_shared_ratio"}}},
    {"KV transfers",
     "serving.kv_transfers",
     "from prefill to decode nodes",
     {{"p50", "serving.kv_transfer_s.p50"},
      {"p99", "serving.kv_transfer_s.p99"},
      {"lost", "serving.kv_lost"}}},
    {"Fleet",
     "fleet.availability_ratio",
     "of their time nodes were able to serve",
     {{"failures", "fleet.failures"},
      {"models loaded", "fleet.loads"},
      {"nodes swapped", "fleet.swapped"},
      {"requests failed", "requests.failed"}}},
    {"Settlement",
     "gap.settled_s.p50",
     "median, answered to recorded in a final block",
     {{"p99", "gap.settled_s.p99"},
      {"block interval p50", "chain.block_interval_s.p50"},
      {"gas used", "chain.gas_used_ratio"}}},
    {"Burn",
     "econ.supply_opg.burned",
     "burned during the run",
     {{"emitted", "econ.emitted_opg"},
      {"net issuance/y", "econ.net_issuance_ratio_y"},
      {"price at the end", "econ.price_usd.final"}}},
    {"Cost",
     "cost.usd_per_mtok",
     "per million tokens served",
     {{"per million verified", "cost.usd_per_verified_mtok"},
      {"on every validator", "cost.replicated_ratio"},
      {"GPU nodes busy", "node.utilisation_ratio.mean"}}},
    {"Ledger",
     "ledger.residual",
     "accounts minus (genesis + minted - burned)",
     {{"entries", "ledger.entries"},
      {"events simulated", "sim.events"},
      {"false slashes", "cheat.false_slashes"}}},
};

/* Does any run want to show it? */
static bool shown(const struct page *page, const char *metric)
{
    for (int r = 0; r < page->run_count; r++) {
        double value = result_metric(page->runs[r], metric);
        if (summary_shown(metric, isnan(value) ? 0U : 1U, value)) return true;
    }
    return false;
}

/* A gap without a value is either no answer at all, or an answer that no chain will ever check. */
static const char *card_value(const struct page *page, const struct result *run, const char *metric)
{
    const char *text = value_text(page, run, metric, result_metric(run, metric), false);
    bool gap = strcmp(metric, "gap.s.p50") == 0;
    if (!text && gap && result_metric(run, "gap.never_ratio") > 0.5) return "never";
    return text;
}

static void write_card_run(const struct page *page, const struct card *card,
                           const struct result *run)
{
    if (page->run_count > 1) html_print(page->out, "<p class=\"run\">%s</p>\n", run->label);
    html_print(page->out, "<p class=\"big\">%s</p>\n", card_value(page, run, card->metric));
    if (run == page->runs[0]) html_print(page->out, "<p class=\"what\">%s</p>\n", card->what);
    fputs("<dl>\n", page->out);
    for (size_t i = 0; i < sizeof card->more / sizeof card->more[0] && card->more[i].label; i++)
        html_print(page->out, "<dt>%s</dt><dd>%s</dd>\n", card->more[i].label,
                   card_value(page, run, card->more[i].metric));
    fputs("</dl>\n", page->out);
}

static void write_cards(const struct page *page)
{
    fputs("<section class=\"cards\">\n", page->out);
    for (size_t i = 0; i < sizeof cards / sizeof cards[0]; i++) {
        if (!shown(page, cards[i].metric)) continue;
        html_print(page->out, "<div class=\"card\">\n<h3>%s</h3>\n", cards[i].title);
        for (int r = 0; r < page->run_count; r++)
            write_card_run(page, &cards[i], page->runs[r]);
        fputs("</div>\n", page->out);
    }
    fputs("</section>\n", page->out);
}

/* ---- figures ------------------------------------------------------------------------------- */

/* A picture that fails is replaced by the reason: the tables are worth having without it. */
static void write_picture(const struct page *page, const struct figures_job *job)
{
    char *picture = NULL, reason[512];
    size_t size = 0;
    if (figures_draw(job, page->arena, &picture, &size) == STATUS_OK) {
        svg_inline(picture, job->figure->name, job->figure->title, page->arena, page->out);
        free(picture);
        return;
    }
    status_take(reason, sizeof reason);
    html_print(page->out, "<p>This picture could not be drawn: %s</p>\n", reason);
}

static void write_figure(const struct page *page, const struct figures_figure *figure)
{
    struct figures_job job = {
        .figure = figure, .runs = {page->runs[0], page->runs[1]}, .format = FIGURES_SVG};
    const char *notes = figures_notes(&job, page->arena);
    html_print(page->out, "<figure id=\"figure-%s\">\n<h2>%s</h2>\n", figure->name, figure->title);
    if (figures_empty(&job)) {
        html_print(page->out, "<p>%s</p>\n</figure>\n", notes);
        return;
    }
    write_picture(page, &job);
    html_print(page->out, "<figcaption>%s", figure->caption);
    if (*notes) html_print(page->out, " <span class=\"note\">%s</span>", notes);
    fputs("</figcaption>\n</figure>\n", page->out);
}

static void write_figures(const struct page *page)
{
    if (!page->report->pictures) {
        fputs("<section>\n<h2>Pictures</h2>\n<p>There are none: gnuplot was not found when this "
              "report was written (Debian package gnuplot-nox). The tables below are complete "
              "without them.</p>\n</section>\n",
              page->out);
        return;
    }
    fputs("<section>\n", page->out);
    for (size_t i = 0; i < figures_count(); i++)
        write_figure(page, figures_at(i));
    fputs("</section>\n", page->out);
}

/* ---- life of a request --------------------------------------------------------------------- */

struct stage {
    const char *label, *metric;
    bool lost; /* a way out, not a stage that is passed */
};

static const struct stage stages[] = {
    {"Requests arrived", "requests.arrived", false},
    {"refused (no node, stale price, full queue)", "requests.rejected", true},
    {"lost with their node", "requests.failed", true},
    {"given up by the client", "requests.timed_out", true},
    {"not finished at the end", "requests.in_flight", true},
    {"Answers completed", "requests.completed", false},
    {"Proofs or records sent to the chain", "verify.submitted", false},
    {"lost on the way", "verify.lost", true},
    {"too old when checked", "verify.expired", true},
    {"checked and rejected", "verify.rejected", true},
    {"Proofs checked and accepted in a final block", "verify.accepted", false},
};

static void write_stage(const struct page *page, const struct stage *stage)
{
    html_print(page->out, stage->lost ? "<tr class=\"sub\"><td>%s</td>" : "<tr><td>%s</td>",
               stage->label);
    for (int r = 0; r < page->run_count; r++) {
        char percent[SUMMARY_TEXT];
        const struct result *run = page->runs[r];
        double share = result_metric(run, stage->metric) / result_metric(run, "requests.arrived");
        bool known = isfinite(share);
        html_print(page->out, "<td class=\"n\">%s</td><td class=\"n soft\">%s</td>",
                   value_text(page, run, stage->metric, 1, false),
                   known ? summary_format(percent, SUMMARY_RATIO, share, share) : HTML_DASH);
        fprintf(page->out, "<td class=\"bar\"><span style=\"width:%.2f%%\"></span></td>",
                known ? 100 * fmin(fmax(share, 0), 1) : 0);
    }
    fputs("</tr>\n", page->out);
}

static void write_stages(const struct page *page)
{
    fputs("<section>\n<h2>Life of a request</h2>\n<p>Where requests and their proofs went; shares "
          "are of the requests that arrived.</p>\n<div class=\"scroll\"><table>\n",
          page->out);
    if (page->run_count > 1) {
        fputs("<tr><th></th>", page->out);
        for (int r = 0; r < page->run_count; r++)
            html_print(page->out, "<th colspan=\"3\" class=\"n\">%s</th>", page->runs[r]->label);
        fputs("</tr>\n", page->out);
    }
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++)
        write_stage(page, &stages[i]);
    fputs("</table></div>\n</section>\n", page->out);
}

/* ---- tables of metrics --------------------------------------------------------------------- */

static void write_columns(const struct page *page, const char *first, const char *last)
{
    html_print(page->out, "<tr><th>%s</th>", first);
    for (int r = 0; r < page->run_count; r++)
        html_print(page->out, "<th class=\"n\">%s</th>",
                   page->run_count > 1 ? page->runs[r]->label : "value");
    html_print(page->out, *last ? "<th>%s</th></tr>\n" : "</tr>\n", last);
}

static void write_values(const struct page *page, const char *metric)
{
    for (int r = 0; r < page->run_count; r++)
        html_print(page->out, "<td class=\"n\">%s</td>",
                   value_text(page, page->runs[r], metric, largest_of(page, metric), true));
}

static void write_group(const struct page *page, const char *name, int columns)
{
    html_print(page->out, "<tr class=\"group\"><th colspan=\"%d\">%s</th></tr>\n", columns, name);
}

/* The headline side by side, only where there is something to compare with. */
static void write_comparison(const struct page *page)
{
    size_t count;
    const struct summary_line *lines = summary_headline(&count);
    if (page->run_count < 2) return;
    html_print(page->out, "<section>\n<h2>Side by side</h2>\n<p>%s</p>\n",
               page->runs[0]->run.seed == page->runs[1]->run.seed
                   ? "Both runs have the same seed: the same users, the same network and the same "
                     "shocks met both designs."
                   : "The runs have different seeds, so part of the differences is chance.");
    fputs("<div class=\"scroll\"><table>\n", page->out);
    write_columns(page, "", "");
    for (size_t i = 0; i < count; i++) {
        if (!shown(page, lines[i].metric)) continue;
        if (lines[i].section) write_group(page, lines[i].section, 1 + page->run_count);
        html_print(page->out, "<tr><td>%s</td>", lines[i].label);
        write_values(page, lines[i].metric);
        fputs("</tr>\n", page->out);
    }
    fputs("</table></div>\n</section>\n", page->out);
}

static size_t stem_length(const char *metric)
{
    return strcspn(metric, ".");
}

static void write_metrics(const struct page *page)
{
    const struct summary *summary = page->runs[0]->summary;
    const char *before = "";
    fprintf(page->out, "<section>\n<h2>All metrics</h2>\n<p>");
    if (page->runs[0]->run.done > 1)
        html_print(page->out, "Means over %u replications with the 95 %% Student interval. ",
                   page->runs[0]->run.done);
    fputs("A dash is a statistic without samples.</p>\n<div class=\"scroll\"><table>\n", page->out);
    write_columns(page, "metric", "meaning");
    for (size_t i = 0; i < summary->count; i++) {
        const char *name = summary->rows[i].name;
        size_t stem = stem_length(name);
        if (stem != stem_length(before) || strncmp(name, before, stem) != 0)
            write_group(page, arena_text(page->arena, name, stem), 2 + page->run_count);
        before = name;
        html_print(page->out, "<tr><td class=\"name\"><code>%s</code></td>", name);
        write_values(page, name);
        html_print(page->out, "<td class=\"soft\">%s</td></tr>\n", summary->rows[i].meaning);
    }
    fputs("</table></div>\n</section>\n", page->out);
}

/* ---- scenario ------------------------------------------------------------------------------ */

/* What the user gave stands out against what was left to its default. */
static void write_scenario(const struct page *page, const struct result *run)
{
    html_print(page->out,
               "<details>\n<summary>%s: every key as it was run, with where its value came "
               "from</summary>\n<div class=\"scroll\"><table>\n<tr><th>key</th><th>value</th>"
               "<th>origin</th></tr>\n",
               run->run.name);
    for (size_t i = 0; i < run->effective_count; i++) {
        const struct param_effective *key = &run->effective[i];
        bool given = strcmp(key->origin, "default") != 0;
        html_print(page->out,
                   given ? "<tr class=\"set\"><td><code>%s</code></td><td><code>%s</code></td>"
                           "<td class=\"soft\">%s</td></tr>\n"
                         : "<tr><td><code>%s</code></td><td><code>%s</code></td>"
                           "<td class=\"soft\">%s</td></tr>\n",
                   key->path, key->value, key->origin);
    }
    fputs("</table></div>\n</details>\n", page->out);
}

/* ---- again --------------------------------------------------------------------------------- */

/* The command that makes this run again: overrides are found back by their origin. */
static const char *command_of(const struct result *run, struct arena *arena)
{
    struct options_simulate options = {.arena = arena};
    struct models_info info = {.path = run->run.path, .seed = run->run.seed};
    options.sets = arena_alloc(arena, run->effective_count + 1, sizeof *options.sets);
    bool ruled = false;
    for (size_t i = 0; i < run->effective_count; i++) {
        ruled = ruled || strncmp(run->effective[i].path, "reps.until.", 11) == 0;
        if (strncmp(run->effective[i].origin, "--set#", 6) == 0)
            options.sets[options.set_count++] =
                arena_print(arena, "%s=%s", run->effective[i].path, run->effective[i].value);
    }
    return options_replay(&options, &info, ruled ? OPTIONS_ALL : run->run.reps - 1);
}

static void write_again(const struct page *page)
{
    fputs("<section>\n<h2>The same again</h2>\n<p>These commands, with the same version, give the "
          "same hashes on any machine and with any number of threads.</p>\n<pre>",
          page->out);
    for (int r = 0; r < page->run_count; r++)
        html_print(page->out, "%s\n", command_of(page->runs[r], page->arena));
    html_print(page->out, "hacasim report %s", page->runs[0]->run.name);
    if (page->run_count > 1) html_print(page->out, " --against %s", page->runs[1]->run.name);
    html_print(page->out, "\nhacasim export %s --csv %s.csv</pre>\n</section>\n",
               page->runs[0]->run.name, page->runs[0]->run.name);
}

static void write_execution(const struct page *page, const struct store_run *run)
{
    char wall[SUMMARY_TEXT];
    html_print(page->out,
               "<p>Execution of %s, which no result depends on: %s on %s, %u threads, %s, hacasim "
               "%s (commit %s, %s).</p>\n",
               run->name, run->started_utc, run->host, run->threads,
               summary_format(wall, SUMMARY_SECONDS, run->wall_s, run->wall_s), run->version,
               run->commit, run->compiler);
}

void report_write(const struct report *report, struct arena *arena, FILE *out)
{
    struct page page = {.report = report,
                        .runs = {report->run, report->against},
                        .run_count = report->against ? 2 : 1,
                        .arena = arena,
                        .out = out};
    write_head(&page);
    write_caveats(&page);
    write_cards(&page);
    write_figures(&page);
    write_comparison(&page);
    write_stages(&page);
    write_metrics(&page);
    fputs("<section>\n<h2>Scenario</h2>\n", out);
    for (int r = 0; r < page.run_count; r++)
        write_scenario(&page, page.runs[r]);
    fputs("</section>\n", out);
    write_again(&page);
    fputs("<footer>\n", out);
    for (int r = 0; r < page.run_count; r++)
        write_execution(&page, &page.runs[r]->run);
    fputs("</footer>\n</main>\n</body>\n</html>\n", out);
}
