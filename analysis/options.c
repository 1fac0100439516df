/* SPDX-License-Identifier: Apache-2.0
 * Command line pieces that several verbs share.
 *
 * Answers for: what --set, --seed, --reps, --jobs, --quiet, --db, --output and --against mean, the
 * same in every verb, and for the way from a status to an exit code.  Numbers on the command line
 * go through the reader of scenario text, so "3.7" or "1e3" is as wrong for --reps as it is in a
 * scenario. */
#include "analysis/options.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "analysis/analysis.h"
#include "analysis/output.h"
#include "analysis/result.h"

enum {
    KEY_SET = 512,
    KEY_SEED,
    KEY_REPS,
    KEY_JOBS,
    KEY_QUIET,
    KEY_DB,
    KEY_AGAINST,
    KEY_OUTPUT = 'o'
};

enum { REPS_MAX = 1000000, JOBS_MAX = 4096 };

int64_t options_count(const struct argp_state *state, const char *option, const char *text,
                      int64_t low, int64_t high)
{
    int64_t value = 0;
    const char *why = NULL;
    if (param_scan(PARAM_COUNT, text, strlen(text), &value, &why) != 0)
        argp_error(state, "%s: '%s' %s (allowed: %" PRId64 " to %" PRId64 ")", option, text, why,
                   low, high);
    else if (value < low || value > high)
        argp_error(state, "%s: %" PRId64 " is out of range (allowed: %" PRId64 " to %" PRId64 ")",
                   option, value, low, high);
    return value;
}

