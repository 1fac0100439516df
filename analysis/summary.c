/* SPDX-License-Identifier: Apache-2.0
 * Statistics over the replications of a run, and how they are shown.
 *
 * Answers for: one number per metric and what it is worth.  Nulls are left out and counted, never
 * taken for zero.  Sums go in index order, so a summary has the same bits for any number of
 * threads, and from memory the same as from the store.
 *
 * A table for people rounds to four digits and picks units; JSON and CSV never round. */
#include "analysis/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/output.h"
#include "analysis/steady.h"
#include "analysis/table.h"
#include "analysis/version.h"

enum { SUMMARY_DIGITS = 4, SUMMARY_SPREAD_DIGITS = 2 }; /* of a value; of half an interval */

static const double SUMMARY_LEVEL = 0.95;

/* ---- building ----------------------------------------------------------------------------- */

static struct summary *summary_create(struct arena *arena, uint32_t reps, size_t count)
{
    struct summary *summary = arena_alloc(arena, 1, sizeof *summary);
    summary->reps = reps;
    summary->rows = arena_alloc(arena, count, sizeof *summary->rows);
    summary->count = count;
    return summary;
}

/* `values` are the n that are not null. */
static void summary_fill(struct summary_row *row, const struct models_metric *metric,
                         const double *values, uint32_t n)
{
    row->name = metric->name;
    row->meaning = metric->meaning;
    row->n = n;
    row->half_width = interval_half_width(values, n, SUMMARY_LEVEL, &row->mean);
}

static int summary_order(const void *a, const void *b)
{
    return strcmp(((const struct summary_row *)a)->name, ((const struct summary_row *)b)->name);
}

/* The scenario's own metrics come by name, as they come from the store. */
struct summary *summary_build(struct arena *arena, const struct models_metrics *metrics,
                              const struct models_value *const *values, uint32_t reps)
{
    char text[MONEY_TEXT];
    size_t count = models_metrics_count(metrics);
    struct summary *summary = summary_create(arena, reps, count);
    double *sample = arena_alloc(arena, reps, sizeof *sample);
    for (size_t m = 0; m < count; m++) {
        uint32_t n = 0;
        for (uint32_t r = 0; r < reps; r++)
            if (values[r][m].kind != MODELS_NULL && !isnan(values[r][m].real))
                sample[n++] = values[r][m].real;
        summary_fill(&summary->rows[m], models_metrics_at(metrics, m), sample, n);
        if (reps == 1 && store_exact_text(text, &values[0][m]) != NULL)
            summary->rows[m].text = arena_text(arena, text, strlen(text));
    }
    size_t common = models_metric_count();
    qsort(summary->rows + common, count - common, sizeof *summary->rows, summary_order);
    return summary;
}

/* The stored values come ordered by name: a stretch of them is one metric. */
static size_t summary_stretch(const struct store_value *values, size_t count, size_t first)
{
    size_t end = first + 1;
    while (end < count && strcmp(values[end].name, values[first].name) == 0)
        end++;
    return end;
}

static void summary_fill_stored(struct summary_row *row, const struct store_value *values,
                                size_t count, uint32_t reps, double *sample)
{
    uint32_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i].value)) sample[n++] = values[i].value;
    long known = models_metric_find(values[0].name);
    struct models_metric metric = {.name = values[0].name, .meaning = ""};
    summary_fill(row, known < 0 ? &metric : models_metric((size_t)known), sample, n);
    if (reps == 1) row->text = values[0].text;
}

/* Common metrics in the order of this version; those of classes, and those that this version does
 * not know, after them. */
static size_t summary_place(const char *name, size_t *unknown)
{
    long known = models_metric_find(name);
    return known < 0 ? models_metric_count() + (*unknown)++ : (size_t)known;
}

static struct summary *summary_from_stored(struct arena *arena, const struct store_value *values,
                                           size_t count, uint32_t reps)
{
    size_t unknown = 0, kept = 0;
    struct summary *summary = summary_create(arena, reps, models_metric_count() + count);
    double *sample = arena_alloc(arena, reps, sizeof *sample);
    for (size_t first = 0, end; first < count; first = end) {
        end = summary_stretch(values, count, first);
        summary_fill_stored(&summary->rows[summary_place(values[first].name, &unknown)],
                            values + first, end - first, reps, sample);
    }
    for (size_t i = 0; i < summary->count; i++) /* an older version had not all of them */
        if (summary->rows[i].name != NULL) summary->rows[kept++] = summary->rows[i];
    summary->count = kept;
    return summary;
}

