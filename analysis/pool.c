/* SPDX-License-Identifier: Apache-2.0
 * Replications on threads.
 *
 * Answers for: the same results for any number of threads, and nothing finished ever lost.
 *
 * Threads draw tickets 0, 1, 2...  A failure stops the drawing, and what is under way finishes; as
 * tickets go up, every replication below a failing one was drawn before it, so the lowest failure
 * is the same for any number of threads, and it is the one reported.  One lock covers everything
 * that is shared: the result, the progress line and `keep`, which writes to the database.
 *
 * With a stop rule, the same holds for the last replication: those below it were all drawn before
 * it, and the rule sees them in index order.
 *
 * A thread runs replications in one arena of its own and empties it between them; of a record
 * only values and hash stay in memory.  All else goes to `keep` or nowhere. */
#include "analysis/pool.h"

#include <omp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analysis/digest.h"

enum { POOL_CAUSE_BYTES = 4096 };

struct pool {
    const struct pool_job *job;
    struct pool_result *result;
    struct progress progress;
    const bool *had;  /* [replication] finished before; NULL: none */
    atomic_uint next; /* ticket */
    atomic_bool over; /* the rule was met */
    long metric;      /* that the rule watches; -1: no rule */
    uint32_t prefix;  /* all below are finished */
    atomic_bool failed;
    enum status status; /* of the failure of lowest index */
    char cause[POOL_CAUSE_BYTES];
};

/* ---- signals ------------------------------------------------------------------------------ */

static volatile sig_atomic_t pool_stop;    /* start no new replication */
static volatile sig_atomic_t pool_abandon; /* stop those under way */

/* Only what a signal handler may call: write, alarm, sigaction. */
static void pool_on_signal(int number)
{
    static const char text[] = "\nhacasim: interrupted; replications under way have 10 s to finish "
                               "(Ctrl-C again stops them)\n";
    _Static_assert(POOL_GRACE_S == 10, "the text says so");
    if (number == SIGINT && !pool_stop) {
        ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
        (void)written; /* nobody left to tell */
        alarm(POOL_GRACE_S);
    } else {
        pool_abandon = 1;
    }
    pool_stop = 1;
}