static error_t options_parse_simulate(int key, char *argument, struct argp_state *state)
{
    struct options_simulate *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        options->sets = arena_alloc(options->arena, (size_t)state->argc, sizeof *options->sets);
        return 0;
    case KEY_SET:
        options->sets[options->set_count++] = argument;
        return 0;
    case KEY_SEED:
        options->seed = (uint64_t)options_count(state, "--seed", argument, 0, INT64_MAX);
        options->seed_given = true;
        return 0;
    case KEY_REPS:
        options->reps = (uint32_t)options_count(state, "--reps", argument, 1, REPS_MAX);
        return 0;
    case KEY_JOBS:
        options->jobs = (int)options_count(state, "--jobs", argument, 1, JOBS_MAX);
        return 0;
    case KEY_QUIET:
        options->quiet = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option simulate_options[] = {
    {.name = "set",
     .key = KEY_SET,
     .arg = "KEY=VALUE",
     .doc = "override one key of the scenario, as in --set nodes[0].count=12; may be repeated"},
    {.name = "seed", .key = KEY_SEED, .arg = "N", .doc = "random seed (default: the scenario's)"},
    {.name = "reps",
     .key = KEY_REPS,
     .arg = "N",
     .doc = "independent replications (default: the scenario's, which may be a rule)"},
    {.name = "jobs",
     .key = KEY_JOBS,
     .arg = "N",
     .doc = "threads (default: all cores); results do not depend on it"},
    {.name = "quiet", .key = KEY_QUIET, .doc = "no progress, and only the essential output"},
    {.name = NULL},
};

const struct argp options_simulate_argp = {.options = simulate_options,
                                           .parser = options_parse_simulate};

static error_t options_parse_db(int key, char *argument, struct argp_state *state)
{
    const char **path = state->input;
    if (key != KEY_DB) return ARGP_ERR_UNKNOWN;
    if (*argument == '\0') argp_error(state, "--db: the file name is empty");
    *path = argument;
    return 0;
}

static const struct argp_option db_options[] = {
    {.name = "db",
     .key = KEY_DB,
     .arg = "FILE",
     .doc = "results database (default: results/hacasim.db)"},
    {.name = NULL},
};

const struct argp options_db_argp = {.options = db_options, .parser = options_parse_db};

/* ---- results ------------------------------------------------------------------------------ */

static error_t options_parse_result(int key, char *argument, struct argp_state *state)
{
    struct options_result *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->db;
        return 0;
    case KEY_OUTPUT:
        options->output = argument;
        return 0;
    case KEY_AGAINST:
        options->against = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option result_options[] = {
    {.name = "output", .key = KEY_OUTPUT, .arg = "FILE", .doc = "the file to write"},
    {.name = "against",
     .key = KEY_AGAINST,
     .arg = "RUN",
     .doc = "a second run beside the first: dashed in pictures, another column in tables"},
    {.name = NULL},
};

static const struct argp_child result_children[] = {{.argp = &options_db_argp}, {.argp = NULL}};

const struct argp options_result_argp = {
    .options = result_options, .parser = options_parse_result, .children = result_children};

enum status options_load_results(const struct options_result *options, struct arena *arena,
                                 const char *name, struct result *results)
{
    struct store *store = NULL;
    enum status status = store_open(&store, arena, options->db, STORE_READ);
    if (status == STATUS_OK) status = result_load(store, arena, name, &results[0]);
    if (status == STATUS_OK && options->against != NULL)
        status = result_load(store, arena, options->against, &results[1]);
    store_close(store);
    if (status == STATUS_OK && options->against != NULL)
        result_distinguish(&results[0], &results[1], arena);
    return status;
}

/* ---- scenario ----------------------------------------------------------------------------- */

struct models_scenario *options_load_present(const struct options_simulate *options,
                                             const char *path, struct expect ***expects,
                                             const char **absent)
{
    struct diag diag;
    diag_init(&diag, options->arena);
    struct models_scenario *scenario =
        models_read(options->arena, path, options->sets, options->set_count, &diag);
    const struct models_info none = {0}, info = scenario == NULL ? none : models_info(scenario);
    *expects = arena_alloc(options->arena, info.expect_count, sizeof(struct expect *));
    for (uint32_t i = 0; i < info.expect_count; i++) {
        const struct param_text *line = &info.expects[i];
        if (line->text != NULL)
            (*expects)[i] = expect_parse(options->arena, info.metrics, line, &diag);
    }
    if (diag.count == 0 || scenario == NULL) {
        diag_print(&diag, stderr);
        return scenario;
    }
    if (absent != NULL && diag.count == 1 && models_trace_absent(scenario))
        *absent = diag.items[0].message;
    else
        diag_print(&diag, stderr);
    models_close(scenario);
    return NULL;
}

struct models_scenario *options_load(const struct options_simulate *options, const char *path,
                                     struct expect ***expects)
{
    return options_load_present(options, path, expects, NULL);
}

uint64_t options_seed(const struct options_simulate *options, const struct models_info *info)
{
    return options->seed_given ? options->seed : info->seed;
}

uint32_t options_reps(const struct options_simulate *options, const struct models_info *info)
{
    return options->reps > 0 ? options->reps : info->reps;
}

struct stop_rule options_stop(const struct options_simulate *options,
                              const struct models_info *info)
{
    if (options->reps > 0) return (struct stop_rule){.metric = NULL};
    return (struct stop_rule){.metric = info->until.metric,
                              .half_width = info->until.half_width,
                              .level = info->until.level,
                              .min = info->until.min,
                              .max = info->reps};
}

static const char *options_shell_word(struct arena *arena, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./:,=@%+-";
    if (*text != '\0' && text[strspn(text, plain)] == '\0') return text;
    char *out = arena_alloc(arena, 4 * strlen(text) + 3, 1), *to = out;
    *to++ = '\'';
    for (; *text != '\0'; text++) { /* a quote ends the string, stands escaped, opens it again */
        if (*text == '\'')
            to = stpcpy(to, "'\\''");
        else
            *to++ = *text;
    }
    *to = '\'';
    return out;
}

const char *options_check(const struct options_simulate *options, const char *path)
{
    struct arena *arena = options->arena;
    const char *text = arena_print(arena, "hacasim check %s", options_shell_word(arena, path));
    for (size_t i = 0; i < options->set_count; i++)
        text = arena_print(arena, "%s --set %s", text, options_shell_word(arena, options->sets[i]));
    return text;
}

const char *options_replay_stem(const struct options_simulate *options,
                                const struct models_info *info)
{
    struct arena *arena = options->arena;
    const char *text = arena_print(arena, "hacasim run %s", options_shell_word(arena, info->path));
    for (size_t i = 0; i < options->set_count; i++)
        text = arena_print(arena, "%s --set %s", text, options_shell_word(arena, options->sets[i]));
    return arena_print(arena, "%s --seed %" PRIu64, text, options_seed(options, info));
}

/* A draw is keyed by (seed, replication), so replication k needs the ones before it only to be
 * counted up to. */
const char *options_replay(const struct options_simulate *options, const struct models_info *info,
                           uint32_t replication)
{
    const char *stem = options_replay_stem(options, info);
    if (replication == OPTIONS_ALL) return stem;
    return arena_print(options->arena, "%s --reps %" PRIu32, stem, replication + 1);
}

/* "FILE:LINE:COLUMN" without the position; NULL where the value came from no file. */
static const char *options_origin_file(const char *origin, struct arena *arena)
{
    size_t length = strlen(origin);
    for (int colons = 0; colons < 2; colons++) {
        while (length > 0 && origin[length - 1] != ':')
            length--;
        if (length == 0) return NULL;
        length--;
    }
    return arena_text(arena, origin, length);
}

const char *options_reads(const struct models_info *info, const char *path, struct arena *arena)
{
    if (access(path, F_OK) != 0) return NULL; /* nothing there to be read */
    if (output_same(path, info->path)) return arena_print(arena, "the scenario %s", info->path);
    for (size_t i = 0; i < info->effective_count; i++) {
        const struct param_effective *row = &info->effective[i];
        const char *file = options_origin_file(row->origin, arena);
        if (file != NULL && output_same(path, file))
            return arena_print(arena, "the scenario %s", file);
        if (output_same(path, row->value))
            return arena_print(arena, "%s, which the scenario reads", row->path);
    }
    return NULL;
}

/* ---- exit --------------------------------------------------------------------------------- */

int options_exit(enum status code)
{
    if (code == STATUS_OPERATING && output_reader_left()) return ANALYSIS_OK; /* main ends it */
    status_print(stderr);
    switch (code) {
    case STATUS_OK:
        return ANALYSIS_OK;
    case STATUS_USER:
        return ANALYSIS_USER;
    case STATUS_OPERATING:
    case STATUS_BREACH:
        return ANALYSIS_OPERATING;
    case STATUS_INTERRUPTED:
        return ANALYSIS_INTERRUPTED;
    }
    return ANALYSIS_OPERATING;
}