enum status summary_load(struct store *store, struct arena *arena, const struct store_run *run,
                         struct summary **out)
{
    struct store_value *values;
    size_t count;
    TRY(store_values(store, run->id, &values, &count), "summing up run %lld", (long long)run->id);
    *out = summary_from_stored(arena, values, count, run->done);
    return STATUS_OK;
}

const struct summary_row *summary_find(const struct summary *summary, const char *name)
{
    for (size_t i = 0; i < summary->count; i++)
        if (strcmp(summary->rows[i].name, name) == 0) return &summary->rows[i];
    return NULL;
}

/* ---- units and digits --------------------------------------------------------------------- */

static bool summary_part_is(const char *part, size_t length, const char *unit)
{
    size_t size = strlen(unit);
    if (length < size || strncmp(part + length - size, unit, size) != 0) return false;
    return length == size || part[length - size - 1] == '_';
}

static enum summary_unit summary_part_unit(const char *part, size_t length)
{
    static const struct {
        const char *suffix;
        enum summary_unit unit;
    } units[] = {{"s", SUMMARY_SECONDS},        {"ratio", SUMMARY_RATIO},
                 {"ratio_y", SUMMARY_RATIO},    {"apr", SUMMARY_RATIO},
                 {"usd", SUMMARY_USD},          {"opg", SUMMARY_OPG},
                 {"usd_per_mtok", SUMMARY_USD}, {"usd_per_verified_mtok", SUMMARY_USD}};
    if (summary_part_is(part, length, "per_s")) return SUMMARY_PLAIN;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (summary_part_is(part, length, units[i].suffix)) return units[i].unit;
    return SUMMARY_PLAIN;
}

/* From the last part to the first: in "econ.price_usd.drawdown_ratio" the ratio counts. */
enum summary_unit summary_unit(const char *metric)
{
    const char *end = metric + strlen(metric);
    while (end > metric) {
        const char *part = end;
        while (part > metric && part[-1] != '.')
            part--;
        enum summary_unit unit = summary_part_unit(part, (size_t)(end - part));
        if (unit != SUMMARY_PLAIN) return unit;
        end = part > metric ? part - 1 : metric;
    }
    return SUMMARY_PLAIN;
}

static char *summary_thousands(char *buffer, double value, int decimals)
{
    char plain[SUMMARY_TEXT], *to = buffer;
    snprintf(plain, sizeof plain, "%.*f", decimals, value);
    const char *from = plain;
    if (*from == '-') *to++ = *from++;
    size_t whole = strcspn(from, ".");
    for (size_t i = 0; i < whole; i++) {
        if (i > 0 && (whole - i) % 3 == 0) *to++ = ',';
        *to++ = from[i];
    }
    memcpy(to, from + whole, strlen(from + whole) + 1);
    return buffer;
}

/* `digits` of them, or all before the point; beyond 1e15 nobody counts the groups. */
static char *summary_number(char *buffer, double value, int digits)
{
    double size = fabs(value), limit = 1;
    bool whole = value == floor(value);
    for (int d = 1; d < digits; d++)
        limit *= 10;
    if (size < 1e15 && (whole || size >= limit)) return summary_thousands(buffer, value, 0);
    snprintf(buffer, SUMMARY_TEXT / 2, "%.*g", digits, value);
    return buffer;
}

static char *summary_seconds(char *buffer, double value, double largest, int digits)
{
    static const struct {
        double below, unit_s;
        const char *name;
    } scales[] = {{1e-3, 1e-6, "\u00b5s"}, {1, 1e-3, "ms"},     {120, 1, "s"},
                  {7200, 60, "min"},       {172800, 3600, "h"}, {INFINITY, 86400, "d"}};
    char number[SUMMARY_TEXT];
    size_t i = 0;
    while (fabs(largest) >= scales[i].below && i + 1 < sizeof scales / sizeof *scales)
        i++;
    if (largest == 0) i = 2;
    snprintf(buffer, SUMMARY_TEXT, "%.32s %s",
             summary_number(number, value / scales[i].unit_s, digits), scales[i].name);
    return buffer;
}