void pool_catch_signals(void)
{
    struct sigaction action = {.sa_handler = pool_on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    watch_crash_catch();
}

/* ---- one replication ---------------------------------------------------------------------- */

struct pool_place { /* where a call out of a replication comes from */
    struct pool *pool;
    uint32_t replication;
    double kept_s; /* when its state was stored last */
};

static void pool_progress(void *context, int64_t now_ns, int64_t end_ns)
{
    struct pool_place *place = context;
#pragma omp critical(pool)
    progress_update(&place->pool->progress, place->replication, now_ns, end_ns);
}

/* Ask the rule about each replication that now has no unfinished one below it. */
static void pool_ask(struct pool *pool)
{
    struct pool_result *result = pool->result;
    while (!atomic_load(&pool->over) && pool->prefix < result->reps &&
           result->finished[pool->prefix]) {
        const struct models_value *values = result->values + pool->prefix++ * result->metrics;
        if (stop_add(&result->stop, &values[pool->metric])) atomic_store(&pool->over, true);
    }
}

static bool pool_due(void *context)
{
    const struct pool_place *place = context;
    double wall_s = place->pool->job->checkpoints->wall_s;
    return wall_s > 0 && progress_clock() - place->kept_s >= wall_s;
}

static enum status pool_checkpoint(void *context, const struct models_checkpoint *checkpoint)
{
    struct pool_place *place = context;
    const struct pool_checkpoints *checkpoints = place->pool->job->checkpoints;
    enum status status;
#pragma omp critical(pool)
    status = checkpoints->store(checkpoints->context, checkpoint);
    place->kept_s = progress_clock();
    return status;
}

/* Where to begin, and where the state goes. */
static enum status pool_prepare(struct pool_place *place, struct arena *arena,
                                struct models_options *options)
{
    const struct pool_checkpoints *checkpoints = place->pool->job->checkpoints;
    enum status status = STATUS_OK;
    if (checkpoints == NULL) return STATUS_OK;
    options->checkpoint = pool_checkpoint;
    options->checkpoint_due = pool_due;
    options->checkpoint_every_ns = checkpoints->every_ns;
    if (checkpoints->load == NULL) return STATUS_OK;
#pragma omp critical(pool)
    status = checkpoints->load(checkpoints->context, place->replication, arena, options);
    return status;
}

static void pool_store(struct pool *pool, const struct models_record *record)
{
    struct pool_result *result = pool->result;
    uint32_t r = record->replication;
    size_t metrics = result->metrics;
    memcpy(result->values + r * metrics, record->values, metrics * sizeof *record->values);
    result->trace_hash[r] = record->trace_hash;
    result->finished[r] = true;
    result->done++;
    if (pool->metric >= 0) pool_ask(pool);
    progress_done(&pool->progress, r);
}

/* The chain belongs to the thread that failed, so its text is what travels. */
static void pool_fail(struct pool *pool, uint32_t replication, enum status status)
{
    if (status == STATUS_INTERRUPTED) return;
    if (!atomic_load(&pool->failed) || replication < pool->result->failed) {
        pool->result->failed = replication;
        pool->status = status;
        status_take(pool->cause, sizeof pool->cause);
    }
    atomic_store(&pool->failed, true);
}

static void pool_replicate(struct pool *pool, uint32_t replication, struct arena *arena)
{
    const struct pool_job *job = pool->job;
    struct pool_place place = {
        .pool = pool, .replication = replication, .kept_s = progress_clock()};
    struct models_options options = {.stop = &pool_abandon,
                                     .progress = pool_progress,
                                     .context = &place,
                                     .record_steps = job->record_steps};
    struct models_record record = {.replication = replication};
    struct watch_profile profile = {0};
    struct watch_options watch = job->watch != NULL ? *job->watch : (struct watch_options){0};
    if (watch.profile != NULL) watch.profile = &profile;
    if (job->watch != NULL) options.watch = &watch;
    enum status status = pool_prepare(&place, arena, &options);
    if (status == STATUS_OK)
        status = models_run(job->scenario, job->seed, replication, &options, arena, &record);
#pragma omp critical(pool)
    if (!atomic_load(&pool->over)) { /* else nobody asks for this one any more */
        if (status == STATUS_OK && job->keep != NULL) status = job->keep(job->context, &record);
        if (status == STATUS_OK)
            pool_store(pool, &record);
        else
            pool_fail(pool, replication, status);
        if (watch.profile != NULL) watch_profile_add(job->watch->profile, &profile);
    }
}

static bool pool_take(struct pool *pool, uint32_t *replication)
{
    do {
        if (pool_stop || atomic_load(&pool->failed) || atomic_load(&pool->over)) return false;
        *replication = atomic_fetch_add(&pool->next, 1);
        if (*replication >= pool->job->reps) return false;
    } while (pool->had && pool->had[*replication]);
    return true;
}

static void pool_work(struct pool *pool)
{
    struct arena arena;
    uint32_t replication;
    arena_init(&arena, "replication", 0);
    while (pool_take(pool, &replication)) {
        arena_reset(&arena);
        pool_replicate(pool, replication, &arena);
    }
    arena_free(&arena);
}

/* ---- all of them -------------------------------------------------------------------------- */

static void pool_result_init(struct pool_result *result, struct arena *arena, uint32_t reps,
                             size_t metrics)
{
    *result = (struct pool_result){.reps = reps, .metrics = metrics};
    result->finished = arena_alloc(arena, reps, sizeof *result->finished);
    result->trace_hash = arena_alloc(arena, reps, sizeof *result->trace_hash);
    result->values = arena_alloc(arena, reps * metrics, sizeof *result->values);
}

/* Replications of an earlier life of this run: needed here are their hash and what the rule asks
 * for. */
static void pool_remember(struct pool *pool)
{
    const struct pool_checkpoints *checkpoints = pool->job->checkpoints;
    struct pool_result *result = pool->result;
    pool->had = checkpoints ? checkpoints->finished : NULL;
    for (uint32_t r = 0; pool->had && r < pool->job->reps; r++) {
        if (!pool->had[r]) continue;
        if (pool->metric >= 0)
            result->values[r * result->metrics + (size_t)pool->metric] = checkpoints->watched[r];
        result->finished[r] = true;
        result->trace_hash[r] = checkpoints->trace_hash[r];
        result->done++;
        progress_done(&pool->progress, r);
    }
    if (pool->metric >= 0) pool_ask(pool);
}

/* The run ends with the last replication that the rule saw. */
static void pool_drop_beyond(struct pool *pool)
{
    struct pool_result *result = pool->result;
    uint32_t used = result->stop.seen;
    for (uint32_t r = used; r < result->reps; r++)
        result->finished[r] = false;
    result->reps = result->done = used;
}

uint32_t pool_threads(int jobs, uint32_t reps)
{
    uint32_t threads = (uint32_t)(jobs > 0 ? jobs : omp_get_num_procs());
    return threads < reps ? threads : reps;
}

enum status pool_run(const struct pool_job *job, struct arena *arena, struct pool_result *result)
{
    struct pool pool = {.job = job, .result = result, .metric = -1};
    const struct models_info info = models_info(job->scenario);
    pool_result_init(result, arena, job->reps, models_metrics_count(info.metrics));
    if (job->until.metric != NULL) {
        stop_init(&result->stop, &job->until);
        pool.metric = models_metrics_find(info.metrics, job->until.metric);
    }
    progress_open(&pool.progress, arena, info.name, job->reps, job->quiet);
    pool.progress.ruled = job->until.metric != NULL;
    pool_remember(&pool);
    result->threads = pool_threads(job->jobs, job->reps);
#pragma omp parallel num_threads(result->threads)
    pool_work(&pool);
    progress_close(&pool.progress);
    result->wall_s = progress_clock() - pool.progress.start_s;
    bool met = atomic_load(&pool.over);
    if (met) pool_drop_beyond(&pool);
    if (!met && atomic_load(&pool.failed)) return status_fail(pool.status, "%s", pool.cause);
    return pool_stop && result->done < result->reps ? STATUS_INTERRUPTED : STATUS_OK;
}

enum status pool_settle(struct models_scenario *scenario, uint64_t seed, bool quiet,
                        const struct watch_options *watch, struct arena *arena)
{
    struct pool pool = {.metric = -1};
    struct pool_place place = {.pool = &pool};
    struct models_options options = {
        .stop = &pool_abandon, .progress = pool_progress, .context = &place, .watch = watch};
    const char *name = arena_print(arena, "%s, pilot", models_info(scenario).name);
    progress_open(&pool.progress, arena, name, 1, quiet);
    enum status status = models_settle(scenario, seed, &options, arena);
    progress_close(&pool.progress);
    if (status != STATUS_OK) return status;
    return pool_stop ? status_fail(STATUS_INTERRUPTED, "stopped before the first replication")
                     : STATUS_OK;
}

uint32_t pool_finished(const struct pool_result *result, struct arena *arena,
                       const struct models_value ***out)
{
    uint32_t count = 0;
    *out = arena_alloc(arena, result->done, sizeof(const struct models_value *));
    for (uint32_t r = 0; r < result->reps; r++)
        if (result->finished[r]) (*out)[count++] = result->values + r * result->metrics;
    return count;
}

uint64_t pool_trace_hash(const struct pool_result *result)
{
    if (result->reps == 1) return result->trace_hash[0];
    uint64_t hash = DIGEST_START;
    for (uint32_t r = 0; r < result->reps; r++)
        hash = digest_word(hash, result->trace_hash[r]);
    return digest_end(hash);
}
