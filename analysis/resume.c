/* SPDX-License-Identifier: Apache-2.0
 * Going on with a stored run.
 *
 * Answers for: which scenario a stored run had, which checkpoint each of its replications can go on
 * from, and what is refused: a run of another version, one that still runs, a branch whose
 * replications have no common moment, a change that comes too late.  Leaves out the state itself
 * (models) and the order of a run (cmd_run). */
#include "analysis/resume.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analysis/version.h"

/* ---- scenario ----------------------------------------------------------------------------- */

/* The row of a key such as "workload.arrivals.trace.file" or "nodes[2].model"; NULL: none. */
static const struct param *resume_row(const char *path)
{
    const struct param_table *table = models_table();
    const struct param *row = NULL;
    while (*path != '\0' && table != NULL) {
        size_t length = strcspn(path, ".["), i = 0;
        while (i < table->count && (strncmp(table->rows[i].key, path, length) != 0 ||
                                    table->rows[i].key[length] != '\0'))
            i++;
        if (i == table->count) return NULL;
        row = &table->rows[i];
        table = row->sub;
        path += length;
        if (*path == '[') path += strcspn(path, "]") + 1;
        if (*path == '.') path++;
    }
    return row;
}

/* What the effective values say that the scenario's text does not. */
static void resume_note(struct resume *resume, const struct param_effective *row)
{
    const char *why = NULL;
    if (strcmp(row->path, "reps") == 0 && strcmp(row->origin, "--reps") == 0) resume->ruled = false;
    if (strcmp(row->path, MODELS_CUT) == 0)
        param_scan(PARAM_DURATION, row->value, strlen(row->value), &resume->cut_ns, &why);
    if (strcmp(row->path, MODELS_UNSETTLED) == 0) resume->unsettled = row->value;
}

/* A stored scenario names files as its author did, relative to a file or to where he stood; the
 * effective values say where they were found. */
static enum status resume_files(struct resume *resume, struct store *store, int64_t run,
                                const char ***sets, size_t *set_count)
{
    struct param_effective *effective;
    size_t count;
    TRY(store_effective(store, run, &effective, &count), "reading the scenario");
    *sets = arena_alloc(resume->arena, count, sizeof **sets);
    *set_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct param *row = resume_row(effective[i].path);
        if (run == resume->run.id) resume_note(resume, &effective[i]);
        if (row == NULL || row->type != PARAM_PATH) continue;
        (*sets)[(*set_count)++] =
            arena_print(resume->arena, "%s=%s", effective[i].path, effective[i].value);
    }
    return STATUS_OK;
}

static enum status resume_read(struct resume *resume, const char *name, const char *text,
                               const char *const *sets, size_t set_count,
                               struct models_scenario **out)
{
    struct diag diag;
    diag_init(&diag, resume->arena);
    *out = models_load_text(resume->arena, name, text, sets, set_count, &diag);
    if (*out != NULL) return STATUS_OK;
    diag_print(&diag, stderr);
    return status_fail(STATUS_USER, "the scenario of %s cannot be used", name);
}

static enum status resume_load(struct resume *resume, struct store *store,
                               const struct store_run *run, struct models_scenario **out)
{
    const char **files = NULL, *name = arena_print(resume->arena, "run %" PRId64, run->id);
    size_t file_count = 0;
    TRY(resume_files(resume, store, run->id, &files, &file_count), "%s", name);
    return resume_read(resume, name, run->scenario, files, file_count, out);
}

/* ---- what can be gone on with ------------------------------------------------------------- */

/* Equal versions promise equal results; of a state in the middle only equal commits can. */
static enum status resume_check_version(const struct store_run *run)
{
    if (strcmp(run->version, version_number) == 0 && strcmp(run->commit, version_commit) == 0)
        return STATUS_OK;
    return status_fail(STATUS_USER,
                       "run %" PRId64 " was made by hacasim %s (commit %s), this is %s (commit "
                       "%s): only the same program can go on with it",
                       run->id, run->version, run->commit, version_number, version_commit);
}

