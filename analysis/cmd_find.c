/* SPDX-License-Identifier: Apache-2.0
 * hacasim find: how much of something is enough?
 *
 * Answers for: the smallest value of a count at which a condition holds ("how many nodes for this
 * SLO"), with what was measured there and one below.  Every value is simulated under the same
 * seed, so all meet the same users, network and shocks.  Nothing is stored. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "analysis/analysis.h"
#include "analysis/digest.h"
#include "analysis/options.h"
#include "analysis/output.h"
#include "analysis/pool.h"
#include "analysis/summary.h"
#include "analysis/table.h"
#include "analysis/threshold.h"
#include "analysis/version.h"

enum { KEY_UNTIL = 256, KEY_JSON, KEY_EVERY };

#define FIND_LEVEL 0.95
#define FIND_UNTIL "slo.unmet_classes == 0"
static const int64_t FIND_MOST = 1000000000;

struct find_seen { /* at one value: a value per replication */
    double *slack;
    double left, gpus, usd; /* means */
};

struct find {
    struct options_simulate simulate;
    const char *path, *range, *until, *json;
    bool every;
    struct arena *arena;
    const char *key; /* of the range */
    uint32_t reps;   /* of each point; the same at all of them */
    uint64_t seed;
    const char *name;
    struct threshold threshold;
};

/* ---- command line ------------------------------------------------------------------------- */

static int64_t find_number(const struct argp_state *state, const char *text, size_t length)
{
    int64_t value = 0;
    const char *why = NULL;
    if (param_scan(PARAM_COUNT, text, length, &value, &why) != 0)
        argp_error(state, "'%.*s' %s", (int)length, text, why);
    if (value < 0 || value > FIND_MOST)
        argp_error(state, "%" PRId64 " is out of range (allowed: 0 to %" PRId64 ")", value,
                   FIND_MOST);
    return value;
}

/* "nodes[0].count=1..64" */
static void find_range(struct find *find, const struct argp_state *state)
{
    const char *equals = strchr(find->range, '=');
    const char *dots = equals ? strstr(equals, "..") : NULL;
    if (dots == NULL || equals == find->range) {
        argp_error(state, "'%s' is no KEY=LOW..HIGH, such as nodes[0].count=1..64", find->range);
        return;
    }
    find->key = arena_text(find->arena, find->range, (size_t)(equals - find->range));
    find->threshold.low = find_number(state, equals + 1, (size_t)(dots - equals - 1));
    find->threshold.high = find_number(state, dots + 2, strlen(dots + 2));
    if (find->threshold.low > find->threshold.high)
        argp_error(state, "%s: the first bound is the lower one", find->range);
}