/* Cents as people write them; a price below a dollar needs more digits. */
static char *summary_usd(char *buffer, double value, int digits)
{
    char number[SUMMARY_TEXT];
    double size = fabs(value);
    if (size < 1 || size >= 1000)
        summary_number(number, size, digits);
    else
        summary_thousands(number, size, 2);
    snprintf(buffer, SUMMARY_TEXT, "%s$%.48s", value < 0 ? "-" : "", number);
    return buffer;
}

/* A share as a percentage, a multiple as such. */
static char *summary_ratio(char *buffer, double value, double largest, int digits)
{
    char number[SUMMARY_TEXT];
    bool multiple = fabs(largest) >= 10;
    summary_number(number, multiple ? value : 100 * value, digits);
    snprintf(buffer, SUMMARY_TEXT, "%.32s %s", number, multiple ? "\u00d7" : "%");
    return buffer;
}

static char *summary_digits(char *buffer, enum summary_unit unit, double value, double largest,
                            int digits)
{
    char number[SUMMARY_TEXT];
    if (isnan(value)) {
        snprintf(buffer, SUMMARY_TEXT, "\u2014");
        return buffer;
    }
    switch (unit) {
    case SUMMARY_SECONDS:
        return summary_seconds(buffer, value, largest, digits);
    case SUMMARY_USD:
        return summary_usd(buffer, value, digits);
    case SUMMARY_RATIO:
        return summary_ratio(buffer, value, largest, digits);
    case SUMMARY_OPG:
        snprintf(buffer, SUMMARY_TEXT, "%.32s OPG", summary_number(number, value, digits));
        return buffer;
    case SUMMARY_PLAIN:
        break;
    }
    return summary_number(buffer, value, digits);
}

char *summary_format(char *buffer, enum summary_unit unit, double value, double largest)
{
    return summary_digits(buffer, unit, value, largest, SUMMARY_DIGITS);
}

char *summary_format_half(char *buffer, enum summary_unit unit, double half, double largest)
{
    return summary_digits(buffer, unit, half, largest, SUMMARY_SPREAD_DIGITS);
}

/* ---- tables ------------------------------------------------------------------------------- */

static const struct summary_line headline[] = {
    {"Trust gap", "answered to verified, p50", "gap.s.p50"},
    {NULL, "answered to verified, p99", "gap.s.p99"},
    {NULL, "can never be verified", "gap.never_ratio"},
    {NULL, "still pending at the end", "gap.open_ratio"},
    {NULL, "answered to settled, p50", "gap.settled_s.p50"},
    {NULL, "answered to settled, p99", "gap.settled_s.p99"},
    {NULL, "value at risk, mean", "gap.value_at_risk_usd.mean"},
    {NULL, "value at risk, peak", "gap.value_at_risk_usd.peak"},
    {NULL, "value never verifiable", "gap.unverified_value_usd"},
    {NULL, "exploited", "gap.exploited_usd"},
    {NULL, "recovered", "gap.recovered_usd"},
    {"Cheating", "attempted", "cheat.attempted"},
    {NULL, "detected", "cheat.detected"},
    {NULL, "profit", "cheat.profit_usd"},
    {NULL, "slashed", "cheat.slashed_opg"},
    {"Service", "requests arrived", "requests.arrived"},
    {NULL, "requests completed", "requests.completed"},
    {NULL, "rejected", "requests.rejected"},
    {NULL, "failed", "requests.failed"},
    {NULL, "timed out", "requests.timed_out"},
    {NULL, "in flight at the end", "requests.in_flight"},
    {NULL, "first token, p50", "latency.ttft_s.p50"},
    {NULL, "first token, p99", "latency.ttft_s.p99"},
    {NULL, "each further token, p50", "latency.tpot_s.p50"},
    {NULL, "each further token, p99", "latency.tpot_s.p99"},
    {NULL, "until acted on, p50", "latency.e2e_s.p50"},
    {NULL, "until acted on, p99", "latency.e2e_s.p99"},
    {NULL, "GPU nodes busy, mean", "node.utilisation_ratio.mean"},
    {NULL, "waiting in a node, p99", "serving.waiting.p99"},
    {NULL, "KV cache in use, p99", "serving.kv_usage_ratio.p99"},
    {NULL, "preemptions", "serving.preemptions"},
    {NULL, "prompt tokens found in cache", "serving.prefix_hit_ratio"},
    {NULL, "KV transfers", "serving.kv_transfers"},
    {NULL, "a KV transfer, p99", "serving.kv_transfer_s.p99"},
    {NULL, "nodes able to serve", "fleet.availability_ratio"},
    {NULL, "failures of nodes", "fleet.failures"},
    {NULL, "nodes swapped", "fleet.swapped"},
    {"Objectives", "met", "slo.attainment_ratio"},
    {NULL, "classes below what they ask", "slo.unmet_classes"},
    {NULL, "goodput, requests a second", "slo.goodput_per_s"},
    {NULL, "goodput, tokens a second", "slo.goodput_tok_per_s"},
    {"Chain", "blocks", "chain.blocks"},
    {NULL, "block interval, p50", "chain.block_interval_s.p50"},
    {NULL, "commit, p99", "chain.commit_s.p99"},
    {NULL, "halted", "chain.halted_s"},
    {NULL, "proofs accepted", "verify.accepted"},
    {NULL, "proofs rejected", "verify.rejected"},
    {NULL, "proofs expired", "verify.expired"},
    {NULL, "proofs lost", "verify.lost"},
    {NULL, "validator CPU, p99", "verify.validator_cpu_ratio.p99"},
    {"Cost", "per million tokens", "cost.usd_per_mtok"},
    {NULL, "per million verified tokens", "cost.usd_per_verified_mtok"},
    {NULL, "if all validators ran the model", "cost.replicated_ratio"},
    {"Economy", "price at the end", "econ.price_usd.final"},
    {NULL, "burned", "econ.supply_opg.burned"},
    {NULL, "minted", "econ.supply_opg.minted"},
    {NULL, "released from the pool", "econ.emitted_opg"},
    {NULL, "fees paid", "econ.fees_paid_opg"},
    {NULL, "net issuance per year", "econ.net_issuance_ratio_y"},
    {NULL, "burned over released and minted", "econ.burn_ratio"},
    {NULL, "exploited value covered", "econ.gap_cover_ratio"},
    {NULL, "ledger residual", "ledger.residual"},
};