static enum status resume_check_running(const struct store_run *run)
{
    char here[256] = "";
    gethostname(here, sizeof here - 1);
    if (strcmp(run->state, "running") != 0) return STATUS_OK;
    if (run->host != NULL && strcmp(run->host, here) == 0)
        return status_fail(STATUS_USER, "run %" PRId64 " is being run by another process here",
                           run->id);
    fprintf(stderr,
            "run %" PRId64 " is marked as running on %s, which cannot be asked; going on with it\n",
            run->id, run->host == NULL ? "another host" : run->host);
    return STATUS_OK;
}

/* "12", "baseline", "12@30 min": the run, and the latest time that is wanted. */
static enum status resume_find(struct resume *resume, struct store *store, const char *text)
{
    const char *at = strrchr(text, '@'), *why = NULL;
    size_t length = at == NULL ? strlen(text) : (size_t)(at - text);
    resume->until_ns = INT64_MAX;
    if (at != NULL &&
        (param_scan(PARAM_DURATION, at + 1, strlen(at + 1), &resume->until_ns, &why) != 0 ||
         resume->until_ns < 0))
        return status_fail(STATUS_USER, "--resume: '%s' %s", at + 1,
                           why == NULL ? "is before the start" : why);
    return store_find(store, arena_text(resume->arena, text, length), &resume->run);
}

/* ---- where replications begin ------------------------------------------------------------- */

/* The newest of a replication at or before a time; NULL: none. */
static const struct store_moment *resume_newest(const struct store_moment *moments, size_t count,
                                                uint32_t rep, int64_t until_ns)
{
    const struct store_moment *newest = NULL;
    for (size_t i = 0; i < count; i++)
        if (moments[i].rep == rep && moments[i].now_ns <= until_ns) newest = &moments[i];
    return newest;
}

static enum status resume_finished(struct resume *resume, struct store *store)
{
    struct store_replication *done;
    size_t count;
    TRY(store_replications(store, resume->run.id, &done, &count), "finished replications");
    for (size_t i = 0; i < count && !resume->branch; i++) {
        if (done[i].rep >= resume->run.reps) continue;
        resume->finished[done[i].rep] = true;
        resume->trace_hash[done[i].rep] = done[i].trace_hash;
    }
    /* Killed after its last replication, a run still has to be judged and closed. */
    bool closed = strcmp(resume->run.state, "done") == 0 && resume->run.trace_hash != NULL;
    resume->complete = !resume->branch && closed && count == resume->run.reps;
    return STATUS_OK;
}

/* What the finished replications came to under the rule. */
static enum status resume_watched(struct resume *resume, struct store *store, const char *metric)
{
    struct store_value *values;
    size_t count;
    TRY(store_values(store, resume->run.id, &values, &count), "finished replications");
    resume->watched = arena_alloc(resume->arena, resume->run.reps, sizeof *resume->watched);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(values[i].name, metric) != 0 || values[i].rep >= resume->run.reps) continue;
        bool null = isnan(values[i].value);
        resume->watched[values[i].rep] = (struct models_value){
            .kind = null ? MODELS_NULL : MODELS_REAL, .real = values[i].value};
    }
    return STATUS_OK;
}

/* A run that is a branch itself begins where its parent was. */
static enum status resume_parent(struct resume *resume, struct store *store)
{
    struct store_run parent;
    struct store_moment *moments;
    size_t count;
    int64_t id = resume->run.parent, at_ns = resume->run.parent_ns;
    if (id == 0) return STATUS_OK;
    TRY(store_find(store, arena_print(resume->arena, "%" PRId64, id), &parent), "the parent");
    TRY(resume_load(resume, store, &parent, &resume->past), "the parent");
    TRY(store_moments(store, id, &moments, &count), "the parent");
    for (uint32_t r = 0; r < resume->run.reps; r++) {
        const struct store_moment *moment = resume_newest(moments, count, r, at_ns);
        if (moment == NULL || moment->now_ns != at_ns)
            return status_fail(STATUS_USER,
                               "run %" PRId64 " is a branch of run %" PRId64
                               ", whose checkpoint is gone",
                               resume->run.id, id);
        resume->starts[r] = (struct resume_start){id, *moment, resume->past};
    }
    return STATUS_OK;
}

