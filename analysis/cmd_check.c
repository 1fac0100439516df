/* SPDX-License-Identifier: Apache-2.0
 * hacasim check: do a scenario's invariants and expectations hold?
 *
 * Answers for: that every scenario and every expectation is read before the first one is
 * simulated, and that a failure says which line asked for what, what came out instead and how to
 * get there again.  Nothing is stored. */
#include <inttypes.h>
#include <string.h>

#include "analysis/analysis.h"
#include "analysis/check_replay.h"
#include "analysis/digest.h"
#include "analysis/expect.h"
#include "analysis/junit.h"
#include "analysis/options.h"
#include "analysis/output.h"
#include "analysis/pool.h"
#include "analysis/steady.h"
#include "analysis/version.h"

enum { KEY_JUNIT = 256, KEY_JSON, CHAIN_BYTES = 4096 };

struct check_scenario {
    const char *path;
    struct models_scenario *scenario;
    struct models_info info;
    struct replay *replay;   /* instead of a scenario */
    struct expect **expects; /* [info.expect_count] */
    const char *absent;      /* why it is skipped: its trace is not there */
};

struct check {
    struct options_simulate simulate;
    const char *junit_path, *json_path;
    struct json *json;
    struct json_node *replays;
    struct check_scenario *scenarios;
    size_t count;
    struct arena *arena;
    struct junit junit;
    FILE *out; /* for people */
    uint32_t passed, failed, skipped;
};

static error_t check_parse(int key, char *argument, struct argp_state *state)
{
    struct check *check = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &check->simulate;
        check->scenarios = arena_alloc(check->arena, (size_t)state->argc, sizeof *check->scenarios);
        return 0;
    case KEY_JUNIT:
        check->junit_path = argument;
        return 0;
    case KEY_JSON:
        check->json_path = argument;
        return 0;
    case ARGP_KEY_ARG:
        check->scenarios[check->count++].path = argument;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which scenario?");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option check_options[] = {
    {.name = "junit",
     .key = KEY_JUNIT,
     .arg = "FILE",
     .doc = "write the outcome as JUnit XML, too; - for standard output, and nothing else there"},
    {.name = "json",
     .key = KEY_JSON,
     .arg = "FILE",
     .doc = "write the outcome as a JSON object, too; - for standard output, and nothing else "
            "there"},
    {.name = NULL},
};

static const struct argp_child check_children[] = {{.argp = &options_simulate_argp},
                                                   {.argp = NULL}};

static const struct argp check_argp = {
    .options = check_options,
    .parser = check_parse,
    .args_doc = "SCENARIO...",
    .children = check_children,
    .doc = "Simulate scenarios and check their invariants and `expect:` lines; nothing is stored."
           "  A file with the key `replay` is a recorded run of a real engine: it is replayed, and "
           "real and simulated latencies are shown side by side."
           "\vAn expectation is METRIC OP VALUE with OP one of < <= > >= == !=, or METRIC in "
           "[LOW, HIGH].  Values are metrics, numbers, percentages like 30%, and + - * / and "
           "parentheses between them.  It must hold in every replication; the one that misses by "
           "most is reported.  A null metric fails.  Amounts of money and counts compare exactly."
           "  A scenario whose trace file is not there, or a replay that names no run, is skipped "
           "and said to be; when nothing else "
           "is left to check, that is an error."
           "\n\nExit codes: 0 all hold; 1 one does not, or an invariant broke; 2 a scenario or an "
           "expectation is wrong; 3 a disk failed; 130 interrupted."};

/* ---- loading ------------------------------------------------------------------------------ */

static bool check_has_key(const struct param_table *table, const char *set)
{
    size_t length = strcspn(set, ".[=");
    for (size_t i = 0; i < table->count; i++)
        if (strlen(table->rows[i].key) == length && memcmp(table->rows[i].key, set, length) == 0)
            return true;
    return false;
}

/* Where scenarios and replays are checked together, each gets the overrides that only it knows;
 * those that neither knows go to both, which say so. */
