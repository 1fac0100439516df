/* SPDX-License-Identifier: Apache-2.0
 * hacasim run: simulate a scenario and store what came out.
 *
 * Answers for: the order in which things can go wrong.  The scenario is checked before a database
 * is touched, the database is tried out before anything is simulated, each replication is stored
 * when it is finished, and the summary is printed from what was stored. */
#include <inttypes.h>
#include <string.h>

#include "analysis/analysis.h"
#include "analysis/digest.h"
#include "analysis/observe.h"
#include "analysis/options.h"
#include "analysis/pool.h"
#include "analysis/store.h"
#include "analysis/summary.h"
#include "analysis/table.h"
#include "analysis/version.h"

enum { KEY_JSON = 256, CHAIN_BYTES = 4096 };

struct run {
    /* command line */
    struct options_simulate simulate;
    struct observe observe;
    const char *db, *json, *path;
    /* what is run */
    struct arena *arena;
    struct models_scenario *scenario;
    struct models_info info;
    struct store_run row;
    /* what came out */
    struct store *store;
    int64_t id;
    struct pool_result result;
    const char *trace_hash; /* NULL unless all replications are there */
};

static error_t run_parse(int key, char *argument, struct argp_state *state)
{
    struct run *run = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &run->simulate;
        state->child_inputs[1] = &run->db;
        state->child_inputs[2] = &run->observe;
        return 0;
    case KEY_JSON:
        run->json = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (run->path != NULL) argp_error(state, "one scenario at a time");
        run->path = argument;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which scenario?");
        return EINVAL;
    case ARGP_KEY_END:
        observe_check(state, &run->observe, run->json);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option run_options[] = {
    {.name = "json",
     .key = KEY_JSON,
     .arg = "FILE",
     .doc = "write the results as one JSON object; - for standard output, and nothing else there"},
    {.name = NULL},
};

static const struct argp_child run_children[] = {{.argp = &options_simulate_argp},
                                                 {.argp = &options_db_argp},
                                                 {.argp = &observe_argp},
                                                 {.argp = NULL}};

static const struct argp run_argp = {
    .options = run_options,
    .parser = run_parse,
    .args_doc = "SCENARIO",
    .children = run_children,
    .doc = "Simulate a scenario, store the results and print a summary."
           "\vEach finished replication is stored at once.  Ctrl-C lets those under way finish "
           "(10 s; a second Ctrl-C drops them), keeps what is done and exits with 130.  Running "
           "the same thing again makes a new run with a new id and the same hash.\n\n"
           "Exit codes: 0 done; 2 the scenario or the command line is wrong, and nothing was "
           "written; 3 a disk or database failed, or an invariant of the model broke; 130 "
           "interrupted."};

/* ---- one run ------------------------------------------------------------------------------ */

/* What the hash of a run is made of is what decides its results. */
static void run_describe(struct run *run)
{
    struct arena *arena = run->arena;
    const struct models_info *info = &run->info;
    uint64_t scenario = digest_text(DIGEST_START, info->canonical);
    uint64_t seed = options_seed(&run->simulate, info);
    uint32_t reps = options_reps(&run->simulate, info);
    uint64_t hash = digest_text(digest_word(digest_word(scenario, seed), reps), version_number);
    run->row = (struct store_run){
        .hash = digest_hex(arena_alloc(arena, DIGEST_HEX, 1), digest_end(hash)),
        .name = info->name,
        .doc = info->doc,
        .path = info->path,
        .design = info->design,
        .price_rule = info->price_rule,
        .scenario = info->canonical,
        .scenario_hash = digest_hex(arena_alloc(arena, DIGEST_HEX, 1), digest_end(scenario)),
        .seed = seed,
        .reps = reps,
        .threads = pool_threads(run->simulate.jobs, reps)};
}

/* --seed and --reps are overrides like --set, so the effective scenario must show them. */
static const struct param_effective *run_effective(const struct run *run)
{
    size_t count = run->info.effective_count;
    struct param_effective *copy = arena_alloc(run->arena, count, sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i] = run->info.effective[i];
        if (run->simulate.seed_given && strcmp(copy[i].path, "seed") == 0) {
            copy[i].value = arena_print(run->arena, "%" PRIu64, run->row.seed);
            copy[i].origin = "--seed";
        } else if (run->simulate.reps > 0 && strcmp(copy[i].path, "reps") == 0) {
            copy[i].value = arena_print(run->arena, "%" PRIu32, run->row.reps);
            copy[i].origin = "--reps";
        }
    }
    return copy;
}

static enum status run_keep(void *context, const struct models_record *record)
{
    struct run *run = context;
    return store_keep(run->store, run->id, record);
}

static const char *run_state(const struct run *run, enum status status)
{
    if (run->result.done == run->row.reps) return "done";
    return status == STATUS_INTERRUPTED ? "interrupted" : "failed";
}