/* The period of a run that kept checkpoints: its first one lies at one period.  Not so in a branch,
 * which begins in the middle of one; there, and in a run killed before, it must be given again. */
static void resume_period(struct resume *resume, const struct store_moment *moments, size_t count)
{
    if (resume->every_ns != 0 || resume->run.parent != 0) return;
    for (size_t i = 0; i < count; i++) {
        const struct store_moment *m = &moments[i];
        if (m->timed && (resume->every_ns == 0 || m->now_ns < resume->every_ns))
            resume->every_ns = m->now_ns;
    }
}

static enum status resume_starts(struct resume *resume, struct store *store)
{
    struct store_moment *moments;
    size_t count;
    TRY(resume_parent(resume, store), "run %" PRId64, resume->run.id);
    TRY(store_moments(store, resume->run.id, &moments, &count), "checkpoints");
    resume_period(resume, moments, count);
    for (uint32_t r = 0; r < resume->run.reps; r++) {
        const struct store_moment *m = resume_newest(moments, count, r, resume->until_ns);
        if (m != NULL) resume->starts[r] = (struct resume_start){resume->run.id, *m, NULL};
    }
    return STATUS_OK;
}

static enum status resume_no_moment(const struct resume *resume)
{
    const char *until = "";
    if (resume->until_ns != INT64_MAX)
        until = arena_print(resume->arena, " at or before %s",
                            param_print(resume->arena, PARAM_DURATION, &resume->until_ns));
    return status_fail(STATUS_USER,
                       "run %" PRId64 " has no moment%s at which each replication has a checkpoint "
                       "(`run --checkpoint-every` keeps some; a name means the newest run, an id "
                       "any)",
                       resume->run.id, until);
}

/* The newest moment that all replications share, so that their pasts are as long. */
static enum status resume_branch_starts(struct resume *resume, struct store *store)
{
    struct store_moment *moments;
    size_t count;
    int64_t until_ns = resume->until_ns;
    TRY(store_moments(store, resume->run.id, &moments, &count), "checkpoints");
    for (uint32_t r = 0; r < resume->run.reps; r++) {
        const struct store_moment *m = resume_newest(moments, count, r, until_ns);
        if (m == NULL) return resume_no_moment(resume);
        if (r > 0 && m->now_ns < until_ns) { /* the ones before must have this one too */
            until_ns = m->now_ns;
            r = UINT32_MAX;
            continue;
        }
        until_ns = m->now_ns;
        resume->starts[r] = (struct resume_start){resume->run.id, *m, resume->past};
    }
    resume->branch_ns = until_ns;
    return STATUS_OK;
}

/* ---- the plan ----------------------------------------------------------------------------- */

static enum status resume_plan_branch(struct resume *resume, struct store *store,
                                      const char *const *sets, size_t set_count)
{
    struct diag diag;
    const char *name = arena_print(resume->arena, "run %" PRId64, resume->run.id);
    TRY(resume_load(resume, store, &resume->run, &resume->past), "branching");
    TRY(resume_branch_starts(resume, store), "branching");
    const char *text = models_info(resume->past).canonical;
    enum status status = resume_read(resume, name, text, sets, set_count, &resume->scenario);
    if (status != STATUS_OK) return status;
    const struct models_info info = models_info(resume->scenario);
    if (info.warmup.pilot && info.horizon_ns <= resume->cut_ns)
        return status_fail(STATUS_USER,
                           "%s cannot branch so: horizon is not after its warm-up of %s", name,
                           param_print(resume->arena, PARAM_DURATION, &resume->cut_ns));
    diag_init(&diag, resume->arena);
    models_branch(resume->past, resume->scenario, resume->branch_ns, &diag);
    if (diag.count == 0) return STATUS_OK;
    diag_print(&diag, stderr);
    return status_fail(STATUS_USER, "%s cannot branch so", name);
}

