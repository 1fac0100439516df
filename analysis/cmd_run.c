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
#include "analysis/output.h"
#include "analysis/pool.h"
#include "analysis/resume.h"
#include "analysis/steady.h"
#include "analysis/steps.h"
#include "analysis/store.h"
#include "analysis/summary.h"
#include "analysis/table.h"
#include "analysis/version.h"

enum { KEY_JSON = 256, KEY_RESUME, KEY_EVERY, KEY_RECORD, CHAIN_BYTES = 4096 };

enum { RUN_CHECKPOINTS_MAX = 10000 }; /* that --checkpoint-every may keep of a replication */

struct run {
    /* command line */
    struct options_simulate simulate;
    struct observe observe;
    const char *db, *json, *path;
    const char *going_on; /* RUN[@TIME] of --resume; NULL: a fresh run */
    /* what is run */
    struct arena *arena;
    struct models_scenario *scenario;
    struct models_info info;
    struct store_run row;
    struct resume resume;
    struct steps steps; /* --record */
    /* what came out */
    struct store *store;
    int64_t id;
    struct pool_result result;
    const char *trace_hash; /* NULL unless all replications are there */
};

static int64_t run_duration(const struct argp_state *state, const char *text)
{
    int64_t value_ns = 0;
    const char *why = NULL;
    if (param_scan(PARAM_DURATION, text, strlen(text), &value_ns, &why) != 0)
        argp_error(state, "--checkpoint-every: '%s' %s", text, why);
    if (value_ns <= 0) argp_error(state, "--checkpoint-every: %s is no time to wait", text);
    return value_ns;
}

static void run_check_arguments(const struct run *run, const struct argp_state *state)
{
    if (run->going_on == NULL) {
        if (run->path == NULL) argp_error(state, "which scenario?");
        return;
    }
    if (run->path != NULL)
        argp_error(state, "--resume has the scenario of its run; change it with --set");
    if (run->simulate.seed_given || run->simulate.reps > 0)
        argp_error(state, "--resume has the seed and the replications of its run");
    if (run->steps.path != NULL)
        argp_error(state, "--record keeps the steps of a whole run: not with --resume");
    if (run->observe.trace != NULL)
        argp_error(state, "--trace shows requests from their arrival on: not with --resume");
}

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
    case KEY_RECORD:
        if (strcmp(argument, "-") == 0) argp_error(state, "--record needs a file");
        run->steps.path = argument;
        return 0;
    case KEY_RESUME:
        run->going_on = argument;
        return 0;
    case KEY_EVERY:
        run->resume.every_ns = run_duration(state, argument);
        return 0;
    case ARGP_KEY_ARG:
        if (run->path != NULL) argp_error(state, "one scenario at a time");
        run->path = argument;
        return 0;
    case ARGP_KEY_END:
        run_check_arguments(run, state);
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
    {.name = "record",
     .key = KEY_RECORD,
     .arg = "FILE",
     .doc = "write each engine step with its time; `timing: {recorded: FILE}` replays them to the "
            "same hash"},
    {.name = "resume",
     .key = KEY_RESUME,
     .arg = "RUN[@TIME]",
     .doc = "go on with a stored run where it was interrupted (or at its newest checkpoint up to "
            "TIME); with --set, make a new run that branches off there"},
    {.name = "checkpoint-every",
     .key = KEY_EVERY,
     .arg = "T",
     .doc = "keep a checkpoint at every multiple of this simulated time, such as 30min; a "
            "resumed run goes on keeping them"},
    {.name = NULL},
};

static const struct argp_child run_children[] = {{.argp = &options_simulate_argp},
                                                 {.argp = &options_db_argp},
                                                 {.argp = &observe_argp},
                                                 {.argp = NULL}};