/* Close the row of the run.  A failure to do so must not hide an earlier one. */
static enum status run_end(struct run *run, enum status status)
{
    char chain[CHAIN_BYTES];
    status_take(chain, sizeof chain);
    if (run->result.done == run->row.reps)
        run->trace_hash =
            digest_hex(arena_alloc(run->arena, DIGEST_HEX, 1), pool_trace_hash(&run->result));
    enum status ended =
        store_end(run->store, run->id, run_state(run, status), run->trace_hash, run->result.wall_s);
    if (status == STATUS_OK || status == STATUS_INTERRUPTED)
        return ended == STATUS_OK ? status : ended;
    return status_fail(status, "%s", chain);
}

static enum status run_simulate(struct run *run)
{
    struct pool_job job = {.scenario = run->scenario,
                           .seed = run->row.seed,
                           .reps = run->row.reps,
                           .jobs = run->simulate.jobs,
                           .quiet = run->simulate.quiet,
                           .watch = &run->observe.options,
                           .keep = run_keep,
                           .context = run};
    run->observe.options.replay = options_replay_stem(&run->simulate, &run->info);
    TRY(store_open(&run->store, run->arena, run->db, STORE_WRITE), "nothing was simulated");
    TRY(observe_open(&run->observe), "nothing was simulated");
    TRY(store_begin(run->store, &run->row, run_effective(run), run->info.effective_count, &run->id),
        "nothing was simulated");
    pool_catch_signals();
    enum status status = pool_run(&job, run->arena, &run->result);
    status = run_end(run, observe_close(&run->observe, status, run->simulate.quiet));
    if (status != STATUS_BREACH) return status;
    return status_context(
        status, "replication %" PRIu32 " broke an invariant; it runs again with: %s",
        run->result.failed, options_replay(&run->simulate, &run->info, run->result.failed));
}

/* ---- output ------------------------------------------------------------------------------- */

static void run_print_head(const struct run *run)
{
    printf("run %" PRId64 "  %.12s  %s (%s), seed %" PRIu64 ", %" PRIu32 " replication%s\n",
           run->id, run->row.hash, run->row.name, run->row.design, run->row.seed, run->row.reps,
           run->row.reps == 1 ? "" : "s");
}

static void run_print_summary(struct run *run, const struct summary *summary)
{
    struct summary_column column = {.summary = summary, .price_rule = run->row.price_rule};
    if (run->row.reps > 1) column.title[0] = "mean \u00b1 95 % interval";
    putchar('\n');
    summary_print(run->arena, &column, 1, false, stdout);
    summary_print_caveats(run->result.caveats, run->result.caveat_count, stdout);
    putchar('\n');
}

static enum status run_print(struct run *run)
{
    const struct models_value **values;
    uint32_t reps = pool_finished(&run->result, run->arena, &values);
    const struct summary *summary = summary_build(run->arena, values, reps);
    struct summary_object object = {.scenario = run->row.name,
                                    .trace_hash = run->trace_hash,
                                    .seed = run->row.seed,
                                    .reps = reps,
                                    .summary = summary,
                                    .caveats = run->result.caveats,
                                    .caveat_count = run->result.caveat_count};
    bool only_json = run->json != NULL && strcmp(run->json, "-") == 0;
    if (!only_json) {
        run_print_head(run);
        if (!run->simulate.quiet) run_print_summary(run, summary);
        printf("trace hash %s\n", run->trace_hash);
    }
    return run->json == NULL ? STATUS_OK : summary_write_json(&object, run->json);
}

static void run_say_kept(const struct run *run)
{
    if (run->id == 0) return; /* it never came to a run */
    fprintf(stderr,
            "kept %" PRIu32 " of %" PRIu32 " replications as run %" PRId64 " in %s"
            " (hacasim show %" PRId64 ")\n",
            run->result.done, run->row.reps, run->id, run->db, run->id);
}

static void run_say_done(const struct run *run)
{
    if (run->simulate.quiet) return;
    fprintf(stderr, "%" PRIu32 " replication%s in %.2f s on %" PRIu32 " thread%s, stored in %s\n",
            run->result.done, run->result.done == 1 ? "" : "s", run->result.wall_s,
            run->result.threads, run->result.threads == 1 ? "" : "s", run->db);
}

static int run_loaded(struct run *run)
{
    run->info = models_info(run->scenario);
    run_describe(run);
    if (observe_refused(&run->observe, run->scenario, run->row.reps)) return ANALYSIS_USER;
    enum status status = run_simulate(run);
    if (status == STATUS_OK) {
        run_say_done(run);
        status = run_print(run);
        fflush(stdout); /* so that the profile comes after it on a terminal */
        observe_print(&run->observe, stderr);
    }
    store_close(run->store);
    int code = options_exit(status);
    if (status != STATUS_OK) run_say_kept(run);
    return code;
}

int cmd_run(int argc, char **argv)
{
    struct arena arena;
    struct run run = {.arena = &arena,
                      .db = STORE_DEFAULT,
                      .simulate = {.arena = &arena},
                      .observe = {.arena = &arena}};
    int code = ANALYSIS_USER;
    arena_init(&arena, "command", 0);
    argp_parse(&run_argp, argc, argv, 0, NULL, &run);
    struct expect **expects; /* a broken line is refused here too, though only check judges them */
    run.scenario = options_load(&run.simulate, run.path, &expects);
    if (run.scenario != NULL) {
        code = run_loaded(&run);
        models_close(run.scenario);
    }
    arena_free(&arena);
    return code;
}