static struct options_simulate check_overrides(const struct check *check, bool replay)
{
    struct options_simulate own = check->simulate;
    const struct param_table *mine = replay ? replay_keys() : models_table();
    const struct param_table *other = replay ? models_table() : replay_keys();
    if (check->count < 2) return own;
    own.sets = arena_alloc(check->arena, own.set_count, sizeof *own.sets);
    for (size_t i = 0; i < own.set_count; i++) {
        const char *set = check->simulate.sets[i];
        bool theirs = !check_has_key(mine, set) && check_has_key(other, set);
        own.sets[i] = theirs ? NULL : set;
    }
    return own;
}

static bool check_load_replay(struct check *check, struct check_scenario *one)
{
    struct diag diag;
    struct arena *arena = check->arena;
    size_t count;
    const char *const *names = replay_metrics(&count);
    diag_init(&diag, arena);
    one->info.path = one->path;
    struct options_simulate own = check_overrides(check, true);
    one->replay = replay_load(arena, one->path, own.sets, own.set_count, &diag, &one->absent);
    if (one->replay != NULL)
        one->info.expects = replay_expects(one->replay, &one->info.expect_count);
    one->expects = arena_alloc(arena, one->info.expect_count, sizeof(struct expect *));
    for (uint32_t i = 0; i < one->info.expect_count; i++)
        if (one->info.expects[i].text != NULL)
            one->expects[i] = expect_parse_among(arena, &one->info.expects[i], &diag, names, count);
    if (diag.count > 0) one->absent = NULL;
    check->skipped += one->absent != NULL;
    diag_print(&diag, stderr);
    return diag.count == 0;
}

static bool check_load(struct check *check, struct check_scenario *one)
{
    if (replay_is(check->arena, one->path)) return check_load_replay(check, one);
    struct options_simulate own = check_overrides(check, false);
    one->scenario = options_load_present(&own, one->path, &one->expects, &one->absent);
    check->skipped += one->absent != NULL;
    if (one->scenario == NULL) return one->absent != NULL;
    one->info = models_info(one->scenario);
    return true;
}

/* ---- reporting ---------------------------------------------------------------------------- */

static void check_pass(struct check *check, const char *name)
{
    check->passed++;
    junit_case(&check->junit, name, NULL, NULL);
    if (!check->simulate.quiet) fprintf(check->out, "  ok    %s\n", name);
}

static void check_fail(struct check *check, const char *name, const char *summary,
                       const char *detail)
{
    check->failed++;
    junit_case(&check->junit, name, summary, detail);
    fprintf(check->out, "  FAIL  %s\n%s", name, detail);
}

/* The command that shows it again. */
static const char *check_again(const struct check *check, const struct check_scenario *one,
                               uint32_t replication)
{
    if (one->replay == NULL) return options_replay(&check->simulate, &one->info, replication);
    return options_check(&check->simulate, one->path);
}

static const char *check_detail(const struct check *check, const struct check_scenario *one,
                                const struct param_text *line, const struct expect_outcome *outcome,
                                uint32_t reps)
{
    struct arena *arena = check->arena;
    const char *which = "", *parts = "";
    if (outcome->parts != NULL)
        parts = arena_print(arena, "          with      %s\n", outcome->parts);
    if (reps > 1)
        which = arena_print(arena,
                            "        replication %" PRIu32 " of %" PRIu32 " is the worst; it fails"
                            " in %" PRIu32 "\n",
                            outcome->worst, reps, outcome->failures);
    return arena_print(arena,
                       "        %s\n"
                       "        - expected  %s\n"
                       "        + actual    %s\n%s"
                       "        %s\n%s"
                       "        run it: %s\n",
                       diag_place(arena, line->where), line->text, outcome->actual, parts,
                       outcome->miss, which, check_again(check, one, outcome->worst));
}

static void check_expectations(struct check *check, const struct check_scenario *one,
                               const struct models_value *const *values, uint32_t reps)
{
    for (uint32_t i = 0; i < one->info.expect_count; i++) {
        const struct param_text *line = &one->info.expects[i];
        struct expect_outcome outcome = expect_judge(one->expects[i], check->arena, values, reps);
        if (outcome.failures == 0)
            check_pass(check, line->text);
        else
            check_fail(check, line->text, outcome.miss,
                       check_detail(check, one, line, &outcome, reps));
    }
}