static const struct argp run_argp = {
    .options = run_options,
    .parser = run_parse,
    .args_doc = "SCENARIO\n--resume RUN[@TIME]",
    .children = run_children,
    .doc = "Simulate a scenario, store the results and print a summary."
           "\vEach finished replication is stored at once.  Ctrl-C lets those under way finish "
           "(10 s; a second Ctrl-C stops them), keeps what is done and the state of what is not, "
           "and exits with 130.  `hacasim run --resume RUN` then ends in the same hash and the "
           "same rows as if nothing had happened; of a killed run it takes up the checkpoint of "
           "the last minute.  Running the same thing again makes a new run with a new id and the "
           "same hash.\n\n"
           "With --set, --resume asks what if from the same past: a new run begins at the "
           "checkpoint and goes on under the changed keys.  Keys that the past was built with "
           "are refused.  Checkpoints to branch from are kept by --checkpoint-every.\n\n"
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
    /* A rule is part of the scenario's text, and no number is asked for: 0 stands for that. */
    bool ruled = options_stop(&run->simulate, info).metric != NULL;
    uint64_t asked = digest_word(digest_word(scenario, seed), ruled ? 0 : reps);
    uint64_t hash = digest_text(asked, version_model);
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

static const char *run_parent_name(const struct run *run)
{
    return arena_print(run->arena, "run %" PRId64, run->row.parent);
}

/* --seed and --reps are overrides like --set, so the effective scenario must show them. */
static bool run_is_reps(const char *path)
{
    return strcmp(path, "reps") == 0 || strncmp(path, "reps.", 5) == 0;
}

static const struct param_effective *run_effective(const struct run *run, size_t *count)
{
    size_t kept = 0;
    bool reps_said = false;
    struct param_effective *copy = arena_alloc(run->arena, run->info.effective_count, sizeof *copy);
    for (size_t i = 0; i < run->info.effective_count; i++) {
        struct param_effective row = run->info.effective[i];
        if (run->simulate.seed_given && strcmp(row.path, "seed") == 0) {
            row.value = arena_print(run->arena, "%" PRIu64, run->row.seed);
            row.origin = run->row.parent ? run_parent_name(run) : "--seed";
        } else if (run->simulate.reps > 0 && run_is_reps(row.path)) {
            if (reps_said) continue; /* --reps stands for a whole rule */
            reps_said = true;
            row.path = "reps";
            row.value = arena_print(run->arena, "%" PRIu32, run->row.reps);
            row.origin = run->row.parent ? run_parent_name(run) : "--reps";
        }
        copy[kept++] = row;
    }
    *count = kept;
    return copy;
}

static enum status run_keep(void *context, const struct models_record *record)
{
    struct run *run = context;
    TRY(steps_keep(&run->steps, record), "replication %" PRIu32, record->replication);
    return store_keep(run->store, run->id, record);
}

static const char *run_state(const struct run *run, enum status status)
{
    if (run->result.done == run->row.reps) return "done";
    return status == STATUS_INTERRUPTED ? "interrupted" : "failed";
}

/* What is known of the run as a whole only at its end. */
static enum status run_conclude(struct run *run)
{
    const char *caveats[STEADY_CAVEATS];
    struct steady steady;
    struct store_stop stop = stop_outcome(&run->result.stop);
    bool stopped = run->result.stop.reason != STOP_NOT_YET;
    if (stopped) TRY(store_stop(run->store, run->id, &stop), "the run");
    TRY(steady_load(run->store, run->arena, run->id, run->row.reps, &steady), "the run");
    size_t count = steady_caveats(&run->info, steady.rows, steady.count, stopped ? &stop : NULL,
                                  run->arena, caveats);
    for (size_t i = 0; i < count; i++)
        TRY(store_caveat(run->store, run->id, (uint32_t)i, caveats[i]), "the run");
    return STATUS_OK;
}

/* Close the row of the run.  A failure to do so must not hide an earlier one. */
static enum status run_end(struct run *run, enum status status)
{
    char chain[CHAIN_BYTES];
    status_take(chain, sizeof chain);
    enum status ended = STATUS_OK;
    if (run->result.stop.reason != STOP_NOT_YET) run->row.reps = run->result.reps;
    if (run->result.done == run->row.reps) {
        run->trace_hash =
            digest_hex(arena_alloc(run->arena, DIGEST_HEX, 1), pool_trace_hash(&run->result));
        ended = run_conclude(run);
    }
    if (ended == STATUS_OK)
        ended = store_end(run->store, run->id, run_state(run, status), run->trace_hash,
                          run->result.wall_s);
    if (status == STATUS_OK || status == STATUS_INTERRUPTED)
        return ended == STATUS_OK ? status : ended;
    return status_fail(status, "%s", chain);
}

/* The row that is written, or gone on with. */
static enum status run_begin(struct run *run)
{
    const struct param_effective *effective;
    size_t count;
    if (run->going_on != NULL && !run->resume.branch) {
        run->id = run->resume.run.id;
        return store_resume(run->store, run->id, run->row.threads);
    }
    effective = run_effective(run, &count);
    return store_begin(run->store, &run->row, effective, count, &run->id);
}

static const char *run_resume_command(const struct run *run)
{
    const char *text = arena_print(run->arena, "hacasim run --resume %" PRId64, run->id);
    if (strcmp(run->db, STORE_DEFAULT) == 0) return text;
    return arena_print(run->arena, "%s --db %s", text, run->db);
}

/* The command that meets the breach again. */
static const char *run_replay(const struct run *run)
{
    if (run->going_on != NULL) return run_resume_command(run);
    return options_replay(&run->simulate, &run->info, run->result.failed);
}

static enum status run_breach(const struct run *run, enum status status)
{
    if (status != STATUS_BREACH) return status;
    return status_context(status,
                          "replication %" PRIu32 " broke an invariant; it runs again with: %s",
                          run->result.failed, run_replay(run));
}

/* Where the warm-up ends.  A branch shares its past, and so the cut, with the run it left. */
static enum status run_settle(struct run *run)
{
    if (run->row.parent == 0)
        return pool_settle(run->scenario, run->row.seed, run->simulate.quiet, &run->observe.options,
                           run->arena);
    models_settle_at(run->scenario, run->resume.cut_ns, run->resume.unsettled, run->arena);
    return STATUS_OK;
}

static enum status run_pool(struct run *run)
{
    struct pool_job job = {.scenario = run->scenario,
                           .seed = run->row.seed,
                           .reps = run->row.reps,
                           .until = options_stop(&run->simulate, &run->info),
                           .jobs = run->simulate.jobs,
                           .quiet = run->simulate.quiet,
                           .record_steps = run->steps.path != NULL,
                           .watch = &run->observe.options,
                           .keep = run_keep,
                           .context = run,
                           .checkpoints = &run->resume.checkpoints};
    resume_attach(&run->resume, run->store, run->id);
    steps_open(&run->steps, run->row.reps, run->arena);
    enum status status = pool_run(&job, run->arena, &run->result);
    if (status == STATUS_OK) status = steps_write(&run->steps, run->result.reps);
    steps_close(&run->steps);
    return status;
}

static enum status run_simulate(struct run *run)
{
    run->observe.options.replay = options_replay_stem(&run->simulate, &run->info);
    TRY(store_open(&run->store, run->arena, run->db, STORE_WRITE), "nothing was simulated");
    TRY(observe_open(&run->observe), "nothing was simulated");
    pool_catch_signals();
    enum status status = run_settle(run);
    if (status != STATUS_OK)
        return run_breach(run, observe_close(&run->observe, status, run->simulate.quiet));
    run->info = models_info(run->scenario);
    TRY(run_begin(run), "nothing was simulated");
    if (run->going_on != NULL) {
        run->observe.options.replay = run_resume_command(run);
        run->observe.options.replay_whole = true;
    }
    status = run_pool(run);
    status = run_end(run, observe_close(&run->observe, status, run->simulate.quiet));
    return run_breach(run, status);
}

/* ---- output ------------------------------------------------------------------------------- */

static void run_print_head(const struct run *run)
{
    printf("run %" PRId64 "  %.12s  %s (%s), seed %" PRIu64 ", %" PRIu32 " replication%s\n",
           run->id, run->row.hash, run->row.name, run->row.design, run->row.seed, run->row.reps,
           run->row.reps == 1 ? "" : "s");
}

static void run_print_summary(struct run *run, const struct summary_object *object)
{
    const struct summary *summary = object->summary;
    struct summary_column column = {.summary = summary, .price_rule = run->row.price_rule};
    if (run->row.reps > 1) column.title[0] = "mean \u00b1 95 % interval";
    putchar('\n');
    summary_print(run->arena, &column, 1, false, stdout);
    steady_print(object->steady, run->arena, stdout);
    summary_print_caveats(object->caveats, object->caveat_count, stdout);
    putchar('\n');
}

/* What this process has simulated itself; of a run that was gone on with, all that is stored. */
static enum status run_summary(struct run *run, const struct summary **out)
{
    const struct models_value **values;
    struct summary *stored;
    if (run->going_on == NULL || run->resume.branch) {
        uint32_t reps = pool_finished(&run->result, run->arena, &values);
        *out = summary_build(run->arena, run->info.metrics, values, reps);
        return STATUS_OK;
    }
    run->row.done = run->row.reps;
    TRY(summary_load(run->store, run->arena, &run->row, &stored), "printing");
    *out = stored;
    return STATUS_OK;
}

static enum status run_print(struct run *run)
{
    const struct summary *summary = NULL;
    struct steady steady;
    const char **caveats;
    size_t caveat_count;
    TRY(run_summary(run, &summary), "run %" PRId64, run->id);
    TRY(steady_load(run->store, run->arena, run->id, run->row.reps, &steady), "summing up");
    TRY(store_caveats(run->store, run->id, &caveats, &caveat_count), "summing up");
    struct summary_object object = {.scenario = run->row.name,
                                    .trace_hash = run->trace_hash,
                                    .seed = run->row.seed,
                                    .reps = run->row.reps,
                                    .parent = run->row.parent,
                                    .parent_ns = run->row.parent_ns,
                                    .summary = summary,
                                    .caveats = caveats,
                                    .caveat_count = caveat_count,
                                    .steady = &steady};
    bool only_json = run->json != NULL && strcmp(run->json, "-") == 0;
    if (!only_json) {
        run_print_head(run);
        if (!run->simulate.quiet) run_print_summary(run, &object);
        printf("trace hash %s\n", run->trace_hash);
    }
    return run->json == NULL ? STATUS_OK : summary_write_json(&object, run->json);
}

static void run_say_kept(const struct run *run, bool interrupted)
{
    if (run->id == 0) return; /* it never came to a run */
    fprintf(stderr,
            "kept %" PRIu32 " of %" PRIu32 " replications as run %" PRId64 " in %s"
            " (hacasim show %" PRId64 "%s%s)\n",
            run->result.done, run->row.reps, run->id, run->db, run->id,
            interrupted ? "; go on with: " : "", interrupted ? run_resume_command(run) : "");
}

static void run_say_done(const struct run *run)
{
    if (run->simulate.quiet) return;
    fprintf(stderr, "%" PRIu32 " replication%s in %.2f s on %" PRIu32 " thread%s, stored in %s\n",
            run->result.done, run->result.done == 1 ? "" : "s", run->result.wall_s,
            run->result.threads, run->result.threads == 1 ? "" : "s", run->db);
}

/* The stored row holds for the same run; a branch is named after its past too. */
static void run_inherit(struct run *run)
{
    const struct store_run *from = &run->resume.run;
    run->simulate.seed_given = true;
    run->simulate.seed = from->seed;
    run->simulate.reps = run->resume.ruled ? 0 : from->reps;
    run_describe(run);
    if (!run->resume.branch) {
        uint32_t threads = run->row.threads;
        run->row = *from;
        run->row.threads = threads;
        return;
    }
    uint64_t hash = digest_text(digest_text(DIGEST_START, run->row.hash), from->hash);
    hash = digest_word(hash, (uint64_t)run->resume.branch_ns);
    run->row.hash = digest_hex(arena_alloc(run->arena, DIGEST_HEX, 1), digest_end(hash));
    run->row.path = from->path;
    run->row.parent = from->id;
    run->row.parent_ns = run->resume.branch_ns;
}

static enum status run_check_every(const struct run *run)
{
    int64_t every_ns = run->resume.every_ns, end_ns = run->info.horizon_ns + run->info.drain_ns;
    if (every_ns == 0 || end_ns / every_ns <= RUN_CHECKPOINTS_MAX) return STATUS_OK;
    return status_fail(STATUS_USER,
                       "--checkpoint-every: that would keep %" PRId64
                       " checkpoints of each replication (allowed: %d)",
                       end_ns / every_ns, RUN_CHECKPOINTS_MAX);
}

/* An output must not write over what the run reads, over the database, or over another output. */
static enum status run_check_outputs(const struct run *run)
{
    const struct {
        const char *option, *path;
    } outputs[] = {{"--json", run->json},
                   {"--record", run->steps.path},
                   {"--trace", run->observe.trace},
                   {"--events", run->observe.events}};
    const size_t count = sizeof outputs / sizeof outputs[0];
    for (size_t i = 0; i < count; i++) {
        const char *path = outputs[i].path;
        if (path == NULL || strcmp(path, "-") == 0) continue;
        TRY(output_check(path), "%s: nothing was simulated", outputs[i].option);
        const char *hit = output_same(path, run->db) ? "the results database" : NULL;
        if (hit == NULL) hit = options_reads(&run->info, path, run->arena);
        for (size_t k = 0; k < i && hit == NULL; k++)
            if (outputs[k].path != NULL && output_same(path, outputs[k].path))
                hit = outputs[k].option;
        if (hit != NULL)
            return status_fail(STATUS_USER, "%s %s would write over %s", outputs[i].option, path,
                               hit);
    }
    return STATUS_OK;
}

static int run_loaded(struct run *run)
{
    run->info = models_info(run->scenario);
    if (run->going_on == NULL)
        run_describe(run);
    else
        run_inherit(run);
    if (observe_refused(&run->observe, run->scenario, run->row.reps)) return ANALYSIS_USER;
    enum status status = run_check_every(run);
    if (status == STATUS_OK) status = run_check_outputs(run);
    if (status == STATUS_OK) status = run_simulate(run);
    if (status == STATUS_OK) {
        run_say_done(run);
        status = run_print(run);
        fflush(stdout); /* so that the profile comes after it on a terminal */
        observe_print(&run->observe, stderr);
    }
    store_close(run->store);
    int code = options_exit(status);
    if (code != ANALYSIS_OK) run_say_kept(run, status == STATUS_INTERRUPTED);
    return code;
}

static int run_fresh(struct run *run)
{
    struct expect **expects; /* a broken line is refused here too, though only check judges them */
    run->scenario = options_load(&run->simulate, run->path, &expects);
    if (run->scenario == NULL) return ANALYSIS_USER;
    int code = run_loaded(run);
    models_close(run->scenario);
    return code;
}

/* ---- going on ----------------------------------------------------------------------------- */

/* Nothing is left to simulate: print what is stored. */
static int run_complete(struct run *run)
{
    run->row = run->resume.run;
    run->id = run->row.id;
    run->trace_hash = run->row.trace_hash;
    fprintf(stderr, "run %" PRId64 " is complete\n", run->id);
    enum status status = store_open(&run->store, run->arena, run->db, STORE_READ);
    if (status == STATUS_OK) status = run_print(run);
    store_close(run->store);
    return options_exit(status);
}

static int run_go_on(struct run *run)
{
    run->resume.db = run->db;
    enum status status =
        resume_plan(&run->resume, run->going_on, run->simulate.sets, run->simulate.set_count);
    int code;
    if (status != STATUS_OK) {
        code = options_exit(status);
    } else if (run->resume.complete) {
        code = run_complete(run);
    } else {
        run->scenario = run->resume.scenario;
        if (!run->simulate.quiet) resume_say(&run->resume);
        code = run_loaded(run);
    }
    resume_close(&run->resume);
    return code;
}

int cmd_run(int argc, char **argv)
{
    struct arena arena;
    struct run run = {.arena = &arena,
                      .db = STORE_DEFAULT,
                      .simulate = {.arena = &arena},
                      .resume = {.arena = &arena},
                      .observe = {.arena = &arena}};
    arena_init(&arena, "command", 0);
    argp_parse(&run_argp, argc, argv, 0, NULL, &run);
    int code = run.going_on == NULL ? run_fresh(&run) : run_go_on(&run);
    arena_free(&arena);
    return code;
}