static error_t find_parse(int key, char *argument, struct argp_state *state)
{
    struct find *find = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &find->simulate;
        return 0;
    case KEY_UNTIL:
        find->until = argument;
        return 0;
    case KEY_JSON:
        find->json = argument;
        return 0;
    case KEY_EVERY:
        find->every = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 1) argp_error(state, "one scenario and one range at a time");
        *(state->arg_num == 0 ? &find->path : &find->range) = argument;
        return 0;
    case ARGP_KEY_END:
        if (find->path == NULL)
            argp_error(state, "which scenario?");
        else if (find->range == NULL)
            argp_error(state, "which key, and from where to where?");
        else
            find_range(find, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option find_options[] = {
    {.name = "until",
     .key = KEY_UNTIL,
     .arg = "CONDITION",
     .doc = "what must hold, in the language of `expect:`, as in 'slo.attainment_ratio >= 99%' "
            "(default: " FIND_UNTIL ")"},
    {.name = "every", .key = KEY_EVERY, .doc = "look at every value of the range"},
    {.name = "json",
     .key = KEY_JSON,
     .arg = "FILE",
     .doc = "write the answer as one JSON object; - for standard output, and nothing else there"},
    {.name = NULL},
};

static const struct argp_child find_children[] = {{.argp = &options_simulate_argp}, {.argp = NULL}};

static const struct argp find_argp = {
    .options = find_options,
    .parser = find_parse,
    .args_doc = "SCENARIO KEY=LOW..HIGH",
    .children = find_children,
    .doc = "Find the smallest value of a count at which a condition holds: how many nodes for this "
           "objective?"
           "\v  hacasim find s.yaml 'nodes[0].count=1..64' --until 'slo.attainment_ratio >= 99%' "
           "--reps 8\n\n"
           "The condition holds at a value when it holds for the means over its replications.  All "
           "values meet the same users, network and shocks.  The search doubles and halves, so it "
           "sees the answer and the value below; that more is never worse is not taken for "
           "granted: what was looked at and speaks against it is reported, and --every looks at "
           "all.  With several replications the interval of the answer is found, too.\n\n"
           "Exit codes: 0 found; 1 it holds nowhere in the range; 2 the scenario or the command "
           "line is wrong; 3 a disk failed, or an invariant broke; 130 interrupted."};

/* ---- one value ---------------------------------------------------------------------------- */

static struct models_scenario *find_load(struct find *find, int64_t at, struct expect **until)
{
    struct options_simulate with = find->simulate;
    struct expect **expects;
    with.sets = arena_alloc(find->arena, find->simulate.set_count + 1, sizeof *with.sets);
    for (size_t i = 0; i < find->simulate.set_count; i++)
        with.sets[i] = find->simulate.sets[i];
    with.sets[with.set_count++] = arena_print(find->arena, "%s=%" PRId64, find->key, at);
    struct models_scenario *scenario = options_load(&with, find->path, &expects);
    if (scenario == NULL) return NULL;
    struct diag diag;
    struct param_text line = {.text = find->until, .where = {.file = "--until"}};
    diag_init(&diag, find->arena);
    *until = expect_parse(find->arena, models_info(scenario).metrics, &line, &diag);
    diag_print(&diag, stderr);
    if (*until != NULL) return scenario;
    models_close(scenario);
    return NULL;
}

static double find_mean(const struct models_value *const *values, uint32_t reps, const char *metric)
{
    long index = models_metric_find(metric);
    double sum = 0;
    for (uint32_t r = 0; r < reps; r++)
        sum += values[r][index].kind == MODELS_NULL ? (double)NAN : values[r][index].real;
    return sum / reps;
}

static void find_judge(struct find *find, const struct expect *until,
                       const struct models_value *const *values, uint32_t reps,
                       struct threshold_point *point)
{
    struct find_seen *seen = arena_alloc(find->arena, 1, sizeof *seen);
    double left = 0;
    point->known = true;
    point->more = seen;
    seen->slack = arena_alloc(find->arena, reps, sizeof *seen->slack);
    for (uint32_t r = 0; r < reps; r++) {
        struct expect_slack slack = expect_slack(until, find->arena, values[r]);
        seen->slack[r] = slack.slack;
        left += slack.left;
        point->known = point->known && !isnan(slack.slack);
    }
    seen->left = left / reps;
    seen->gpus = find_mean(values, reps, "node.gpus");
    seen->usd = find_mean(values, reps, "cost.network_usd");
    point->half = interval_half_width(seen->slack, reps, FIND_LEVEL, &point->slack);
    point->holds =
        point->known && (point->slack > 0 || (point->slack == 0 && !expect_strict(until)));
}

static enum status find_probe(void *context, struct threshold_point *point)
{
    struct find *find = context;
    struct expect *until = NULL;
    const struct models_value **values;
    struct pool_result result;
    struct models_scenario *scenario = find_load(find, point->at, &until);
    if (scenario == NULL)
        return status_fail(STATUS_USER, "%s=%" PRId64 " cannot be run", find->key, point->at);
    struct models_info info = models_info(scenario);
    struct pool_job job = {.scenario = scenario,
                           .seed = options_seed(&find->simulate, &info),
                           .reps = options_reps(&find->simulate, &info),
                           .until = options_stop(&find->simulate, &info),
                           .jobs = find->simulate.jobs,
                           .quiet = find->simulate.quiet};
    enum status status = pool_settle(scenario, job.seed, find->simulate.quiet, NULL, find->arena);
    if (status == STATUS_OK) status = pool_run(&job, find->arena, &result);
    if (status == STATUS_OK) {
        find->reps = pool_finished(&result, find->arena, &values);
        find->seed = job.seed;
        find->name = info.name;
        find_judge(find, until, values, find->reps, point);
    }
    models_close(scenario);
    return status;
}

/* ---- output ------------------------------------------------------------------------------- */

static const char *find_real(struct find *find, double value, const char *format)
{
    if (isnan(value)) return NULL;
    char text[64];
    snprintf(text, sizeof text, format, value);
    return arena_print(find->arena, "%s", text);
}

static void find_print_points(struct find *find)
{
    const struct threshold *t = &find->threshold;
    struct table *table = table_create(find->arena, "rrrrrl");
    table_row(table, (const char *[]){find->key, "GPUs", "left side", "slack", "\u00b1 95 %", ""});
    for (size_t i = 0; i < t->count; i++) {
        const struct threshold_point *p = &t->points[i];
        const struct find_seen *seen = p->more;
        table_row(table, (const char *[]){arena_print(find->arena, "%" PRId64, p->at),
                                          find_real(find, seen->gpus, "%.0f"),
                                          find_real(find, seen->left, "%.6g"),
                                          find_real(find, p->slack, "%+.4g"),
                                          find_real(find, p->half, "%.2g"),
                                          !p->known  ? "null: nothing to measure"
                                          : p->holds ? "holds"
                                                     : "fails"});
    }
    table_print(table, stdout);
}

/* By how much the answer is better than the value below, replication by replication. */
static double find_paired(const struct find *find, const struct threshold_point *a,
                          const struct threshold_point *b, double *half)
{
    const struct find_seen *x = a->more, *y = b->more;
    double *difference = arena_alloc(find->arena, find->reps, sizeof *difference), mean;
    for (uint32_t r = 0; r < find->reps; r++)
        difference[r] = x->slack[r] - y->slack[r];
    *half = interval_half_width(difference, find->reps, FIND_LEVEL, &mean);
    return mean;
}

static void find_print_evidence(struct find *find)
{
    const struct threshold *t = &find->threshold;
    const struct threshold_point *here = threshold_at(t, t->found);
    const struct threshold_point *below = threshold_at(t, t->found - 1);
    const struct find_seen *seen = here->more;
    printf("\n%s = %" PRId64 " is the smallest at which %s holds", find->key, t->found,
           find->until);
    if (!isnan(seen->gpus)) printf(": %.0f GPUs", seen->gpus);
    if (below == NULL)
        printf("\nthe range begins there; nothing below was looked at\n");
    else
        printf("\nat %" PRId64 " it fails\n", below->at);
    if (below == NULL || !below->known || find->reps < 2) return;
    double half, mean = find_paired(find, here, below, &half);
    printf("the two differ by %.4g \u00b1 %.2g in slack, replication by replication\n", mean, half);
}

static void find_print_interval(const struct find *find)
{
    const struct threshold *t = &find->threshold;
    if (find->reps < 2) {
        printf("one replication: no interval (--reps 8 gives one)\n");
        return;
    }
    if (t->sure_low < t->low)
        printf("interval: no value below that was looked at surely fails");
    else
        printf("interval: it surely fails at %" PRId64, t->sure_low);
    if (t->sure_high > t->high)
        printf(", none above surely holds");
    else
        printf(" and surely holds at %" PRId64, t->sure_high);
    printf(" (95 %%, %" PRIu32 " replications)\n", find->reps);
}

static void find_print_doubt(const struct find *find)
{
    const struct threshold *t = &find->threshold;
    bool all = t->count == (size_t)(t->high - t->low + 1);
    if (t->against)
        printf("more is not always better here: it holds at %" PRId64 " and fails at %" PRId64 "\n",
               t->against_low, t->against_high);
    else
        printf("%s: no value that was looked at speaks against \"more is better\"%s\n",
               all ? "all values were looked at" : "monotone as far as seen",
               all ? "" : " (--every looks at all)");
}

static int find_print(struct find *find)
{
    const struct threshold *t = &find->threshold;
    bool found = t->found >= t->low;
    printf("%s, seed %" PRIu64 ", %" PRIu32 " replication%s, until %s\n\n", find->name, find->seed,
           find->reps, find->reps == 1 ? "" : "s", find->until);
    find_print_points(find);
    if (found) {
        find_print_evidence(find);
        find_print_interval(find);
        find_print_doubt(find);
        return ANALYSIS_OK;
    }
    printf("\nit holds nowhere that was looked at, from %" PRId64 " to %" PRId64 "\n", t->low,
           t->high);
    return ANALYSIS_FAILED;
}

static struct json_node *find_json_point(struct json *json, const struct threshold_point *point)
{
    const struct find_seen *seen = point->more;
    struct json_node *node = json_object(json);
    json_set(json, node, "value", json_integer(json, point->at));
    json_set(json, node, "gpus", json_real(json, seen->gpus));
    json_set(json, node, "network_usd", json_real(json, seen->usd));
    json_set(json, node, "left", json_real(json, seen->left));
    json_set(json, node, "slack", json_real(json, point->slack));
    json_set(json, node, "half_width", json_real(json, point->half));
    json_set(json, node, "holds", json_bool(json, point->holds));
    return node;
}

static struct json_node *find_json_bound(struct json *json, int64_t value, bool known)
{
    return known ? json_integer(json, value) : json_null(json);
}

static enum status find_write_json(struct find *find)
{
    const struct threshold *t = &find->threshold;
    struct output output;
    TRY(output_open(&output, find->json), "writing the answer");
    struct json *json = json_open();
    struct json_node *root = json_object(json), *points = json_array(json);
    bool found = t->found >= t->low, several = find->reps > 1;
    json_set(json, root, "hacasim", json_text(json, version_text));
    json_set(json, root, "scenario", json_text(json, find->name));
    json_set(json, root, "seed", json_integer(json, (int64_t)find->seed));
    json_set(json, root, "reps", json_integer(json, find->reps));
    json_set(json, root, "key", json_text(json, find->key));
    json_set(json, root, "until", json_text(json, find->until));
    json_set(json, root, "found", find_json_bound(json, t->found, found));
    json_set(json, root, "interval_low",
             find_json_bound(json, t->sure_low + 1, found && several && t->sure_low >= t->low));
    json_set(json, root, "interval_high",
             find_json_bound(json, t->sure_high, found && several && t->sure_high <= t->high));
    json_set(json, root, "monotone", json_bool(json, !t->against));
    for (size_t i = 0; i < t->count; i++)
        json_push(json, points, find_json_point(json, &t->points[i]));
    json_set(json, root, "points", points);
    enum status status = json_write(json, root, output.stream, false);
    json_close(json);
    return output_close(&output, status);
}

/* ---- the verb ----------------------------------------------------------------------------- */

/* Both ends of the range must be a scenario, and the condition one of its, before anything runs. */
static bool find_load_ends(struct find *find)
{
    const int64_t ends[] = {find->threshold.low, find->threshold.high};
    for (int i = 0; i < 2; i++) {
        struct expect *until;
        struct models_scenario *scenario = find_load(find, ends[i], &until);
        if (scenario == NULL) return false;
        models_close(scenario);
    }
    return true;
}

static int find_run(struct find *find)
{
    bool only_json = find->json != NULL && strcmp(find->json, "-") == 0;
    enum status status = STATUS_OK;
    if (find->json != NULL) status = output_check(find->json);
    pool_catch_signals();
    find->threshold.every = find->every;
    find->threshold.arena = find->arena;
    find->threshold.probe = find_probe;
    find->threshold.context = find;
    if (status == STATUS_OK) status = threshold_find(&find->threshold);
    if (status == STATUS_OK && find->json != NULL) status = find_write_json(find);
    if (status != STATUS_OK) return options_exit(status);
    if (only_json)
        return find->threshold.found >= find->threshold.low ? ANALYSIS_OK : ANALYSIS_FAILED;
    return find_print(find);
}

int cmd_find(int argc, char **argv)
{
    struct arena arena;
    struct find find = {.arena = &arena, .simulate = {.arena = &arena}, .until = FIND_UNTIL};
    arena_init(&arena, "command", 0);
    argp_parse(&find_argp, argc, argv, 0, NULL, &find);
    int code = find_load_ends(&find) ? find_run(&find) : ANALYSIS_USER;
    arena_free(&arena);
    return code;
}