static enum status resume_plan_same(struct resume *resume, struct store *store)
{
    TRY(resume_check_running(&resume->run), "going on");
    if (resume->complete) return STATUS_OK;
    resume->ruled = resume->run.parent == 0; /* a branch has as many as its parent had */
    TRY(resume_load(resume, store, &resume->run, &resume->scenario), "going on");
    const char *metric = models_info(resume->scenario).until.metric;
    resume->ruled = resume->ruled && metric != NULL;
    if (resume->ruled) TRY(resume_watched(resume, store, metric), "going on");
    return resume_starts(resume, store);
}

static enum status resume_plan_in(struct resume *resume, struct store *store, const char *text,
                                  const char *const *sets, size_t set_count)
{
    enum status status = resume_find(resume, store, text);
    if (status != STATUS_OK) return status;
    const uint32_t reps = resume->run.reps;
    resume->branch = set_count > 0;
    resume->starts = arena_alloc(resume->arena, reps, sizeof *resume->starts);
    resume->finished = arena_alloc(resume->arena, reps, sizeof *resume->finished);
    resume->trace_hash = arena_alloc(resume->arena, reps, sizeof *resume->trace_hash);
    TRY(resume_finished(resume, store), "run %s", text);
    if (resume->complete) return STATUS_OK;
    status = resume_check_version(&resume->run);
    if (status != STATUS_OK) return status;
    return resume->branch ? resume_plan_branch(resume, store, sets, set_count)
                          : resume_plan_same(resume, store);
}

enum status resume_plan(struct resume *resume, const char *text, const char *const *sets,
                        size_t set_count)
{
    struct store *store;
    TRY(store_open(&store, resume->arena, resume->db, STORE_READ), "going on with run %s", text);
    enum status status = resume_plan_in(resume, store, text, sets, set_count);
    store_close(store);
    return status;
}

/* ---- running ------------------------------------------------------------------------------ */

static enum status resume_store(void *context, const struct models_checkpoint *checkpoint)
{
    const struct resume *resume = context;
    return store_checkpoint(resume->store, resume->id, checkpoint);
}

static enum status resume_load_state(void *context, uint32_t replication, struct arena *arena,
                                     struct models_options *options)
{
    const struct resume *resume = context;
    const struct resume_start *start = &resume->starts[replication];
    if (start->run == 0) return STATUS_OK;
    struct models_checkpoint *from = arena_alloc(arena, 1, sizeof *from);
    options->from = from;
    options->past = start->past;
    return store_state(resume->store, start->run, &start->moment, arena, from);
}

void resume_attach(struct resume *resume, struct store *store, int64_t id)
{
    resume->store = store;
    resume->id = id;
    resume->checkpoints = (struct pool_checkpoints){
        .every_ns = resume->every_ns,
        .wall_s = RESUME_WALL_S,
        .store = resume_store,
        .load = resume->starts == NULL ? NULL : resume_load_state,
        .context = resume,
        .finished = resume->finished,
        .trace_hash = resume->trace_hash,
        .watched = resume->watched,
    };
}

void resume_close(struct resume *resume)
{
    if (resume->scenario != NULL) models_close(resume->scenario);
    if (resume->past != NULL) models_close(resume->past);
}

void resume_say(const struct resume *resume)
{
    uint32_t done = 0, under_way = 0;
    int64_t first_ns = INT64_MAX, last_ns = 0;
    for (uint32_t r = 0; r < resume->run.reps; r++) {
        const struct resume_start *start = &resume->starts[r];
        done += resume->finished[r];
        if (resume->finished[r] || start->run == 0) continue;
        under_way++;
        if (start->moment.now_ns < first_ns) first_ns = start->moment.now_ns;
        if (start->moment.now_ns > last_ns) last_ns = start->moment.now_ns;
    }
    fprintf(stderr, "%s run %" PRId64 ": ", resume->branch ? "branch of" : "going on with",
            resume->run.id);
    if (!resume->branch) fprintf(stderr, "%" PRIu32 " replications are there, ", done);
    if (under_way == 0)
        fputs("the others start\n", stderr);
    else if (first_ns == last_ns)
        fprintf(stderr, "%" PRIu32 " from %.9g s on\n", under_way, (double)first_ns * 1e-9);
    else
        fprintf(stderr, "%" PRIu32 " from %.9g to %.9g s on\n", under_way, (double)first_ns * 1e-9,
                (double)last_ns * 1e-9);
}