const struct summary_line *summary_headline(size_t *count)
{
    *count = sizeof headline / sizeof *headline;
    return headline;
}

bool summary_shown(const char *metric, size_t n, double value)
{
    static const char *const rare[] = {
        "requests.rejected",     "requests.failed",          "requests.timed_out",
        "requests.in_flight",    "serving.prefix_hit_ratio", "serving.kv_transfers",
        "serving.kv_transfer_s", "fleet.failures",           "fleet.swapped",
    };
    if (strncmp(metric, "slo.", 4) == 0) return n > 0;
    if (strcmp(metric, "fleet.availability_ratio") == 0) return n > 0 && value < 1;
    for (size_t i = 0; i < sizeof rare / sizeof *rare; i++)
        if (strncmp(metric, rare[i], strlen(rare[i])) == 0) return n > 0 && value > 0;
    return true;
}

static double summary_largest(const struct summary_column *columns, size_t count,
                              const char *metric)
{
    double largest = 0;
    for (size_t c = 0; c < count; c++) {
        const struct summary_row *row = summary_find(columns[c].summary, metric);
        if (row != NULL && fabs(row->mean) > largest) largest = fabs(row->mean);
    }
    return largest;
}

/* Replications that agree in all but the last bits have no interval worth showing. */
#define SUMMARY_ROUNDING 1e-12

/* NULL, which prints as a dash, for a null. */
static const char *summary_cell(struct arena *arena, const struct summary_row *row, double largest)
{
    char value[SUMMARY_TEXT], spread[SUMMARY_TEXT];
    if (row == NULL || row->n == 0) return NULL;
    enum summary_unit unit = summary_unit(row->name);
    if (unit == SUMMARY_PLAIN && row->text != NULL) return row->text;
    summary_format(value, unit, row->mean, largest);
    bool spread_out = row->half_width > SUMMARY_ROUNDING * fabs(row->mean);
    if (!spread_out) return arena_print(arena, "%s", value);
    return arena_print(arena, "%s \u00b1 %s", value,
                       summary_format_half(spread, unit, row->half_width, largest));
}