/* A broken invariant leaves no results to hold an expectation against. */
static void check_breach(struct check *check, const struct check_scenario *one,
                         const struct pool_result *result)
{
    char chain[CHAIN_BYTES];
    status_take(chain, sizeof chain);
    check_fail(check, "invariants", "an invariant broke",
               arena_print(check->arena, "        %s\n        run it: %s\n", chain,
                           options_replay(&check->simulate, &one->info, result->failed)));
    for (uint32_t i = 0; i < one->info.expect_count; i++)
        check_fail(check, one->info.expects[i].text, "not checked",
                   "        not checked: an invariant broke\n");
}

static enum status check_skip(struct check *check, const struct check_scenario *one)
{
    junit_suite(&check->junit, one->path);
    junit_skip(&check->junit, "invariants", one->absent);
    fprintf(check->out, "%s\n  skip  %s\n", one->path, one->absent);
    return STATUS_OK;
}

/* What `check` says about the scenario besides what it expects. */
static void check_steady(const struct check *check, const struct check_scenario *one,
                         const struct pool_result *result)
{
    const char *caveats[STEADY_CAVEATS];
    bool stopped = result->stop.reason != STOP_NOT_YET;
    struct store_stop stop = stop_outcome(&result->stop);
    size_t count =
        steady_caveats(&one->info, NULL, 0, stopped ? &stop : NULL, check->arena, caveats);
    if (one->info.warmup.pilot)
        fprintf(check->out, "        warm-up of %.6g s, chosen by MSER-5 on a pilot pass\n",
                (double)one->info.warmup.cut_ns * 1e-9);
    if (stopped) fprintf(check->out, "        %s\n", stop_sentence(check->arena, &stop));
    for (size_t i = 0; i < count; i++)
        fprintf(check->out, "        caveat: %s\n", caveats[i]);
}

static enum status check_replay(struct check *check, const struct check_scenario *one)
{
    struct replay_about about = replay_about(one->replay, check->arena);
    struct replay_result result = replay_run(one->replay, check->arena);
    const struct models_value *values = result.values;
    junit_suite(&check->junit, one->path);
    if (!check->simulate.quiet) {
        fprintf(check->out, "%s\n", one->path);
        check_replay_print(&about, &result, check->arena, check->out);
    }
    json_push(check->json, check->replays,
              check_replay_json(check->json, one->path, &about, &result));
    check_expectations(check, one, &values, 1);
    return STATUS_OK;
}

static enum status check_one(struct check *check, struct check_scenario *one)
{
    if (one->absent != NULL) return check_skip(check, one);
    if (one->replay != NULL) return check_replay(check, one);
    char hash[DIGEST_HEX];
    struct pool_result result;
    struct watch_options watch = {.replay = options_replay_stem(&check->simulate, &one->info)};
    struct pool_job job = {.scenario = one->scenario,
                           .seed = options_seed(&check->simulate, &one->info),
                           .reps = options_reps(&check->simulate, &one->info),
                           .until = options_stop(&check->simulate, &one->info),
                           .jobs = check->simulate.jobs,
                           .quiet = check->simulate.quiet,
                           .watch = &watch};
    enum status status =
        pool_settle(one->scenario, job.seed, check->simulate.quiet, &watch, check->arena);
    one->info = models_info(one->scenario);
    if (status == STATUS_OK)
        status = pool_run(&job, check->arena, &result);
    else
        result.failed = 0; /* the pilot is replication 0 */
    if (status != STATUS_OK && status != STATUS_BREACH) return status;
    junit_suite(&check->junit, one->path);
    if (!check->simulate.quiet || status != STATUS_OK) fprintf(check->out, "%s\n", one->path);
    if (status == STATUS_BREACH) {
        check_breach(check, one, &result);
        return STATUS_OK;
    }
    if (!check->simulate.quiet) check_steady(check, one, &result);
    check_pass(check, "invariants");
    const struct models_value **values;
    uint32_t reps = pool_finished(&result, check->arena, &values);
    check_expectations(check, one, values, reps);
    if (!check->simulate.quiet)
        fprintf(check->out, "        trace hash %s\n", digest_hex(hash, pool_trace_hash(&result)));
    return STATUS_OK;
}

/* ---- all of them -------------------------------------------------------------------------- */

static enum status check_write_junit(const struct check *check)
{
    struct output output;
    if (check->junit_path == NULL) return STATUS_OK;
    TRY(output_open(&output, check->junit_path), "writing the JUnit file");
    junit_write(&check->junit, output.stream);
    return output_close(&output, STATUS_OK);
}