/* A metric that no column has is left out: it belongs to another version. */
static void summary_add(struct table *table, struct arena *arena,
                        const struct summary_column *columns, size_t count,
                        const struct summary_line *line, const char **section)
{
    const char *metric = line->metric;
    const char **cells = arena_alloc(arena, count + 1, sizeof *cells);
    double largest = summary_largest(columns, count, metric);
    bool known = false;
    cells[0] = line->label;
    for (size_t c = 0; c < count; c++) {
        const struct summary_row *row = summary_find(columns[c].summary, metric);
        known = known || (row != NULL && summary_shown(metric, row->n, row->mean));
        cells[c + 1] = summary_cell(arena, row, largest);
    }
    if (!known) return;
    if (*section != NULL) table_section(table, *section);
    *section = NULL;
    table_row(table, cells);
}

static void summary_titles(struct table *table, struct arena *arena,
                           const struct summary_column *columns, size_t count)
{
    for (size_t t = 0; t < sizeof columns->title / sizeof *columns->title; t++) {
        const char **cells = arena_alloc(arena, count + 1, sizeof *cells);
        bool any = false;
        cells[0] = "";
        for (size_t c = 0; c < count; c++) {
            any = any || columns[c].title[t] != NULL;
            cells[c + 1] = columns[c].title[t] == NULL ? "" : columns[c].title[t];
        }
        if (any) table_row(table, cells);
    }
}

static void summary_price_rules(const struct summary_column *columns, size_t count, FILE *out)
{
    bool same = true;
    for (size_t c = 0; c < count; c++) {
        if (columns[c].price_rule == NULL) return;
        same = same && strcmp(columns[c].price_rule, columns[0].price_rule) == 0;
    }
    fprintf(out, "\nEconomic figures hang on the price rule");
    if (same)
        fprintf(out, ": %s\n", columns[0].price_rule);
    else
        fputs(":\n", out);
    for (size_t c = 0; c < count && !same; c++)
        fprintf(out, "  %s: %s\n", columns[c].title[0], columns[c].price_rule);
}

/* Names of all columns, each once, in the order of the first column that has it. */
static size_t summary_names(struct arena *arena, const struct summary_column *columns, size_t count,
                            const char ***out)
{
    size_t total = 0, names = 0;
    for (size_t c = 0; c < count; c++)
        total += columns[c].summary->count;
    *out = arena_alloc(arena, total, sizeof **out);
    for (size_t c = 0; c < count; c++) {
        for (size_t i = 0; i < columns[c].summary->count; i++) {
            const char *name = columns[c].summary->rows[i].name;
            size_t earlier = 0;
            while (earlier < c && summary_find(columns[earlier].summary, name) == NULL)
                earlier++;
            if (earlier == c) (*out)[names++] = name;
        }
    }
    return names;
}

/* "slo.class.apps.attainment_ratio": the label "apps"; NULL for any other metric. */
static const char *summary_class(const char *metric, struct arena *arena)
{
    static const char before[] = "slo.class.", after[] = ".attainment_ratio";
    size_t length = strlen(metric), edges = sizeof before - 1 + sizeof after - 1;
    if (length <= edges || strncmp(metric, before, sizeof before - 1) != 0) return NULL;
    if (strcmp(metric + length - (sizeof after - 1), after) != 0) return NULL;
    return arena_print(arena, "  %.*s", (int)(length - edges), metric + sizeof before - 1);
}

/* The classes of users that were promised something. */
static void summary_classes(struct table *table, struct arena *arena,
                            const struct summary_column *columns, size_t count)
{
    const char **names, *section = "Objectives met, by class of users";
    size_t total = summary_names(arena, columns, count, &names);
    for (size_t i = 0; i < total; i++) {
        struct summary_line line = {.label = summary_class(names[i], arena), .metric = names[i]};
        if (line.label != NULL) summary_add(table, arena, columns, count, &line, &section);
    }
}

void summary_print(struct arena *arena, const struct summary_column *columns, size_t count,
                   bool all, FILE *out)
{
    char *align = arena_alloc(arena, count + 2, 1);
    align[0] = 'l';
    memset(align + 1, 'r', count);
    struct table *table = table_create(arena, align);
    const char *section = NULL, **names;
    summary_titles(table, arena, columns, count);
    if (all) {
        size_t total = summary_names(arena, columns, count, &names);
        for (size_t i = 0; i < total; i++)
            summary_add(table, arena, columns, count,
                        &(struct summary_line){.label = names[i], .metric = names[i]}, &section);
    } else {
        for (size_t i = 0; i < sizeof headline / sizeof *headline; i++) {
            struct summary_line line = headline[i];
            if (line.section != NULL) section = line.section;
            line.label = arena_print(arena, "  %s", line.label);
            summary_add(table, arena, columns, count, &line, &section);
        }
        summary_classes(table, arena, columns, count);
    }
    table_print_blocks(table, out);
    summary_price_rules(columns, count, out);
}