static struct json_node *check_outcome(struct json *json, const struct junit_outcome *item)
{
    struct json_node *object = json_object(json);
    const char *outcome = item->skipped ? "skipped" : item->failure ? "failed" : "passed";
    const char *why = item->skipped ? item->skipped : item->failure;
    json_set(json, object, "name", json_text(json, item->name));
    json_set(json, object, "outcome", json_text(json, outcome));
    if (why != NULL) json_set(json, object, "why", json_text(json, why));
    return object;
}

/* {hacasim, passed, failed, skipped, scenarios: [{scenario, checks: [...]}], replays: [...]} */
static enum status check_write_json(const struct check *check)
{
    struct output output;
    struct json *json = check->json;
    struct json_node *root = json_object(json), *scenarios = json_array(json), *checks = NULL;
    if (check->json_path == NULL) return STATUS_OK;
    json_set(json, root, "hacasim", json_text(json, version_number));
    json_set(json, root, "passed", json_integer(json, check->passed));
    json_set(json, root, "failed", json_integer(json, check->failed));
    json_set(json, root, "skipped", json_integer(json, check->skipped));
    for (uint32_t i = 0; i < check->junit.count; i++) {
        const struct junit_outcome *item = &check->junit.items[i];
        if (item->suite != NULL) {
            struct json_node *scenario = json_object(json);
            checks = json_array(json);
            json_set(json, scenario, "scenario", json_text(json, item->suite));
            json_set(json, scenario, "checks", checks);
            json_push(json, scenarios, scenario);
        } else {
            json_push(json, checks, check_outcome(json, item));
        }
    }
    json_set(json, root, "scenarios", scenarios);
    json_set(json, root, "replays", check->replays);
    TRY(output_open(&output, check->json_path), "writing the JSON file");
    return output_close(&output, json_write(json, root, output.stream, false));
}

static int check_run(struct check *check)
{
    enum status status = STATUS_OK;
    if (check->junit_path != NULL) status = output_check(check->junit_path);
    if (status == STATUS_OK && check->json_path != NULL) status = output_check(check->json_path);
    pool_catch_signals();
    for (size_t i = 0; i < check->count && status == STATUS_OK; i++)
        status = check_one(check, &check->scenarios[i]);
    if (status == STATUS_OK) status = check_write_junit(check);
    if (status == STATUS_OK) status = check_write_json(check);
    if (status != STATUS_OK) return options_exit(status);
    fprintf(check->out, "%" PRIu32 " of %" PRIu32 " checks passed", check->passed,
            check->passed + check->failed);
    if (check->skipped > 0)
        fprintf(check->out, ", %" PRIu32 " scenario%s skipped", check->skipped,
                check->skipped == 1 ? "" : "s");
    fputc('\n', check->out);
    return check->failed == 0 ? ANALYSIS_OK : ANALYSIS_FAILED;
}

static bool check_load_all(struct check *check)
{
    bool good = true;
    for (size_t i = 0; i < check->count; i++)
        good = check_load(check, &check->scenarios[i]) && good;
    if (!good || check->skipped < check->count) return good;
    for (size_t i = 0; i < check->count; i++)
        fprintf(stderr, "%s: error: %s\n", check->scenarios[i].path, check->scenarios[i].absent);
    fputs("nothing is left to check\n", stderr);
    return false;
}

int cmd_check(int argc, char **argv)
{
    struct arena arena;
    struct check check = {.arena = &arena, .simulate = {.arena = &arena}};
    arena_init(&arena, "command", 0);
    argp_parse(&check_argp, argc, argv, 0, NULL, &check);
    junit_init(&check.junit, &arena);
    check.json = json_open();
    check.replays = json_array(check.json);
    bool only_xml = check.junit_path != NULL && strcmp(check.junit_path, "-") == 0;
    bool only_json = check.json_path != NULL && strcmp(check.json_path, "-") == 0;
    check.out = only_xml || only_json ? stderr : stdout;
    int code = check_load_all(&check) ? check_run(&check) : ANALYSIS_USER;
    for (size_t i = 0; i < check.count; i++) {
        if (check.scenarios[i].scenario != NULL) models_close(check.scenarios[i].scenario);
        if (check.scenarios[i].replay != NULL) replay_close(check.scenarios[i].replay);
    }
    json_close(check.json);
    arena_free(&arena);
    return code;
}