/* ---- caveats ------------------------------------------------------------------------------ */

/* Words of `text` in lines of at most TABLE_WIDTH, the later ones indented. */
static void summary_wrap(const char *text, FILE *out)
{
    size_t column = 3;
    fputs("  -", out);
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        char word[TABLE_WIDTH * 4];
        snprintf(word, sizeof word, "%.*s", (int)length, text);
        if (column > 3 && column + 1 + table_columns(word) > TABLE_WIDTH) {
            fputs("\n   ", out);
            column = 3;
        }
        fprintf(out, " %.*s", (int)length, text);
        column += 1 + table_columns(word);
        text += length + strspn(text + length, " ");
    }
    fputc('\n', out);
}

void summary_print_caveats(const char *const *caveats, size_t count, FILE *out)
{
    enum { SHOWN = 20 }; /* caveats with numbers in them may differ in each replication */
    if (count == 0) return;
    fputs("\nCaveats\n", out);
    for (size_t i = 0; i < count && i < SHOWN; i++)
        summary_wrap(caveats[i], out);
    if (count > SHOWN)
        fprintf(out, "  and %zu more (all: hacasim export RUN --json -)\n", count - SHOWN);
}

/* ---- JSON --------------------------------------------------------------------------------- */

static struct json_node *summary_json_number(struct json *json, double value)
{
    if (isnan(value)) return json_null(json);
    if (value == floor(value) && fabs(value) <= 0x1p53) return json_integer(json, (int64_t)value);
    return json_real(json, value);
}

static struct json_node *summary_json_row(struct json *json, const struct summary_row *row,
                                          uint32_t reps)
{
    if (reps == 1 && row->text != NULL) return json_text(json, row->text);
    if (reps == 1) return summary_json_number(json, row->mean);
    struct json_node *object = json_object(json);
    json_set(json, object, "mean", summary_json_number(json, row->mean));
    json_set(json, object, "lo", summary_json_number(json, row->mean - row->half_width));
    json_set(json, object, "hi", summary_json_number(json, row->mean + row->half_width));
    json_set(json, object, "n", json_integer(json, row->n));
    return object;
}

static struct json_node *summary_json(struct json *json, const struct summary_object *object)
{
    struct json_node *root = json_object(json), *metrics = json_object(json),
                     *caveats = json_array(json);
    bool small = object->seed <= UINT64_C(1) << 53;
    char seed[32];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)object->seed);
    json_set(json, root, "hacasim", json_text(json, version_number));
    json_set(json, root, "scenario", json_text(json, object->scenario));
    json_set(json, root, "seed",
             small ? json_integer(json, (int64_t)object->seed) : json_text(json, seed));
    json_set(json, root, "reps", json_integer(json, object->reps));
    json_set(json, root, "trace_hash",
             object->trace_hash == NULL ? json_null(json) : json_text(json, object->trace_hash));
    if (object->parent != 0) {
        struct json_node *branch = json_object(json);
        json_set(json, branch, "run", json_integer(json, object->parent));
        json_set(json, branch, "time_s",
                 summary_json_number(json, (double)object->parent_ns / 1e9));
        json_set(json, root, "branch_of", branch);
    }
    for (size_t i = 0; i < object->summary->count; i++) {
        const struct summary_row *row = &object->summary->rows[i];
        json_set_path(json, metrics, row->name, summary_json_row(json, row, object->reps));
    }
    json_set(json, root, "metrics", metrics);
    if (object->steady != NULL) steady_json(object->steady, json, root);
    for (size_t i = 0; i < object->caveat_count; i++)
        json_push(json, caveats, json_text(json, object->caveats[i]));
    json_set(json, root, "caveats", caveats);
    return root;
}

enum status summary_write_json(const struct summary_object *object, const char *path)
{
    struct output output;
    TRY(output_open(&output, path), "writing the results as JSON");
    struct json *json = json_open();
    enum status status = json_write(json, summary_json(json, object), output.stream, false);
    json_close(json);
    return output_close(&output, status);
}
